"""Counts of networks, spaces and operations for `audionas list`, shipped in counts.json.

To count all takes half a minute, so the counts are shipped, each under a key of what was counted: a network's
is a hash of its content, that of a space or of the operations one of its file. What has another key is
counted anew. `python -m audionas.run.counts` writes the file, and a test counts all again.
"""

import functools
from dataclasses import replace
from pathlib import Path
from typing import Any

from audionas import zoo
from audionas.core.arch import ArchSpec
from audionas.core.files import read_json, sha256, sha256_text, write_json
from audionas.core.registry import names
from audionas.core.reporter import say
from audionas.models import names as models

FILE = Path(__file__).with_suffix(".json")
_PACKAGE = Path(__file__).parents[1]
_OPERATIONS = _PACKAGE / "nn" / "ops.py"
# torch takes seconds to import: only what counts does so


def network(spec: ArchSpec) -> dict[str, Any]:
    """`params`, `macs` and whether it `streams`: as shipped, else as counted."""
    return _shipped("networks", network_key(spec)) or count_network(spec)


def space(name: str) -> dict[str, Any]:
    """`choices`, `size`, `features`, `streams`, and the `cheapest` and `dearest` network of a space."""
    return _shipped("spaces", space_key(name)) or count_space(name)


def operations() -> dict[str, dict[str, Any]]:
    """`summary`, `family` and `kernel` of each operation, by name."""
    return _shipped("operations", operations_key()) or count_operations()


def network_key(spec: ArchSpec) -> str:
    """A hash of all that a network is built from, which its note is not."""
    return sha256_text(replace(spec, note={}).to_json())[:16]


def space_key(name: str) -> str:
    """The name, and a hash of the file that defines the space."""
    return f"{name} {sha256(_PACKAGE / 'spaces' / f'{name}.py')[:16]}"


def operations_key() -> str:
    """A hash of the file that defines the operations."""
    return sha256(_OPERATIONS)[:16]


def count_network(spec: ArchSpec) -> dict[str, Any]:
    """Count what `network` gives."""
    from audionas.cost.streams import verdict

    return {**counted(spec.to_json()), "streams": verdict(spec.to_json())}


@functools.cache
def counted(architecture: str) -> dict[str, int]:
    """`params` and `macs` of an architecture in JSON, at its own input; counted once per process."""
    import torch

    from audionas.cost.graph import layers
    from audionas.spaces._base import space_of

    spec = ArchSpec.from_json(architecture)
    with torch.device("meta"):  # counting needs no weights
        parts = layers(space_of(spec).build(spec), spec.io)
    return {what: sum(getattr(part, what) for part in parts) for what in ("params", "macs")}


def count_space(name: str) -> dict[str, Any]:
    """Count what `space` gives, at twelve classes of one second or, where all its networks need more, of
    that; at CIFAR-10's input for images.
    """
    from audionas.core.arch import InputSpec
    from audionas.core.registry import resolve
    from audionas.core.rng import numpy_rng
    from audionas.cost.streams import verdict
    from audionas.cost.table import ends
    from audionas.features import build
    from audionas.run.supernet import default_features

    found = resolve("space", name)()
    io, features = InputSpec(3, 32, 32, 10), default_features(found)
    if features is not None:
        front_end = build(features)
        bands, frames = front_end.shape(front_end.sample_rate)
        io = InputSpec(1, bands, found.fitting(frames), 12)
    return {
        "choices": len(found.choices()),
        "size": found.size(),
        "features": found.features,
        "streams": verdict(found.sample(numpy_rng("streams"), io).to_json()),
        **ends(found, io),
    }


def count_operations() -> dict[str, dict[str, Any]]:
    """Read what `operations` gives from the operations themselves."""
    from audionas.nn.ops import OPS

    return {n: {"summary": op.summary, "family": op.kind, "kernel": op.kernel} for n, op in OPS.items()}


def count_all() -> dict[str, dict[str, Any]]:
    """The content of the shipped file."""
    specs = [*map(zoo.load, zoo.names()), *map(models.arch, models.names())]
    return {
        "networks": {network_key(spec): count_network(spec) for spec in specs},
        "spaces": {space_key(name): count_space(name) for name in names("space")},
        "operations": {operations_key(): count_operations()},
    }


def _shipped(kind: str, key: str) -> Any:
    return _file()[kind].get(key)


@functools.cache
def _file() -> Any:
    nothing: dict[str, Any] = {"networks": {}, "spaces": {}, "operations": {}}
    return read_json(FILE) if FILE.exists() else nothing


if __name__ == "__main__":
    write_json(FILE, count_all())
    say(f"wrote {FILE.name}")
