"""Files of any form reach a model in its own, and words count what was converted, cut and padded."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from audionas.core.errors import UserError
from audionas.data import audio, sound

RATE = 16000


def tone(rate: int, seconds: float, channels: int = 1) -> np.ndarray:
    wave = 0.2 * np.sin(2 * np.pi * 440 * np.arange(round(rate * seconds)) / rate)
    return np.repeat(wave[:, None], channels, 1)


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """One of the model's form, one at another rate, one with two channels, one of both kinds."""
    found = []
    for name, rate, channels in (("a", 16000, 1), ("b", 44100, 1), ("c", 16000, 2), ("d", 44100, 2)):
        soundfile.write(tmp_path / f"{name}.wav", tone(rate, 0.5, channels), rate, subtype="FLOAT")
        found.append(str(tmp_path / f"{name}.wav"))
    return found


def test_every_form_gives_the_same_sound(files: list[str]) -> None:
    own, *others = (np.concatenate(list(sound.blocks(file, RATE))) for file in files)
    np.testing.assert_array_equal(own, audio.read(files[0], rate=RATE, seconds=None))
    for other in others:
        assert len(other) == len(own)
        np.testing.assert_allclose(other[200:-200], own[200:-200], atol=2e-3)
    part = sound.clip(files[3], RATE, start=0.25, seconds=0.5)
    np.testing.assert_allclose(part[200:3800], own[4200:7800], atol=2e-3)
    assert (len(part), np.abs(part[4100:]).max()) == (8000, 0)


def test_channels_stay_apart_at_any_rate(files: list[str], tmp_path: Path) -> None:
    both = tone(44100, 0.5, 2) * [1.0, 0.25]
    soundfile.write(tmp_path / "two.wav", both, 44100, subtype="FLOAT")
    found = np.concatenate(list(sound.channels(str(tmp_path / "two.wav"), RATE, 2)), axis=-1)
    assert found.shape == (2, 8000)
    np.testing.assert_allclose(found[1], 0.25 * found[0], atol=1e-6)
    with pytest.raises(UserError, match="has 1 channel, and the model hears 2"):
        sound.channels(files[0], RATE, 2)


def test_conversions_are_counted(files: list[str]) -> None:
    assert sound.conversion(files[:1], RATE).words(RATE) == ""
    said = sound.conversion([*files, files[0], "nowhere.wav"], RATE).words(RATE)
    assert said == "converted: 44,100 Hz to 16,000 Hz (2), 2 channels mixed down (2), of 5 recordings"
    assert sound.conversion(files[2:3], RATE, 2).words(RATE) == ""


def test_cuts_are_counted_with_the_share_that_is_lost() -> None:
    assert sound.cuts([1.0, 0.995, 1.005], 1.0) == ""
    assert sound.cuts([], 1.0) == ""
    assert sound.cuts([3.0, 1.0, 2.0], 1.0, remedy="hear more") == (
        "2 of 3 clips are longer than 1 s: 60 % of their sound is not heard (hear more)"
    )
    assert sound.cuts([4.0, 0.5], 1.0, noun="recording") == (
        "1 of 2 recordings is longer than 1 s: 75 % of their sound is not heard; "
        "1 of 2 recordings is shorter than 1 s: padded with zeros, 50 % of what is heard of them"
    )
