"""The terms that parts of a network add to the loss of a training step: sparsity, for example."""

from collections.abc import Iterable

from torch import Tensor, nn


class Penalised(nn.Module):
    """A module whose forward pass in training leaves a `term` of the loss, a scalar with a gradient."""

    term: Tensor | None = None

    def penalties(self) -> Tensor | None:
        """The term of the last forward pass, which is handed over once; None after an evaluation."""
        term, self.term = self.term, None
        return term


def penalised_in(net: nn.Module) -> list[Penalised]:
    """The modules of a network that leave a term, in its order."""
    return [part for part in net.modules() if isinstance(part, Penalised)]


def penalised(loss: Tensor, net: nn.Module) -> Tensor:
    """The loss and the penalties of the last forward pass of `net`; the loss itself where there are none."""
    return with_terms(loss, penalised_in(net))


def with_terms(loss: Tensor, parts: Iterable[Penalised]) -> Tensor:
    """The loss and what `parts` left in the last forward pass; the loss itself where that is nothing."""
    for part in parts:
        if (term := part.penalties()) is not None:
            loss = loss + term
    return loss
