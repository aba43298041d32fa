"""The clips that a model has heard: its training data, and those of the models that it learns from."""

from pathlib import Path

from audionas.config import Config
from audionas.core.reporter import Reporter
from audionas.data import heard, kaldi
from audionas.data.heard import Heard
from audionas.inputs.feed import config_of
from audionas.models.names import find
from audionas.run.training.start import Source


def heard_by(folder: Path) -> Heard | None:
    """The clips a model was trained on: as written beside it, or of training data that still exist."""
    for place in (folder / "model", folder):
        if (place / heard.FILE).exists():
            return heard.read(place / heard.FILE)
    return _of_data(config_of(folder))


def before(conf: Config, source: Source | None, reporter: Reporter) -> list[Heard]:
    """The clips that the first weights and the teacher have heard; a note tells where nobody knows."""
    known: dict[str, Heard | None] = {}
    if source is not None:
        search = source.search
        known[source.place] = _of_data(search) if search is not None else heard_by(find(source.place))
    if conf.train.distill is not None:
        known |= {name: heard_by(find(name)) for name in conf.train.distill.teacher}
    for name in (name for name, clips in known.items() if clips is None):
        reporter.note(f"nothing tells what {name} was trained on: audionas eval will not notice its clips")
    return [clips for clips in known.values() if clips is not None]


def _of_data(conf: Config | None) -> Heard | None:
    """The training data that a config names, where they still exist."""
    if conf is None or conf.images is not None or not Path(conf.data.train).is_dir():
        return None
    return heard.of(kaldi.read(conf.data.train))
