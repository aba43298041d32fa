"""The commands that are killed, each in a folder of its own, and how each is continued."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tests._factory import config
from tests.unit.expert._recordings import planned


class Command(NamedTuple):
    """Words that begin and continue a command, and what is made beforehand in its folder."""

    prepare: Callable[[Path, Path, Path], object]  # the folder, the recordings, a finished run
    first: tuple[str, ...]
    again: tuple[str, ...]
    sample: int  # tries among the stories
    whole: int  # and at night
    watch: str = "."


def _conf(**changes: Any) -> Callable[[Path, Path, Path], object]:
    def prepare(folder: Path, data: Path, run: Path) -> None:
        small = {"search": {"epochs": 3, "batch_size": 4}, "train": {"epochs": 3, "batch_size": 8}}
        config(data, file=folder / "conf.yaml", **{"out": "exp", "seed": 3, **small, **changes})

    return prepare


def _copied(folder: Path, data: Path, run: Path) -> None:
    shutil.copytree(run, folder / "exp" / "tones")


def _nothing(folder: Path, data: Path, run: Path) -> None:
    pass


def _trees(folder: Path, data: Path, run: Path) -> None:
    """One folder per class."""
    for wav in sorted((data / "wav").glob("train*.wav")):
        kept = folder / "words" / wav.stem.split("-")[1] / wav.name
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(wav, kept)


def _planned(folder: Path, data: Path, run: Path) -> None:
    """What `make --plan` leaves, made once for all tries."""
    place = data.parent / "planned"
    home = place / "tones" if place.exists() else planned(place)
    shutil.copytree(home, folder / "tones")


def _resumed(*words: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return words, (*words, "--resume")


_FRONT = _conf(
    space={"name": "kws_mobilenet", "preset": "sf6", "width": 0.25},
    method={"name": "fair_nas", "scoring": {"calibration": 2}},
    searcher={"name": "nsga2", "population": 4, "generations": 2},
    search={"epochs": 1, "batch_size": 8},
    workers=2,
)
_TRAIN = _conf(
    arch="tc_resnet8",
    space=None,
    method=None,
    train={"epochs": 4, "batch_size": 8, "ema": 0.9},
    augment={"shift_ms": 50.0},
)
_PREP = ("prep", "folder", "words", "data", "--dev", "0.25", "--test", "0.25", "--workers", "2")
COMMANDS = {
    "search": Command(_conf(augment={"shift_ms": 50.0}), *_resumed("search", "conf.yaml"), 1, 60),
    "front": Command(_FRONT, *_resumed("search", "conf.yaml"), 0, 25),
    "train": Command(_TRAIN, *_resumed("train", "conf.yaml"), 2, 80),
    "compare": Command(
        _conf(method=None, search={"epochs": 1}, train={"epochs": 1}),
        *_resumed("compare", "conf.yaml", "methods=darts,random", "seeds=0"),
        *(1, 30),
    ),
    "prep": Command(_trees, _PREP, _PREP, 3, 150),
    "store": Command(
        _conf(arch="tc_resnet8", space=None, method=None, train={"epochs": 1}, data={"cache": "cache"}),
        *_resumed("train", "conf.yaml"),
        *(2, 80),
        watch="cache",
    ),
    "make": Command(_planned, ("make", "tones/make.yaml"), ("make", "tones/make.yaml"), 0, 25),
    "export": Command(_copied, ("export", "exp/tones"), ("export", "exp/tones"), 0, 15),
}
