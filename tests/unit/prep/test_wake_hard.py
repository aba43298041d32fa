"""Hard negatives: where a word is cut, what its halves make, and that none of it is the word."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from audionas.core.reporter import Reporter
from audionas.core.rng import numpy_rng
from audionas.data.labels import RATE
from audionas.prep.wake.clips import ClipJob
from audionas.prep.wake.hard import KINDS, cut, halves, pieces, spelt, texts
from audionas.prep.wake.sources import Recording

HALF = RATE // 4


def tone(step: float, samples: int = HALF) -> np.ndarray:
    return (0.3 * np.sin(step * np.arange(samples))).astype(np.float32)


def test_a_word_is_cut_where_its_middle_is_quietest() -> None:
    quiet = np.full(RATE // 2, 0.001, np.float32)
    wave = np.concatenate([quiet, tone(0.3), 0.1 * tone(0.5, 800), tone(0.9, HALF + 1600), quiet])
    first, last = halves(wave, 1.2)
    at = len(quiet) + HALF
    whole = np.concatenate([first, last])
    assert len(first) + len(last) == pytest.approx(2 * HALF + 2400, abs=800)
    assert any(np.array_equal(whole, wave[i : i + len(whole)]) for i in range(len(wave) - len(whole) + 1))
    start = next(i for i in range(len(wave)) if np.array_equal(first, wave[i : i + len(first)]))
    assert at - 200 <= start + len(first) <= at + 1000  # in the quiet stretch


def test_pieces_are_the_halves_in_every_order_but_their_own() -> None:
    first, last, other = tone(0.3), tone(0.9, HALF + 800), tone(0.5)
    found = pieces(first, last, other, numpy_rng("pieces"))
    assert tuple(found) == KINDS
    assert tuple(pieces(first, last, None, numpy_rng("pieces"))) == KINDS[:-1]
    inner = slice(200, -200)  # the ends fade
    np.testing.assert_array_equal(found["first_half"][inner], first[inner])
    np.testing.assert_array_equal(found["last_half"][inner], last[inner])
    np.testing.assert_array_equal(found["halves_swapped"][: len(last)][inner], last[inner])
    np.testing.assert_array_equal(found["halves_swapped"][len(last) :][inner], first[inner])
    np.testing.assert_array_equal(found["with_another"][len(first) :][inner], other[inner])
    one, two = np.split(found["half_twice"], 2)
    np.testing.assert_array_equal(one, two)
    lengths = {len(pieces(first, last, None, numpy_rng(n))["half_twice"]) for n in range(20)}
    assert lengths == {2 * len(first), 2 * len(last)}  # either half


@pytest.mark.parametrize(
    ("word", "first", "last"),
    [("hey jarvis", "hey", "jarvis"), ("computer", "comp", "uter"), ("ok my house", "ok", "my house")],
)
def test_a_written_word_has_the_same_kinds(word: str, first: str, last: str) -> None:
    found = spelt(word, "table", numpy_rng("spelt"))
    assert tuple(found) == KINDS
    assert (found["first_half"], found["last_half"]) == (first, last)
    assert found["half_twice"] in (f"{first} {first}", f"{last} {last}")
    assert (found["halves_swapped"], found["with_another"]) == (f"{last} {first}", f"{first} table")


def test_what_would_be_the_word_is_left_out() -> None:
    """Halves that are alike make the word when said twice, and another word may complete a half."""
    assert set(spelt("papa", "table", numpy_rng(0))) == {"first_half", "last_half", "with_another"}
    assert "with_another" not in spelt("computer", "uter", numpy_rng(0))
    assert spelt("go", "table", numpy_rng(0)) == {}


def test_texts_take_every_kind_in_turn() -> None:
    found = texts("hey jarvis", ["table", "chair"], 12, numpy_rng("texts"))
    assert [kind for kind, _ in found] == [*KINDS, *KINDS, *KINDS[:2]]
    assert not any("hey jarvis" in text for _, text in found)
    assert {kind for kind, _ in texts("hey jarvis", [], 8, numpy_rng("texts"))} == set(KINDS[:-1])
    assert texts("go", ["table"], 5, numpy_rng("texts")) == []


def test_another_word_is_of_the_part_that_its_split_has(tmp_path: Path) -> None:
    word, other = tmp_path / "word.wav", tmp_path / "day.wav"
    mine, foreign = 0.3 * np.ones(HALF, np.float32), tone(0.5)
    waves = {word: np.concatenate([tone(0.3), tone(0.9)]), other: np.concatenate([mine, foreign])}
    found = [
        Recording(word, "own", "computer", "own-w"),
        Recording(other, "own", "radio", "own-day-0", part=(0, 2)),
    ]
    job = ClipJob(tmp_path / "out", "computer", "computer", 1.5, 0, Reporter())
    made = dict(cut(job, "test", found, [], 1, waves.__getitem__))
    wave, _ = soundfile.read(made["with_another"].audio)
    whole = wave[-HALF + 800 : -800]
    assert whole.min() > 0.25  # nothing of the tone, which lies in another split
