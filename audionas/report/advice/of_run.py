"""The advice on a run, from the files that it has written so far."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from audionas.core import records
from audionas.core.arch import ArchSpec
from audionas.core.records import Record
from audionas.core.records.decided import DecidedRecord
from audionas.core.records.run import EpochRecord
from audionas.core.records.trained import TrainedRecord
from audionas.report.advice.apart import far_apart
from audionas.report.advice.blind import blind
from audionas.report.advice.box import Advice
from audionas.report.advice.deaf import never_heard
from audionas.report.advice.hours import few_hours
from audionas.report.advice.intervals import of_accuracy
from audionas.report.advice.overfitting import overfitted
from audionas.report.advice.speakers import few_speakers
from audionas.report.advice.thresholds import missed, untuned
from audionas.report.advice.undecided import undecided
from audionas.report.advice.untrained import untrained
from audionas.searchers._fronts import Front


class Run(NamedTuple):
    """The files that the report has read of a run: None where the file does not exist."""

    folder: Path
    spec: ArchSpec | None = None
    scores: Mapping[str, Any] | None = None
    exported: Mapping[str, Any] | None = None
    tuned: Mapping[str, Any] | None = None
    front: Front | None = None
    labels: Sequence[str] = ()

    @property
    def development(self) -> TrainedRecord:
        """The end of the training."""
        file = self.folder / "train" / "done.json"
        return records.read(TrainedRecord, file) if file.is_file() else TrainedRecord()


def advice(run: Run) -> Iterator[Advice | None]:
    """The most serious first."""
    end = run.development
    told = end.development or TrainedRecord.Development(clips=0)
    clips, data = told.clips, told.data
    rows = records.rows(EpochRecord, run.folder / "train" / "metrics.jsonl")
    yield overfitted(rows, run.folder, clips=clips, last=_last(run.folder))
    if run.scores:
        yield never_heard(run.scores, run.folder, len(rows))
        yield far_apart(run.scores, end.valid_accuracy, run.folder, clips=clips, data=data, heard=told.heard)
        yield few_speakers(run.scores, run.folder)
        yield of_accuracy(run.scores, run.folder)
    if run.front:
        trained = (run.folder / "train" / "done.json").is_file()
        values = [run.front.members[0].score.values[name] for name in run.front.blind]
        yield blind(run.front.blind, run.front.objectives, values, run.folder)
        yield untrained(len(run.front.members), run.front.knee, run.folder, trained=trained)
    if run.spec and "decided" in run.spec.note:
        record = records.check(DecidedRecord, run.spec.note["decided"], str(run.folder / "arch.json"))
        epochs = len(records.rows(EpochRecord, run.folder / "search" / "metrics.jsonl"))
        yield undecided(record, run.folder, epochs)
    if run.tuned:
        yield missed(run.tuned, run.folder)
        yield few_hours(run.tuned, run.folder)
    elif run.exported:
        yield untuned(run.labels, list(run.exported.get("files", ())), run.folder, data)


def _last(folder: Path) -> bool:
    """Whether the model has the weights of the last epoch."""
    file = folder / "train" / "run.json"
    asked = (records.plain(Record, file) if file.is_file() else {}).get("train") or {}
    return asked.get("keep", "last") == "last" and not asked.get("average")
