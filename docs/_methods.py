"""The pages of search methods: a table of all, and a page for each."""

import csv
import inspect
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import _parity
from _equations import EQUATIONS

from audionas.core.files import read_json
from audionas.core.registry import names, resolve, summary
from audionas.engine.metrics import over_seeds
from audionas.methods._base import Method
from audionas.methods._bilevel import Bilevel
from audionas.methods._one_shot import OneShot

DOCS = Path(__file__).resolve().parent
RESULTS = DOCS / "results"  # outputs of `audionas compare`: NAME.csv, NAME.md, NAME.steps.json
OUTCOMES = {"cifar10_test": "CIFAR-10, from the table", "trained": "trained", "accuracy": "inherited"}
HEAD = """<!-- Written by docs/_generate.py. Change a method's docstring or fields, then run it again. -->
# Search methods

A method is one file in `audionas/methods/`; the file name is the name that goes into a config. Its fields
are its hyper-parameters, and an unknown one is refused. `audionas list methods` prints the same in short.
How to add one: [howto/add_a_method.md](howto/add_a_method.md).

<!-- contents -->
"""
PAGE = """<!-- Written by docs/_generate.py, from docstrings, fields and docs/_equations.py. -->
# {name}

{summary}

$$
{equation.tex}
$$

{equation.words}

<!-- picture: {name} -->

## In a config

```yaml
method: {{name: {name}}}
```

{text}

{table}

## Cost and results

{measured}
"""
NOT_MEASURED = """No committed comparison has it yet. `audionas compare` measures its accuracy, the share of
operations without weights and the time and memory of a step beside DARTS':
[how](../howto/compare_methods.md).
"""
MEASURED = """Accuracy of what was found, the share of operations without weights, and the time and memory
of a search step against DARTS' ([all methods](../results.md)). A comparison's page has its command,
commit and machine.

| comparison | seeds | accuracy % | free % | step time | step memory |
|---|---:|---|---:|---:|---:|
"""
KINDS = {
    int: "integer",
    float: "number",
    bool: "true or false",
    str: "text",
    NoneType: "null",
    Ellipsis: "...",
}


def pages() -> dict[Path, str]:
    """Each page and its text."""
    found = {name: resolve("method", name) for name in names("method")}
    folder = DOCS / "methods"
    return {DOCS / "methods.md": _all(found), **{folder / f"{n}.md": _page(n, m) for n, m in found.items()}}


def _all(found: dict[str, type[Method]]) -> str:
    nested = {f.name: kind for m in found.values() for f in fields(m) for kind in _nested(f.type)}
    parts = [HEAD, _families(found), *(_settings(name, kind) for name, kind in nested.items())]
    return "\n".join([*parts, _differences()])


def _differences() -> str:
    rows = (f"| `{name}` | {code} | {paper} | {here} |\n" for name, code, paper, here in _parity.ROWS)
    return _parity.HEAD + "".join(rows) + _parity.END


def _families(found: dict[str, type[Method]]) -> str:
    rows = [f"| [`{n}`](methods/{n}.md) | {m.family} | {_paper(m)} |" for n, m in found.items()]
    shared = f"\n<!-- end of contents -->\n\n## Every differentiable method\n\n{_text(Bilevel)}\n"
    shared += f"\n## Every one-shot method, but random_nas\n\n{_text(OneShot)}\n"
    return "\n".join(["| name | family | paper |", "|---|---|---|", *rows, shared])


def _paper(method: type[Method]) -> str:
    return f"[{method.paper}](https://arxiv.org/abs/{method.arxiv})" if method.arxiv else method.paper


def _page(name: str, method: type[Method]) -> str:
    return PAGE.format(
        name=name,
        summary=summary("method", name),
        equation=EQUATIONS[name],
        text=_text(method),
        table=_table(method, "../methods.md"),
        measured=_measured(name),
    )


def _measured(name: str) -> str:
    """The committed comparisons' results for a method: one row per comparison."""
    rows = [row for file in sorted(RESULTS.glob("compare_*.csv")) for row in _outcome(name, file)]
    return MEASURED + "\n".join(rows) if rows else NOT_MEASURED.rstrip()


def _outcome(name: str, file: Path) -> Iterator[str]:
    with file.open(encoding="utf-8", newline="") as text:
        mine = [row for row in csv.DictReader(text) if row["method"] == name]
    done = [row for row in mine if row["status"] == "done"]
    where = f"[{file.stem}](../results/{file.stem}.md)"
    if done:
        column = next(key for key in (*OUTCOMES, "") if not key or done[0].get(key))
        found = f"{_percent(done, column)} ({OUTCOMES[column]})" if column else "-"
        steps = read_json(file.with_suffix(".steps.json"))["methods"].get(name, {})
        ratios = (f"{steps[k]:.2f} ×" if k in steps else "-" for k in ("time_ratio", "memory_ratio"))
        yield f"| {where} | {len(done)} | {found} | {_percent(done, 'free_share')} | {' | '.join(ratios)} |"
    elif mine:
        yield f"| {where} | | {mine[0]['status']}: {mine[0]['reason']} | | | |"


def _percent(rows: list[dict[str, str]], column: str) -> str:
    found = over_seeds([100 * float(row[column]) for row in rows if row[column]])
    return f"{found['mean']:.1f}" + (f" ± {found['sd']:.1f}" if found["sd"] is not None else "")


def _settings(name: str, kind: type) -> str:
    return f"## Inside `{name}`\n\n{_text(kind)}\n\n{_table(kind)}\n"


def _text(owner: type) -> str:
    return inspect.cleandoc(owner.__doc__ or "")


def _table(owner: type, page: str = "") -> str:
    rows = [f"| `{f.name}` | {_spelled(f.type, f.name, page)} | {_default(f)} |" for f in fields(owner)]
    return "\n".join(["| field | kind | default |", "|---|---|---|", *rows]) if rows else "No fields."


def _default(field: Field[Any]) -> str:
    if field.default is MISSING:
        return "must be given" if field.default_factory is MISSING else "that section's defaults"
    value = list(field.default) if isinstance(field.default, tuple) else field.default
    return "null" if value is None else f"`{value}`"


def _spelled(kind: Any, name: str, page: str) -> str:
    """A type in words; a settings class is a link to its section."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in inner)
    if origin in (Union, UnionType):
        return " or ".join(_spelled(part, name, page) for part in inner)
    if origin is tuple:
        return f"[{', '.join(_spelled(part, name, page) for part in inner)}]"
    return KINDS.get(kind) or f"[settings]({page}#inside-{name})"


def _nested(kind: Any) -> Iterator[type]:
    """The settings classes in a type."""
    if isinstance(kind, type) and is_dataclass(kind):
        yield kind
    for part in get_args(kind):
        yield from _nested(part)
