"""The rows that an epoch draws from a data set, in order: all, equally many per class, or by source."""

from dataclasses import dataclass

import numpy as np

from audionas.core.rng import numpy_rng


@dataclass(frozen=True)
class Mix:
    """The source (n,) of each row of a data set, by its place in `shares` (k,), the sources' probabilities.

    Every source with a share above 0 has rows; the shares add up to 1.
    """

    of: np.ndarray
    shares: np.ndarray


def drawn(
    rows: np.ndarray,
    seed: int,
    epoch: int,
    *,
    classes: np.ndarray | None = None,
    together: int = 1,
    mix: Mix | None = None,
) -> np.ndarray:
    """The rows of an epoch in a drawn order, a pure function of the arguments.

    `together` rows in a row belong together (the channels of a recording) and stay so. With `classes`, the
    class of every row of the data set, each class is under-sampled to the rarest: that many of its groups are
    drawn, without replacement and anew each epoch. With `mix` as many groups as there are are drawn: for each
    a source, by its share, and from that a group, all of them before any comes again.
    """
    groups = rows.reshape(-1, together)
    if mix is not None:
        groups = groups[_mixed(mix.of[groups[:, 0]], mix.shares, seed, epoch)]
        return groups.reshape(-1)
    if classes is not None:
        groups = groups[_undersampled(classes[groups[:, 0]], seed, epoch)]
    order = numpy_rng(seed, "order", epoch).permutation(len(groups))
    return groups[order].reshape(-1)


def count(rows: np.ndarray, *, classes: np.ndarray | None = None) -> int:
    """The number of `rows` that an epoch draws."""
    if classes is None or not len(rows):
        return len(rows)
    _, sizes = np.unique(classes[rows], return_counts=True)
    return int(len(sizes) * sizes.min())


def turns(rows: np.ndarray) -> np.ndarray:
    """How often each of the rows (n,) stands among those before it."""
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    firsts = np.searchsorted(ordered, ordered, side="left")
    found = np.empty(len(rows), dtype=np.int64)
    found[order] = np.arange(len(rows)) - firsts
    return found


def _mixed(sources: np.ndarray, shares: np.ndarray, seed: int, epoch: int) -> np.ndarray:
    """As many places as there are `sources` (n,), each of a source that is drawn by its share."""
    rng = numpy_rng(seed, "sources", epoch)
    wanted = rng.choice(len(shares), len(sources), p=shares)
    places = np.empty(len(sources), dtype=np.int64)
    for source in range(len(shares)):
        at, own = np.flatnonzero(wanted == source), np.flatnonzero(sources == source)
        rounds = -(-len(at) // len(own)) if len(at) else 0
        order = [rng.permutation(own) for _ in range(rounds)]
        places[at] = np.concatenate([own[:0], *order])[: len(at)]
    return places


def _undersampled(classes: np.ndarray, seed: int, epoch: int) -> np.ndarray:
    """The places of equally many members of each class, as many as the rarest class has."""
    rng = numpy_rng(seed, "balance", epoch)
    kinds, sizes = np.unique(classes, return_counts=True)
    least = int(sizes.min())
    return np.concatenate([rng.choice(np.flatnonzero(classes == k), least, replace=False) for k in kinds])
