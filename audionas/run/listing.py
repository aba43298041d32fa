"""`audionas list`: what there is, methods to trained models, for people and programs."""

import functools
from collections.abc import Mapping
from typing import Any

import torch

from audionas import zoo
from audionas.core.arch import ArchSpec, InputSpec
from audionas.core.errors import UserError, did_you_mean
from audionas.core.registry import names, resolve, summary
from audionas.core.reporter import Reporter
from audionas.core.rng import numpy_rng
from audionas.cost.graph import layers
from audionas.cost.streams import verdict
from audionas.cost.table import ends
from audionas.features import build
from audionas.models import names as models
from audionas.nn.ops import OPS
from audionas.run.supernet import default_features
from audionas.spaces._base import Space, space_of

KINDS = ("methods", "searchers", "spaces", "ops", "zoo", "models")


def rows(kind: str) -> list[dict[str, Any]]:
    """One row a name: paper, arXiv number, one-sentence summary, family; what a kind adds."""
    if kind not in KINDS:
        raise UserError(
            f"'{kind}' cannot be listed.{did_you_mean(kind, KINDS)}", hint=f"One of: {', '.join(KINDS)}"
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
    """A table on standard output: name, what is counted or was measured of any, summary."""
    columns = ("family", "choices", "size", "params", "macs", "streams", "published", "measured")
    counted = [k for k in columns if all(k in row for row in found) and any(_cell(row[k]) for row in found)]
    cells = [[row["name"], *(_cell(row[k]) for k in counted), row["summary"]] for row in found]
    Reporter(stdout=True).table(("name", *counted, "summary"), cells)


def _methods() -> list[dict[str, Any]]:
    found = {name: resolve("method", name) for name in names("method")}
    return [_row("method", name, method, family=method.family) for name, method in found.items()]


def _searchers() -> list[dict[str, Any]]:
    return [_row("searcher", n, resolve("searcher", n), family="searcher") for n in names("searcher")]


def _spaces() -> list[dict[str, Any]]:
    found = []
    for name in names("space"):
        space = resolve("space", name)()
        family = "searchable" if space.choices() else "hand-made"
        row = _row("space", name, space, family=family)
        row |= {"choices": len(space.choices()), "size": space.size(), "features": space.features}
        io = _usual_input(space)
        row["streams"] = verdict(space.sample(numpy_rng("streams"), io).to_json())
        found.append(row | ends(space, io))
    return found


def _usual_input(space: Space) -> InputSpec:
    """Twelve classes of one second through the space's own front-end; for images CIFAR-10's input."""
    features = default_features(space)
    if features is None:
        return InputSpec(3, 32, 32, 10)
    front_end = build(features)
    return InputSpec(1, *front_end.shape(front_end.sample_rate), 12)


def _row(kind: str, name: str, owner: Any, *, family: str) -> dict[str, Any]:
    first = summary(kind, name).split("\n\n")[0].replace("\n", " ")
    return {"name": name, "paper": owner.paper, "arxiv": owner.arxiv, "summary": first, "family": family}


def _ops() -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "paper": "",
            "arxiv": "",
            "summary": op.summary,
            "family": op.kind,
            "kernel": op.kernel,
        }
        for name, op in OPS.items()
    ]


def _zoo() -> list[dict[str, Any]]:
    return [_zoo_row(name, zoo.load(name)) for name in zoo.names()]


def _zoo_row(name: str, spec: ArchSpec) -> dict[str, Any]:
    note, counts = spec.note, counted(spec.to_json())
    return {
        "name": name,
        "paper": note.get("paper", ""),
        "arxiv": note.get("arxiv", ""),
        "summary": note.get("summary", ""),
        "family": spec.space,
        "features": note.get("features", ""),
        **counts,
        "streams": verdict(spec.to_json()),
        **{key: note.get(key, {}) for key in ("published", "exceptions", "measured")},
    }


def _models() -> list[dict[str, Any]]:
    """Trained models: their architecture's row, with what they were measured on."""
    found = []
    for name in models.names():
        about = {"summary": models.summary(name), "measured": models.measured(name)}
        found.append({**_zoo_row(name, models.arch(name)), **about})
    return found


@functools.cache
def counted(architecture: str) -> dict[str, int]:
    """`params` and `macs` of an architecture in JSON, at its own input; once a process, for large zoos."""
    spec = ArchSpec.from_json(architecture)
    with torch.device("meta"):  # counting needs no weights
        parts = layers(space_of(spec).build(spec), spec.io)
    return {what: sum(getattr(part, what) for part in parts) for what in ("params", "macs")}


def accuracies(figures: Mapping[str, Any]) -> str:
    """The accuracies of a zoo note's `published` or `measured`, in words and percent; "" without any."""
    return "; ".join(f"{where} {value} %" for where, value in figures.get("accuracy", {}).items())


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        told = accuracies(value)
        return f"{told} ({value['source']})" if told else ""
    return f"{value:,}" if isinstance(value, int) else str(value)
