"""The skeleton of the spaces of MixedNet, and the clips that fit it."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from torch import nn

from audionas.core.arch import Choice, InputSpec
from audionas.core.errors import UserError
from audionas.nn.edge import Edge, EdgeFactory
from audionas.nn.mixed.blocks import EndConv
from audionas.nn.mixed.heads import Last, LastHead
from audionas.nn.ops import OPS, SPLITS, OpShape
from audionas.spaces._chain import Chain

KERNELS = frozenset(map(max, SPLITS))
_EPS = 1e-3  # of batch norms, as in Keras
_FRAME, _HOP = 30, 10  # milliseconds of the front-end `micro`


class Plan(NamedTuple):
    """The sizes of a network: its stem's, `filters` of each block, and what its head reads."""

    stem: int
    stem_kernel: int
    stem_bias: bool
    stride: int
    filters: tuple[int, ...]
    repeat: int
    frames: int
    pool: Last


def options(longest: int) -> tuple[str, ...]:
    """The operations of a block with no kernel above `longest`."""
    return tuple(n for n, op in OPS.items() if op.split in SPLITS and op.kernel <= longest)


def stem_of(plan: Plan, bands: int) -> nn.Sequential:
    """The first convolution and ReLU: (B, bands, 1, T) to (B, stem, 1, ceil(T / stride))."""
    stem = nn.Sequential()
    conv = EndConv(bands, plan.stem, plan.stem_kernel, stride=plan.stride, bias=plan.stem_bias)
    stem.add_module("conv", conv)
    stem.add_module("act", nn.ReLU())
    return stem


def edges_of(plan: Plan, choices: Sequence[Choice], fill: EdgeFactory) -> list[Edge | None]:
    """One edge for each block, in their order."""
    ends = zip((plan.stem, *plan.filters[:-1]), plan.filters, strict=True)
    shapes = [OpShape(a, b, causal=True, eps=_EPS, repeat=plan.repeat) for a, b in ends]
    return [fill(choice, shape) for choice, shape in zip(choices, shapes, strict=True)]


def head_of(plan: Plan, classes: int, dropout: float) -> LastHead:
    """The last frames, one linear layer."""
    return LastHead(plan.filters[-1], classes, plan.frames, plan.pool, dropout)


def chain_of(
    plan: Plan, choices: Sequence[Choice], fill: EdgeFactory, io: InputSpec, dropout: float
) -> Chain:
    """A network with these sizes."""
    edges = edges_of(plan, choices, fill)
    return Chain(stem_of(plan, io.freq), edges, head_of(plan, io.classes, dropout), fold=True)


def kernels_of(net: Chain) -> list[list[int]]:
    """The kernels of each block's options, in the order of the blocks; 1 for those that have none."""
    edges = [edge for edge in net.edges.values() if isinstance(edge, Edge)]
    return [[OPS[option].kernel for option in edge.ops if option in OPS] or [1] for edge in edges]


def reach(plan: Plan, kernels: Sequence[int]) -> int:
    """The frames that a network reads whose blocks have these kernels, the longest of each."""
    blocks = plan.repeat * sum(k - 1 for k in kernels)
    return plan.stem_kernel + plan.stride * (blocks + plan.frames - 1)


def fitting(plan: Plan, frames: int, read: int) -> int:
    """The fewest frames, at least `frames`, that a network takes which reads `read`."""
    return read + plan.stride * max(0, -(-(frames - read) // plan.stride))


def require(name: str, plan: Plan, frames: int, read: int, shorter: Callable[[], int]) -> None:
    """Raise UserError where the head would read padding, or frames remain that no stride takes.

    `shorter` gives the longest kernel with which clips of `frames` are long enough, or 0.
    """
    if (wanted := fitting(plan, frames, read)) == frames:
        return
    rest = (frames - plan.stem_kernel) % plan.stride
    why = f"reads {read} frames, but clips have {frames}"
    if frames > read:
        taken = f"{plan.stem_kernel} frames and then {plan.stride} at a time"
        why = f"takes {taken}, which leaves {rest} of {frames}"
    seconds = (_FRAME + _HOP * (wanted - 1)) / 1000
    fits = shorter()
    raise UserError(
        f"space {name}: a network {why}",
        hint=f"With the front-end micro, take clips of {wanted} frames: data.seconds={seconds:.2f}"
        + (f", or offer shorter kernels: space.longest={fits}" if fits else ""),
    )
