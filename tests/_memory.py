"""The law of finite memory: two pasts, one present; what is said after the stated field is the same."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from audionas.core.arch import InputSpec
from audionas.models.listener import Listener
from audionas.nn.streaming import Step


def after_pasts(step: Step, io: InputSpec, hops: int) -> tuple[Tensor, Tensor]:
    """Logits (hops, classes) of the same present after two different pasts of one length."""
    kind = next(step.parameters()).dtype
    draw = torch.Generator().manual_seed(7)
    size = (1, io.channels, io.freq)
    present = torch.randn(*size, hops * step.hop, dtype=kind, generator=draw)
    said = []
    for level in (0.3, 3.0):  # a quiet and a loud one
        past = level * torch.randn(*size, hops * step.hop, dtype=kind, generator=draw)
        with torch.inference_mode():
            _, *states = step(past)
            rows = []
            for part in torch.split(present, step.hop, 3):
                scores, *states = step(part, *states)
                rows.append(scores[0])
        said.append(torch.cat(rows))
    return said[0], said[1]


def forgets(step: Step, io: InputSpec) -> None:
    """The law for a step whose mean ends with a window: different at first, bit for bit the same after it."""
    assert step.field is not None
    assert not step.fades
    settled = -(-step.field // step.hop)
    one, other = after_pasts(step, io, settled + 3)
    assert not torch.equal(one[0], other[0]), "the pasts are not heard"
    assert torch.equal(one[settled:], other[settled:])


def listener_forgets(made: Callable[[], Listener], settled: int, sound: Callable[[int], np.ndarray]) -> None:
    """The law for a listener, from samples to scores; `settled` hops are its field."""
    present, said = sound((settled + 3) * made().hop), []
    for level in (0.1, 1.0):
        listener = made()
        past = level * sound((settled + 5) * listener.hop)[::-1]
        listener.step(np.ascontiguousarray(past, np.float32))
        said.append(listener.step(present))
    assert not np.array_equal(said[0][0], said[1][0]), "the pasts are not heard"
    assert np.array_equal(said[0][settled:], said[1][settled:])
