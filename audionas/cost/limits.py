"""The budget gate: the limits on a network's cost, and the excess over them."""

import math
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass

from torch import nn

from audionas.core.arch import InputSpec
from audionas.core.errors import UserError
from audionas.core.strict import Strict
from audionas.cost.arena import Chip, arena
from audionas.cost.graph import layers, peak_activation
from audionas.cost.recorded import recorded
from audionas.cost.streams import stream_cost
from audionas.nn.fold.fold import in_use

NOUNS = {  # the name of each cost in messages
    "macs": "multiply-adds",
    "params": "parameters",
    "weight_bytes": "weight bytes",
    "peak_bytes": "bytes of activations at once",
    "state_bytes": "bytes remembered between frames",
    "hop_macs": "multiply-adds from one score to the next",
    "arena_esp32": "bytes of arena on an ESP32",
    "arena_esp32s3": "bytes of arena on an ESP32-S3",
}

ARENAS: dict[str, Chip] = {"arena_esp32": "esp32", "arena_esp32s3": "esp32-s3"}


@dataclass(frozen=True, kw_only=True)
class Limits(Strict):
    """The most that a network may have of each cost, for one example in float32; None sets no limit.

    `weight_bytes` is 4 bytes per parameter and batch norm statistic, `peak_bytes` the most activations alive
    at once, as `cost.graph` measures them; `state_bytes` is the memory of a streaming network between
    frames and `hop_macs` its multiply-adds per score (`cost.streams`). `arena_esp32` and
    `arena_esp32s3` are the working memory of ESPHome's int8 file on those chips (`cost.arena`). DCASE's
    budget for low-complexity scenes since 2022 is `{params: 128000, macs: 30e6}` for weights of one byte,
    `{weight_bytes: 128000, macs: 30e6}` in float32: by the challenge's own counter 128 kB are 128,000 bytes.
    """

    macs: float | None = None
    params: float | None = None
    weight_bytes: float | None = None
    peak_bytes: float | None = None
    state_bytes: float | None = None
    hop_macs: float | None = None
    arena_esp32: float | None = None
    arena_esp32s3: float | None = None

    def __post_init__(self) -> None:
        problems = [
            f"limits.{name} is {most}, expected a number above 0"
            for name, most in self.given.items()
            if not 0 < most < math.inf
        ]
        if problems:
            raise UserError(problems)

    @property
    def given(self) -> dict[str, float]:
        """The limits that are set, by the cost's name."""
        return {name: most for name, most in asdict(self).items() if most is not None}

    def require(self, net: nn.Module, io: InputSpec, name: str) -> None:
        """Raise UserError where the final network `net`, called `name`, exceeds a limit, with the excess."""
        costs = measured(net, io, self.given)
        problems = [
            f"{name}: {costs[cost]:,} {NOUNS[cost]}, {100 * over:.1f} % over limits.{cost} {most:,.0f}"
            for cost, most in self.given.items()
            if (over := excess(costs, self.given).get(cost, 0.0)) > 0
        ]
        if problems:
            raise UserError(
                problems, hint="Use a smaller network (a smaller width, another arch), or raise the limit."
            )


def excess(costs: Mapping[str, float], limits: Mapping[str, float]) -> dict[str, float]:
    """The excess of each cost as a share of its limit; costs that satisfy their limits are left out.

    Limits on costs that `costs` does not name are ignored. The sum over costs orders networks by how far
    they are from feasible, whatever the units.
    """
    shares = {name: costs[name] / most - 1 for name, most in limits.items() if name in costs}
    return {name: share for name, share in shares.items() if share > 0}


def measured(net: nn.Module, io: InputSpec, names: Collection[str]) -> dict[str, int]:
    """The costs of a final network in `names`, by name; nothing else is computed.

    All take milliseconds, except `peak_bytes`, which takes a second or two. Raises UserError for the arena of
    a network that ESPHome's component cannot run.
    """
    found: dict[str, int] = {}
    net = in_use(net)
    if {"macs", "params", "weight_bytes"} & set(names):
        every = layers(net, io)
        params = sum(layer.params for layer in every)
        statistics = sum(b.numel() for b in net.buffers() if b.is_floating_point())
        macs = sum(layer.macs for layer in every)
        found = {"macs": macs, "params": params, "weight_bytes": 4 * (params + statistics)}
    if "peak_bytes" in names:
        found["peak_bytes"] = peak_activation(net, io)[0]
    if {"state_bytes", "hop_macs"} & set(names):
        stream = stream_cost(net, io)
        found |= {"state_bytes": stream.state_bytes, "hop_macs": stream.hop_macs}
    if arenas := [name for name in names if name in ARENAS]:
        program = recorded(net, io)
        found |= {name: arena(program, ARENAS[name]) for name in arenas}
    return {name: found[name] for name in names}
