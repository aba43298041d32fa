"""How sharply the validation loss bends along alpha, by the Hessian's largest eigenvalue, and its rise."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional

from audionas.core.errors import UserError
from audionas.core.rng import torch_rng
from audionas.engine.distributed import average
from audionas.methods._unrolled import Passes, Relaxed

Product = Callable[[Tensor], Tensor]


def bending(loss: Tensor, of: Sequence[nn.Parameter]) -> Product:
    """The product of the loss's second derivatives, (n, n) for the n entries of `of`, with a vector (n,).

    Each takes one backward pass.
    """
    slopes = torch.autograd.grad(loss, of, create_graph=True, materialize_grads=True, allow_unused=True)
    flat = torch.cat([slope.flatten() for slope in slopes])

    def product(vector: Tensor) -> Tensor:
        parts = torch.autograd.grad(
            flat, of, vector.to(flat), retain_graph=True, materialize_grads=True, allow_unused=True
        )
        return torch.cat([part.flatten() for part in parts])

    return product


def largest(product: Product, n: int, precision: float) -> float:
    """The largest eigenvalue of a symmetric matrix (n, n) of which only products are known: Lanczos' method.

    It begins at a fixed random vector and ends, after n products at most, where the pair of eigenvalue and
    vector misses by the root of `precision`: the eigenvalue is then about as precise as that. Raises
    UserError where a product is not finite.
    """
    first = torch.randn(n, generator=torch_rng("curvature"), dtype=torch.double)
    basis = (first / first.norm())[None]
    middle, beside = list[Tensor](), list[Tensor]()
    while True:
        turned = product(basis[-1]).double().cpu()
        if not turned.isfinite().all():
            raise UserError(
                "the second derivatives of the loss in alpha are not finite", hint="Lower optim.lr"
            )
        middle.append(turned @ basis[-1])
        for _ in range(2):  # rounding leaves a part of earlier vectors the first time
            turned = turned - basis.T @ (basis @ turned)
        values, vectors = torch.linalg.eigh(_tridiagonal(middle, beside))
        rest = turned.norm()
        near = rest * vectors[-1, -1].abs() <= precision**0.5 * values[-1].abs()
        if near or len(basis) == n or rest <= precision * values.abs().max():
            return float(values[-1])
        beside.append(rest)
        basis = torch.cat([basis, (turned / rest)[None]])


def _tridiagonal(middle: Sequence[Tensor], beside: Sequence[Tensor]) -> Tensor:
    found = torch.stack([*middle]).diag()
    if beside:
        found = found + torch.stack([*beside]).diag(1) + torch.stack([*beside]).diag(-1)
    return found


def largest_eigenvalue(method: Relaxed) -> float:
    """That of the validation loss on the first batch of alpha's half, with batch statistics; nothing changes.

    Raises UserError where there is no such batch, and where the second derivatives are not finite.
    """
    batch = next(iter(method.run.valid()), None)
    if batch is None:
        raise UserError("no held-out examples to measure the eigenvalue on", hint="Lower search.split")
    weights = {name: weight.detach() for name, weight in method.run.net.named_parameters()}
    alphas = method.parameters()
    with bent(method.run.net):
        loss, _ = Passes(method.run).run(weights, batch, method.gates("alpha"))
        product = bending(loss, alphas)
        entries = sum(alpha.numel() for alpha in alphas)
        return largest(lambda vector: average(product(vector)), entries, torch.finfo(loss.dtype).eps)


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
