"""Prints what the recipe would train and how long that takes here, without its data: plan.py SUBSET NETWORKS
[KEY=VALUE ...].

NETWORKS are words in one argument, each a config in conf/. The corpus' published number of clips is used,
less the tenth of the places that are held out for development. Times are those of a machine as busy as it is
now.
"""

import sys
from pathlib import Path

from audionas.core.errors import UserError
from audionas.core.reporter import amount, say, script
from audionas.prep.tau2022 import COUNTS, SCENES
from audionas.report.markdown import table
from audionas.study.plan import HEAD, plan, published

DEV = 0.1  # share of the places held out, as `audionas prep dcase_low_complexity` has it
SPLIT = 0.67  # of the places whose clips train a supernet; networks are scored on the others


def main(subset: int, networks: list[str], changes: list[str]) -> None:
    """Print the table and the baseline's published scores."""
    clips = round(COUNTS["split100"] * subset / 100 * (1 - DEV))
    say(f"the list of {subset} %: about {amount(clips, 'clip')} of one second to train on, in ten scenes")
    rows = []
    for name in networks:
        file = Path("conf", f"{name}.yaml")
        rows.append(plan(name, file, changes, SCENES, clips=clips, scored=round(clips * (1 - SPLIT))).row)
    say(*table(HEAD, rows).splitlines(), *published("dcase2024_baseline"))


if __name__ == "__main__":
    with script():
        if len(sys.argv) < 3:
            raise UserError("usage: plan.py SUBSET NETWORKS [KEY=VALUE ...]")
        main(int(sys.argv[1]), sys.argv[2].split(), sys.argv[3:])
