"""One small run, searched, trained and evaluated: made once in a process, for all tests that only read."""

from pathlib import Path
from typing import NamedTuple

from audionas.core.made import LIST
from tests._factory import config, tones
from tests.unit.cli._command import contents, done


class Run(NamedTuple):
    """A config, its data, and its run folder."""

    conf: Path
    data: Path
    exp: Path


def finished(folder: Path) -> Run:
    """Make the run in a folder, a few seconds' work."""
    data = tones(folder / "data")
    conf = config(data, train={"epochs": 12, "optim": {"lr": 0.1}})
    done("search", conf)
    done("train", conf)
    done("eval", folder / "exp" / "tones", "--data", data / "test")
    return Run(conf, data, folder / "exp" / "tones")


def changed(run: Run, before: dict[str, bytes]) -> list[str]:
    """Files that differ from what the run held; its report, which commands write anew, and its list aside."""
    after = contents(run.exp)
    names = sorted(before.keys() | after.keys())
    written = ("report.html", LIST)
    return [name for name in names if name not in written and before.get(name) != after.get(name)]
