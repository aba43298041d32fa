"""Fronts: non-dominated architectures, their hypervolume and crowding.

Everything here works on points, (n, objectives) arrays of values to minimise: `points` negates values
to maximise. A point of infinities stands for an inadmissible architecture.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import moocore
import numpy as np

from audionas.core.arch import ArchSpec
from audionas.searchers._base import Direction, Score


class Scored(NamedTuple):
    """An architecture with its score."""

    spec: ArchSpec
    score: Score


def violations(scores: Sequence[Score], objectives: Mapping[str, Direction]) -> np.ndarray:
    """The distances (n,) from being admissible: infinite if an objective is not a finite number."""
    return np.array(
        [
            math.inf
            if not s.violation and not all(math.isfinite(s.values[name]) for name in objectives)
            else s.violation
            for s in scores
        ],
        dtype=float,
    )


def points(scores: Sequence[Score], objectives: Mapping[str, Direction]) -> np.ndarray:
    """The values (n, objectives) to minimise, in the order of `objectives`; infinities if inadmissible."""
    found = np.full((len(scores), len(objectives)), math.inf)
    signs = [-1.0 if direction == "max" else 1.0 for direction in objectives.values()]
    for row, score, violation in zip(found, scores, violations(scores, objectives), strict=True):
        if not violation:
            row[:] = [sign * score.values[name] for sign, name in zip(signs, objectives, strict=True)]
    return found


def front(scored: Sequence[Scored], objectives: Mapping[str, Direction]) -> list[Scored]:
    """The architectures within the limits that no other dominates, ordered by the first objective.

    Ties are broken by the next objective and finally by the id, so the order does not depend on that of
    `scored`. Architectures with equal scores do not dominate each other: all of them stay.
    """
    ordered = sorted(scored, key=lambda one: one.spec.id)
    return [ordered[i] for i in minimal(points([one.score for one in ordered], objectives))]


def minimal(values: np.ndarray) -> list[int]:
    """Rows of the points that no other dominates, in lexicographic order; rows of infinities are left out."""
    kept: list[int] = []
    for row in np.lexsort(values.T[::-1]):  # in this order no later point dominates an earlier one
        point = values[row]
        if np.isfinite(point).all():
            others = values[kept]
            if not ((others <= point).all(1) & (others < point).any(1)).any():
                kept.append(int(row))
    return kept


def dominates(
    values: np.ndarray, violation: np.ndarray, others: np.ndarray, violation_of_others: np.ndarray
) -> np.ndarray:
    """A mask (n, m), true where one of n points dominates one of m, under limits.

    A point within the limits beats one outside, and outside the smaller violation wins (Deb et al., 2002).
    """
    mine, theirs = violation[:, None], violation_of_others[None]
    a, b = values[:, None], others[None]
    plain = (a <= b).all(-1) & (a < b).any(-1)
    compared: np.ndarray = np.where((mine == 0) & (theirs == 0), plain, mine < theirs)
    return compared


def extent(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The best and the worst value of each objective among the finite points, (objectives,) each."""
    finite = values[np.isfinite(values).all(1)]
    if not len(finite):
        raise ValueError("no finite point")
    return finite.min(0), finite.max(0)


def hypervolume(values: np.ndarray, reference: np.ndarray, ideal: np.ndarray | None = None) -> float:
    """The exact volume that the points dominate, up to `reference`, by moocore.

    With `ideal` it is normalised: the share of the box between `ideal` and `reference`. A search takes both
    from what it scored: the reference point is the worst value of each objective, the ideal point the best.
    """
    volume = float(moocore.hypervolume(values, ref=reference)) if len(values) else 0.0
    return volume if ideal is None else volume / float(np.prod(reference - ideal))


def hypervolumes(values: np.ndarray, reference: np.ndarray, ideal: np.ndarray | None = None) -> np.ndarray:
    """The hypervolumes (n,) of the first 1, 2, ... n points."""
    found, kept, last = np.zeros(len(values)), values[:0], 0.0
    for row, point in enumerate(values):
        if (point < reference).all() and not (kept <= point).all(1).any():
            kept = np.vstack([kept[~(point <= kept).all(1)], point])
            last = hypervolume(kept, reference, ideal)
        found[row] = last
    return found


def knee(values: np.ndarray) -> int:
    """The row of a front's compromise: the smallest sum of objectives scaled to 0..1 over the front.

    With two objectives this is the point farthest below the line through both ends of the front; with more,
    that line becomes the plane of equal sums. It is the first if several tie, and an end of a concave front.
    """
    best, worst = extent(values)
    scaled = (values - best) / np.where(worst > best, worst - best, 1.0)
    return int(scaled.sum(1).argmin())


def crowding(values: np.ndarray, weights: Sequence[float] | None = None) -> np.ndarray:
    """The crowding distances (n,) of the points of one front: the distances to their neighbours.

    Along each objective it is the distance between both neighbours over the front's extent, and infinite
    at both ends; the sum over objectives is weighted by `weights`, which sum to 1, equally by default.
    An objective with weight 0, or with only one value, is ignored, so its ends are like other points.
    If there are one or two points, each is an end.
    """
    count, objectives = values.shape
    if count <= 2:
        return np.full(count, math.inf)
    total = np.zeros(count)
    for column, weight in zip(values.T, weights or [1 / objectives] * objectives, strict=True):
        order = np.argsort(column, kind="stable")
        ranked = column[order]
        if weight > 0 and ranked[-1] > ranked[0]:
            total[order[1:-1]] += weight * (ranked[2:] - ranked[:-2]) / (ranked[-1] - ranked[0])
            total[order[[0, -1]]] = math.inf
    return total
