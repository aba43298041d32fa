"""Quantisation-aware training for int8: weights and activations are rounded, gradients pass through.

A network gets two additions (Jacob et al. 2018, arXiv:1712.05877): the weights of convolutions and
linear layers are rounded symmetrically with one scale per output channel, their inputs with one scale and
zero point per layer. A batch norm after a convolution need not be folded in for that: it multiplies a channel
by one number, and rounding with the channel's own scale commutes with it.
"""

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import parametrize

_LEVELS = 127  # of a weight on either side of 0: -128 is left out, so that signs are symmetric
_LOW, _HIGH = -128, 127
_LEAST = 1e-8  # scale of an all-zero tensor
_PACE = 0.05  # at which ranges follow the values in a batch


class Weight(nn.Module):
    """Weights (out, ...) on the 255 levels between plus and minus each output channel's largest."""

    def forward(self, weight: Tensor) -> Tensor:
        """Round; the shape stays, and the gradient is that of the identity."""
        largest = weight.detach().flatten(1).abs().amax(1).clamp(min=_LEAST)
        scale = (largest / _LEVELS).reshape(-1, *[1] * (weight.ndim - 1))
        rounded = (weight / scale).round() * scale
        return weight + (rounded - weight).detach()


class Range(nn.Module):
    """An activation on 256 levels between its least and greatest value, 0 included.

    The first batch sets both; in training they follow later batches slowly, in evaluation they stay.
    """

    low: Tensor
    high: Tensor
    batches: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("low", "high", "batches"):
            self.register_buffer(name, torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """Round; the shape stays. The gradient passes where the value is in range, and is 0 outside."""
        if self.training or not self.batches:
            self.watch(x.detach())
        scale = ((self.high - self.low) / (_HIGH - _LOW)).clamp(min=_LEAST)
        zero = (_LOW - self.low / scale).round()
        inside = x.clamp(*((_LOW - zero) * scale, (_HIGH - zero) * scale))
        rounded = (inside / scale).round() * scale
        return inside + (rounded - inside).detach()

    def watch(self, x: Tensor) -> None:
        """Move the range towards the values of `x`."""
        pace = _PACE if self.batches else 1.0
        self.low += pace * (x.amin().clamp(max=0) - self.low)
        self.high += pace * (x.amax().clamp(min=0) - self.high)
        self.batches += 1


def attach(net: nn.Module) -> None:
    """Round the weights and inputs of every convolution and linear layer of `net` from now on, in place."""
    for part in _parts(net):
        parametrize.register_parametrization(part, "weight", Weight())
        part.add_module("range", Range())
        part.register_forward_pre_hook(_rounded)


def settle(net: nn.Module) -> None:
    """Remove the additions again; the weights stay rounded, and the names are those from before."""
    for part in _parts(net):
        parametrize.remove_parametrizations(part, "weight")
        del part.range
        hooks = part._forward_pre_hooks
        for key in [key for key, hook in hooks.items() if hook is _rounded]:
            del hooks[key]


def hold_norms(net: nn.Module) -> None:
    """Use the statistics of the exported network in batch norms; call it after `net.train()`."""
    for part in net.modules():
        if isinstance(part, _BatchNorm):
            part.eval()


def _parts(net: nn.Module) -> list[nn.Module]:
    return [part for part in net.modules() if isinstance(part, (nn.Conv2d, nn.Linear))]


def _rounded(part: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return part.range(given[0]), *given[1:]  # type: ignore[operator]
