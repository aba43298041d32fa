"""Files of a run folder: what an earlier version made is known by its records, everything else is refused."""

import json
from pathlib import Path

import pytest

from audionas.core.errors import UserError
from audionas.core.made import LIST
from audionas.models.owned import BESIDE, BUNDLE, COMPARED, RANKED, TUNED, earlier, enter

EVALUATION = {"accuracy": 0.5, "n": 2, "arch": "0123456789ab"}
REPORT = {"image": False, "files": {"model.onnx": {}, "hey.tflite": {}}}
RECORDS = {  # an earlier version's file, its content, and what else it shows to be ours
    "eval.json": (EVALUATION, {"eval.json", "scores.json"}),
    "eval/test.json": (EVALUATION, {"eval/test.json"}),
    "export/report.json": (
        REPORT,
        {"export/model.onnx", "export/hey.tflite", "export/hey.json", "export/.draft", *BESIDE, *TUNED},
    ),
    "train/env.json": ({}, {"arch.json", "error.log", *BUNDLE}),
    "search/run.json": ({}, {"arch.json", "error.log"}),
    "select/env.json": ({}, {"arch.json", "front.json", "front.csv"}),
    "latency/env.json": ({}, {"latency.json", "latency.html"}),
    "darts/0/search/env.json": ({}, {*COMPARED}),
    "seed_1/search/env.json": ({}, {*RANKED}),
    "web/model.json": ({"keywords": []}, {"web/model.json"}),
}


def _put(file: Path, value: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(value))


@pytest.mark.parametrize("name", RECORDS)
def test_records_of_an_earlier_version_show_what_is_ours(tmp_path: Path, name: str) -> None:
    value, ours = RECORDS[name]
    _put(tmp_path / name, value)
    found = earlier(tmp_path)
    assert ours <= found
    assert all(file.startswith(("export/", "eval/")) or "/" not in file for file in found) or found <= ours
    enter(tmp_path, ours)
    assert (tmp_path / name).exists()


@pytest.mark.parametrize(
    "name", ["eval.json", "eval/test.json", "export/report.json", "tune/tune.json", "web/model.json"]
)
def test_a_file_of_that_name_that_is_no_record_of_ours_shows_nothing(tmp_path: Path, name: str) -> None:
    for value in ({"notes": 1}, [1], None):
        _put(tmp_path / name, value)
        assert earlier(tmp_path) == set()
    with pytest.raises(UserError, match="not made by audionas, and would be replaced"):
        enter(tmp_path, [name])
    assert not (tmp_path / LIST).exists()


def test_a_page_of_ours_is_known_by_its_title(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("<title>my thesis</title>")
    assert earlier(tmp_path) == set()
    (tmp_path / "report.html").write_text("<title>run · audionas</title>")
    assert earlier(tmp_path) == {"report.html"}
