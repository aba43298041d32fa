"""The cost of a network that listens frame by frame, and whether it can: in a word, or for one run."""

import functools
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from audionas.core import records
from audionas.core.arch import ArchSpec, InputSpec
from audionas.core.errors import UserError
from audionas.core.records.bundle import BundleRecord
from audionas.cost.graph import layers
from audionas.cost.memory import memory
from audionas.features import Features, build
from audionas.nn.blocks import make_endless
from audionas.nn.streaming import Pooling, Step, Stream
from audionas.spaces._base import space_of


class StreamCost(NamedTuple):
    """The cost of one stream in float32: `hop` frames from one score to the next, multiply-adds per hop,
    bytes and number of the states between hops, and the frames after which nothing before matters (None:
    never), with an exponential mean up to the factor `fades` per hop.
    """

    hop: int
    hop_macs: int
    state_bytes: int
    states: int
    field: int | None
    fades: float


def stream_cost(net: nn.Module, io: InputSpec, pool: Pooling = "window") -> StreamCost:
    """Count on the meta device, without running. Raises UserError for a network that looks ahead."""
    step = Step(net, io, pool)
    macs = sum(layer.macs for layer in layers(step, io._replace(frames=step.hop)))
    size = sum(4 * state.numel() for state in step.start())
    return StreamCost(step.hop, macs, size, len(step.shapes), step.field, step.fades)


def streamed(net: nn.Module, io: InputSpec) -> dict[str, Any]:
    """The cost of the network frame by frame, or, under `why_not`, the reason why it cannot stream."""
    try:
        return stream_cost(net, io)._asdict()
    except UserError as error:
        return {"why_not": error.problems[0]}


@functools.cache
def verdict(architecture: str) -> str:
    """Tell whether an architecture in JSON streams: `yes`, `causal=true` if only that form does, or `no:`
    and the reason.
    """
    spec = ArchSpec.from_json(architecture)
    if not space_of(spec).features:
        return "no: takes images"
    reason = _hindrance(spec)
    if not reason:
        return "yes"
    if spec.params.get("causal") is False:
        causal = replace(spec, params={**spec.params, "causal": True})
        reason = _hindrance(causal)
        if not reason:
            return "causal=true"
    return f"no: {reason}"


def _hindrance(spec: ArchSpec) -> str:
    """The reason why a network cannot stream; "" if it can."""
    with torch.device("meta"):
        net = space_of(spec).build(spec)
    try:
        Stream(net, spec.io)
    except UserError as error:
        return error.problems[0].partition(", so the network")[0]
    return ""


def of_run(folder: Path, spec: ArchSpec) -> dict[str, Any] | None:
    """The streaming cost of a run's network, or under `why_not` the reason why it cannot; None for images.

    It is a `StreamCost`, with `hop_ms` from one score to the next, `macs_per_second` and the `memory` of the
    network with the front-end that it was trained with, or is meant for.
    """
    space = space_of(spec)
    if not space.features:
        return None
    bundle = folder / "model" / "bundle.json"
    known = records.plain(BundleRecord, bundle) if bundle.exists() else {}
    with torch.device("meta"):
        net = space.build(spec)
        if known.get("format") == 1:
            make_endless(net)
        found = streamed(net, spec.io)
    if "why_not" in found:
        return found
    name, _, preset = str(spec.note.get("features") or space.features).partition("/")
    meant = {"name": name, "preset": preset}
    front_end = build(Features(**((known["features"] or {}) if known else meant)))
    seconds = found["hop"] * front_end.hop / front_end.sample_rate
    kept = memory(found["field"], found["fades"], found["hop"], front_end)
    return {
        **found,
        "hop_ms": 1000 * seconds,
        "macs_per_second": round(found["hop_macs"] / seconds),
        "memory": {**kept.plain(), "words": kept.words()},
    }


def line(told: Mapping[str, Any]) -> str:
    """`of_run` in words."""
    if "why_not" in told:
        return f"no, {told['why_not']}"
    return (
        f"a score every {told['hop_ms']:g} ms, {told['hop_macs']:,} multiply-adds each, "
        f"{told['macs_per_second']:,} per second; remembers {told['state_bytes']:,} bytes; "
        f"{told['memory']['words']}"
    )
