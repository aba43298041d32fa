"""The rows that an epoch draws from a data set, and their order: all rows, or equally many per class."""

import numpy as np

from audionas.core.rng import numpy_rng


def drawn(
    rows: np.ndarray, seed: int, epoch: int, *, classes: np.ndarray | None = None, together: int = 1
) -> np.ndarray:
    """The rows of an epoch in a drawn order, a pure function of the arguments.

    `together` rows in a row belong together (the channels of a recording) and stay so. With `classes`, the
    class of every row of the data set, each class is under-sampled to the rarest: that many of its groups are
    drawn, without replacement and anew each epoch.
    """
    groups = rows.reshape(-1, together)
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


def _undersampled(classes: np.ndarray, seed: int, epoch: int) -> np.ndarray:
    """The places of equally many members of each class, as many as the rarest class has."""
    rng = numpy_rng(seed, "balance", epoch)
    kinds, sizes = np.unique(classes, return_counts=True)
    least = int(sizes.min())
    return np.concatenate([rng.choice(np.flatnonzero(classes == k), least, replace=False) for k in kinds])
