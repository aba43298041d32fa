"""Writes docs/methods.md from the registered methods: `python docs/_generate.py`."""

import csv
import inspect
import sys
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from audionas.core.files import read_json  # noqa: E402
from audionas.core.registry import names, resolve, summary  # noqa: E402
from audionas.engine.metrics import over_seeds  # noqa: E402
from audionas.methods._base import Method  # noqa: E402
from audionas.methods._bilevel import Bilevel  # noqa: E402
from audionas.methods._one_shot import OneShot  # noqa: E402

TARGET = ROOT / "docs" / "methods.md"
RESULTS = ROOT / "docs" / "results"  # what `audionas compare` wrote: NAME.csv, NAME.md, NAME.steps.json
OUTCOMES = {"cifar10_test": "CIFAR-10, from the table", "trained": "trained", "accuracy": "inherited"}
HEAD = """<!-- Written by docs/_generate.py. Change a method's docstring or fields, then run it again. -->
# Search methods

A method is one file in `audionas/methods/`; the file name is the name that goes into a config. Its fields
are its hyper-parameters, and an unknown one is refused. `audionas list methods` prints the same in short.
How to add one: [howto/add_a_method.md](howto/add_a_method.md).
"""
KINDS = {
    int: "integer",
    float: "number",
    bool: "true or false",
    str: "text",
    NoneType: "null",
    Ellipsis: "...",
}


def methods() -> str:
    """The whole page."""
    found = {name: resolve("method", name) for name in names("method")}
    parts = [HEAD, _families(found), *(_method(name, method) for name, method in found.items())]
    nested = {f.name: kind for m in found.values() for f in fields(m) for kind in _nested(f.type)}
    return "\n".join([*parts, *(_settings(name, kind) for name, kind in nested.items())])


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
    """What the committed comparisons found for a method: a row a comparison."""
    rows = [row for file in sorted(RESULTS.glob("*.csv")) for row in _outcome(name, file)]
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


if __name__ == "__main__":
    TARGET.write_text(methods(), encoding="utf-8")
    print(f"wrote {TARGET.relative_to(ROOT)}")
