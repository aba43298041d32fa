"""How sharply the validation loss bends along alpha, by the Hessian's largest eigenvalue, and its rise."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional

from audionas.core.errors import UserError
from audionas.engine.distributed import average
from audionas.methods._unrolled import Passes, Relaxed


def hessian(loss: Tensor, of: Sequence[nn.Parameter]) -> Tensor:
    """The second derivatives of a loss, (n, n) for the n entries of `of`, one backward pass a row."""
    slopes = torch.autograd.grad(loss, of, create_graph=True, materialize_grads=True, allow_unused=True)
    rows = [
        torch.autograd.grad(slope, of, retain_graph=True, materialize_grads=True, allow_unused=True)
        for slope in torch.cat([slope.flatten() for slope in slopes])
    ]
    return torch.stack([torch.cat([part.flatten() for part in row]) for row in rows])


def largest_eigenvalue(method: Relaxed) -> float:
    """That of the validation loss on the first batch of alpha's half, with batch statistics; nothing changes.

    Raises UserError where there is no such batch, and where the second derivatives are not finite.
    """
    batch = next(iter(method.run.valid()), None)
    if batch is None:
        raise UserError("no held-out examples to measure the eigenvalue on", hint="Lower search.split")
    weights = {name: weight.detach() for name, weight in method.run.net.named_parameters()}
    with bent(method.run.net):
        loss, _ = Passes(method.run).run(weights, batch, method.gates("alpha"))
        found = average(hessian(loss, method.parameters())).double()
    if not found.isfinite().all():
        raise UserError("the second derivatives of the loss in alpha are not finite", hint="Lower optim.lr")
    return float(torch.linalg.eigvalsh((found + found.T) / 2)[-1])


@contextmanager
def bent(net: nn.Module) -> Iterator[None]:
    """Write hard sigmoids as clamps meanwhile: the same function, of which torch has second derivatives."""
    hard = [part for part in net.modules() if isinstance(part, nn.Hardsigmoid)]
    for part in hard:
        part.forward = lambda input: functional.relu6(input + 3) / 6  # type: ignore[method-assign]
    try:
        yield
    finally:
        for part in hard:
            del part.forward


def rise(values: Sequence[float], window: int, back: int, factor: float) -> tuple[float, float] | None:
    """The local mean `back` values ago and the last one, if that is more than `factor` times as large.

    Means are over `window` values. A mean that was not positive cannot have risen by a factor.
    """
    if len(values) < window + back:
        return None
    last = sum(values[-window:]) / window
    before = sum(values[-window - back : len(values) - back]) / window
    return (before, last) if 0 < before * factor < last else None
