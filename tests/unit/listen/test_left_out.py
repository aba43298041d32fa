"""Negatives lose what says the word, its time too, and nothing else."""

from pathlib import Path

import pytest

from audionas.core.errors import UserError
from audionas.core.reporter import Reporter
from audionas.data.files import transcripts
from audionas.data.files.transcripts import Utterance
from audionas.data.kaldi import Item
from audionas.listen.left_out import without_words


@pytest.fixture
def items(tmp_path: Path) -> list[Item]:
    """Two recordings of 60 s, of which only the first has a transcript, and a part of it."""
    rows = [
        Utterance("a.wav", 10, 14, "my Computer is on"),
        Utterance("a.wav", 14, 20, "two computers"),
        Utterance("a.wav", 50, 60, "the computer"),
        Utterance("gone.wav", 0, 9, "computer"),
    ]
    transcripts.write(tmp_path / "transcripts.tsv", rows)
    one, other = (str(tmp_path / f"{name}.wav") for name in "ab")
    return [Item("a", one, "", 60.0), Item("a-end", one, "", 15.0, 40.0), Item("b", other, "", 60.0)]


def spans(items: list[Item]) -> list[tuple[str, float, float]]:
    return [(item.id, item.start, item.start + item.seconds) for item in items]


def test_the_word_and_its_time_are_left_out(
    items: list[Item], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = without_words(items, tmp_path, ["computer"], Reporter())
    assert spans(kept.items) == [
        ("a-part0", 0, 10),
        ("a-part1", 14, 50),
        ("a-end-part0", 40, 50),
        ("b", 0, 60),
    ]
    assert kept.items[-1] is items[-1]  # nothing of it changes, not even the key of its scores
    assert kept.seconds == 14 + 5
    assert kept.utterances == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "2 utterances with computer left out, 19.0 s" in said
    assert "1 recording without a transcript: all of their time counts" in said


def test_other_texts_may_count_as_the_word(items: list[Item], tmp_path: Path) -> None:
    kept = without_words(items[:1], tmp_path, ["computer"], Reporter(), also=["computers"])
    assert spans(kept.items) == [("a-part0", 0, 10), ("a-part1", 20, 50)]
    assert without_words(items[:1], tmp_path, ["hey_jarvis"], Reporter()).texts == ("hey jarvis",)


def test_without_a_table_all_is_kept_and_a_wrong_one_is_told(items: list[Item], tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    assert without_words(items, tmp_path / "elsewhere", ["computer"], Reporter()).items == items
    with pytest.raises(UserError, match=r"--also computers: .*transcripts\.tsv does not exist"):
        without_words(items, tmp_path / "elsewhere", ["computer"], Reporter(), also=["computers"])
    with pytest.raises(UserError, match="cannot be read"):
        without_words(items, tmp_path, ["computer"], Reporter(), table=tmp_path / "none.tsv")
    with pytest.raises(UserError, match="names none of these recordings"):
        without_words(items[2:], tmp_path, ["computer"], Reporter())
    transcripts.write(tmp_path / "transcripts.tsv", [Utterance("a.wav", 0, 60, "computer")])
    with pytest.raises(UserError, match="no negatives are left"):
        without_words(items[:1], tmp_path, ["computer"], Reporter())
