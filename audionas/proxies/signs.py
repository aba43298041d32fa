"""The signs of what enters a network's activations: which of its units an example turns on."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from audionas.core.errors import UserError
from audionas.engine.recalibrate import of_each_batch

_ACTIVATIONS = ("relu", "relu6", "hardtanh", "silu", "hardswish", "leaky_relu", "elu", "gelu")


class _Watched(TorchFunctionMode):
    """Tells the signs of the input of each activation, also of those that are no modules."""

    def __init__(self, told: Callable[[Tensor], None]) -> None:
        super().__init__()
        self.told, self.count = told, 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "").rstrip("_") in _ACTIVATIONS:
            self.count += 1
            self.told((args[0] > 0).flatten(1))
        return func(*args, **(kwargs or {}))


def signs(net: nn.Module, x: Tensor, told: Callable[[Tensor], None]) -> None:
    """Call `told` with a boolean tensor (B, units) for each activation that computes on `x` (B, C, F, T).

    Batch norms take the statistics of `x`. Raises UserError for a network without activations.
    """
    with torch.no_grad(), of_each_batch(net), _Watched(told) as watched:
        net(x)
    if not watched.count:
        raise UserError(
            "naswot and swap read the signs at a network's activations, and this one has none",
            hint="Use another proxy, for example: synflow",
        )
