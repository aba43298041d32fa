"""Linear maps at the skips of a chain, folded into the weights around them: the same function without maps.

SCARLET (Chu et al., arXiv:1908.06022) argues that a map W before a 1x1 convolution P is one convolution
PW. A residual block also passes W on beside P: there the fold is exact only if W has an inverse.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from audionas.core.errors import UserError
from audionas.nn.blocks import ConvBN, Head, LateHead, MBBlock, WideHead
from audionas.nn.edge import Edge
from audionas.spaces._chain import Chain


@torch.no_grad()
def fold(net: nn.Module, maps: Mapping[str, Tensor]) -> None:
    """Change the weights of a derived chain so that it computes what it would with `maps` at its skips.

    `maps` holds (C, C) matrices by choice. It is exact in evaluation mode, up to rounding. With x = M x',
    where x is a value in the network with maps and x' the same value in the folded one, a block that begins
    with a convolution P gets PM. If it has a shortcut, x + f(x) = M (x' + M^-1 f(x)): its last convolution
    and batch norm are multiplied by M^-1, and M is passed on to the next block; else it ends there.

    Raises UserError, after which the weights are unusable, where that is impossible: networks that are not
    chains, blocks that begin with something else or have an activation after the sum, an M without an inverse
    before a shortcut.
    """
    if not isinstance(net, Chain):
        raise UserError("only a chain can be folded: elsewhere several blocks read what a skip passes on")
    carried: Tensor | None = None  # M, None for the identity
    for name, edge in net.edges.items():
        assert isinstance(edge, Edge)
        operation = _only(edge)
        if isinstance(operation, nn.Identity):
            if name in maps:
                own = maps[name].double()
                carried = own if carried is None else own @ carried
        elif carried is not None:
            carried = _absorbed(name, operation, carried)
    if carried is not None:
        _compose(_first(net.head), carried)


def _only(edge: Edge) -> nn.Module:
    if len(edge.ops) > 1:
        raise UserError(f"{edge.choice.name}: a sum of several operations cannot be folded")
    (operation,) = edge.ops.values()
    return operation


def _absorbed(name: str, operation: nn.Module, carried: Tensor) -> Tensor | None:
    """Fold M into an operation other than an identity; return the map that its output still needs."""
    if isinstance(operation, ConvBN):  # a skip with a stride
        _compose(operation.conv, carried)
        return None
    if not isinstance(operation, MBBlock) or not isinstance(operation.expand, ConvBN):
        raise UserError(
            f"{name}: {type(operation).__name__} is not a linear map first and a sum last, so that a "
            "transformation before it cannot be folded"
        )
    if not operation.residual:
        _compose(operation.expand.conv, carried)
        return None
    if int(torch.linalg.matrix_rank(carried)) < len(carried):
        raise UserError(f"{name}: the transformation before this residual block has no inverse")
    _compose(operation.expand.conv, carried)
    _multiply(operation.project, torch.linalg.inv(carried))
    return carried


def _first(head: nn.Module) -> nn.Conv2d | nn.Linear:
    """The linear map that reads a chain's last block; the average before `Head`'s commutes with M."""
    if not isinstance(head, Head):
        raise UserError("this network ends in a head into which transformations cannot be folded")
    return head.conv.conv if isinstance(head, WideHead | LateHead) else head.linear


def _compose(layer: nn.Conv2d | nn.Linear, before: Tensor) -> None:
    """Replace P by PM, at each position of its kernel; padding zeros stay zeros."""
    layer.weight.copy_(torch.einsum("oi...,ij->oj...", layer.weight.double(), before))


def _multiply(layer: ConvBN, after: Tensor) -> None:
    """Replace y = s (Qx) + b, convolution and batch norm in evaluation, by after @ y.

    The norm's scale moves into the convolution; its statistics become 0 and 1, and its scale undoes eps.
    """
    norm = layer.bn
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    offset = norm.bias.double() - scale * norm.running_mean.double()
    kernel = layer.conv.weight
    kernel.copy_(torch.einsum("no,oi...->ni...", after * scale, kernel.double()))
    norm.running_mean.zero_()
    norm.running_var.fill_(1)
    norm.weight.fill_((1 + norm.eps) ** 0.5)
    norm.bias.copy_(after @ offset)
