"""Writes docs/methods.md from the methods, docs/zoo.md from the zoo and docs/cli.md from the commands.

python docs/_generate.py
"""

import csv
import inspect
import re
import sys
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import typer

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from audionas.cli.app import app  # noqa: E402
from audionas.cli.data import page_names, register_preps  # noqa: E402
from audionas.core.files import read_json  # noqa: E402
from audionas.core.registry import names, resolve, summary  # noqa: E402
from audionas.engine.metrics import over_seeds  # noqa: E402
from audionas.methods._base import Method  # noqa: E402
from audionas.methods._bilevel import Bilevel  # noqa: E402
from audionas.methods._one_shot import OneShot  # noqa: E402
from audionas.run.listing import accuracies, rows  # noqa: E402
from audionas.zoo import load  # noqa: E402

TARGET = ROOT / "docs" / "methods.md"
ZOO = ROOT / "docs" / "zoo.md"
COMMANDS = ROOT / "docs" / "cli.md"
MARK = "<!-- From here on docs/_generate.py writes, from the notes in audionas/zoo/. -->\n"
RESULTS = ROOT / "docs" / "results"  # outputs of `audionas compare`: NAME.csv, NAME.md, NAME.steps.json
OUTCOMES = {"cifar10_test": "CIFAR-10, from the table", "trained": "trained", "accuracy": "inherited"}
HEAD = """<!-- Written by docs/_generate.py. Change a method's docstring or fields, then run it again. -->
# Search methods

A method is one file in `audionas/methods/`; the file name is the name that goes into a config. Its fields
are its hyper-parameters, and an unknown one is refused. `audionas list methods` prints the same in short.
How to add one: [howto/add_a_method.md](howto/add_a_method.md).
"""
PARITY_HEAD = """
## Official code and papers

`tests/golden` holds what official code computes: logits, alpha gradients, the points at which SDARTS
learns, the curvature of DARTS-ES, the losses by which DARTS-PT decides. `tests/invariants/test_golden.py` and
`test_golden_near.py` hold ours to them within 1e-9. Where code and paper differ:

| method | official code | paper | here |
|---|---|---|---|
"""
PARITY = (
    (
        "darts",
        "augments alpha's half",
        "does not say",
        "code on images, not recordings (`search.augment_alpha`)",
    ),
    ("darts", "torch's initialisation", "does not say", "He's, fan out, as in final networks"),
    ("darts", "NAS-Bench-201: biases before norms", "", "none: the norm takes them off"),
    (
        "gdas",
        "adds unselected gates, zeros, to the map",
        "selected alone",
        "paper (recorded: `forward_gdas_v1`); `gradient: all` is the code's",
    ),
    ("pc_darts", "the first channels, always", "at random", "code"),
    ("beta_darts", "no term in the second order", "one loss", "paper"),
    ("darts_es", "adds alpha's decay to the Hessian", "the validation loss alone", "paper"),
    ("darts_es", "measures on the last batch of the epoch", "does not say", "the first of alpha's half"),
    ("darts_pt", "decides an edge of both cells at once", "an edge at random", "one order for both"),
    ("darts_pt", "the first of equal accuracies", "", "the one with the larger loss without it"),
    ("darts_pt", "tunes at a tenth of the rate, constant", "", "a tenth of the schedule, begun anew"),
    ("dr_nas", "widens with copies drawn by chance", "", "in order, their readers divided"),
    ("dr_nas", "a wider network keeps its momentum", "", "a fresh one"),
    ("sdarts", "clips, then divides by the sum", "within eps of p", "code"),
    ("fair_darts", "zero-one loss about 0.5, mean over options", "the same", "both"),
    ("darts_minus", "not public now; a 1x1 convolution", "a skip", "paper; `auxiliary: conv1`"),
    ("proxyless_nas", "alpha rests where Zero was drawn", "does not say", "alpha moves"),
    ("proxyless_nas", "norms with epsilon 0.001", "does not say", "0.00001"),
    ("mix_path", "draws the number of kernels first", "paths by chance", "code; `sampling: subset`"),
    ("drop_nas", "decay is a step of its own, of twice the length", "partial decay", "within the step"),
    ("snas", "anneals over 150 epochs, with a flag", "anneals", "over the search's epochs"),
    ("noisy_darts", "not recorded", "", "see its page"),
    ("p_darts", "not recorded", "", "see its page"),
    *((name, "none public", "", "paper") for name in ("merge_nas", "parsec", "rome")),
)
PARITY_END = """
MergeNAS weighs masks of one kernel: kernel and gate are one there by design, so that its alpha is not
identifiable. For all other methods that mix options it is ([0023](decisions/0023-alpha-identifiable.md)).
"""
CLI_HEAD = """<!-- Written by docs/_generate.py. Change a docstring or an option, then run it again. -->
# Commands

This page has all that `audionas VERB --help` says, in the groups of `audionas --help`. `audionas --version`
prints the version, and `audionas --install-completion` lets the shell complete commands and options. Settings
lie in a config, CONF; `key=value` after it changes one of them. The exit status is 0 for done, 1 for what you
can fix (the message says what and how), 70 for a bug.
"""
PARAMETER_KINDS = {bool: "flag", int: "integer", float: "number", str: "text", Path: "path"}
KINDS = {
    int: "integer",
    float: "number",
    bool: "true or false",
    str: "text",
    NoneType: "null",
    Ellipsis: "...",
}


