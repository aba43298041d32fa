"""The candidate operations by name: kind, kernel k, expansion e, squeeze-and-excitation.

A name is kind + kernel (`tc_k9_se`, `mb_k5_e6`), or the field's own (`sep_conv_3x3`, `skip_connect`); an
operation is one line here and a block in another file. The kernel of `tc`, `mb` and `mix` lies along
time, that of `mbf` along frequency, that of `mbs`, `mixs`, `cp` and of the field's own along both axes.
`mix_k35_e3` has kernels 3 and 5 in parallel. `mixdw_k5_9` gives half of the channels to each of two kernels.
`mt_k9` and `rep_k5` train several kernels side by side and are one convolution in use (`nn/fold`).
`tcs` is a depthwise kernel along time and a 1x1 convolution, `conv` a plain convolution.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from torch import nn

from audionas.nn.blocks import Act, ConvBN, MBBlock, SEForm, TCBlock
from audionas.nn.cell_blocks import DilConv, FactorizedReduce, Noise, PoolNorm, ReluConvBN, SepConv, Zero
from audionas.nn.cp_block import CPBlock
from audionas.nn.fold.blocks import TEBlock
from audionas.nn.fold.branches import Branches
from audionas.nn.mix import Mix, MixBlock, mixes
from audionas.nn.mixed.blocks import MixedBlock
from audionas.nn.separable.blocks import TCSBlock


class OpShape(NamedTuple):
    """The place of an operation: channels in and out, (frequency, time) stride, causal or not.

    Where `bare`, nothing inside an operation can rescale its output: the batch norms that end its branches
    have no affine parameters, and in operations of cell spaces no norm has them, as in DARTS' search. With
    `pool_norm` pools end in such a norm too, as DARTS' do and NAS-Bench-201's do not. A space says what its
    pools have; `Space` says what is bare. Bottlenecks have the activation `act`, squeeze-and-excitation of
    the form `se`, and norms with `eps`. MixedNet's blocks have their convolutions `repeat` times.
    """

    c_in: int
    c_out: int
    stride: tuple[int, int] = (1, 1)
    causal: bool = False
    bare: bool = False
    act: Act = "relu"
    se: SEForm = SEForm()
    pool_norm: bool = False
    eps: float = 1e-5
    repeat: int = 1

    @property
    def keeps(self) -> bool:
        """True where input and output have the same shape."""
        return self.stride == (1, 1) and self.c_in == self.c_out


class Op(NamedTuple):
    """A candidate operation: `make` builds it; methods read its `kind`, `kernel` and `dilation`.

    Kinds: skip, pool, none, noise (none of them has weights where the shape stays), conv. `axes` are those
    of a (B, C, F, T) tensor along which the kernel lies: 2 frequency, 3 time. `mix` holds the kernels in
    parallel and the expansion, `split` the kernels that share the channels, `branches` those that fold into
    one after training; `kernel` is then the largest.
    """

    make: Callable[[OpShape], nn.Module]
    kind: str
    kernel: int = 0
    summary: str = ""
    dilation: int = 1
    axes: tuple[int, ...] = (3,)
    mix: Mix | None = None
    split: tuple[int, ...] = ()
    branches: tuple[int, ...] = ()


def _tc(shape: OpShape, *, kernel: int, se: bool, wide: bool) -> nn.Module:
    return TCBlock(
        shape.c_in,
        shape.c_out,
        kernel,
        stride=shape.stride[1],
        se=se,
        causal=shape.causal,
        wide_shortcut=wide,
        bare=shape.bare,
    )


def _mb(shape: OpShape, *, kernel: int, axes: tuple[int, ...], expansion: float, se: bool) -> nn.Module:
    return MBBlock(
        shape.c_in,
        shape.c_out,
        (kernel if 2 in axes else 1, kernel if 3 in axes else 1),
        expansion=expansion,
        stride=shape.stride,
        se=se,
        causal=shape.causal,
        act=shape.act,
        form=shape.se,
        bare=shape.bare,
        eps=shape.eps,
    )


def _cp(shape: OpShape, *, kernel: int, expansion: float) -> nn.Module:
    return CPBlock(
        shape.c_in,
        shape.c_out,
        (kernel, kernel),
        expansion=expansion,
        stride=shape.stride,
        causal=shape.causal,
        bare=shape.bare,
    )


def _mix(shape: OpShape, *, mix: Mix, axes: tuple[int, ...]) -> nn.Module:
    return MixBlock(
        shape.c_in,
        shape.c_out,
        mix,
        axes=axes,
        stride=shape.stride,
        causal=shape.causal,
        act=shape.act,
        bare=shape.bare,
    )


def _mixdw(shape: OpShape, *, kernels: tuple[int, ...], residual: bool) -> nn.Module:
    return MixedBlock(
        shape.c_in,
        shape.c_out,
        kernels,
        residual=residual,
        stride=shape.stride[1],
        causal=shape.causal,
        bare=shape.bare,
        eps=shape.eps,
        repeat=shape.repeat,
    )


def _te(shape: OpShape, *, kernels: tuple[int, ...]) -> nn.Module:
    return TEBlock(
        shape.c_in,
        shape.c_out,
        kernels,
        stride=shape.stride[1],
        causal=shape.causal,
        bare=shape.bare,
        eps=shape.eps,
    )


def _tcs(shape: OpShape, *, kernel: int, residual: bool) -> nn.Module:
    return TCSBlock(
        shape.c_in,
        shape.c_out,
        kernel,
        residual=residual,
        stride=shape.stride[1],
        causal=shape.causal,
        bare=shape.bare,
        eps=shape.eps,
    )


def _conv(shape: OpShape, *, kernel: int) -> nn.Module:
    return ConvBN(
        shape.c_in,
        shape.c_out,
        (1, kernel),
        stride=shape.stride,
        causal=shape.causal,
        bare=shape.bare,
        eps=shape.eps,
    )


def _rep(shape: OpShape, *, kernels: tuple[int, ...]) -> nn.Module:
    return Branches(
        shape.c_in,
        shape.c_out,
        kernels,
        stride=shape.stride[1],
        causal=shape.causal,
        identity=True,
        bare=shape.bare,
        eps=shape.eps,
    )


def _skip(shape: OpShape) -> nn.Module:
    """Identity, or where the shape changes a 1x1 convolution with the stride and batch norm."""
    if shape.keeps:
        return nn.Identity()
    return ConvBN(
        shape.c_in,
        shape.c_out,
        (1, 1),
        stride=shape.stride,
        act=None,
        causal=shape.causal,
        bare=shape.bare,
    )


def _sep(shape: OpShape, *, kernel: int) -> nn.Module:
    return SepConv(shape.c_in, shape.c_out, kernel, stride=shape.stride, affine=not shape.bare)


def _dil(shape: OpShape, *, kernel: int) -> nn.Module:
    return DilConv(shape.c_in, shape.c_out, kernel, stride=shape.stride, affine=not shape.bare)


def _nor(shape: OpShape, *, kernel: int) -> nn.Module:
    return ReluConvBN(shape.c_in, shape.c_out, kernel, stride=shape.stride, affine=not shape.bare)


def _pool(shape: OpShape, *, kind: str) -> nn.Module:
    return PoolNorm(
        kind,
        shape.c_in,
        shape.c_out,
        stride=shape.stride,
        affine=not shape.bare,
        norm=shape.pool_norm,
        fast=shape.pool_norm or shape.bare,
    )


def _skip_connect(shape: OpShape) -> nn.Module:
    if shape.keeps:
        return nn.Identity()
    assert shape.stride == (2, 2), (
        f"no skip_connect of stride {shape.stride}: identity or factorized reduction"
    )
    return FactorizedReduce(shape.c_in, shape.c_out, affine=not shape.bare)


def _none(shape: OpShape) -> nn.Module:
    return Zero(shape.c_out, shape.stride)


def _noise(shape: OpShape) -> nn.Module:
    return Noise(shape.c_out, shape.stride)


KERNELS = (3, 5, 7, 9)
SQUARE = (2, 3)  # a kernel along both axes
CP_EXPANSIONS = (15, 21, 30)  # expansions of CP-Mobile's bottlenecks, in tenths
SPLITS = ((3,), (5,), (9,), (13,), (17,), (21,), (23,), (5, 9), (7, 11), (7, 13), (9, 15))  # of MixedNet
EVEN = ((8,),)  # of its detector of voices, and of no other
LONG = (11, 15, 19, 29)  # kernels of SparkNet's separable convolutions
FREE = ("skip", "pool", "none", "noise")  # kinds without weights, which fill collapsed networks

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
        f"{kind}_k{k}_e{e}{'_se' * se}": Op(
            partial(_mb, kernel=k, axes=axes, expansion=e, se=bool(se)),
            "conv",
            k,
            f"inverted bottleneck {told}, kernel {k}, expansion {e}{', SE' * se}",
            axes=axes,
        )
        for kind, told, axes, kernels in (
            ("mb", "over time", (3,), KERNELS),
            ("mbf", "over frequency", (2,), KERNELS[:3]),
            ("mbs", "with a square kernel", SQUARE, KERNELS[:3]),
        )
        for k in kernels
        for e in (3, 6)
        for se in (0, 1)
    },
    **{
        f"mbs_k3_e{e}".replace(".", "_"): Op(
            partial(_mb, kernel=3, axes=SQUARE, expansion=e, se=False),
            "conv",
            3,
            f"inverted bottleneck with a square kernel, kernel 3, expansion {e}, as in MobileNetV3",
            axes=SQUARE,
        )
        for e in (2.3, 2.5, 4)
    },
    **{
        f"{kind}_{mix.name}": Op(
            partial(_mix, mix=mix, axes=axes),
            "conv",
            max(mix.kernels),
            f"inverted bottleneck {told}, {mix.told}",
            axes=axes,
            mix=mix,
        )
        for kind, told, axes in (("mix", "over time", (3,)), ("mixs", "with square kernels", SQUARE))
        for mix in mixes(KERNELS, len(KERNELS))
    },
    **{
        f"cp_k{k}_e{e}": Op(
            partial(_cp, kernel=k, expansion=e / 10),
            "conv",
            k,
            f"CP-Mobile's bottleneck, kernel {k} x {k}, expansion {e / 10}",
            axes=SQUARE,
        )
        for k in KERNELS[:2]
        for e in CP_EXPANSIONS
    },
    **{
        f"mixdw_k{'_'.join(map(str, kernels))}{'_res' * residual}": Op(
            partial(_mixdw, kernels=kernels, residual=bool(residual)),
            "conv",
            max(kernels),
            f"MixedNet block, kernel {' and '.join(map(str, kernels))}{', residual' * residual}",
            split=kernels,
        )
        for kernels in (*SPLITS, *EVEN)
        for residual in (0, 1)
    },
    **{
        f"te_k{k}": Op(partial(_te, kernels=(k,)), "conv", k, f"TENet block, kernel {k}, expansion 3")
        for k in KERNELS
    },
    "mt_k9": Op(
        partial(_te, kernels=KERNELS),
        "conv",
        9,
        "TENet block, kernels 3, 5, 7 and 9 in training, folded to one kernel 9",
        branches=KERNELS,
    ),
    **{
        f"rep_k{k}": Op(
            partial(_rep, kernels=(k, 1)),
            "conv",
            k,
            f"RepVGG block, kernels {k} and 1 and the input in training, folded to one kernel {k}",
            branches=(k, 1),
        )
        for k in (3, 5, 9)
    },
    **{
        f"tcs_k{k}{'_res' * residual}": Op(
            partial(_tcs, kernel=k, residual=bool(residual)),
            "conv",
            k,
            f"separable convolution over time, kernel {k}{', residual' * residual}, as in SparkNet",
        )
        for k in LONG
        for residual in (0, 1)
    },
    **{
        f"conv_k{k}": Op(
            partial(_conv, kernel=k), "conv", k, f"convolution over time, kernel {k}, batch norm, ReLU"
        )
        for k in (1, 3)
    },
    "none": Op(_none, "none", summary="zeros: the edge is cut"),
    "noise": Op(_noise, "noise", summary="Gaussian noise instead of the input"),
    "skip_connect": Op(_skip_connect, "skip", summary="identity, or a factorized reduction at stride 2"),
    **{
        f"{kind}_pool_3x3": Op(partial(_pool, kind=kind), "pool", 3, f"3 x 3 {told} pooling", axes=SQUARE)
        for kind, told in (("max", "maximum"), ("avg", "average"))
    },
    **{
        f"sep_conv_{k}x{k}": Op(
            partial(_sep, kernel=k), "conv", k, f"separable {k} x {k} convolution, applied twice", axes=SQUARE
        )
        for k in (3, 5, 7)
    },
    **{
        f"dil_conv_{k}x{k}": Op(
            partial(_dil, kernel=k), "conv", k, f"separable {k} x {k} convolution, dilation 2", 2, SQUARE
        )
        for k in (3, 5)
    },
    **{
        f"nor_conv_{k}x{k}": Op(
            partial(_nor, kernel=k), "conv", k, f"ReLU, {k} x {k} convolution, batch norm", axes=SQUARE
        )
        for k in (1, 3)
    },
}
