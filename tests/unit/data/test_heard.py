"""What a model was trained on is written as short sums, and found again in other directories."""

from dataclasses import replace
from pathlib import Path

import pytest

from audionas.core.errors import UserError
from audionas.core.files import write_json
from audionas.data import heard
from audionas.data.kaldi import DataDir, Item


def clips(count: int, *, speaker: str = "anna", seconds: float = 1.0) -> DataDir:
    items = [
        Item(f"{speaker}-{n}", f"/{speaker}/{n}.wav", "yes", seconds, 0.0, speaker, f"{n:064x}"[::-1])
        for n in range(count)
    ]
    return DataDir(Path(), items)


def known(tmp_path: Path, data: DataDir) -> heard.Heard:
    write_json(tmp_path / heard.FILE, heard.plain(heard.of(data)))
    return heard.read(tmp_path / heard.FILE)


def test_clips_and_speakers_are_found_again_whatever_they_are_called(tmp_path: Path) -> None:
    trained = clips(5)
    found = known(tmp_path, trained)
    assert heard.again(found, trained) == {"clips": 5, "speakers": 1}
    other = DataDir(Path(), [replace(i, id=f"bert-{i.id}", speaker="bert", audio="/moved") for i in clips(7)])
    assert heard.again(found, other) == {"clips": 5, "speakers": 0}
    assert heard.again(heard.of(trained), other) == {"clips": 5, "speakers": 0}
    assert "anna" not in (tmp_path / heard.FILE).read_text()


@pytest.mark.parametrize(("start", "count"), [(0.5, 1), (1.0, 0), (3.5, 1), (9.0, 0)])
def test_parts_of_a_recording_are_compared_by_their_time(tmp_path: Path, start: float, count: int) -> None:
    whole = Item("a", "/a.wav", "yes", 1.0, 0.0, "a", "f" * 64)
    trained = DataDir(Path(), [whole, replace(whole, id="b", start=3.0)])
    part = DataDir(Path(), [replace(whole, id="c", start=start)])
    for found in (known(tmp_path, trained), heard.of(trained)):
        assert heard.again(found, part)["clips"] == count


@pytest.mark.parametrize(
    "plain", [[], {"clips": [1], "speakers": []}, {"clips": ["a 1"], "speakers": []}, {}]
)
def test_a_damaged_note_is_refused(tmp_path: Path, plain: object) -> None:
    write_json(tmp_path / "x.json", plain)
    with pytest.raises(UserError, match="damaged"):
        heard.read(tmp_path / "x.json")


def test_words_are_said_only_where_something_was_heard() -> None:
    assert heard.words({"n": 9}) == heard.words({"n": 9, "trained_on": {"clips": 0, "speakers": 0}}) == []
    clips, speakers = heard.words({"n": 9, "trained_on": {"clips": 2, "speakers": 1}})
    assert clips.startswith("ATTENTION: the model was trained on 2 of these 9 clips")
    assert speakers.startswith("attention: 1 speaker of these spoke in training")


def test_several_together_hear_what_each_has_heard() -> None:
    part, rest = heard.Heard({"a": [(0.0, 1.0)]}, {"s"}), heard.Heard({"a": [(2.0, 3.0)], "b": []}, {"t"})
    both = heard.together([part, rest])
    assert both == heard.Heard({"a": [(0.0, 1.0), (2.0, 3.0)], "b": []}, {"s", "t"})
    whole = heard.Heard({"a": []}, set())
    assert heard.together([part, whole]).clips == heard.together([whole, part]).clips == {"a": []}
    assert part == heard.Heard({"a": [(0.0, 1.0)]}, {"s"})
    assert heard.plain(both)["clips"] == ["a 0.000 1.000", "a 2.000 3.000", "b"]
