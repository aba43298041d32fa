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
from audionas.features import Features, build
from audionas.nn.streaming import Pooling, Step, Stream
from audionas.spaces._base import space_of


class StreamCost(NamedTuple):
    """The cost of one stream in float32: `hop` frames from one score to the next, multiply-adds per hop,
    bytes and number of the states between hops, and frames until the start is forgotten (None: never).
    """

    hop: int
    hop_macs: int
    state_bytes: int
    states: int
    warm_up: int | None


def stream_cost(net: nn.Module, io: InputSpec, pool: Pooling = "window") -> StreamCost:
    """Count on the meta device, without running. Raises UserError for a network that looks ahead."""
    step = Step(net, io, pool)
    macs = sum(layer.macs for layer in layers(step, io._replace(frames=step.hop)))
    size = sum(4 * state.numel() for state in step.start())
    return StreamCost(step.hop, macs, size, len(step.shapes), step.warm_up)


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

    It is a `StreamCost`, with `hop_ms` from one score to the next and `macs_per_second` of the
    network with the front-end that it was trained with, or is meant for.
    """
    space = space_of(spec)
    if not space.features:
        return None
    with torch.device("meta"):
        found = streamed(space.build(spec), spec.io)
    if "why_not" in found:
        return found
    bundle = folder / "model" / "bundle.json"
    name, _, preset = str(spec.note.get("features") or space.features).partition("/")
    meant = {"name": name, "preset": preset}
    front_end = build(Features(**(_features(bundle) if bundle.exists() else meant)))
    seconds = found["hop"] * front_end.hop / front_end.sample_rate
    return {**found, "hop_ms": 1000 * seconds, "macs_per_second": round(found["hop_macs"] / seconds)}


def _features(bundle: Path) -> dict[str, Any]:
    """The settings of the front-end in a `bundle.json`. Raises UserError where it is damaged."""
    return records.plain(BundleRecord, bundle)["features"] or {}


def line(told: Mapping[str, Any]) -> str:
    """`of_run` in words."""
    if "why_not" in told:
        return f"no, {told['why_not']}"
    return (
        f"a score every {told['hop_ms']:g} ms, {told['hop_macs']:,} multiply-adds each, "
        f"{told['macs_per_second']:,} per second; remembers {told['state_bytes']:,} bytes"
    )
