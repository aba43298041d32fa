"""Writes the pages of methods, settings, the zoo and the commands below docs/ from the code.

python docs/_generate.py
"""

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import typer

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]

import _methods  # noqa: E402
import _settings  # noqa: E402

from audionas.cli.app import app  # noqa: E402
from audionas.cli.data import page_names, register_preps  # noqa: E402
from audionas.run.listing import accuracies, rows  # noqa: E402
from audionas.zoo import load  # noqa: E402

ZOO = ROOT / "docs" / "zoo.md"
COMMANDS = ROOT / "docs" / "cli.md"
SETTINGS = ROOT / "docs" / "config.md"
MARK = "<!-- From here on docs/_generate.py writes, from the notes in audionas/zoo/. -->\n"
CLI_HEAD = """<!-- Written by docs/_generate.py. Change a docstring or an option, then run it again. -->
# Commands

This page has all that `audionas VERB --help` says, in the groups of `audionas --help`. `audionas --version`
prints the version, and `audionas --install-completion` lets bash or zsh complete commands and options.
Settings lie in a config, CONF; `key=value` after it changes one of them. The exit status is 0 for done, 1 for
what you can fix (the message says what and how), 70 for a bug.
"""
PARAMETER_KINDS = {bool: "flag", int: "integer", float: "number", str: "text", Path: "path"}


methods, settings = _methods.pages, _settings.page


def zoo() -> str:
    """The page of published networks: the text above the mark, then one section per paper."""
    papers: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows("zoo"):
        papers.setdefault((row["paper"], row["arxiv"]), []).append(row)
    head = ZOO.read_text(encoding="utf-8").split(MARK)[0]
    return head + MARK + "".join(_networks(*paper, papers[paper]) for paper in sorted(papers))


def _networks(paper: str, arxiv: str, found: list[dict[str, Any]]) -> str:
    """A paper's networks in a table, with notes on them."""
    where = f"[arXiv:{arxiv}](https://arxiv.org/abs/{arxiv})\n" if arxiv else ""
    head = (
        "| network | parameters: printed | ours | multiply-adds: printed | ours | accuracy: printed | ours |"
    )
    lines = [f"\n## {paper}\n", where, head, "|---|---:|---:|---:|---:|---|---|"]
    lines += [_network(row) for row in found]
    return "\n".join([*lines, "", *_reasons(found), *_sources(found), ""])


def _reasons(found: list[dict[str, Any]]) -> Iterator[str]:
    """The reasons why counts differ from the printed ones."""
    words = {"params": "Parameters", "macs": "Multiply-adds"}
    for what, word in words.items():
        who: dict[str, list[str]] = {}
        for row in found:
            if reason := row["exceptions"].get(what):
                who.setdefault(reason, []).append(f"`{row['name']}`")
        yield from (f"- {word} of {', '.join(names)} differ: {reason}" for reason, names in who.items())


def _sources(found: list[dict[str, Any]]) -> Iterator[str]:
    """The sources of printed figures, our accuracies, layers and weights; names only where they differ."""
    for what in ("printed", "measured", "layers", "weights"):
        who: dict[str, list[str]] = {}
        for row in found:
            note = load(row["name"]).note
            figures = row["published" if what == "printed" else "measured"]
            source = note.get(what) if what in ("layers", "weights") else figures.get("source")
            if source:
                who.setdefault(source.rstrip("."), []).append(f"`{row['name']}`")
        if [*map(len, who.values())] == [len(found)]:
            yield f"- {what.capitalize()}: {next(iter(who))}."
        elif who:
            told = "; ".join(f"{source} ({', '.join(names)})" for source, names in who.items())
            yield f"- {what.capitalize()}: {told}."


def _network(row: dict[str, Any]) -> str:
    printed = row["published"]
    costs = [
        cell
        for what in ("params", "macs")
        for cell in (_printed(printed.get(f"{what}_m")), _printed(float(f"{row[what] / 1e6:.4g}")))
    ]
    cells = (f"`{row['name']}`", *costs, accuracies(printed), accuracies(row["measured"]))
    return f"| {' | '.join(cells)} |"


