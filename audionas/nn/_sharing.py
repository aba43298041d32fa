"""Results that several operations compute from one input, computed once.

All candidates on the edges that leave a node begin with the same few functions of it (ReLU, pooling).
Inside a `sharing` block, those of an offered input are kept until the block ends; `once` returns them.
"""

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor


class _Kept(threading.local):
    """The results kept for each offered tensor, by its identity, and the tensors that its block holds."""

    def __init__(self) -> None:
        self.of: dict[int, tuple[dict[Hashable, Any], list[Tensor]]] = {}

    def offer(self, x: Tensor, block: list[Tensor]) -> None:
        """Keep results of x for as long as `block` holds it; one that is offered already stays as it is."""
        if id(x) not in self.of:
            self.of[id(x)] = {}, block
            block.append(x)  # alive, so that no other tensor takes its identity


_KEPT = _Kept()
T = TypeVar("T")


@contextmanager
def sharing() -> Iterator[Callable[[Tensor], Tensor]]:
    """Yield `offer(x)`, which allows functions of x to be kept until the block ends, and returns x.

    Nothing may be written into an offered tensor. One that an outer block has offered stays with that block.
    """
    mine: list[Tensor] = []

    def offer(x: Tensor) -> Tensor:
        _KEPT.offer(x, mine)
        return x

    try:
        yield offer
    finally:
        for x in mine:
            del _KEPT.of[id(x)]


def once(x: Tensor, what: Hashable, compute: Callable[[Tensor], T]) -> T:
    """`compute(x)`, named by `what`; kept if x is offered, separately with and without a graph."""
    if id(x) not in _KEPT.of:
        return compute(x)
    kept, key = _KEPT.of[id(x)][0], (what, torch.is_grad_enabled())
    if key not in kept:
        kept[key] = compute(x)
    found: T = kept[key]
    return found


def offered(x: Tensor, what: Hashable, compute: Callable[[Tensor], tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    """As `once`; the tensors that are computed are themselves offered for as long as x is."""
    parts = once(x, what, compute)
    if id(x) in _KEPT.of:
        for part in parts:
            _KEPT.offer(part, _KEPT.of[id(x)][1])
    return parts
