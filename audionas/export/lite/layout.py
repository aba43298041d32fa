"""Where torch's axes, pairs and known tensors lie in a LiteRT graph."""

from collections.abc import Sequence

import torch
from torch import Tensor

from audionas.export.lite.graph import LAST, Builder, Value

Operand = Value | Tensor | float


def turned(given: Sequence[int] | int) -> tuple[int, int]:
    """(frequency, time) as (height, width) = (time, frequency)."""
    pair = [given] if isinstance(given, int) else list(given)
    return int(pair[-1]), int(pair[0])


def torchs(x: Value) -> list[int]:
    """The shape that torch knows."""
    return [x.shape[axis] for axis in LAST] if len(x.shape) == 4 else list(x.shape)


def axis_of(x: Value, dim: int) -> int:
    """The position of torch's axis here."""
    rank = len(x.shape)
    return LAST[dim % rank] if rank == 4 else dim % rank


def as_value(b: Builder, given: Operand, rank: int = 4) -> Value:
    """A number or tensor as a constant, extended from the left to `rank` axes; with four, channels last."""
    if isinstance(given, Value):
        return given
    full = torch.as_tensor(given, dtype=torch.float32).detach()
    full = full.reshape((1,) * (rank - full.ndim) + tuple(full.shape))
    return b.constant((full.permute(LAST) if full.ndim == 4 else full).contiguous().numpy())
