"""Development and test are told to be apart where their intervals are, and only there."""

from pathlib import Path
from typing import Any

import pytest

from audionas.report.advice.apart import far_apart

SCORES = {"accuracy": 0.694, "interval": None, "n": 500, "speakers": 1, "data": "data/test"}


def test_intervals_that_do_not_meet_are_told_with_both_figures() -> None:
    found = far_apart(SCORES, 0.206, Path("exp/x"), clips=500, data="data/dev")
    assert found is not None
    said = found.what.replace("\u00a0", " ")
    assert "20.6 % of 500 development clips" in said
    assert "69.4 % of 500 test clips" in said
    assert found.do == "audionas eval exp/x --data data/test --by spk"


@pytest.mark.parametrize(
    ("developed", "clips", "data", "changes"),
    [
        (0.70, 500, "data/dev", {}),
        (0.206, 0, "data/dev", {}),
        (0.206, 500, "data/test", {}),
        (None, 500, "data/dev", {}),
        (0.206, 500, "data/dev", {"interval": [0.2, 0.9]}),
        (0.5, 6, "data/dev", {}),
    ],
)
def test_it_is_not_told_where_it_is_not_known(
    developed: float | None, clips: int, data: str, changes: dict[str, Any]
) -> None:
    assert far_apart({**SCORES, **changes}, developed, Path("exp/x"), clips=clips, data=data) is None


def test_clips_without_speakers_are_not_asked_for_by_speaker() -> None:
    found = far_apart({**SCORES, "speakers": 500}, 0.206, Path("exp/x"), clips=500)
    assert found is not None
    assert found.do == ""


def test_voices_that_training_heard_are_named_as_the_reason() -> None:
    found = far_apart(SCORES, 0.99, Path("exp/x"), clips=100, heard=4)
    assert found is not None
    assert "Training heard 4\u00a0voices" in found.what or "Training heard 4 voices" in found.what
    assert "Divide the data by speaker" not in found.what
    assert found.do == ""
