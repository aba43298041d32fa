"""A word that is never heard is told, whatever the accuracy; one heard once, scenes and images are not."""

from pathlib import Path
from typing import Any

import pytest

from audionas.report.advice.deaf import never_heard

LABELS = ["_other_", "on", "off"]


def scores(*confusion: list[int], labels: list[str] = LABELS, **more: Any) -> dict[str, Any]:
    return {"labels": labels, "confusion": [*confusion], "speakers": 12, **more}


def test_a_word_that_is_never_heard_is_told() -> None:
    found = never_heard(scores([90, 0, 0], [3, 0, 1], [1, 0, 4]), Path("exp/a b"), 5)
    assert found is not None
    assert "Never heard: on in none of 4 test clips." in found.what
    assert "'exp/a b/train/config.yaml'" in found.do
    assert found.do.endswith("""'name="a b_longer"' train.epochs=15""")


@pytest.mark.parametrize(
    "given",
    [
        scores([90, 0, 0], [3, 1, 0], [1, 0, 4]),
        scores([90, 0, 0], [0, 0, 0], [1, 0, 4]),  # without a clip nothing is known
        scores([0, 4], [0, 5], labels=["park", "tram"]),
        {key: value for key, value in scores([9, 0, 0], [3, 0, 1], [1, 0, 4]).items() if key != "speakers"},
    ],
)
def test_what_is_heard_and_what_has_no_words_is_not(given: dict[str, Any]) -> None:
    assert never_heard(given, Path("exp"), 5) is None
