"""Files of a run with a wrong value are refused with the place; what is written passes."""

import json
from pathlib import Path
from typing import Any

import pytest

from audionas.core import records
from audionas.core.errors import UserError
from audionas.core.files import write_json
from audionas.core.records.bundle import DetectRecord
from audionas.core.records.run import (
    AlphasRecord,
    AnswersRecord,
    ArchiveRecord,
    CheckpointRecord,
    CostRecord,
    DoneRecord,
    EnvironmentRecord,
    EpochRecord,
    EvaluationRecord,
    ExportedRecord,
    FrontRecord,
    ManifestRecord,
    StreamRecord,
    TunedRecord,
)
from audionas.core.records.trained import TrainedRecord

RIGHT = {"accuracy": 0.5, "interval": None, "interval_why": "2 speakers, fewer than 10", "n": 4}
CLASS = {"recall": 0.5, "precision": 0.5, "f1": 0.5, "aut": None, "n": 2}
RATE = {
    "rejected": 0.1,
    "rejected_interval": [0.0, 0.2],
    "accepts": 0,
    "fa_per_hour": 0.0,
    "fa_interval": None,
}
RULE = {"smooth": 5, "refractory_s": 1.0, "patience": [1, 1]}
AT = [{"fa_per_hour": 1.0, "measurable": False, "rejected": None}]
WORD = {**RATE, "threshold": 0.9, "clips": 2, "curve": [[225.0, 1.0, None, None, 0.9]]}
TUNED = {
    **{"file": "model.onnx", "rule": RULE, "hop_s": 0.08, "clips": 2, "clips_drawn_by": "clips"},
    **{"hours": 0.1, "recordings": 1, "negatives_drawn_by": "one-minute blocks", "target": 7.0, "met": True},
    **{"words": {"yes": WORD}, "sum": RATE, "at": AT},
}
VALUES = {"macs": 10, "params": 10, "accuracy": 0.5}
EXPORTED = {
    "bytes": 10,
    "max_difference": 1e-7,
    "same_label": 1.0,
    "accuracy": RIGHT,
    "latency_ms": {"p50": 0.1, "p95": 0.2, "per": "hop"},
}
SOUND: dict[type[records.Record], dict[str, Any]] = {
    EvaluationRecord: {
        **RIGHT,
        "per_class": {"a": CLASS, "b": CLASS},
        "confusion": [[1, 1], [0, 2]],
        "labels": ["a", "b"],
        "data": "data/test",
    },
    AnswersRecord: {"rows": [{"id": "a-1", "truth": "a", "label": "b", "score": 0.5}]},
    TrainedRecord: {"epochs": 3, "valid_accuracy": 0.5, "valid_loss": 0.7, "best_epoch": 2},
    CostRecord: {"params": 5, "macs": 7, "latency_ms": {"p50_ms": 0.1, "p95_ms": 0.2}},
    EpochRecord: {"epoch": 0, "seconds": 0.5, "loss": float("nan")},
    AlphasRecord: {"epoch": 3, "probabilities": {"block1": {"k3": 0.5, "k5": 0.5}}},
    CheckpointRecord: {"epoch": 2, "groups": ["weights"], "accuracies": [0.5], "best": [0.5, 2], "updates": 3,
                       "first_loss": 2.3, "kept": {"edge": ["skip"]}},
    DoneRecord: {"arch": None},
    EnvironmentRecord: {
        "command": "audionas search",
        "git": None,
        "machine": "x86_64",
        "torch": "2",
        "started": "2026",
    },
    ArchiveRecord: {
        "choices": {"block1": ["k3"]},
        "values": {**VALUES, "loss": float("nan")},
        "violation": 0,
    },
    FrontRecord: {
        **{"objectives": {"accuracy": "max", "macs": "min"}, "limits": {"macs": 1e6}, "scored": 1, "knee": 1},
        **{"members": [{"values": VALUES, "arch": {}}], "hypervolume": [[1, 1.0]]},
    },
    ExportedRecord: {"files": {"model.onnx": EXPORTED}, "int8": {"calibrated_on": "data", "clips": 1,
                     "weights": "post-training", "float": RIGHT}, "golden": {"scores": [4, 2]}},
    TunedRecord: {"files": [TUNED]},
    DetectRecord: {**RULE, "words": {"yes": {"threshold": 0.9}}},
    ManifestRecord: {"micro": {"probability_cutoff": 0.97, "sliding_window_size": 5}},
    StreamRecord: {"labels": "a\nb", "sample_rate": "16000", "hop_samples": "160", "warm_up": "0",
                   "input": "samples"},
}  # fmt: skip
WRONG: list[tuple[type[records.Record], tuple[Any, ...], Any]] = [
    (EvaluationRecord, ("accuracy",), "0.5"),
    (EvaluationRecord, ("accuracy",), 50),
    (EvaluationRecord, ("interval",), [0.1]),
    (EvaluationRecord, ("confusion", 0, 1), " "),
    (EvaluationRecord, ("confusion", 0), [1]),
    (EvaluationRecord, ("labels", 1), float("inf")),
    (EvaluationRecord, ("per_class", "a", "n"), -1),
    (EvaluationRecord, ("n",), 10**30),
    (EvaluationRecord, ("log_loss",), -1),
    (EvaluationRecord, ("per_class", "a", "aut"), 1.5),
    (EvaluationRecord, ("macro_f1_interval",), float("-inf")),
    (AnswersRecord, ("rows", 0, "score"), [None]),
    (AnswersRecord, ("rows", 0, "speaker"), 10**30),
    (TrainedRecord, ("valid_accuracy",), 1.5),
    (TrainedRecord, ("epochs",), "3"),
    (TrainedRecord, ("valid_loss",), " "),
    (CostRecord, ("params",), "5"),
    (CostRecord, ("macs",), None),
    (CostRecord, ("latency_ms", "p50_ms"), [0.1]),
    (EpochRecord, ("epoch",), "1"),
    (EpochRecord, ("seconds",), float("-inf")),
    (EpochRecord, ("seconds",), 10**400),
    (AlphasRecord, ("probabilities", "block1"), {}),
    (AlphasRecord, ("probabilities", "block1", "k3"), True),
    (CheckpointRecord, ("epoch",), -1),
    (CheckpointRecord, ("first_loss",), -1),
    (CheckpointRecord, ("first_loss",), 1e30),
    (CheckpointRecord, ("groups", 0), "../weights"),
    (CheckpointRecord, ("accuracies", 0), 1.5),
    (CheckpointRecord, ("best",), [0.5]),
    (CheckpointRecord, ("updates",), 10**30),
    (CheckpointRecord, ("kept", "edge"), "skip"),
    (DoneRecord, ("arch",), 5),
    (EnvironmentRecord, ("git",), 1),
    (ArchiveRecord, ("choices",), None),
    (ArchiveRecord, ("choices", "block1", 0), None),
    (ArchiveRecord, ("values", "macs"), "x"),
    (ArchiveRecord, ("violation",), -1),
    (FrontRecord, ("objectives", "accuracy"), " "),
    (FrontRecord, ("objectives",), {}),
    (FrontRecord, ("knee",), 2),
    (FrontRecord, ("scored",), [None]),
    (FrontRecord, ("members", 0, "values", "macs"), {"a": 1}),
    (FrontRecord, ("members", 0, "values"), {"macs": 1}),
    (FrontRecord, ("members", 0, "values", "accuracy"), 1.5),
    (FrontRecord, ("members", 0, "values", "params"), -1),
    (FrontRecord, ("hypervolume", 0, 0), float("inf")),
    (ExportedRecord, ("files", "model.onnx", "bytes"), 1.5),
    (ExportedRecord, ("files", "model.onnx", "latency_ms"), {}),
    (ExportedRecord, ("int8", "float"), 0.5),
    (ExportedRecord, ("golden", "scores"), 4),
    (TunedRecord, ("files",), []),
    (TunedRecord, ("files", 0, "hours"), 0),
    (TunedRecord, ("files", 0, "words", "yes", "curve", 0), [1.0]),
    (DetectRecord, ("patience",), [1]),
    (DetectRecord, ("words", "yes", "threshold"), 2),
    (DetectRecord, ("hours",), 1.0),
    (ManifestRecord, ("micro",), 5),
    (ManifestRecord, ("micro", "probability_cutoff"), "0.9"),
    (ManifestRecord, ("micro", "sliding_window_size"), 0),
    (StreamRecord, ("hop_samples",), "0"),
    (StreamRecord, ("sample_rate",), "1e9"),
]


