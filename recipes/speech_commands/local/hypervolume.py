"""Two fronts of accuracy and cost by their area, and their difference with an interval.

python local/hypervolume.py macs|latency_us HAND,MADE,NETWORKS SEARCHED,NETWORKS [eval/test.json]

Each network is a point: its mean accuracy in percent and its mean cost over the runs exp/v1-7_NETWORK_SEED.
The area is that between a front and the least accuracy of any network, over the binary logarithm of the cost
up to 1.1 of the dearest: points of accuracy times doublings of the cost. One draw of the interval draws
speakers, the same for all networks, and for each network its seeds, and builds both fronts anew; the
reference stays.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import moocore
import numpy as np

from audionas.core import bootstrap
from audionas.core.errors import UserError
from audionas.core.reporter import say, script
from audionas.core.rng import numpy_rng
from audionas.study.columns import COLUMNS
from audionas.study.gather import Clips, Row, find, rows

COSTS = ("macs", "latency_us")


def volume(accuracy: np.ndarray, cost: np.ndarray, reference: tuple[float, float]) -> float:
    """The area of the front of networks (n,) with these accuracies in percent and binary logarithms of costs.

    `reference`: the accuracy and the logarithm of the cost at which nothing is gained.
    """
    points = np.stack([-accuracy, cost], 1)
    inside = points[(points < (-reference[0], reference[1])).all(1)]
    return float(moocore.hypervolume(inside, ref=(-reference[0], reference[1]))) if len(inside) else 0.0


def compared(clips: Mapping[str, Clips], costs: Mapping[str, float], sides: Sequence[Sequence[str]]) -> str:
    """The areas of the hand-made and the searched front and their difference, in words.

    Raises UserError where the networks were tested on different clips.
    """
    names = [name for side in sides for name in side]
    first = clips[names[0]]
    if odd := [name for name in names if clips[name].ids != first.ids]:
        raise UserError(f"{', '.join(odd)}: tested on other clips than {names[0]}")
    speakers, of = np.unique(first.speakers, return_inverse=True)
    size = np.bincount(of)
    right = {name: np.stack([np.bincount(of, seed) for seed in clips[name].right]) for name in names}
    log_cost = {name: float(np.log2(costs[name])) for name in names}
    observed = {name: 100 * right[name].sum() / size.sum() / len(right[name]) for name in names}
    reference = (min(observed.values()), max(log_cost.values()) + float(np.log2(1.1)))

    def areas(accuracy: Mapping[str, float]) -> np.ndarray:
        found = [[np.array([row[name] for name in side]) for row in (accuracy, log_cost)] for side in sides]
        return np.array([volume(*points, reference) for points in found])

    rng = numpy_rng("hypervolume")
    drawn = []
    for counts in bootstrap.counts(len(speakers), rng):
        seeds = {name: rng.integers(len(right[name]), size=len(right[name])) for name in names}
        drawn.append(areas({n: 100 * (right[n][seeds[n]] @ counts).mean() / (size @ counts) for n in names}))
    hand, searched = areas(observed)
    differences = np.diff(np.array(drawn), axis=1)[:, 0]
    low, high = bootstrap.percentiles(differences)
    alone = [name for name in names if len(right[name]) == 1]
    return (
        f"hand-made {hand:.2f}, searched {searched:.2f}; difference {searched - hand:+.2f} "
        f"(95 % {low:+.2f} to {high:+.2f}) points x doublings; reference {reference[0]:.2f} % and "
        f"{2 ** reference[1]:,.2f}; {len(first.ids):,} clips of {len(speakers):,} speakers"
        + (f"; the spread of seeds is not measurable for {', '.join(alone)}: one seed" if alone else "")
    )


def main(cost: str, hand: str, searched: str, file: str = "eval/test.json") -> None:
    """Print the comparison of the runs below exp."""
    if cost not in COSTS:
        raise UserError(f"'{cost}' is no cost here: expected {' or '.join(COSTS)}")
    sides = [hand.split(","), searched.split(",")]
    found: dict[str, Row] = {
        row.fields["network"]: row
        for row in rows(
            find(list(Path("exp").glob("v1-7_*")), "v1-7_{network}_{seed}", file), {"seed": "spread"}
        )
    }
    if absent := [name for side in sides for name in side if name not in found]:
        raise UserError(f"exp: no run v1-7_NETWORK_SEED with {file} of {', '.join(absent)}")
    named = {name: found[name] for side in sides for name in side}
    column = COLUMNS[cost]
    each = {name: [column.number(run) for run in row.runs] for name, row in named.items()}
    if lacking := [name for name, values in each.items() if None in values]:
        raise UserError(
            f"exp: {', '.join(lacking)}: a run without {column.title}: audionas cost --latency --json"
        )
    costs = {name: float(np.mean(values)) for name, values in each.items()}
    clips = {name: Clips(row) for name, row in named.items()}
    say(f"{column.title}: {compared(clips, costs, sides)}")


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(
            "usage: hypervolume.py macs|latency_us HAND,MADE,NETWORKS SEARCHED,NETWORKS [eval/test.json]"
        )
    with script():
        main(*sys.argv[1:])
