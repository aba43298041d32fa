"""The candidate operations by name: kind, kernel k, expansion e, squeeze-and-excitation.

A name is kind + kernel (`tc_k9_se`, `mb_k5_e6`); an operation is one line here and a block beside it.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from torch import nn

from audionas.nn.blocks import ConvBN, MBBlock, TCBlock


class OpShape(NamedTuple):
    """Where an operation stands: channels in and out, (frequency, time) stride, causal or not."""

    c_in: int
    c_out: int
    stride: tuple[int, int] = (1, 1)
    causal: bool = False

    @property
    def keeps(self) -> bool:
        """Whether input and output have the same shape."""
        return self.stride == (1, 1) and self.c_in == self.c_out


class Op(NamedTuple):
    """`make` builds it; `kind` (skip, conv, ...) and `kernel` are what methods ask about it."""

    make: Callable[[OpShape], nn.Module]
    kind: str
    kernel: int = 0
    summary: str = ""


def _tc(shape: OpShape, *, kernel: int, se: bool, wide: bool) -> nn.Module:
    return TCBlock(
        shape.c_in,
        shape.c_out,
        kernel,
        stride=shape.stride[1],
        se=se,
        causal=shape.causal,
        wide_shortcut=wide,
    )


def _mb(shape: OpShape, *, kernel: int, expansion: int, se: bool) -> nn.Module:
    return MBBlock(
        shape.c_in,
        shape.c_out,
        kernel,
        expansion=expansion,
        stride=shape.stride[1],
        se=se,
        causal=shape.causal,
    )


def _skip(shape: OpShape) -> nn.Module:
    """Identity; where the shape changes a 1x1 convolution with batch norm carries the stride."""
    if shape.keeps:
        return nn.Identity()
    return ConvBN(shape.c_in, shape.c_out, (1, 1), stride=shape.stride, act=False, causal=shape.causal)


KERNELS = (3, 5, 7, 9)

OPS: dict[str, Op] = {
    "skip": Op(_skip, "skip", summary="identity, or a 1x1 convolution where the shape changes"),
    **{
        f"tc_k{k}{'_se' * se}{'_wide' * wide}": Op(
            partial(_tc, kernel=k, se=bool(se), wide=bool(wide)),
            "conv",
            k,
            f"TC-ResNet block, kernel {k}{', SE' * se}{', k-wide shortcut' * wide}",
        )
        for wide in (0, 1)
        for k in KERNELS
        for se in (0, 1)
    },
    **{
        f"mb_k{k}_e{e}{'_se' * se}": Op(
            partial(_mb, kernel=k, expansion=e, se=bool(se)),
            "conv",
            k,
            f"inverted bottleneck over time, kernel {k}, expansion {e}{', SE' * se}",
        )
        for k in KERNELS
        for e in (3, 6)
        for se in (0, 1)
    },
}
