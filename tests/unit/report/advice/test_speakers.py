"""Few voices are told, enough or unknown ones are not."""

from pathlib import Path

import pytest

from audionas.report.advice.speakers import few_speakers


def test_one_voice_is_told() -> None:
    found = few_speakers({"speakers": 1, "n": 63}, Path("exp/a b"))
    assert found is not None
    assert "Tested on 1 speaker:" in found.what
    assert found.do == "audionas eval 'exp/a b' --data more_speakers/test"


@pytest.mark.parametrize("scores", [{"speakers": 10, "n": 63}, {"n": 63}, {"speakers": 5, "n": 5}])
def test_ten_voices_images_and_unknown_voices_are_not(scores: dict) -> None:
    assert few_speakers(scores, Path("exp")) is None
