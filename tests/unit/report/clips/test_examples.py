"""Clips with sound can be heard, the page says that they are inside, and names stay text."""

import numpy as np

from audionas.report.clips.examples import Example, examples
from audionas.report.clips.sound import wav
from tests._hostile import HOSTILE
from tests.unit.report.test_report import Page

FEATURES = np.arange(6.0).reshape(2, 3)
SOUND = wav(np.zeros(160), 16_000)


def drawn(*sounds: bytes, name: str = "a.wav") -> Page:
    return Page(examples([Example(name, name, "no", 0.5, FEATURES, sound) for sound in sounds]))


def test_a_clip_with_sound_can_be_heard_and_the_page_says_so() -> None:
    page = drawn(SOUND, b"")
    assert page.tags.count("audio") == 1
    assert sum(target.startswith("data:audio/wav;base64,") for target in page.loads) == 1
    assert "The sound of 1 clip is inside this page" in "".join(page.words)


def test_without_sound_nothing_can_be_heard_and_nothing_is_said() -> None:
    page = drawn(b"", b"")
    assert "audio" not in page.tags
    assert "inside this page" not in "".join(page.words)


def test_hostile_names_are_text() -> None:
    for name in HOSTILE:
        page = drawn(SOUND, name=name)
        assert set(page.tags) == {
            "section", "h2", "p", "div", "figure", "img", "audio", "figcaption", "strong", "br", "small",
        }  # fmt: skip
        assert all(target.startswith("data:") for target in page.loads)
