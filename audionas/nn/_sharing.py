"""Results that several operations compute from one input, computed once.

All candidates on the edges that leave a node begin with the same few functions of it (ReLU, pooling).
Inside a `sharing` block, those of an offered input are kept until the block ends; `once` returns them.
"""

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


class _Kept(threading.local):
    """The results kept for each offered tensor, by its identity; the blocks that offer tensors hold them."""

    def __init__(self) -> None:
        self.of: dict[int, dict[Hashable, Tensor]] = {}


_KEPT = _Kept()


@contextmanager
def sharing() -> Iterator[Callable[[Tensor], Tensor]]:
    """Yield `offer(x)`, which allows functions of x to be kept until the block ends, and returns x.

    Nothing may be written into an offered tensor. One that an outer block has offered stays with that block.
    """
    mine: list[Tensor] = []  # alive, so that no other tensor takes an identity

    def offer(x: Tensor) -> Tensor:
        if id(x) not in _KEPT.of:
            _KEPT.of[id(x)] = {}
            mine.append(x)
        return x

    try:
        yield offer
    finally:
        for x in mine:
            del _KEPT.of[id(x)]


def once(x: Tensor, what: Hashable, compute: Callable[[Tensor], Tensor]) -> Tensor:
    """`compute(x)`, named by `what`; kept if x is offered, separately with and without a graph."""
    kept = _KEPT.of.get(id(x))
    if kept is None:
        return compute(x)
    key = (what, torch.is_grad_enabled())
    if key not in kept:
        kept[key] = compute(x)
    return kept[key]