def _printed(millions: float | None) -> str:
    """A figure in millions, or in thousands where that is shorter."""
    if millions is None:
        return ""
    return f"{millions} M" if millions >= 1 else f"{1000 * millions:.6g} k"


def cli() -> str:
    """The page of commands: a section per group, in it one per command."""
    register_preps(page_names())  # all of them imported, with their options
    groups: dict[str, dict[str, Any]] = {}
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        groups.setdefault(command.rich_help_panel, {})[name] = command
    contents, parts = [], []
    for group, found in groups.items():
        links = (f"[{name}](#audionas-{name})" for name in found)
        contents.append(f"- {group}: {', '.join(links)}")
        parts += [
            f"## {group}\n",
            *(part for name, command in found.items() for part in _command(name, command)),
        ]
    return "\n".join([CLI_HEAD, *contents, "", *parts]).rstrip("\n") + "\n"


def _command(path: str, command: Any) -> Iterator[str]:
    """A command and those below it."""
    yield f"### audionas {path}\n"
    yield _usage(path, command)
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        yield _example(paragraph) if paragraph.startswith("Example") else f"{paragraph}\n"
    own = [param for param in command.params if param.name != "help"]
    if own and not hasattr(command, "commands"):
        hints = get_type_hints(command.callback)
        rows = (_param(param, hints[param.name]) for param in own)
        yield "\n".join(["| argument or option | kind | meaning | default |", "|---|---|---|---|", *rows, ""])
    for name, part in getattr(command, "commands", {}).items():
        yield from _command(f"{path} {name}", part)


def _usage(path: str, command: Any) -> str:
    if hasattr(command, "commands"):
        return f"```sh\naudionas {path} COMMAND\n```\n"
    words = [_argument(param) for param in command.params if param.param_type_name == "argument"]
    needed = [f"{max(p.opts, key=len)} {p.name.upper()}" for p in command.params if _must(p) and _option(p)]
    return f"```sh\n{' '.join(['audionas', path, *words, *needed])} [OPTIONS]\n```\n"


def _option(param: Any) -> bool:
    return str(param.param_type_name) == "option"


def _must(param: Any) -> bool:
    return bool(param.required)


def _argument(param: Any) -> str:
    """As the command line shows it: `EXP`, `[OVERRIDES]...`."""
    many = "..." if param.nargs == -1 else ""
    word = f"{param.name.upper()}{many}" if _must(param) else f"[{param.name.upper()}]{many}"
    return param.metavar or word


def _example(paragraph: str) -> str:
    """The commands of a paragraph that begins with `Example:` or `Examples:`, as a block."""
    text = " ".join(paragraph.partition(":")[2].split()).strip("`")
    return "\n".join(["```sh", *re.split(r"; (?=audionas )", text), "```", ""])


def _param(param: Any, hint: Any) -> str:
    """An argument or option as a row of a table."""
    name = ", ".join([*param.opts, *param.secondary_opts]) if _option(param) else _argument(param)
    kind = next(word for kind, word in PARAMETER_KINDS.items() if kind in (hint, *_parts(hint)))
    default = "must be given" if _must(param) else f"`{param.default}`" if _shown(param) else ""
    return f"| `{name}` | {kind} | {(param.help or '').replace('|', chr(92) + '|')} | {default} |"


def _parts(kind: Any) -> Iterator[Any]:
    """The types inside a type: of `list[Path] | None` these three."""
    for part in get_args(kind):
        yield part
        yield from _parts(part)


def _shown(param: Any) -> bool:
    """Whether the default is worth a word."""
    return isinstance(param.default, str | int | float) and str(param.default) not in ("", "False")


if __name__ == "__main__":
    for file, text in {**methods(), SETTINGS: settings(), ZOO: zoo(), COMMANDS: cli()}.items():
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
        print(f"wrote {file.relative_to(ROOT)}")
