"""A data directory from elsewhere is never written over."""

from pathlib import Path

import pytest

from audionas.core.errors import UserError
from audionas.data import kaldi
from audionas.data.kaldi import Item
from audionas.data.owned import SUMS, drop

ITEM = Item("a", "/a.wav", "yes", 1.0, 0.0, "a", "0" * 64)


def test_a_directory_from_elsewhere_is_refused_by_name(tmp_path: Path) -> None:
    for name in ("wav.scp", "text"):
        (tmp_path / name).write_text("mine")
    with pytest.raises(UserError) as refused:
        kaldi.write(tmp_path, [ITEM])
    assert [line.partition(":")[0] for line in refused.value.problems] == [
        str(tmp_path / "wav.scp"),
        str(tmp_path / "text"),
    ]
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"wav.scp": "mine", "text": "mine"}


def test_one_of_ours_is_written_again_even_where_the_first_time_was_cut_off(tmp_path: Path) -> None:
    assert next(iter(kaldi._lines(kaldi.DataDir(tmp_path, [ITEM]), relative=True, partial=False))) == SUMS
    (tmp_path / SUMS).write_text("a 0")
    (tmp_path / ".text.draft").write_text("a y")  # as SIGKILL leaves it
    (tmp_path / ".segments.draft").write_text("a y")
    kaldi.write(tmp_path, [ITEM])
    kaldi.write(tmp_path, [ITEM])
    assert not [*tmp_path.glob(".*")]


def test_only_one_of_ours_is_dropped(tmp_path: Path) -> None:
    ours, other, link = tmp_path / "ours", tmp_path / "other", tmp_path / "link"
    kaldi.write(ours, [ITEM])
    other.mkdir()
    (other / "wav.scp").write_text("mine")
    link.symlink_to(ours)
    assert [drop(other), drop(link), drop(tmp_path / "none"), drop(ours)] == [False, False, False, True]
    assert (other / "wav.scp").exists()
    assert not ours.exists()
