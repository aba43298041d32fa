"""The plan of a recipe before its data are there: what it would train, and how long that takes here.

Made noise takes the data's place, in clips of the same length and classes: `audionas check` times steps of a
few of them, and the time of a clip, times the published number of clips and the epochs, is the estimate.
Validation is not in it. The network timed of a space is the dearest.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from audionas.config import Config, load
from audionas.core.arch import ArchSpec, InputSpec
from audionas.core.files import write_text
from audionas.core.hostile import setting
from audionas.core.reporter import clock
from audionas.core.rng import numpy_rng
from audionas.cost.table import ends
from audionas.data import audio, kaldi
from audionas.data.kaldi import Item
from audionas.data.labels import write_labels
from audionas.features import FrontEnd, build
from audionas.run.check import check
from audionas.run.counts import counted
from audionas.run.supernet import default_features
from audionas.run.train import features_of
from audionas.zoo.find import find

BATCH = 8  # clips of a timed step
HEAD = ("network", "parameters", "M multiply-adds", "epochs", "time", "in all")
_CLIPS = 4  # of a class, of two speakers, so that a search can divide them
_SMALL = ("data.channels=1", "data.balance=none", f"train.batch_size={BATCH}", f"search.batch_size={BATCH}")


class Planned(NamedTuple):
    """A network of a recipe: what it costs, and how long its search and its training would take.

    `params` and `macs` are one number, or the smallest and the largest of a space; `seconds` are those of
    all epochs here, by phase: `search`, `select` (a searcher's scoring) and `train`.
    """

    name: str
    params: tuple[int, ...]
    macs: tuple[int, ...]
    epochs: tuple[int, ...]
    seconds: dict[str, float]

    @property
    def row(self) -> tuple[str, ...]:
        """The cells under `HEAD`."""
        return (
            self.name,
            " to ".join(f"{count:,}" for count in self.params),
            " to ".join(f"{count / 1e6:.2f}" for count in self.macs),
            " + ".join(f"{count:,}" for count in self.epochs),
            ", ".join(f"{phase} {clock(seconds)}" for phase, seconds in self.seconds.items()),
            clock(sum(self.seconds.values())),
        )


def plan(
    name: str, file: Path, overrides: Sequence[str], labels: Sequence[str], *, clips: int, scored: int = 0
) -> Planned:
    """The plan of a config with `clips` examples in an epoch of training.

    A search passes over its share of them; a searcher scores each network on `scored` clips. Raises
    UserErrors as `audionas check` does.
    """
    with tempfile.TemporaryDirectory() as folder:
        conf = load(file, overrides)
        specs = list(_specs(conf, labels))
        write_text(Path(folder) / "arch.json", specs[-1].to_json())
        made = _noise(Path(folder), conf, labels)
        words = [*overrides, *_SMALL, *made, setting("arch", Path(folder, "arch.json"))]
        if conf.limits is not None:  # a space's dearest network may exceed them, and is timed all the same
            words.append("limits=null")
        found = check(load(file, words))
    counts = [counted(spec.to_json()) for spec in specs]
    epochs = (*((conf.search.epochs,) if "search" in found else ()), conf.train.epochs)
    params, macs = (tuple(each[what] for each in counts) for what in ("params", "macs"))
    return Planned(name, params, macs, epochs, scaled(conf, found, clips, scored, len(labels)))


def scaled(conf: Config, found: Mapping[str, Any], clips: int, scored: int, classes: int) -> dict[str, float]:
    """Seconds by phase, from the times in what `check` found with steps of `BATCH` clips."""
    seconds = {}
    if "search" in found:
        steps = clips * conf.search.split / BATCH * conf.search.epochs
        seconds["search"] = steps * found["search"]["seconds_a_step"]
    if "select" in found:
        held_out = max(1, round(classes * _CLIPS * (1 - conf.search.split)))
        seconds["select"] = found["select"]["seconds"] * scored / held_out
    seconds["train"] = clips / BATCH * conf.train.epochs * found["train"]["seconds_a_step"]
    return seconds


def published(name: str) -> list[str]:
    """Lines with the published figures of a network of the zoo, as published, and their source."""
    figures = find(name).note.get("published", {})
    lines = [f"{name}, {where}: {value} %" for where, value in figures.get("accuracy", {}).items()]
    return [*lines, f"source: {figures['source']}"] if lines else []


def _specs(conf: Config, labels: Sequence[str]) -> Iterator[ArchSpec]:
    """The network of a config, or the cheapest and the dearest of its space."""
    if conf.general.arch:
        yield find(conf.general.arch)
        return
    assert conf.space is not None
    front_end = _front_end(conf)
    samples = round(conf.data.seconds * front_end.sample_rate)
    io = InputSpec(1, *front_end.shape(samples), len(labels))
    for found in ends(conf.space, io).values():
        choices = {name: (option,) if option else () for name, option in found["choices"].items()}
        yield conf.space.spec(choices, io)


def _front_end(conf: Config) -> FrontEnd:
    if conf.features is not None:
        return build(conf.features)
    if conf.space is not None and (usual := default_features(conf.space)) is not None:
        return build(usual)
    return build(features_of(find(conf.general.arch)))


def _noise(folder: Path, conf: Config, labels: Sequence[str]) -> list[str]:
    """Overrides that name data directories of made noise."""
    rate = _front_end(conf).sample_rate
    size = round(conf.data.seconds * rate)
    for part in ("train", "dev"):
        items = []
        for label in labels:
            for number in range(_CLIPS):
                key = f"{part}{number % 2}-{label}-{number}"
                path = folder / "wav" / f"{key}.wav"
                audio.write(path, 0.1 * numpy_rng("plan", key).standard_normal(size, dtype=np.float32), rate)
                items.append(Item(key, str(path), label, 0.0, speaker=key.partition("-")[0]))
        kaldi.write(folder / part, items)
    write_labels(folder, labels)
    return [setting(f"data.{part}", folder / part) for part in ("train", "dev", "cache")]
