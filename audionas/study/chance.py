"""The chance level of a collapse: the operations without weights that the networks of a space keep.

A network that a search found counts as collapsed where at most 5 in 100 networks of its space keep as large a
share of skips, of pools, of `none`, or of all operations without weights together.
"""

from collections import Counter
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from audionas.core.arch import ArchSpec, InputSpec
from audionas.core.reporter import amount
from audionas.core.rng import numpy_rng
from audionas.nn.ops import FREE, OPS
from audionas.spaces._base import Space, present

RARE = 0.05
KINDS = {"skips": ("skip",), "pools": ("pool",), "nones": ("none",), "free": FREE}
_ENUMERATED = 20_000  # networks at most; of a larger space so many are drawn
_CELLS = 1_000  # drawn where nodes keep few inputs, which takes longer


class Chance(NamedTuple):
    """Shares (n,) of kept operations by the names of `KINDS`, of the networks of a space; `drawn` or all."""

    shares: dict[str, np.ndarray]
    drawn: bool

    @property
    def free(self) -> float:
        """The mean share of operations without weights."""
        return float(self.shares["free"].mean())

    @property
    def collapsed(self) -> float:
        """The share of networks that count as collapsed."""
        rare = [_tail(own, own) <= RARE for own in self.shares.values()]
        return float(np.any(rare, axis=0).mean())

    def words(self) -> str:
        """A sentence for reports."""
        counted = amount(len(self.shares["free"]), "network")
        which = f"{counted} drawn from the space" if self.drawn else f"all {counted} of the space"
        return (
            f"of {which}, {self.collapsed:.1%} count as collapsed; they keep {self.free:.1%} free operations"
        )


def kept(spec: ArchSpec, space: Space) -> dict[str, int]:
    """The number of kept operations by the names of `KINDS`, and of all `kept`, over `space.watched()`."""
    taken = Counter(OPS[option].kind for choice in space.watched() for option in spec.choices[choice.name])
    counts = {name: sum(taken[kind] for kind in kinds) for name, kinds in KINDS.items()}
    return {**counts, "kept": taken.total()}


def judged(spec: ArchSpec, space: Space) -> dict[str, Any]:
    """The counts, the share of free operations, and whether the network counts as collapsed.

    `chance` is the share of the space's networks that keep as many free operations.
    """
    found = kept(spec, space)
    total, level = max(found["kept"], 1), chance(space)
    tails = {n: float(_tail(level.shares[n], np.array([found[n] / total]))[0]) for n in KINDS}
    collapsed = found["kept"] > 0 and min(tails.values()) <= RARE
    return {**found, "free_share": found["free"] / total, "chance": tails["free"], "collapsed": collapsed}


def _tail(level: np.ndarray, own: np.ndarray) -> np.ndarray:
    """The shares (m,) of `level` (n,) that are not below each of `own` (m,)."""
    below = np.searchsorted(np.sort(level), own - 1e-9)
    return 1 - below / len(level)


@lru_cache(maxsize=8)
def chance(space: Space) -> Chance:
    """All networks of a space, if they are few, else random ones; they depend on the space alone."""
    rng = numpy_rng("chance", space.name)
    if not space.watched():  # nothing that could collapse
        return Chance(dict.fromkeys(KINDS, np.zeros(1)), drawn=False)
    if space.inputs:
        specs = [space.sample(rng, InputSpec(3, 32, 32, 10)) for _ in range(_CELLS)]
        rows = [kept(spec, space) for spec in specs]
        shares = {name: np.array([row[name] / max(row["kept"], 1) for row in rows]) for name in KINDS}
        return Chance(shares, drawn=True)
    kinds = [np.array([OPS[option].kind for option in present(choice)]) for choice in space.watched()]
    size = int(np.prod([float(len(own)) for own in kinds]))
    if size <= _ENUMERATED:
        codes = np.indices([len(own) for own in kinds]).reshape(len(kinds), -1)
    else:
        codes = np.stack([rng.integers(len(own), size=_ENUMERATED) for own in kinds])
    taken = np.stack([own[code] for own, code in zip(kinds, codes, strict=True)])
    shares = {name: np.isin(taken, some).mean(axis=0) for name, some in KINDS.items()}
    return Chance(shares, drawn=size > _ENUMERATED)
