"""A front of untrained networks is told, with the command that trains its knee."""

from pathlib import Path

from audionas.report.advice.untrained import untrained


def test_an_untrained_front_is_told_until_it_is_trained() -> None:
    found = untrained(16, 5, Path("exp/f"), trained=False)
    assert found is not None
    assert "None of the 16 networks" in found.what
    assert found.do == "audionas train exp/f/select/config.yaml 'arch=exp/f/front.json#5' name=f_knee"
    assert untrained(16, 5, Path("exp/f"), trained=True) is None
