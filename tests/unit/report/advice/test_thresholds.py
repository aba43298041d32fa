"""Untuned thresholds of models that listen are told, and missed targets."""

from pathlib import Path

import pytest

from audionas.report.advice.thresholds import missed, untuned

EXP = Path("exp/w")


@pytest.mark.parametrize(
    ("labels", "files"), [(["hey", "_other_"], ["model.onnx"]), (["a", "b"], ["model.stream.onnx"])]
)
def test_a_model_that_listens_is_told_to_be_tuned(labels: list[str], files: list[str]) -> None:
    found = untuned(labels, files, EXP, "data/dev set")
    assert found is not None
    assert found.do == "audionas tune exp/w --positives 'data/dev set' --negatives hours_of_sound"


@pytest.mark.parametrize(
    ("labels", "files"), [(["hey", "_other_"], []), (["park", "tram"], ["model.onnx"]), (["_a_"], ["m.onnx"])]
)
def test_scenes_and_runs_without_files_are_not(labels: list[str], files: list[str]) -> None:
    assert untuned(labels, files, EXP) is None


@pytest.mark.parametrize(
    ("row", "deaf", "told"),
    [
        ({"met": False}, [], True),
        ({"met": True, "unheard": ["hey"]}, [], True),
        ({"met": True}, ["m.tflite: no threshold makes it hear hey in any of the clips"], True),
        ({"met": True, "unheard": []}, [], False),
    ],
)
def test_a_target_that_was_missed_is_told(row: dict, deaf: list[str], told: bool) -> None:
    tuned = {"files": [{"file": "m.onnx", **row}], "deaf": deaf, "negatives": "long"}
    assert (missed(tuned, EXP) is not None) == told
