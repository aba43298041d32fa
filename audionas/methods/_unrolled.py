"""The second-order gradient of DARTS: alpha also acts through the weights' next step (eq. 5-8).

With w' = w - xi * (the step of SGD on the training loss), the gradient of L_val(w'(alpha), alpha) is
    d L_val(w', alpha) / d alpha  -  xi * d^2 L_train(w, alpha) / (d alpha d w) * d L_val(w', alpha) / d w'.
The product is a finite difference of training gradients at w + R v and w - R v, around w and not
around w', or is exact by differentiating twice.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol

import torch
from torch import Tensor, nn

from audionas.data.batches import Batch
from audionas.engine.distributed import averaged, forked_draws
from audionas.methods._base import Phase, SearchRun, accuracy
from audionas.nn.edge import Gates

Metrics = dict[str, Tensor | float]
Weights = Mapping[str, Tensor]


class Relaxed(Protocol):
    """A method with gates that are differentiable in its parameters."""

    run: SearchRun

    def parameters(self) -> list[nn.Parameter]:
        """All architecture parameters, in a fixed order."""

    def gates(self, phase: Phase) -> Gates:
        """The gates of a step."""

    def terms(self, gates: Gates) -> tuple[Tensor, Metrics]:
        """The terms added to the validation loss, and metrics."""

    def take(self, gradients: Iterable[Tensor]) -> None:
        """Store gradients of `parameters`."""


def unrolled_gradient(method: Relaxed, valid: Batch, train: Batch, *, eps: float | None) -> Metrics:
    """Leave the second-order gradient of the validation loss in `alpha.grad`; return metrics at w'.

    The step ahead is the one that the weights' SGD will take on `train` next: its current rate, momentum,
    decay and random draws, but without clipping. R is `eps` / |d L_val / d w'|; None differentiates twice.
    The training batch has one draw of gates. Neither weights nor batch-norm statistics change.
    """
    run, alphas = method.run, method.parameters()
    passes = Passes(run)
    weights = dict(run.net.named_parameters())
    own = method.gates("alpha")
    loss = passes.run(weights, train, own)[0]
    gradients = averaged(_gradients(loss, weights.values(), create_graph=eps is None, retain_graph=True))
    del loss  # and with it what the pass has kept
    ahead = step_ahead(run, weights, gradients)
    if eps is not None:
        ahead = {name: tensor.detach().requires_grad_() for name, tensor in ahead.items()}
    gates = method.gates("alpha")
    loss, logits = passes.run(ahead, valid, gates)
    extra, metrics = method.terms(gates)
    found = _gradients(loss + extra, [*alphas, *(ahead.values() if eps is not None else ())])
    direct, v = found[: len(alphas)], averaged(found[len(alphas) :])
    gradient = list(direct)
    if eps is not None:
        radius = eps / torch.linalg.vector_norm(torch.stack([t.norm() for t in v])).clamp_min(1e-30).cpu()
        plus, minus = (_nearby(alphas, passes, own, weights, v, sign * radius, train) for sign in (1, -1))
        reach = _reach(run)
        gradient = [d - reach * (p - m) / (2 * radius) for d, p, m in zip(direct, plus, minus, strict=True)]
    method.take(gradient)
    return {"valid_loss": loss, "valid_accuracy": accuracy(logits, valid.target), **metrics}


class Passes:
    """Forward passes of a run's network at other weights.

    Batch norms update copies of their statistics. Every pass draws the same random numbers (dropout) and
    restores torch's generators, so that the weights' step draws these numbers again.
    """

    def __init__(self, run: SearchRun) -> None:
        self.search = run
        self.buffers = {name: buffer.clone() for name, buffer in run.net.named_buffers()}
        self.devices = [run.device] if run.device.type == "cuda" else []

    def run(self, weights: Weights, batch: Batch, gates: Gates) -> tuple[Tensor, Tensor]:
        """The loss and the logits at `weights`."""
        with forked_draws(self.devices):
            logits = self.search.logits(batch.x, gates, {**weights, **self.buffers})
        return self.search.criterion(logits, batch.target), logits


def _nearby(
    alphas: Iterable[Tensor],
    passes: Passes,
    gates: Gates,
    weights: Weights,
    v: Iterable[Tensor],
    radius: Tensor,
    train: Batch,
) -> tuple[Tensor, ...]:
    """Alpha's gradient of the training loss at w + radius * v."""
    moved = {name: w.detach() + radius * d for (name, w), d in zip(weights.items(), v, strict=True)}
    return _gradients(passes.run(moved, train, gates)[0], alphas, retain_graph=True)


def step_ahead(run: SearchRun, weights: Weights, gradients: Iterable[Tensor]) -> Weights:
    """The weights after a step of torch's SGD: momentum buffer, decay, Nesterov."""
    group, state = run.weight_optimizer.param_groups[0], run.weight_optimizer.state
    decay = {w: g["weight_decay"] for g in run.weight_optimizer.param_groups for w in g["params"]}
    ahead = {}
    for (name, weight), gradient in zip(weights.items(), gradients, strict=True):
        move = gradient = gradient + decay[weight] * weight.detach()
        buffer = state[weight].get("momentum_buffer") if weight in state else None
        if buffer is not None:
            move = gradient + group["momentum"] * buffer
        if group["nesterov"]:
            move = gradient + group["momentum"] * move
        ahead[name] = weight.detach() - group["lr"] * move
    return ahead


def _reach(run: SearchRun) -> float:
    """The distance that a unit of gradient moves a weight in that step (xi)."""
    group = run.weight_optimizer.param_groups[0]
    share = 1 + group["momentum"] if group["nesterov"] else 1
    return float(group["lr"] * share)


def _gradients(
    loss: Tensor, of: Iterable[Tensor], *, create_graph: bool = False, retain_graph: bool = False
) -> tuple[Tensor, ...]:
    return torch.autograd.grad(
        loss,
        tuple(of),
        create_graph=create_graph,
        retain_graph=retain_graph or create_graph,
        allow_unused=True,
        materialize_grads=True,
    )