def test_every_record_is_tried() -> None:
    assert {model for model, *_ in WRONG} == set(SOUND)


@pytest.mark.parametrize("model", SOUND)
def test_what_is_written_passes(model: type[records.Record]) -> None:
    records.check(model, SOUND[model], "a file")


@pytest.mark.parametrize(("model", "place", "value"), WRONG)
def test_a_wrong_value_is_refused_with_its_place(
    model: type[records.Record], place: tuple[Any, ...], value: Any
) -> None:
    found = json.loads(json.dumps(SOUND[model]))
    inner = found
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    with pytest.raises(UserError) as caught:
        records.check(model, found, "a file")
    assert any(str(key) in caught.value.problems[0] for key in place)
    assert len(caught.value.problems[0]) < 500


def test_rows_are_named_by_their_line(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    file.write_text('{"epoch": 0}\n{"epoch": "1"}\n')
    with pytest.raises(UserError, match=r"metrics\.jsonl:2: epoch: "):
        records.rows(EpochRecord, file)
    file.write_text('{"epoch": 0, "loss": NaN}\n')
    assert len(records.rows(EpochRecord, file)) == 1
    assert records.rows(EpochRecord, tmp_path / "none.jsonl") == []


def test_all_keys_of_a_file_are_kept(tmp_path: Path) -> None:
    write_json(tmp_path / "done.json", {"arch": "a", "more": 1})
    assert records.plain(DoneRecord, tmp_path / "done.json") == {"arch": "a", "more": 1}
