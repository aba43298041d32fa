"""Sound beside words: stretches that no split shares, without utterances of a word; clips drawn of them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audionas.core.errors import UserError
from audionas.core.reporter import Reporter
from audionas.data.files.transcripts import Utterance
from audionas.data.kaldi import Item
from audionas.data.labels import other_of
from audionas.prep import other_sound


def recording(number: int, seconds: float = 150.0, speaker: str = "") -> Item:
    own = f"r{number}"
    return Item(f"{own}-0", f"{own}.wav", "_unknown_", seconds, speaker=speaker or own)


def test_long_recordings_are_cut_and_nothing_is_lost() -> None:
    items = [recording(n) for n in range(3)]
    cut = other_sound.stretches(items, {item.id: () for item in items}, ["yes"], 3, 1.0)
    assert {item.speaker for item in cut} == {"r0", "r1", "r2"}
    assert max(item.seconds for item in cut) <= other_sound.STRETCH
    for item in items:
        own = [each for each in cut if each.audio == item.audio]
        ends = [each.start + each.seconds for each in own]
        assert [each.start for each in own] == pytest.approx([0.0, *ends[:-1]])
        assert ends[-1] == pytest.approx(item.seconds)


def test_one_recording_fills_three_splits_by_its_tenths() -> None:
    (item,) = items = [recording(0, seconds=30.0)]
    cut = other_sound.stretches(items, {item.id: ()}, [], 3, 1.0)
    assert len({each.speaker for each in cut}) == len(cut) == 10
    assert {round(each.seconds, 6) for each in cut} == {3.0}


def test_utterances_of_a_word_are_left_out() -> None:
    items = [recording(n, seconds=20.0) for n in range(3)]
    said = {item.id: () for item in items}
    said[items[1].id] = (Utterance("", 4.0, 6.0, "lights on please"), Utterance("", 8.0, 9.0, "other"))
    own = [e for e in other_sound.stretches(items, said, ["lights on"], 3, 1.0) if e.audio == items[1].audio]
    assert [(each.start, each.seconds) for each in own] == [(0.0, 4.0), (6.0, 14.0)]


def test_too_few_stretches_are_refused() -> None:
    item = recording(0, seconds=30.0)
    said = {item.id: (Utterance("", 1.0, 30.0, "yes"),)}
    with pytest.raises(UserError, match="1 stretch of sound cannot fill 3 splits"):
        other_sound.stretches([item], said, ["yes"], 3, 1.0)


def test_as_many_clips_are_drawn_as_there_are_words() -> None:
    long = other_sound.stretches(
        [recording(n) for n in range(3)], {f"r{n}-0": () for n in range(3)}, [], 3, 1.0
    )
    words = [Item(f"w{n}", "w.wav", label, 1.0) for n, label in enumerate(["yes"] * 20 + ["_silence_"] * 9)]
    drawn = other_sound.clips("dev", long, words, 1.5, seed=0)
    assert len(drawn) == 20
    assert len({(item.audio, item.start) for item in drawn}) == 20
    assert all(item.start + item.seconds <= 150.0 and item.seconds == 1.5 for item in drawn)
    assert drawn == other_sound.clips("dev", long, words, 1.5, seed=0)
    assert drawn != other_sound.clips("dev", long, words, 1.5, seed=1)
    assert len(other_sound.clips("dev", long[:1], words[:20], 25.0, seed=0)) == 2  # no more than there are


def test_recordings_of_the_words_are_left_out(tmp_path: Path) -> None:
    for name in ("news/a.wav", "yes/b.wav", "c.wav"):
        (tmp_path / "radio" / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / "radio" / name, np.zeros(800), 8_000)
    items, said = other_sound.found([tmp_path / "radio"], ["yes"], "_unknown_", Reporter())
    assert [Path(item.audio).name for item in items] == ["c.wav", "a.wav"]
    assert len({item.id for item in items}) == len(said) == 2


def test_other_sound_has_the_class_that_is_there() -> None:
    assert other_of(["yes", "_other_"]) == "_other_"
    assert other_of(["yes", "_other_", "_unknown_"]) == other_of(["yes", "_silence_"]) == "_unknown_"


@pytest.mark.parametrize(
    ("folder", "word", "left"),
    [
        *[("onlynoise", "no", True), ("noise", "no", True), ("monday", "on", True), ("mango", "go", True)],
        *[
            ("no", "no", False),
            ("say_no", "no", False),
            ("heyyou", "hey you", False),
            ("Hey-You", "hey you", False),
        ],
    ],
)
def test_only_folders_of_whole_words_are_left_out(tmp_path: Path, folder: str, word: str, left: bool) -> None:
    (tmp_path / folder).mkdir()
    soundfile.write(tmp_path / folder / "a.wav", np.zeros(800), 8_000)
    items, _ = other_sound.found([tmp_path], [word], "_unknown_", Reporter())
    assert bool(items) is left


def test_stretches_are_long_enough_for_clips_or_are_refused() -> None:
    (item,) = items = [recording(0, seconds=5.5)]
    cut = other_sound.stretches(items, {item.id: ()}, [], 3, 1.0)
    assert len(cut) == 5
    assert all(other_sound.clips("dev", [each], items, 1.0, seed=0) for each in cut)
    short = [recording(n, seconds=0.9) for n in range(3)]
    with pytest.raises(UserError, match="no stretch of dev is as long as --seconds 1"):
        other_sound.clips("dev", short, short, 1.0, seed=0)


@pytest.mark.parametrize("many", [1, 4])
def test_the_same_bytes_are_in_one_group(many: int) -> None:
    """Copies count as one recording, and what is said in one of them is said in all."""
    items = [replace(recording(n), sha256=str(n % many)) for n in range(3 * many)]
    said = {item.id: (Utterance("", 20.0, 30.0, "yes"),) if item is items[-1] else () for item in items}
    cut = other_sound.stretches(items, said, ["yes"], 3, 1.0)
    places: dict[tuple[str, float], set[str]] = {}
    for each in cut:
        places.setdefault((each.sha256, each.start), set()).add(each.speaker)
    assert {len(groups) for groups in places.values()} == {1}
    assert len({each.speaker for each in cut}) >= 3
    spans = [(e.start, e.start + e.seconds) for e in cut if e.sha256 == str(many - 1)]
    assert all(end <= 20.0 or start >= 30.0 for start, end in spans)
