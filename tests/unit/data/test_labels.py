"""Names of classes that look wrong are told; a single class is refused."""

from pathlib import Path

import pytest

from audionas.core.errors import UserError
from audionas.data.labels import doubts, read_labels, require_several, write_labels


@pytest.mark.parametrize("label", ["False", "true", "None", "null", "nan", "~"])
def test_what_a_program_made_of_a_word_is_told(label: str) -> None:
    (told,) = doubts(["yes", label])
    assert repr(label) in told
    assert "without quotes" in told


@pytest.mark.parametrize("label", ["go\t", "a\u200bb", " up", "x\x07y"])
def test_what_cannot_be_seen_is_told_in_escapes(label: str) -> None:
    (told,) = doubts(["yes", label])
    assert repr(label) in told
    assert told.isprintable()


@pytest.mark.parametrize("pair", [("Yes", "yes"), ("caf\u00e9", "cafe\u0301"), ("\uff47\uff4f", "go")])
def test_labels_that_differ_in_case_or_encoding_are_told(pair: tuple[str, str]) -> None:
    (told,) = doubts(["no", *pair])
    assert all(ascii(label) in told for label in pair)


def test_ordinary_labels_are_not_told() -> None:
    assert doubts(["yes", "no", "on", "off", "_silence_", "_unknown_", "licht an", "\u00fcber", "9"]) == []


def test_a_single_class_is_refused_with_a_way_out() -> None:
    with pytest.raises(UserError, match="data/train: has only the class 'yes'") as caught:
        require_several(["yes"], "data/train")
    assert "_unknown_" in caught.value.hint
    require_several(["yes", "no"], "data/train")


def test_a_mark_before_the_first_class_is_no_part_of_it(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_bytes(b"\xef\xbb\xbfyes\r\nno\r\n")
    assert read_labels(tmp_path / "train") == ["yes", "no"]


def test_a_label_of_two_lines_is_no_two_classes(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"the label 'a\\nb' is not one line"):
        write_labels(tmp_path, ["yes", "a\nb"])
    assert not list(tmp_path.iterdir())
