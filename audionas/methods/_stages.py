"""Stages of a search: the epochs of each, the dropout on skips within it, the options left after it."""

import math
from collections.abc import Mapping
from typing import NamedTuple

from audionas.core.arch import Choice
from audionas.spaces._base import present


class Stage(NamedTuple):
    """Epochs `first` to `first + length - 1`, in the first `rests` of which alpha rests."""

    first: int
    length: int
    rests: int


def whole(share: float, epochs: int) -> int:
    """The epochs of a share of a search, rounded down: fewer than all of them if the share is below 1."""
    return math.floor(share * epochs + 1e-9)  # 0.29 of 100 epochs are 29, not 28


def stage(number: int, stages: int, epochs: int, rest: float) -> Stage:
    """One of `stages` equal parts of the epochs; `rest` is the share in which alpha rests, in whole epochs.

    It contains each epoch e with floor(e * stages / epochs) = number.
    """
    first, end = (-(-n * epochs // stages) for n in (number, number + 1))  # rounded up
    return Stage(first, end - first, whole(rest, end - first))


def skip_dropout(start: float, epoch: int, within: Stage) -> float:
    """P-DARTS' rate: `start` (24 - e) / 25 while alpha rests, then `start` exp(-(e - 10) / 5).

    This is the official code for stages of e = 0 to 24 with rest until 10; other lengths are scaled to it.
    """
    done = max(epoch - within.first, 0)
    if done < within.rests:
        return start * max(0.96 - done / within.length, 0.0)
    return start * math.exp(-5 * (done - within.rests) / within.length)


def thinned(
    choice: Choice, left: tuple[str, ...], strength: Mapping[str, float], share: float
) -> tuple[str, ...]:
    """The strongest of the options `left`: `share` of all that the choice has, rounded up.

    The strongest option that an edge can have stays, so that no edge that may be absent has only `none`.
    """
    count = math.ceil(share * len(choice.options))
    best = max((o for o in present(choice) if o in left), key=strength.__getitem__)
    others = sorted((o for o in left if o != best), key=strength.__getitem__, reverse=True)
    return tuple(o for o in left if o in (best, *others[: count - 1]))
