"""What data directories share: recordings under two labels, in two sets, twins, and speakers."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from audionas.data import audio
from audionas.data.kaldi import Item
from audionas.data.overlap import compare


def item(name: str, label: str = "yes", file: str = "", start: float = 0.0, seconds: float = 1.0) -> Item:
    """The sum of a file is made from its name."""
    file = file or f"/{name}.wav"
    return Item(name, file, label, seconds, start, name, f"sum of {file.rpartition('/')[2]}")


def test_one_recording_under_two_labels_is_dropped_everywhere() -> None:
    one, two = item("a", "yes", "/x/1.wav"), item("b", "no", "/y/1.wav")
    found = compare({"train": [item("c"), one, two]})
    assert found.problems == [
        "/x/1.wav: one recording under two labels: a (train) as 'yes' and b (train) as 'no'"
    ]
    assert found.drop == {"train": {1, 2}}
    assert compare({"train": [item("c")]}).problems == []


def test_one_recording_in_two_sets_is_dropped_from_the_first() -> None:
    sets = {
        "train": [item("a", file="/x/1.wav"), item("b")],
        "dev": [item("c"), item("d", file="/x/2.wav")],
        "test": [item("e", file="/y/1.wav"), item("f", file="/y/2.wav")],
    }
    found = compare(sets)
    assert [problem.kind for problem in found.problems] == [
        "one recording in train and in test: {} and {}",
        "one recording in dev and in test: {} and {}",
    ]
    assert found.drop == {"train": {0}, "dev": {1}}
    left = {
        name: [i for n, i in enumerate(items) if n not in found.drop.get(name, ())]
        for name, items in sets.items()
    }
    assert compare(left).problems == []


@pytest.mark.parametrize(
    ("start", "seconds", "shared"),
    [(1.0, 1.0, 0), (0.5, 1.0, 1), (0.99, 1.0, 0), (0.2, 0.2, 1), (0.0, 1.0, 1)],
)
def test_parts_of_one_recording_in_two_sets_count_where_they_overlap(
    start: float, seconds: float, shared: int
) -> None:
    train, test = [item("a", file="/x.wav")], [item("b", file="/x.wav", start=start, seconds=seconds)]
    assert len(compare({"train": train, "test": test}).problems) == shared


def test_parts_with_other_labels_may_touch_and_overlap_within_a_set() -> None:
    parts = [item("a", "yes", "/x.wav", 0.0, 1.0), item("b", "no", "/x.wav", 0.9, 1.0)]
    assert compare({"train": parts}).problems == []


def test_twins_are_counted_and_kept() -> None:
    twins = [
        item("a", file="/1.wav"),
        item("b", file="/1.wav"),
        item("c", file="/2.wav"),
        item("d", file="/2.wav"),
    ]
    found = compare({"train": [*twins, item("e")]})
    assert (found.problems, dict(found.drop)) == ([], {})
    assert found.notes == ["2 recordings stand twice or more in one set under one label"]
    assert compare({"train": twins[:2]}).notes == [
        "1 recording stands twice or more in one set under one label"
    ]


def test_without_sums_paths_are_compared() -> None:
    bare = [Item(name, "/x.wav", "yes", 1.0) for name in "ab"]
    assert len(compare({"train": bare[:1], "dev": bare[1:]}).problems) == 1
    mixed = Item("b", "/x.wav", "yes", 1.0, sha256="known")
    assert len(compare({"train": bare[:1], "dev": [mixed]}).problems) == 1
    other = Item("b", "/y.wav", "yes", 1.0)
    assert compare({"train": bare[:1], "dev": [other]}).problems == []


def test_zeros_for_silence_may_be_in_every_set_and_sound_may_not(tmp_path: Path) -> None:
    audio.write(tmp_path / "zeros.wav", np.zeros(800, np.float32), 16000)
    audio.write(tmp_path / "hiss.wav", np.full(800, 0.01, np.float32), 16000)

    def sets(name: str) -> dict[str, list[Item]]:
        file = str(tmp_path / name)
        return {
            "train": [Item("a", file, "_silence_", 0.05), Item("b", file, "_silence_", 0.05)],
            "dev": [Item("c", file, "_silence_", 0.05)],
        }

    quiet, loud = compare(sets("zeros.wav")), compare(sets("hiss.wav"))
    assert (quiet.problems, quiet.notes) == ([], [])
    assert (len(loud.problems), len(loud.notes)) == (1, 1)
    shutil.copy(tmp_path / "zeros.wav", tmp_path / "word.wav")
    words = {"train": [Item("a", str(tmp_path / "word.wav"), "yes", 0.05)]}
    assert len(compare({**words, "dev": [Item("b", str(tmp_path / "word.wav"), "yes", 0.05)]}).problems) == 1


def test_speakers_in_two_sets_are_told_where_they_are_known() -> None:
    def said(speaker: str, name: str) -> Item:
        return Item(name, f"/{name}.wav", "yes", 1.0, speaker=speaker)

    sets = {
        "train": [said("anna", "anna-1"), said("bert", "bert-1"), said("x", "x")],
        "test": [said("anna", "anna-2"), said("", "c"), said("x", "x")],
    }
    assert compare(sets).notes == [
        "attention: 1 speaker is both in train and in test, such as anna: "
        "accuracy in test says little about voices never heard"
    ]


def test_ten_thousand_parts_of_one_recording_take_no_square_of_time() -> None:
    many = [item(f"{n}", file="/x.wav", start=float(n)) for n in range(10_000)]
    assert compare({"train": many[:5000], "dev": many[5000:]}).problems == []
