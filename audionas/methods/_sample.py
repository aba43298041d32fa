"""Parts common to sampling methods: Gumbel noise, hard choices with a soft gradient, the temperature.

Everything is drawn on the CPU in float32 from torch's global generator, which a search seeds at the
start of each epoch: no draw is read back from a GPU, and a resumed search draws the same.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import Dirichlet
from torch.nn.functional import one_hot
from torch.nn.utils.rnn import pad_sequence

from audionas.methods._base import SearchRun
from audionas.nn.edge import Gate, Gates


def gumbel(*shape: int) -> Tensor:
    """Gumbel(0, 1) noise: -log of an exponential variable, finite even where that is 0."""
    return -torch.empty(shape).exponential_().clamp_min(torch.finfo(torch.float32).tiny).log()


def straight_through(hard: Tensor, soft: Tensor) -> Tensor:
    """Pass `hard` forward and the gradient of `soft` backward (GDAS, Dong and Yang, arXiv:1910.04465)."""
    return hard + (soft - soft.detach())


def anneal(first: float, last: float, epoch: int, epochs: int) -> float:
    """A value that is linear from `first` in epoch 0 to `last` in the last of `epochs`."""
    return first + (last - first) * min(epoch / max(epochs - 1, 1), 1.0)


def concrete(logits: Tensor, temperature: float) -> Tensor:
    """A sample of the concrete distribution over the last axis: softmax((logits + Gumbel) / temperature).

    At any temperature, the probability that an option has the largest entry is the softmax of its logit.
    """
    return ((logits + gumbel(*logits.shape)) / temperature).softmax(-1)


def one_hot_concrete(logits: Tensor, temperature: float) -> Tensor:
    """The option of a concrete sample as one-hot weights, with the sample's gradient (Gumbel-max)."""
    soft = concrete(logits, temperature)
    return straight_through(one_hot(soft.argmax(-1), soft.shape[-1]).to(soft.dtype), soft)


def concentration(logits: Tensor) -> Tensor:
    """b = elu(logits) + 1 in double precision, at least 1e-30, without the rounding of exp - 1 + 1."""
    logits = logits.double()
    return torch.where(logits > 0, logits + 1, logits.clamp(max=0).exp()).clamp_min(1e-30)


def dirichlet(logits: Tensor) -> Tensor:
    """A draw from Dir(b) for one choice, (options,), differentiable in the logits; 0 for options at -inf."""
    left = logits.isfinite()
    draw = Dirichlet(concentration(logits[left])).rsample().to(logits.dtype)
    return torch.zeros_like(logits).masked_scatter(left, draw)


def drawn(logits: Tensor) -> Tensor:
    """An option drawn from the softmax over the last axis, as one-hot weights without a gradient."""
    picked = (logits.detach() + gumbel(*logits.shape)).argmax(-1)
    return one_hot(picked, logits.shape[-1]).to(logits.dtype)


def rows(run: SearchRun) -> Tensor:
    """The logits of all choices as (choices, options), so that one operation draws for all of them.

    Choices with fewer options end in -inf: options that are never drawn, like those that were dropped.
    """
    logits: list[Tensor] = [run.living(choice) for choice in run.space.choices()]
    return pad_sequence(logits, batch_first=True, padding_value=-math.inf)


def gates_of(run: SearchRun, weights: Tensor, picked: Sequence[int] | None = None) -> Gates:
    """Gates on the run's device from `weights` (choices, options), one copy for all of them.

    `picked` names the one option of each choice that runs; None runs all that are left.
    """
    weights, gates = weights.to(run.device), {}
    for number, choice in enumerate(run.space.choices()):
        active = run.left(choice) if picked is None else (picked[number],)
        gates[choice.name] = Gate(weights[number, : len(choice.options)], active)
    return Gates(gates)


def with_rows(gates: Gates, rows: Tensor) -> Gates:
    """The gates, each with its row of `rows` (choices, options) as weights."""
    pairs = zip(gates.items(), rows, strict=True)
    moved = {name: gate._replace(weight=row[: len(gate.weight)]) for (name, gate), row in pairs}
    return Gates(moved, gates.extra)
