"""Intervals that cannot be measured: figures of which nobody knows how far chance moved them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from audionas.core.hostile import command
from audionas.core.intervals import FEWEST
from audionas.core.reporter import amount
from audionas.report.advice.box import Advice, again

_SEEDS, _NETWORKS = "[0,1,2]", 30


def of_accuracy(scores: Mapping[str, Any], folder: Path) -> Advice | None:
    """`scores` is an evaluation; that it has few speakers is another advice."""
    if scores["interval"] or 0 < scores.get("speakers", 0) < FEWEST:
        return None
    why = scores.get("interval_why") or "this version does not know why"
    return Advice(
        f"The accuracy's 95 % interval cannot be measured: {why}. Test on more clips:",
        command("audionas", "eval", folder, "--data", "more_clips/test"),
    )


def of_seeds(seeds: Mapping[str, int], typed: str) -> Advice | None:
    """`seeds` are the finished ones of each method of a comparison, `typed` is its command."""
    single = [label for label, many in seeds.items() if many == 1]
    if not single:
        return None
    return Advice(
        f"{amount(len(single), 'method')} ran with one seed ({', '.join(single)}): how far chance moves "
        "these figures cannot be measured. Add seeds, what is done is kept:",
        again(typed, f"compare.seeds={_SEEDS}"),
    )


def of_rank(networks: int, reasons: Sequence[str], typed: str) -> Advice | None:
    """`networks` of a ranking study, the `reasons` for missing intervals, and its command `typed`."""
    if not reasons:
        return None
    more = f"rank.networks={_NETWORKS}" if networks < FEWEST else f"rank.seeds={_SEEDS}"
    return Advice(
        f"The agreement's 95 % intervals are {'; '.join(reasons)}. Add networks or supernets:",
        again(typed, more),
    )
