"""RMSProp as TensorFlow defines it, with which MnasNet and EfficientNet were trained."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer


class RMSProp(Optimizer):
    """s = decay s + (1 - decay) g^2; m = momentum m + lr g / sqrt(s + eps); w = w - m, with s = 1 at first.

    torch's own starts at s = 0, adds eps to the root instead of under it, and applies the rate after the
    momentum: with the eps of those papers, 1e-3, that is a different optimiser. `weight_decay` is added to
    the gradient. A group may have its own `weight_decay`.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter] | Iterable[dict[str, Any]],
        *,
        lr: float,
        decay: float = 0.9,
        momentum: float = 0.9,
        eps: float = 1e-3,
        weight_decay: float = 0.0,
    ) -> None:
        defaults = {
            **{"lr": lr, "decay": decay, "momentum": momentum, "eps": eps},
            "weight_decay": weight_decay,
        }
        super().__init__(parameters, defaults)

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Update every weight that has a gradient; this optimiser takes no closure."""
        assert closure is None, "RMSProp takes no closure"
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._move(weight, group)

    def _move(self, weight: nn.Parameter, group: dict[str, Any]) -> None:
        assert weight.grad is not None
        state = self.state[weight]
        if not state:
            state["square"] = torch.ones_like(weight)
            state["momentum"] = torch.zeros_like(weight)
        gradient = weight.grad
        if group["weight_decay"]:
            gradient = gradient.add(weight, alpha=group["weight_decay"])
        square, momentum = state["square"], state["momentum"]
        square.mul_(group["decay"]).addcmul_(gradient, gradient, value=1 - group["decay"])
        root = square.add(group["eps"]).sqrt_()
        momentum.mul_(group["momentum"]).addcdiv_(gradient, root, value=group["lr"])
        weight.sub_(momentum)
