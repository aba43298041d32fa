"""A keyword model as an estimator of scikit-learn: waveforms of equal length in, labels out.

from audionas.sklearn import KeywordClassifier
classifier = KeywordClassifier(rate=16_000, epochs=20).fit(waves, words, groups=speakers)
"""

import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import GroupShuffleSplit, StratifiedShuffleSplit
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, check_consistent_length, check_is_fitted, column_or_1d

from audionas.api.given import require_number
from audionas.api.verbs import train
from audionas.core.errors import UserError
from audionas.data import audio, kaldi
from audionas.data.kaldi import Item
from audionas.data.labels import RATE, write_labels


class KeywordClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # without types
    """Trains a network of the zoo, or an architecture that a search found, on waveforms in memory.

    `arch` is a zoo name, a file or a run folder; `rate` the sample rate in Hz; `epochs` of training;
    `dev` the share of the rows (of the groups, where they are given) that only validate; `settings` further
    keys of a config, such as `{"train": {"batch_size": 32}}`; `folder` where the run stays, to
    export the model from there (None: nowhere).

    Fitted: `classes_`, `n_features_in_` (samples of a waveform), `model_` (an audionas.Model, whose network
    is the last epoch's) and `notes_`, what the training told.
    """

    def __init__(
        self,
        arch: str = "tc_resnet8",
        *,
        rate: int = RATE,
        epochs: int = 20,
        dev: float = 0.1,
        settings: Mapping[str, Any] | None = None,
        folder: str | Path | None = None,
        random_state: int = 0,
    ) -> None:
        self.arch = arch
        self.rate = rate
        self.epochs = epochs
        self.dev = dev
        self.settings = settings
        self.folder = folder
        self.random_state = random_state

    def fit(self, X: Any, y: Any, groups: Any = None) -> "KeywordClassifier":
        """Train on (n, samples) waveforms in [-1, 1] with their labels (n,); `groups` (n,) are speakers.

        Raises ValueError for shapes, values and labels that cannot be learned, UserError as a training does.
        """
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        require_number("KeywordClassifier", "rate", self.rate, least=1)
        waves, words = self._checked(X), column_or_1d(y, warn=True)
        check_consistent_length(waves, words, groups)
        check_classification_targets(words)
        self.classes_, numbers = np.unique(words, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y holds one class, {self.classes_.tolist()}; expected two or more classes")
        rows = self._split(waves, numbers, groups)
        with ExitStack() as made:
            home = self.folder or made.enter_context(tempfile.TemporaryDirectory(prefix="audionas-"))
            labels = [str(label) for label in self.classes_]
            speakers = [""] * len(waves) if groups is None else _speakers(groups)
            data = _written(
                Path(home) / "data", waves, [labels[n] for n in numbers], speakers, rows, self.rate
            )
            write_labels(data, labels)
            run = train(**self._keys(Path(home), data, waves.shape[1]), overwrite=True)
            self.model_, self.notes_ = run.best, run.notes
        self.n_features_in_ = waves.shape[1]
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities (n, classes), in the order of `classes_`, of (n, samples) waveforms.

        Raises NotFittedError before `fit`, and ValueError for waveforms of another length.
        """
        check_is_fitted(self)
        waves = self._checked(X)
        if waves.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X has {waves.shape[1]} features, but {type(self).__name__} is expecting "
                f"{self.n_features_in_} features as input"
            )
        size = 256
        return np.concatenate([self.model_.scores(waves[i : i + size]) for i in range(0, len(waves), size)])

    def predict(self, X: Any) -> np.ndarray:
        """The label of each waveform. Raises as `predict_proba`."""
        best = self.predict_proba(X).argmax(1)
        found: np.ndarray = self.classes_[best]
        return found

    def _checked(self, X: Any) -> np.ndarray:
        waves: np.ndarray = check_array(X, dtype=np.float32)
        if (most := float(np.abs(waves).max())) > audio.LOUDEST:
            raise ValueError(f"X reaches {most:.6g}, but full scale is 1; divide 16-bit samples by 32768")
        return waves

    def _split(self, waves: np.ndarray, numbers: np.ndarray, groups: Any) -> dict[str, np.ndarray]:
        """The rows of train and dev. Raises UserError for one group, which cannot be in both."""
        if groups is not None and len(np.unique(np.asarray(groups))) < 2:
            raise UserError(
                "KeywordClassifier: groups holds one speaker; expected two or more, of whom some validate",
                hint="Leave groups out where the speakers are unknown.",
            )
        kind = StratifiedShuffleSplit if groups is None else GroupShuffleSplit
        share = self.dev if groups is not None else max(self.dev, len(self.classes_) / len(waves))
        splits = kind(1, test_size=share, random_state=self.random_state).split(waves, numbers, groups)
        first, second = next(splits)
        return {"train": first, "dev": second}

    def _keys(self, home: Path, data: Path, samples: int) -> dict[str, Any]:
        """The keys of the config: this estimator's parameters under its `settings`."""
        given = dict(self.settings or {})
        known = {"train": data / "train", "dev": data / "dev", "seconds": samples / self.rate}
        known |= {"resample": True} if self.rate != RATE else {}
        return {
            "name": "model",
            "seed": self.random_state,
            **given,
            "out": home,
            "arch": self.arch,
            "data": {**given.get("data", {}), **known},
            "train": {"epochs": self.epochs, **given.get("train", {})},
        }


def _speakers(groups: Any) -> list[str]:
    """A name without blanks for the group of each row."""
    return [f"speaker{number}" for number in np.unique(np.asarray(groups), return_inverse=True)[1]]


def _written(
    folder: Path,
    waves: np.ndarray,
    labels: list[str],
    speakers: list[str],
    rows: Mapping[str, np.ndarray],
    rate: int,
) -> Path:
    """The folder with data directories of the rows, whose recordings lie in `sound/`."""
    for split, chosen in rows.items():
        items = []
        for row in chosen:
            name = "-".join(filter(None, (speakers[row], f"{row:07d}")))
            file = folder / "sound" / f"{name}.wav"
            audio.write(file, waves[row], rate)
            items.append(
                Item(name, str(file.absolute()), labels[row], waves.shape[1] / rate, speaker=speakers[row])
            )
        kaldi.write(folder / split, items)
    return folder
