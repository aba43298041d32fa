"""Whether a network streams: in a word for lists, with what it takes for one run."""

import functools
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from audionas.core.arch import ArchSpec
from audionas.core.errors import UserError
from audionas.core.files import read_json
from audionas.features import Features, build
from audionas.nn.streaming import Stream
from audionas.run.cost import streamed
from audionas.spaces._base import space_of


@functools.cache
def verdict(architecture: str) -> str:
    """Of an architecture in JSON: `yes`, `causal=true` where only that form streams, or `no:` and why."""
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
    """What keeps a network from streaming; "" where nothing does."""
    with torch.device("meta"):
        net = space_of(spec).build(spec)
    try:
        Stream(net, spec.io)
    except UserError as error:
        return error.problems[0].partition(", so that")[0]
    return ""


def of_run(folder: Path, spec: ArchSpec) -> dict[str, Any] | None:
    """What the network of a run takes to stream, or under `why_not` what keeps it from that; None of images.

    That is `cost.state.StreamCost`, with `hop_ms` from one score to the next and `macs_per_second` of the
    network under the front-end that it was trained with, or is meant for.
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
    front_end = build(Features(**(read_json(bundle)["features"] if bundle.exists() else meant)))
    seconds = found["hop"] * front_end.hop / front_end.sample_rate
    return {**found, "hop_ms": 1000 * seconds, "macs_per_second": round(found["hop_macs"] / seconds)}


def line(told: Mapping[str, Any]) -> str:
    """`of_run` in words."""
    if "why_not" in told:
        return f"no, {told['why_not']}"
    return (
        f"a score every {told['hop_ms']:g} ms, {told['hop_macs']:,} multiply-adds each, "
        f"{told['macs_per_second']:,} a second; remembers {told['state_bytes']:,} bytes"
    )
