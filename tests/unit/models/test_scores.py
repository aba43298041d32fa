"""Scores that are no probabilities, and a runtime that refuses its file, are errors that name the source."""

from pathlib import Path

import numpy as np
import pytest

from audionas.core.errors import UserError
from audionas.models.scores import probabilities, running


def test_probabilities_pass_as_they_are() -> None:
    scores = np.array([[0.25, 0.75], [-1e-7, 1 + 1e-7]], np.float32)
    assert probabilities(scores, 2, "x") is scores
    assert probabilities(np.zeros((0, 2)), 2, "x").shape == (0, 2)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, -0.5, 1.5])
def test_anything_else_is_refused(wrong: float) -> None:
    with pytest.raises(UserError, match=r"x\.onnx: answers .*no probability"):
        probabilities(np.array([[0.5, 0.5], [0.5, wrong]]), 2, "x.onnx")


@pytest.mark.parametrize("shape", [(1, 3), (2,), (1, 2, 1)])
def test_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(UserError, match="2 classes"):
        probabilities(np.zeros(shape), 2, "x.onnx")


def test_what_a_runtime_raises_names_the_file() -> None:
    with pytest.raises(UserError, match=r"x\.tflite: cannot be run \(no data\)"), running(Path("x.tflite")):
        raise RuntimeError("no data\nmore")
    with pytest.raises(MemoryError), running(Path("x.tflite")):
        raise MemoryError
