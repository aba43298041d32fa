"""`Run`: what a search, a training or a comparison has left in its folder, as values."""

from functools import cached_property
from pathlib import Path
from typing import Any

from audionas.api.given import require_place
from audionas.api.model import ImageModel, Model, load
from audionas.api.rows import Figures, Rows
from audionas.config import Config
from audionas.config import load as load_config
from audionas.core.arch import ArchSpec
from audionas.core.errors import UserError
from audionas.core.reporter import read_rows
from audionas.report.run import evaluation
from audionas.searchers import _fronts
from audionas.study.rows import known
from audionas.zoo.find import read as read_arch
from audionas.zoo.find import told

_PHASES = ("search", "train")


class Run:
    """A run folder, such as `exp/mini`; `conf` is its checked config, `notes` what the last call told.

    Everything is read from the folder when it is asked for. Raises UserError for a folder without a run.
    """

    def __init__(
        self, folder: str | Path, conf: Config | None = None, notes: list[str] | None = None
    ) -> None:
        require_place("Run", "folder", folder)
        self.folder, self.notes, self._conf = Path(folder), notes or [], conf
        if conf is None and not any((self.folder / name).exists() for name in (*_PHASES, "compare.jsonl")):
            raise UserError(f"{self.folder}: holds no run", hint="Give a run folder, such as exp/mini.")

    @cached_property
    def conf(self) -> Config:
        """The config; that of the latest phase where the run is of an earlier session."""
        if self._conf is not None:
            return self._conf
        files = [self.folder / phase / "config.yaml" for phase in reversed(_PHASES)]
        file = next((file for file in files if file.is_file()), None)
        if file is None:
            raise UserError(f"{self.folder}: holds no config", hint="Give the config: conf='conf/mini.yaml'")
        return load_config(file, trusted=False)

    @property
    def metrics(self) -> Rows:
        """A row per epoch, with its `phase`; a row per method and seed of a comparison."""
        if (self.folder / "compare.jsonl").exists():
            return Rows(map(dict, known(self.folder).values()))
        return Rows(
            {"phase": phase, **row}
            for phase in _PHASES
            for row in read_rows(self.folder / phase / "metrics.jsonl")
        )

    @property
    def front(self) -> Rows:
        """The networks that a searcher kept, with their values; none where no searcher ran.

        `arch` is what `train(arch=...)` takes.
        """
        if not (file := self.folder / "front.json").exists():
            return Rows()
        front = _fronts.read(file)
        return Rows(
            {"arch": f"{file}#{n}", "knee": n == front.knee, **m.score.values, "network": told(m.spec)}
            for n, m in enumerate(front.members, 1)
        )

    @property
    def arch(self) -> ArchSpec:
        """The architecture found or trained. Raises UserError where there is none yet."""
        return read_arch(self.folder / "arch.json")

    @property
    def best(self) -> Model | ImageModel:
        """The trained model; of a comparison, that with the highest accuracy after training.

        Raises UserError where nothing has been trained.
        """
        if (self.folder / "compare.jsonl").exists():
            rows = [row for row in known(self.folder).values() if row.get("trained") is not None]
            if not rows:
                raise UserError(
                    f"{self.folder}: no network of this comparison was trained",
                    hint="Compare with compare={'retrain': True}.",
                )
            row = max(rows, key=lambda row: float(row["trained"]))
            return load(self.folder / row["method"] / str(row["seed"]))
        if not (self.folder / "model" / "bundle.json").is_file():
            raise UserError(f"{self.folder}: holds no trained model", hint="Train it: audionas.train(run)")
        return load(self.folder)

    @property
    def evaluation(self) -> Figures | None:
        """The figures of the last evaluation, if there was one."""
        found = evaluation(self.folder)
        return None if found is None else Figures(found)

    def summary(self) -> Figures:
        """Folder, network, and the figures of the last epoch or evaluation."""
        found: dict[str, Any] = {"folder": str(self.folder)}
        if (self.folder / "arch.json").exists():
            found["network"] = told(self.arch)
        if len(self.front):
            found["front"] = len(self.front)
        if self.metrics and "phase" in self.metrics[-1]:
            found |= self.metrics[-1]
        if (last := self.evaluation) is not None:
            found["accuracy on " + str(last["data"])] = last["accuracy"]
        return Figures(found)

    def __repr__(self) -> str:
        compared = (self.folder / "compare.jsonl").exists()
        return f"Run({str(self.folder)!r})\n{self.metrics if compared else self.summary()!r}"

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_() + self.metrics._repr_html_()
