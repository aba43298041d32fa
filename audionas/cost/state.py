"""What a network costs that listens frame by frame: what it remembers, and what each score takes."""

from typing import NamedTuple

from torch import nn

from audionas.core.arch import InputSpec
from audionas.cost.graph import layers
from audionas.nn.streaming import Pooling, Step


class StreamCost(NamedTuple):
    """Of one stream in float32: `hop` frames from one score to the next, multiply-adds of one hop, bytes and
    number of the states between hops, and after how many frames the start is forgotten (None: never).
    """

    hop: int
    hop_macs: int
    state_bytes: int
    states: int
    warm_up: int | None


def stream_cost(net: nn.Module, io: InputSpec, pool: Pooling = "window") -> StreamCost:
    """Counted on the meta device, nothing is run. Raises UserError for a network that looks ahead."""
    step = Step(net, io, pool)
    macs = sum(layer.macs for layer in layers(step, io._replace(frames=step.hop)))
    size = sum(4 * state.numel() for state in step.start())
    return StreamCost(step.hop, macs, size, len(step.shapes), step.warm_up)
