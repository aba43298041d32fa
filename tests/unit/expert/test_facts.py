"""Facts of a folder: speakers by the names of files."""

from pathlib import Path

import pytest

from audionas.expert.facts import speakers_of


def paths(*names: str) -> list[Path]:
    """Paths of files below their words."""
    return [Path(name) for name in names]


@pytest.mark.parametrize(
    "names",
    [
        [f"{word}/{who}_{take}.wav" for word in ("yes", "no") for who in "abc" for take in "12"],
        [f"{word}/{who}-{take}.wav" for word in ("yes", "no") for who in "abc" for take in "12"],
        [f"{word}/{who}/{take}.wav" for word in ("yes", "no") for who in "abc" for take in "12"],
        [f"{word}/{who}_nohash_{take}.wav" for word in ("yes", "no") for who in "abc" for take in "01"],
    ],
)
def test_names_tell_speakers(names: list[str]) -> None:
    assert speakers_of(paths(*names))[1] == 3


def test_names_that_are_numbers_tell_none() -> None:
    assert speakers_of(paths(*(f"yes/{number}.wav" for number in range(20)))) == ("", 0)


def test_takes_of_one_word_are_no_speakers() -> None:
    assert speakers_of(paths(*(f"yes/yes_{number}.wav" for number in range(20)))) == ("", 0)


def test_a_pattern_fits_nine_names_of_ten() -> None:
    names = [f"yes/{who}_{take}.wav" for who in "abc" for take in range(6)]
    assert speakers_of(paths(*names, "yes/noise.wav", "yes/click.wav"))[1] == 3
    assert speakers_of(paths(*names, "yes/noise.wav", "yes/click.wav", "yes/hum.wav"))[1] == 0


def test_unique_names_are_no_speakers() -> None:
    assert speakers_of(paths(*(f"yes/take{number}_x.wav" for number in range(20)))) == ("", 0)
