"""What commands note for themselves is refused with file, line and field where it is nonsense."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audionas.config import load
from audionas.core import records
from audionas.core.errors import UserError
from audionas.core.files import write_json
from audionas.core.records.prep import ExaminedRecord, FormRecord, MinedRecord, MiniRecord
from audionas.core.records.study import (
    CheckRecord,
    DerivedRecord,
    RunRecord,
    ScoresRecord,
    SearchEpochRecord,
    StepsRecord,
    TimeRecord,
)
from audionas.core.reporter import Reporter
from audionas.listen.mined import Mined
from audionas.report import latency
from audionas.run.times import times
from audionas.study import rows, steps

ROOT = Path(__file__).parents[3]
SHA = "0" * 64
RUN = {
    **{
        "method": "darts",
        "seed": 0,
        "status": "done",
        "reason": "",
        "arch": "tc-1",
        "examples": 10,
        "steps": 5,
    },
    **{"seconds": 0.5, "entropy": 1.2, "accuracy": 0.5, "relaxed": 0.6, "gap": 0.1, "params": 10, "macs": 20},
    **{"skips": 1, "pools": 0, "nones": 0, "free": 1, "kept": 8, "free_share": 0.1, "chance": 0.5},
    **{"collapsed": False, "network": "a b", "measured": {"test": "x", "table": None}},
}
STEP = {
    **{
        "section": {"name": "darts"},
        "seconds": 0.1,
        "saved_bytes": 10,
        "time_ratio": 1.0,
        "memory_ratio": 1.0,
    },
    **{"darts_seconds": 0.1, "darts_saved_bytes": 10},
}
FIGURE = {"value": 0.1, "interval": [0.0, 0.2]}
NAMES = ("rmse", "relative_rmse", "bias", "r2", "pearson", "spearman", "kendall")
CHECK = {
    "networks": 2,
    "table": dict.fromkeys(NAMES, FIGURE),
    "multiply-adds": {"pearson": FIGURE},
    "points": [],
}
EVENT = {"clip": "mined-rö_1-000001000", "seconds": 1.0, "keyword": "yes", "score": 0.9}
EXAMINED = {
    **{"place": 0, "path": "/a.wav", "target": 16000, "seconds": 1.0, "sha256": SHA, "copied": False},
    **{"state": [[1, 2, 3]], "peak": 0.5, "open": False},
}
SOUND: dict[type[records.Record], dict[str, Any]] = {
    RunRecord: RUN,
    StepsRecord: {"device": "cpu", "methods": {"darts": STEP}},
    ScoresRecord: {"scores": {"tc-1": {"recalibrated": {"accuracy": 0.5, "macro_f1": 0.5, "loss": 1e9}}}},
    DerivedRecord: {"seconds": 0.5},
    SearchEpochRecord: {"epoch": 1, "seconds": 0.5, "alpha_entropy": 1.0},
    TimeRecord: {"round": 0, "model": "call", "ms": 0.01},
    CheckRecord: CHECK,
    ExaminedRecord: EXAMINED,
    FormRecord: {"file": "a 1 2 3", "form": [16000, 1, 10], "sha256": SHA, "peak": 0.5},
    MiniRecord: {"fingerprint": "x", "wavs": None},
    MinedRecord: {"id": "a", "audio": "/a.wav", "start": 0.0, "events": [EVENT]},
}
WRONG: list[tuple[type[records.Record], tuple[Any, ...], Any]] = [
    (RunRecord, ("method",), None),
    (RunRecord, ("method",), ""),
    (RunRecord, ("seed",), "0"),
    (RunRecord, ("seed",), 10**30),
    (RunRecord, ("status",), "lost"),
    (RunRecord, ("reason",), None),
    (RunRecord, ("accuracy",), 50),
    (RunRecord, ("accuracy",), float("nan")),
    (RunRecord, ("gap",), 2),
    (RunRecord, ("seconds",), [None]),
    (RunRecord, ("measured",), " "),
    (RunRecord, ("collapsed",), 1),
    *((RunRecord, (name,), None) for name in ("arch", "free", "kept", "params", "macs")),
    *((RunRecord, (name,), None) for name in ("collapsed", "examples", "seconds")),
    (RunRecord, ("kept",), -1),
    (StepsRecord, ("methods",), None),
    (StepsRecord, ("methods", "darts", "seconds"), -1),
    (StepsRecord, ("methods", "darts", "section"), "darts"),
    (ScoresRecord, ("scores",), []),
    (ScoresRecord, ("scores", "tc-1", "recalibrated", "accuracy"), "x"),
    (ScoresRecord, ("scores", "tc-1", "recalibrated"), {"accuracy": 0.5}),
    (ScoresRecord, ("scores", "tc-1", "recalibrated", "macro_f1"), "x"),
    (DerivedRecord, ("seconds",), None),
    (SearchEpochRecord, ("alpha_entropy",), "x"),
    (SearchEpochRecord, ("seconds",), None),
    (TimeRecord, ("ms",), 0),
    (TimeRecord, ("round",), -1),
    (TimeRecord, ("model",), 5),
    (CheckRecord, ("table",), {}),
    (CheckRecord, ("table", "rmse", "value"), "x"),
    (CheckRecord, ("multiply-adds", "pearson", "interval"), [1.0]),
    (ExaminedRecord, ("place",), -1),
    (ExaminedRecord, ("sha256",), "g" * 64),
    (ExaminedRecord, ("seconds",), float("inf")),
    (FormRecord, ("sha256",), ""),
    (FormRecord, ("peak",), "x"),
    (MiniRecord, ("wavs",), "all"),
    (MinedRecord, ("events", 0, "clip"), "../../up"),
    (MinedRecord, ("events", 0, "clip"), "mined-a/../../up"),
    (MinedRecord, ("events", 0, "score"), 2),
    (MinedRecord, ("id",), None),
]


def changed(value: Any, place: tuple[Any, ...], new: Any) -> Any:
    found = json.loads(json.dumps(value))
    inner = found
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = new
    return found


def test_what_is_written_passes_and_every_record_is_tried() -> None:
    for model, value in SOUND.items():
        records.check(model, value, "a file")
    assert {model for model, *_ in WRONG} == set(SOUND)


@pytest.mark.parametrize(("model", "place", "value"), WRONG)
def test_a_wrong_value_is_refused_with_its_place(
    model: type[records.Record], place: tuple[Any, ...], value: Any
) -> None:
    with pytest.raises(UserError) as caught:
        records.check(model, changed(SOUND[model], place, value), "a file")
    assert any(str(key) in caught.value.problems[0] for key in place)


def test_committed_files_and_rows_of_earlier_versions_still_load(tmp_path: Path) -> None:
    committed = sorted((ROOT / "docs" / "results").glob("*.steps.json"))
    assert len(committed) > 3
    for file in committed:
        records.read(StepsRecord, file)
    old = {key: value for key, value in RUN.items() if key not in ("measured", "network", "chance")}
    (tmp_path / "compare.jsonl").write_text(json.dumps(old) + "\n")
    assert rows.known(tmp_path) == {("darts", 0): old}


def compared(folder: Path) -> Any:
    return load(
        ROOT / "recipes/nas_bench_201/conf/compare.yaml", [f"out={folder.parent}", f"name={folder.name}"]
    )


READERS: dict[str, tuple[str, dict[str, Any], str, Callable[[Path], Any]]] = {
    "a row of a comparison": ("compare.jsonl", {**RUN, "seed": "0"}, ":2: seed: ", rows.known),
    "the rows before another": (
        *("compare.jsonl", {**RUN, "status": 1}, ":2: status: "),
        lambda folder: rows.append(folder, RUN),
    ),
    "a time": (
        *("times.jsonl", {"round": 0, "model": "call", "ms": "x"}, ":2: ms: "),
        lambda folder: times({}, folder, rounds=1, threads=1, reporter=Reporter(quiet=True)),
    ),
    "a log": (
        *("metrics.jsonl", {"epoch": "1"}, ":2: epoch: "),
        lambda folder: Reporter(folder, since=1, quiet=True),
    ),
    "a mined recording": (
        *("mined.jsonl", {"id": 5, "audio": "a", "start": 0.0, "events": []}, ":2: id: "),
        lambda folder: Mined(folder, {}),
    ),
}


@pytest.mark.parametrize("name", READERS)
def test_a_line_that_is_nonsense_is_named(name: str, tmp_path: Path) -> None:
    file, bad, said, read = READERS[name]
    good = {"metrics.jsonl": {"epoch": 0}, "compare.jsonl": RUN, "times.jsonl": SOUND[TimeRecord]}
    write_json(tmp_path / "mined.json", {})
    lines = json.dumps(good.get(file, SOUND[MinedRecord])) + "\n" + json.dumps(bad) + "\n"
    (tmp_path / file).write_text(lines)
    with pytest.raises(UserError, match=rf"{file}{said}") as caught:
        read(tmp_path)
    assert caught.value.hint
    assert (tmp_path / file).read_text() == lines


def test_nonsense_in_a_whole_file_is_named(tmp_path: Path) -> None:
    conf = compared(tmp_path / "run")
    assert steps.steps(conf) == {}
    write_json(conf.folder / "steps.json", {"methods": {"darts": {**STEP, "seconds": "x"}}})
    with pytest.raises(UserError, match=r"steps\.json: methods\.darts\.seconds: ") as caught:
        steps.steps(conf)
    assert "Delete" in caught.value.hint
    write_json(tmp_path / "mine" / "mined.json", [])
    with pytest.raises(UserError, match=r"mined\.json: the whole: "):
        Mined(tmp_path / "mine", {})


def test_the_figures_of_a_latency_check_that_passes_are_shown() -> None:
    assert len(latency.figures(CHECK)) == len(NAMES)
