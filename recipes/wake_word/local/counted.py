"""Counts one exported file's errors at every threshold, so that folds can be pooled afterwards.

A threshold is n / 1280: means of five scores in steps of 1/256, which int8 files give, have no others.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from audionas.core.reporter import Reporter
from audionas.core.rng import numpy_rng
from audionas.data.kaldi import Item
from audionas.listen.events import counts, levels
from audionas.listen.exported import Exported
from audionas.listen.hear import Heard, hear
from audionas.models.listener import Rule

RULE = Rule(5, 1.0)  # means of 5 scores, refractory time 1 s: for every network
WARM, RUNS = 20, 200  # hops before the clock runs, and with it
THRESHOLDS = np.arange(1, 1281) / 1280


def counted(found: Exported, words: Sequence[Item], quiet: Sequence[Item], store: Path) -> dict[str, Any]:
    """The figures of `tallied` for recordings that are heard now, or whose scores are in `store`."""
    return tallied(found, *listened(found, words, quiet, store))


def listened(
    found: Exported, words: Sequence[Item], quiet: Sequence[Item], store: Path
) -> tuple[Heard, Heard]:
    """The scores of both kinds of recordings."""
    name, reporter = found.file.name, Reporter()
    heard = hear(found, words, store=store, reporter=reporter, name=f"clips, {name}")
    return heard, hear(found, quiet, store=store, reporter=reporter, name=f"recordings, {name}")


def tallied(found: Exported, heard: Heard, other: Heard) -> dict[str, Any]:
    """The highest level in each clip of the word; hours and false accepts of the others at each threshold.

    The latter are by source, which is the recordings' speaker.
    """
    sources = list(dict.fromkeys(item.speaker for item in other.items))
    best = [float(levels(rows, RULE)[:, 0].max(initial=0.0)) for rows in heard.scores]
    return {
        "rule": RULE.plain(),
        "hop_s": other.hop,
        "hop_ms": hop_ms(found),
        "clips": dict(zip((item.id for item in heard.items), best, strict=True)),
        "hours": {s: sum(i.seconds for i in other.items if i.speaker == s) / 3600 for s in sources},
        "accepts": {source: accepts(other, source).tolist() for source in sources},
    }


def accepts(heard: Heard, source: str) -> np.ndarray:
    """The false accepts of a source's recordings at each of THRESHOLDS."""
    gap, total = RULE.gap(heard.hop), np.zeros(len(THRESHOLDS), np.int64)
    for item, rows in zip(heard.items, heard.scores, strict=True):
        if item.speaker == source:
            level = levels(rows, RULE)[:, 0]
            total += counts(level, THRESHOLDS, gap, max(1, len(level))).sum(0)
    return total


def hop_ms(found: Exported) -> float:
    """The median time of a hop on this computer in milliseconds, front-end included."""
    listener, took = found.listen(), []
    sound = numpy_rng("hop").normal(0, 0.1, listener.hop).astype(np.float32)
    for _ in range(WARM + RUNS):
        start = time.perf_counter()
        listener.step(sound)
        took.append(1e3 * (time.perf_counter() - start))
    return float(np.median(took[WARM:]))
