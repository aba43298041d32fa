"""Functions of the package as commands: a UserError is status 1, any other error 70."""

import traceback
from collections.abc import Sequence
from pathlib import Path

import torch

from audionas import config
from audionas.core.archives import download
from audionas.core.errors import UserError
from audionas.core.reporter import Reporter
from audionas.data import kaldi
from audionas.data.labels import read_labels
from audionas.export import esphome
from audionas.listen.mined import Mined
from audionas.models.bundle import ModelBundle
from audionas.prep import zips
from audionas.run.times import times
from audionas.spaces import space_of
from audionas.zoo.find import find


def status(name: str, words: Sequence[str]) -> int:
    """The exit status of a function below."""
    try:
        globals()[name](*words)
    except UserError as error:
        Reporter().note(f"error: {error}")
        return 1
    except Exception:
        traceback.print_exc()
        return 70
    return 0


def load(path: str, *overrides: str) -> None:
    """A config with its overrides."""
    config.load(path, overrides).resolved()


def folder(path: str) -> None:
    """A Kaldi directory."""
    for item in kaldi.read(path):
        assert item.id
        assert item.label.strip()
        assert 0 <= item.start < 1e7
        assert 0 < item.seconds < 1e7


def classes(path: str) -> None:
    """The classes beside a Kaldi directory."""
    found = read_labels(path)
    assert len(set(found)) == len(found)


def manifest(run: str, file: str) -> None:
    """The manifest of a wake word for ESPHome, written anew."""
    esphome.manifest(ModelBundle.load(Path(run) / "model"), Path(file))


def network(path: str) -> None:
    """An architecture file, or the knee of a front."""
    spec = find(path)
    with torch.device("meta"):
        space_of(spec).build(spec)


def tar(archive: str, out: str) -> None:
    """An archive, unpacked into a folder."""
    download.unpack(Path(archive), Path(out), "", Reporter())


def unzip(archive: str, out: str) -> None:
    """A zip archive, unpacked into a folder."""
    zips.merge({Path(archive): "sum"}, Path(out), Reporter())


def mined(out: str) -> None:
    """The folder of `mine`, resumed."""
    Mined(Path(out), {})


def timed(out: str) -> None:
    """Measured times, resumed when nothing is left to measure."""
    times({}, Path(out), rounds=1, threads=1, reporter=Reporter(quiet=True))
