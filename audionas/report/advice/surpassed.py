"""A supernet that orders networks no better than what needs no training: it has learnt nothing of use."""

from collections.abc import Mapping
from typing import Any

from audionas.core.hostile import setting
from audionas.report.advice.box import Advice, again


def surpassed(
    supernet: Mapping[str, Any], costs: Mapping[str, Any], title: str, epochs: int, typed: str
) -> Advice | None:
    """tau-b of a supernet's accuracies by kind of statistics, and of each cost and proxy; its `epochs` and
    command.
    """
    told, cheap = ({k: v for k, v in found.items() if v is not None} for found in (supernet, costs))
    if not told or not cheap:
        return None
    own, best = max(told, key=told.__getitem__), max(cheap, key=cheap.__getitem__)
    if told[own] > cheap[best]:
        return None
    longer = (setting("name", f"{title}_longer"), f"search.epochs={2 * epochs}")
    return Advice(
        "The supernet orders the networks no better than what needs no training: "
        f"tau-b {told[own]:.2f} ({own} statistics) against {cheap[best]:.2f} {best}. A search by it "
        "would find little. Train the supernet for longer:",
        again(typed, *longer) if epochs else "",
    )
