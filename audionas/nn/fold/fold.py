"""A network without parallel branches that computes what one with them does in evaluation mode."""

import copy

from torch import nn

from audionas.nn.fold.branches import Branches


def folds(net: nn.Module) -> bool:
    """True where a network has parallel branches."""
    return any(isinstance(part, Branches) for part in net.modules())


def folded(net: nn.Module) -> nn.Module:
    """A copy in which one convolution replaces the branches at each place; `net` itself if it has none.

    Raises RuntimeError for branches in training mode.
    """
    if not folds(net):
        return net
    if isinstance(net, Branches):
        return net.folded()
    net = copy.deepcopy(net)
    for name, part in list(net.named_modules()):
        if isinstance(part, Branches):
            net.set_submodule(name, part.folded())
    return net


def in_use(net: nn.Module) -> nn.Module:
    """The network as it is counted, streamed and exported: `net` itself, or if it has branches a folded copy
    in evaluation mode.
    """
    return folded(copy.deepcopy(net).eval()) if folds(net) else net
