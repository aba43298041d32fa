"""What several operations compute from one input is computed once.

All candidates on the edges that leave a node begin with the same few functions of it (ReLU, pooling).
Inside a `sharing` block those of an offered input are kept until the block ends, and asked for by `once`.
"""

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


class _Kept(threading.local):
    """What is kept of each offered tensor, by its identity; the blocks that offer them hold them."""

    def __init__(self) -> None:
        self.of: dict[int, dict[Hashable, Tensor]] = {}


_KEPT = _Kept()


@contextmanager
def sharing() -> Iterator[Callable[[Tensor], Tensor]]:
    """Gives `offer(x)`, which says that functions of x may be kept until the block ends, and returns x.

    Nothing may be written into an offered tensor. One that a block further out offers stays its.
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
    """`compute(x)`, which `what` names; kept where x is offered. With and without a graph they are two."""
    kept = _KEPT.of.get(id(x))
    if kept is None:
        return compute(x)
    key = (what, torch.is_grad_enabled())
    if key not in kept:
        kept[key] = compute(x)
    return kept[key]
