"""How decided a search is: the margins by which its choices were taken, and the entropy that is left.

A margin is the distance, in the strengths that the method derives by, between what was taken and the next
best: shares of a softmax (also where draws follow it: GDAS, SNAS, PARSEC, ProxylessNAS, ROME), or for
FairDARTS the way of a sigmoid to the threshold that it would have to cross. Where a node keeps few inputs,
its edges are a choice too, and only the operations of edges that stay count. Methods without alphas (random,
RandomNAS, SPOS and all that draw paths evenly) decide nothing: for them there is no such figure.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from audionas.core.arch import Choice
from audionas.core.records.decided import DecidedRecord
from audionas.methods._base import Method
from audionas.methods._derive import Scores, strongest
from audionas.spaces._base import Space, present


def decided(method: Method) -> DecidedRecord | None:
    """The record of a finished search; None for methods that learn nothing about architectures."""
    margins = method.margins()
    if not margins:
        return None
    record = DecidedRecord(margins=margins, entropy=entropy(method.probabilities()))
    if not record.undecided:
        return record
    keys: Mapping[str, Any] = {"search.epochs": 2 * method.run.epochs, **method.sharper()}
    more = " ".join(f"{key}={value:g}" for key, value in keys.items())
    return record.model_copy(update={"advice": f"To decide more, search again with --overwrite {more}"})


def by_shares(space: Space, held: Scores, scores: Scores) -> dict[str, float]:
    """The margins of `strongest`: of options by `held`, on edges that stay, and of edges by `scores`."""
    found = by_options(space, held, strongest(space, scores))
    for edges in space.nodes() if space.inputs else []:
        if len(edges) > space.inputs:
            best = [max(scores[choice.name][o] for o in present(choice)) for choice in edges]
            found[f"inputs of {edges[0].node}"] = gap(best, space.inputs)
    return found


def by_options(space: Space, held: Scores, kept: Mapping[str, Iterable[str]]) -> dict[str, float]:
    """The margins between options, at each choice that keeps some."""
    alive = {c.name: options(c, held[c.name]) for c in space.choices() if kept[c.name]}
    return {name: gap(shares.values()) for name, shares in alive.items() if len(shares) > 1}


def options(choice: Choice, shares: Mapping[str, float]) -> dict[str, float]:
    """The options that the choice can end with, without those that were dropped: their share is 0."""
    return {option: shares[option] for option in present(choice) if shares[option] > 0}


def gap(strengths: Iterable[float], keep: int = 1) -> float:
    """The strength of the last of `keep` that are kept, less that of the next."""
    ranked = sorted(strengths, reverse=True)
    return ranked[keep - 1] - ranked[keep]


def crossing(sigmoids: Iterable[float], threshold: float, room: int, least: int) -> float:
    """The way of the sigmoid that is nearest to changing what is kept: all above the threshold.

    At most `room` are kept, and at least `least` (0 or 1), the strongest. A full edge changes when the next
    sigmoid outgrows the last one that is kept.
    """
    ranked = sorted(sigmoids, reverse=True)
    passing = sum(s >= threshold for s in ranked)
    kept = max(min(passing, room), least)
    ways = [math.inf]
    if least < kept == passing:
        ways.append(ranked[kept - 1] - threshold)
    if kept < len(ranked):
        full = kept == room or passing < kept
        ways.append((ranked[kept - 1] if full else threshold) - ranked[kept])
    return min(ways)


def entropy(probabilities: Scores) -> float:
    """The mean over choices of the options' entropy, as a share of its maximum.

    Options that do not sum to one are sigmoids: each is on or off.
    """
    shares = [share for held in probabilities.values() for share in _entropies(list(held.values()))]
    return sum(shares) / len(shares) if shares else 0.0


def _entropies(held: list[float]) -> list[float]:
    if abs(sum(held) - 1) > 1e-3:
        return [_entropy([s, 1 - s]) / math.log(2) for s in held]
    alive = [p for p in held if p > 0]
    return (
        [min(_entropy(alive) / math.log(len(alive)), 1.0)]
        if len(alive) > 1
        else [0.0]
        if len(held) > 1
        else []
    )


def _entropy(shares: Iterable[float]) -> float:
    return -sum(p * math.log(p) for p in shares if p > 0)
