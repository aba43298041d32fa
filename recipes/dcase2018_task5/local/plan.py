"""Prints what the recipe would train and how long that takes here, without its data: plan.py NETWORKS
[KEY=VALUE ...].

NETWORKS are words in one argument, each a config in conf/. The published numbers of segments are used: fold
1 trains on its part of them, less the share that is held out, and each of the four channels is an example.
Times are those of a machine as busy as it is now.
"""

import sys
from pathlib import Path

from audionas.config import load
from audionas.core.errors import UserError
from audionas.core.reporter import amount, say, script
from audionas.prep.dcase2018 import CHANNELS, FOLD_1, LABELS, PUBLISHED
from audionas.report.markdown import table
from audionas.study.plan import HEAD, plan, published

HELD_OUT = 0.3  # share of the training part, as `audionas prep dcase2018_task5` has it
SPLIT = 0.67  # of the sessions that train a supernet; networks are scored on the others


def main(networks: list[str], changes: list[str]) -> None:
    """Print the table of one fold and the baseline's published score."""
    whole = round(FOLD_1[0] * (1 - HELD_OUT))
    share = whole / sum(count.segments for count in PUBLISHED["dev"].values())
    rarest = min(count.segments for count in PUBLISHED["dev"].values())
    drawn = len(LABELS) * round(rarest * share)
    say(
        f"fold 1: about {amount(whole, 'segment')} of ten seconds to train on; where classes are",
        f"under-sampled, an epoch draws {drawn:,} of them. Each has {CHANNELS} channels.",
        "All four folds and the whole set take about five times as long.",
    )
    rows = []
    for name in networks:
        file = Path("conf", f"{name}.yaml")
        balanced = load(file, changes).data.balance == "undersample"
        clips = CHANNELS * (drawn if balanced else whole)
        scored = round(CHANNELS * whole * (1 - SPLIT))
        rows.append(plan(name, file, changes, LABELS, clips=clips, scored=scored).row)
    say(*table(HEAD, rows).splitlines(), *published("dcase2018_baseline"))


if __name__ == "__main__":
    with script():
        if len(sys.argv) < 2:
            raise UserError("usage: plan.py NETWORKS [KEY=VALUE ...]")
        main(sys.argv[1].split(), sys.argv[2:])