def methods() -> str:
    """The page of methods."""
    found = {name: resolve("method", name) for name in names("method")}
    parts = [HEAD, _families(found), *(_method(name, method) for name, method in found.items())]
    nested = {f.name: kind for m in found.values() for f in fields(m) for kind in _nested(f.type)}
    return "\n".join([*parts, *(_settings(name, kind) for name, kind in nested.items()), _parity()])


def _parity() -> str:
    rows = (f"| `{name}` | {code} | {paper} | {here} |\n" for name, code, paper, here in PARITY)
    return PARITY_HEAD + "".join(rows) + PARITY_END


def _families(found: dict[str, type[Method]]) -> str:
    rows = [f"| [`{n}`](#{n}) | {m.family} | {_paper(m)} |" for n, m in found.items()]
    shared = f"\n## Every differentiable method\n\n{_text(Bilevel)}\n"
    shared += f"\n## Every one-shot method, but random_nas\n\n{_text(OneShot)}\n"
    return "\n".join(["| name | family | paper |", "|---|---|---|", *rows, shared])


def _paper(method: type[Method]) -> str:
    return f"[{method.paper}](https://arxiv.org/abs/{method.arxiv})" if method.arxiv else method.paper


def _method(name: str, method: type[Method]) -> str:
    example = f"```yaml\nmethod: {{name: {name}}}\n```\n"
    text = f"## {name}\n\n{summary('method', name)}\n\n{_text(method)}\n\n{example}\n{_table(method)}\n"
    return text + _measured(name)


def _measured(name: str) -> str:
    """The committed comparisons' results for a method: one row per comparison."""
    rows = [row for file in sorted(RESULTS.glob("compare_*.csv")) for row in _outcome(name, file)]
    head = [
        "\nMeasured ([all methods](results.md)):\n",
        "| comparison | seeds | accuracy % | free % | step time |",
    ]
    return "\n".join([*head, "|---|---:|---|---:|---:|", *rows, ""]) if rows else ""


def _outcome(name: str, file: Path) -> Iterator[str]:
    with file.open(encoding="utf-8", newline="") as text:
        mine = [row for row in csv.DictReader(text) if row["method"] == name]
    done = [row for row in mine if row["status"] == "done"]
    where = f"[{file.stem}](results/{file.stem}.md)"
    if done:
        column = next(key for key in (*OUTCOMES, "") if not key or done[0].get(key))
        found = f"{_percent(done, column)} ({OUTCOMES[column]})" if column else "-"
        steps = read_json(file.with_suffix(".steps.json"))["methods"].get(name, {})
        ratio = f"{steps['time_ratio']:.2f} ×" if "time_ratio" in steps else "-"
        yield f"| {where} | {len(done)} | {found} | {_percent(done, 'free_share')} | {ratio} |"
    elif mine:
        yield f"| {where} | | {mine[0]['status']}: {mine[0]['reason']} | | |"


def _percent(rows: list[dict[str, str]], column: str) -> str:
    found = over_seeds([100 * float(row[column]) for row in rows if row[column]])
    return f"{found['mean']:.1f}" + (f" ± {found['sd']:.1f}" if found["sd"] is not None else "")


def _settings(name: str, kind: type) -> str:
    return f"## Inside `{name}`\n\n{_text(kind)}\n\n{_table(kind)}\n"


def _text(owner: type) -> str:
    return inspect.cleandoc(owner.__doc__ or "")


def _table(owner: type) -> str:
    rows = [f"| `{f.name}` | {_spelled(f.type, f.name)} | {_default(f)} |" for f in fields(owner)]
    return "\n".join(["| field | kind | default |", "|---|---|---|", *rows]) if rows else "No fields."


def _default(field: Field[Any]) -> str:
    if field.default is MISSING:
        return "must be given" if field.default_factory is MISSING else "that section's defaults"
    value = list(field.default) if isinstance(field.default, tuple) else field.default
    return "null" if value is None else f"`{value}`"


def _spelled(kind: Any, name: str) -> str:
    """A type in words; a settings class is a link to its section."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in inner)
    if origin in (Union, UnionType):
        return " or ".join(_spelled(part, name) for part in inner)
    if origin is tuple:
        return f"[{', '.join(_spelled(part, name) for part in inner)}]"
    return KINDS.get(kind) or f"[settings](#inside-{name})"


def _nested(kind: Any) -> Iterator[type]:
    """The settings classes in a type."""
    if isinstance(kind, type) and is_dataclass(kind):
        yield kind
    for part in get_args(kind):
        yield from _nested(part)


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
    for file, text in ((TARGET, methods()), (ZOO, zoo()), (COMMANDS, cli())):
        file.write_text(text, encoding="utf-8")
        print(f"wrote {file.relative_to(ROOT)}")
