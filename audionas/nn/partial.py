"""Partial channels: an edge searches the first 1/k of its channels, and the others go by (PC-DARTS).

Xu et al., ICLR 2020, arXiv:1907.05737. Any mixed edge can be built so. As k falls, a search widens its edges
(DrNAS, Chen et al., ICLR 2021, arXiv:2006.10355): each new channel begins as a copy of an old one.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from audionas.core.arch import Choice
from audionas.nn.edge import Edge, EdgeFactory, MixedEdge
from audionas.nn.ops import OpShape


def parts(shape: OpShape, k: int) -> int:
    """The number of parts into which an edge's channels can be split: `k`, or 1 where that is impossible.

    It is impossible where channels change, where k does not divide them (a strided edge needs an even part,
    which a factorized reduction can halve), and where the pool of the bypass would look ahead.
    """
    strided = shape.stride != (1, 1)
    cut = shape.c_in == shape.c_out and shape.c_in % (2 * k if strided else k) == 0
    return k if cut and not (strided and shape.causal) else 1


def partial(fill: EdgeFactory, k: int) -> EdgeFactory:
    """A factory whose edges search one of `k` parts of their channels, where these can be split.

    `fill` is asked for an edge with C / k channels. What goes by is max-pooled with a window of the stride's
    size. Raises TypeError for an edge that is no MixedEdge: it has no place for a bypass.
    """
    if k == 1:
        return fill

    def cut(choice: Choice, shape: OpShape) -> Edge | None:
        count = parts(shape, k)
        edge = fill(choice, shape._replace(c_in=shape.c_in // count, c_out=shape.c_out // count))
        if count == 1 or edge is None:
            return edge
        if not isinstance(edge, MixedEdge):
            raise TypeError(f"{type(edge).__name__} is no MixedEdge, which partial channels need")
        edge.k = count
        edge.bypass = nn.MaxPool2d(shape.stride, ceil_mode=True) if shape.stride != (1, 1) else nn.Identity()
        return edge

    return cut


def narrows(net: nn.Module, k: int) -> bool:
    """True where `k` would split an edge of a supernet that is searched whole: it could not be widened."""
    whole = [edge for edge in net.modules() if isinstance(edge, MixedEdge) and edge.k == 1]
    return any(parts(edge.shape, k) > 1 for edge in whole)


def widened(old: Mapping[str, Tensor], new: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state `new`, with the values of `old` by name, each grown axis filled with copies.

    Channel i of n' is a copy of channel floor(i n / n'). Weights that read a channel are divided by the
    number of its copies, so that a network whose new input channels are copies of the old computes the same,
    and its new outputs are copies too. Raises ValueError where names differ or an axis would shrink.
    """
    if old.keys() != new.keys():
        raise ValueError(f"names differ: {sorted(old.keys() ^ new.keys())[:3]}")
    return {name: _widened(tensor, new[name].shape) for name, tensor in old.items()}


def _widened(tensor: Tensor, shape: torch.Size) -> Tensor:
    for axis, (have, want) in enumerate(zip(tensor.shape, shape, strict=True)):
        if want < have:
            raise ValueError(f"{tuple(tensor.shape)} cannot become {tuple(shape)}: an axis would shrink")
        if want > have:
            source = torch.arange(want, device=tensor.device) * have // want
            tensor = tensor.index_select(axis, source)
            if axis == 1:  # (out, in, ...)
                copies = source.bincount(minlength=have)[source].to(tensor.dtype)
                tensor = tensor / copies.view(-1, *[1] * (tensor.dim() - 2))
    return tensor.clone()
