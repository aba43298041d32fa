"""Two models of the made tones, for trainings that begin with other weights or have a teacher."""

from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from audionas.models.bundle import ModelBundle
from tests._factory import config, tones
from tests.unit.cli._command import done

CLASSES = ("low", "mid", "high")
TRAIN: dict[str, Any] = {"epochs": 2, "batch_size": 4, "optim": {"lr": 0.05}}


class Made(NamedTuple):
    """Data, a config on them, and the folder of the runs: `tones`, a search, and `big`, a model."""

    data: Path
    conf: Path
    exp: Path


def prepared(folder: Path) -> Made:
    """Search and train in `folder`."""
    data = tones(folder / "data", classes=CLASSES, per_class=4, speakers=2)
    search = {"epochs": 1, "batch_size": 4, "split": 0.5}
    conf = config(data, method={"name": "fair_nas", "draws": 2}, search=search, train=TRAIN)
    done("search", conf)
    done("train", conf, f"arch={folder / 'exp/tones/arch.json'}", "name=big")
    return Made(data, conf, folder / "exp")


def words(made: Made, out: Path, *more: str, arch: str = "exp/tones/arch.json") -> list[str]:
    """Of a training under `out` of the architecture that was found."""
    return ["train", str(made.conf), f"arch={made.exp.parent / arch}", f"out={out}", "name=x", *more]


def weights(folder: Path) -> dict[str, Tensor]:
    return ModelBundle.load(folder / "model").weights


def note(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = ModelBundle.load(folder / "model").note
    return found
