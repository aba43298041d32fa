"""`audionas list`: everything available, from methods to trained models, for people and programs."""

from collections.abc import Mapping
from typing import Any

from audionas import zoo
from audionas.core.arch import ArchSpec
from audionas.core.errors import UserError, did_you_mean
from audionas.core.registry import inherited, names, summary
from audionas.core.reporter import Reporter
from audionas.models import names as models
from audionas.run import counts

KINDS = ("methods", "searchers", "spaces", "ops", "zoo", "models")


def rows(kind: str) -> list[dict[str, Any]]:
    """One row per name: paper, arXiv number, one-sentence summary, family, and facts of the kind."""
    if kind not in KINDS:
        raise UserError(
            f"'{kind}' cannot be listed.{did_you_mean(kind, KINDS)}",
            hint=f"Give one of: {', '.join(KINDS)}, devices",
        )
    listed = {
        "methods": _methods,
        "searchers": _searchers,
        "spaces": _spaces,
        "ops": _ops,
        "zoo": _zoo,
        "models": _models,
    }
    return listed[kind]()


def show(found: list[dict[str, Any]]) -> None:
    """Print a table on standard output: name, counts or measurements if there are any, summary."""
    columns = (
        "operators",
        "memory",
        "family",
        "choices",
        "size",
        "params",
        "macs",
        "streams",
        "published",
        "measured",
    )
    counted = [k for k in columns if all(k in row for row in found) and any(_cell(row[k]) for row in found)]
    cells = [[row["name"], *(_cell(row[k]) for k in counted), row["summary"]] for row in found]
    Reporter(stdout=True).table(("name", *counted, "summary"), cells)


def _methods() -> list[dict[str, Any]]:
    return [_row("method", name, family=inherited("method", name, "family")) for name in names("method")]


def _searchers() -> list[dict[str, Any]]:
    return [_row("searcher", name, family="searcher") for name in names("searcher")]


def _spaces() -> list[dict[str, Any]]:
    counted = {name: counts.space(name) for name in names("space")}
    return [
        {**_row("space", name, family="searchable" if found["choices"] else "hand-made"), **found}
        for name, found in counted.items()
    ]


def _row(kind: str, name: str, *, family: str) -> dict[str, Any]:
    first = summary(kind, name).split("\n\n")[0].replace("\n", " ")
    paper, arxiv = (inherited(kind, name, field) for field in ("paper", "arxiv"))
    return {"name": name, "paper": paper, "arxiv": arxiv, "summary": first, "family": family}


def _ops() -> list[dict[str, Any]]:
    return [{"name": name, "paper": "", "arxiv": "", **op} for name, op in counts.operations().items()]


def _zoo() -> list[dict[str, Any]]:
    return [_zoo_row(name, zoo.load(name)) for name in zoo.names()]


def _zoo_row(name: str, spec: ArchSpec) -> dict[str, Any]:
    note = spec.note
    return {
        "name": name,
        "paper": note.get("paper", ""),
        "arxiv": note.get("arxiv", ""),
        "summary": note.get("summary", ""),
        "family": spec.space,
        "features": note.get("features", ""),
        **counts.network(spec),
        **{key: note.get(key, {}) for key in ("published", "exceptions", "measured")},
    }


def _models() -> list[dict[str, Any]]:
    """Trained models: the row of their architecture, with their measured figures."""
    found = []
    for name in models.names():
        about = {"summary": models.summary(name), "measured": models.measured(name)}
        found.append({**_zoo_row(name, models.arch(name)), **about})
    return found


def accuracies(figures: Mapping[str, Any]) -> str:
    """The accuracies of a zoo note's `published` or `measured`, in words and percent; "" without any."""
    return "; ".join(f"{where} {value} %" for where, value in figures.get("accuracy", {}).items())


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        told = accuracies(value)
        return f"{told} ({value['source']})" if told else ""
    return f"{value:,}" if isinstance(value, int) else str(value)
