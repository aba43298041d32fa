"""Prints the tables of the jobs of folds.py: folds_table.py ROOT.

A fold's threshold is chosen on the other folds: the lowest at which those together have no more false accepts
per hour than asked. Then the fold's own clips missed and false accepts are counted with it, and added up.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from counted import THRESHOLDS

from audionas.core.errors import UserError
from audionas.core.files import read_json
from audionas.core.intervals import Interval, exact, poisson
from audionas.core.reporter import say, script
from audionas.listen.picovoice import SHOWS
from audionas.report.markdown import table

RATES = (1.0, 2.0, 0.5)  # false accepts per hour
AMBIENCE = "noise_ambient_freesound"
SHIPPED = "shipped"
Fold = Mapping[str, Any]  # a counted.json


class Pooled(NamedTuple):
    """Sums over folds: clips missed, by their ids, clips, false accepts by source, hours."""

    missed: dict[str, bool]
    accepts: dict[str, int]
    hours: float


def pooled(folds: Sequence[Fold], rate: float) -> Pooled | str:
    """The sums, or why they cannot be measured: too few hours, or a network that always fires too often."""
    missed, accepts, hours = dict[str, bool](), dict[str, int](), 0.0
    for fold in folds:
        others = [other for other in folds if other is not fold]
        place = threshold(others, rate)
        if isinstance(place, str):
            return place
        missed |= {clip: bool(level < THRESHOLDS[place]) for clip, level in fold["clips"].items()}
        for source, counts in fold["accepts"].items():
            accepts[source] = accepts.get(source, 0) + counts[place]
        hours += sum(fold["hours"].values())
    return Pooled(missed, accepts, hours)


def threshold(folds: Sequence[Fold], rate: float) -> int | str:
    """The place of the lowest threshold with at most `rate` false accepts per hour, or why there is none."""
    hours = sum(sum(fold["hours"].values()) for fold in folds)
    if rate * hours < SHOWS:
        return f"not measurable with {hours:.2f} h"
    total = sum(np.sum(list(fold["accepts"].values()), 0) for fold in folds)
    places = np.flatnonzero(total <= rate * hours + 1e-9)
    return int(places[0]) if places.size else f"more at every threshold in {hours:.2f} h"


def ratio(mine: int, theirs: int) -> Interval:
    """The exact interval of the ratio of two counts in the same hours: `mine` is binomial in their sum.

    J. Przyborowski and H. Wilenski, "Homogeneity of results in testing samples from Poisson series",
    Biometrika 31, 1940.
    """
    if not mine + theirs:
        return Interval(None, "no false accepts")
    ends = exact(mine, mine + theirs).ends
    assert ends is not None
    low, high = (share / (1 - share) if share < 1 else float("inf") for share in ends)
    return Interval((low, high))


def missed_words(found: Pooled | str) -> str:
    """Clips missed of all, with the share and its interval."""
    if isinstance(found, str):
        return found
    missed, clips = sum(found.missed.values()), len(found.missed)
    words = exact(missed, clips).words(lambda end: f"{100 * end:.1f}")
    return f"{missed} of {clips}: {100 * missed / clips:.1f} ({words})"


def accepts_words(found: Pooled | str) -> str:
    """False accepts, those of ambience in brackets, and their rate with its interval."""
    if isinstance(found, str):
        return "-"
    count = sum(found.accepts.values())
    words = poisson(count, found.hours).words("{:.2f}".format)
    ambient = found.accepts.get(AMBIENCE, 0)
    return f"{count} ({ambient} in ambience) in {found.hours:.2f} h: {count / found.hours:.2f} ({words})"


def against(found: Pooled | str, shipped: Pooled | str | None) -> str:
    """Clips missed beyond those of the shipped model, and the ratio of false accepts."""
    if isinstance(found, str) or not isinstance(shipped, Pooled):
        return "-"
    if found.missed.keys() != shipped.missed.keys():
        return "- (other clips)"
    more = sum(found.missed.values()) - sum(shipped.missed.values())
    mine, theirs = (sum(each.accepts.values()) for each in (found, shipped))
    share = f"{mine / theirs:.2f}" if theirs else "-"
    return f"{more:+d}; {share} ({ratio(mine, theirs).words('{:.2f}'.format)})"


def errors(runs: Mapping[tuple[str, str, str], Sequence[Fold]], rate: float) -> list[list[str]]:
    """A row for each word, network and seed."""
    rows = []
    for (word, network, seed), folds in runs.items():
        found, many = pooled(folds, rate), folds[0]["fold"].partition("/")[2]
        reference = [each for (w, n, _), each in runs.items() if (w, n) == (word, SHIPPED)]
        shipped = pooled(reference[0], rate) if reference and network != SHIPPED else None
        names = [word, network, seed, f"{len(folds)} of {many}"]
        rows.append([*names, missed_words(found), accepts_words(found), against(found, shipped)])
    return rows


def costs(runs: Mapping[tuple[str, str, str], Sequence[Fold]]) -> list[list[str]]:
    """The costs of each network; the time of a hop is the median over the folds."""
    rows = []
    for (word, network, seed), folds in runs.items():
        first, hop = folds[0], folds[0]["hop_s"]
        arena = f"{first['arena']['esp32-s3']:,}" if first["arena"] else "-"
        macs = f"{first['macs']:,} per {1000 * hop:.0f} ms"
        per = f"{first['macs'] * 0.03 / hop:,.0f}"
        rows.append([word, network, seed, macs, per, arena, f"{median(f['hop_ms'] for f in folds):.2f}"])
    return rows


def found(root: Path) -> dict[tuple[str, str, str], list[Fold]]:
    """The counted folds by word, network and seed, in the order of their names."""
    runs: dict[tuple[str, str, str], list[Fold]] = {}
    for file in sorted((root / "exp").glob("*/counted.json")):
        name, _, seed = file.parent.name.rpartition("_")
        word, _, network = name.rpartition("_")[0].partition("_")
        runs.setdefault((word, network, seed), []).append(read_json(file))
    if not runs:
        raise UserError(f"{root}: nothing is counted here yet", hint="Start with run.sh --folds DIR.")
    return runs


def main(root: Path) -> None:
    """Print a table of errors for each rate, and one of costs."""
    runs = found(root)
    names = ["word", "network", "seed"]
    head = [*names, "folds", "missed, % (95 %)", "false accepts, per hour (95 %)"]
    head.append("- shipped: clips missed; false accepts, ratio (95 %)")
    for rate in RATES:
        say("", f"Thresholds chosen on the other folds for {rate:g} false accepts per hour", "")
        say(*table(head, errors(runs, rate)).splitlines())
    say("", "Costs; milliseconds on one thread of this computer, front-end included", "")
    head = [*names, "multiply-adds", "in 30 ms", "arena on an ESP32-S3, bytes", "ms per hop"]
    say(*table(head, costs(runs)).splitlines())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: folds_table.py ROOT")
    with script():
        main(Path(sys.argv[1]))
