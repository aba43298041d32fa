"""Files are written whole or not at all; sums and broken JSON."""

import hashlib
import json
import os
import signal
import stat
import threading
import time
from pathlib import Path

import pytest

from audionas.core import files
from audionas.core.errors import UserError
from audionas.core.files import locked


def test_a_block_that_ends_well_replaces_the_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    for text in ("first", "second"):
        with files.atomic(path) as draft:
            assert draft.parent == path.parent
            draft.write_text(text)
        assert path.read_text() == text
    assert [f.name for f in path.parent.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_block_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(error), files.atomic(path) as draft:  # noqa: PT012 (the block is what is tested)
        draft.write_text("half of the ne")
        raise error
    assert path.read_text() == "old"
    assert [f.name for f in tmp_path.iterdir()] == ["a.txt"]


def test_what_a_killed_process_has_left_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    child = os.fork()
    if child == 0:
        with files.atomic(path) as draft:
            draft.write_text("half of a much longer text")
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert len(list(tmp_path.iterdir())) == 1
    files.write_text(path, "whole")
    assert path.read_text() == "whole"
    assert [f.name for f in tmp_path.iterdir()] == ["a.txt"]


def test_many_writers_of_one_file_each_write_it_whole(tmp_path: Path) -> None:
    path, texts = tmp_path / "a.txt", [str(n) * 10_000 for n in range(8)]
    writers = [threading.Thread(target=files.write_text, args=(path, text)) for text in texts * 5]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert path.read_text() in texts
    assert [f.name for f in tmp_path.iterdir()] == ["a.txt"]


def test_the_old_file_stands_until_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with files.atomic(path) as draft:
        draft.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_others_may_read_what_was_written(tmp_path: Path) -> None:
    files.write_text(tmp_path / "a.txt", "x")
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) & 0o044 == 0o044


def test_json_comes_back(tmp_path: Path) -> None:
    value = {"a": [1, 2.5, None, True], "ü": "§"}
    files.write_json(tmp_path / "a.json", value)
    assert files.read_json(tmp_path / "a.json") == value
    assert "ü" in (tmp_path / "a.json").read_text(encoding="utf-8")


def test_a_value_that_json_cannot_hold_leaves_the_old_file(tmp_path: Path) -> None:
    files.write_json(tmp_path / "a.json", {"a": 1})
    with pytest.raises(TypeError):
        files.write_json(tmp_path / "a.json", {"a": object()})
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": 1}


@pytest.mark.parametrize(
    ("content", "place"), [(b"{\n  oops}", ":2: "), (b"", ":1: "), (b"\xff\xfe\x00", ": cannot be read")]
)
def test_broken_json_is_named_with_its_line(tmp_path: Path, content: bytes, place: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        files.read_json(path)
    assert f"{path}{place}" in str(caught.value)


def test_missing_json_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.json: cannot be read"):
        files.read_json(tmp_path / "nowhere.json")


def test_sums_are_those_of_hashlib(tmp_path: Path) -> None:
    content = bytes(range(256)) * 5000  # more than one block
    (tmp_path / "a").write_bytes(content)
    assert files.sha256(tmp_path / "a") == hashlib.sha256(content).hexdigest()
    assert files.sha256_text("grün") == hashlib.sha256("grün".encode()).hexdigest()


@pytest.mark.parametrize("name", ["data_prep", "recipes"])
def test_shipped_folders_are_found(name: str) -> None:
    assert files.shipped(name).is_dir()


def test_a_folder_that_is_not_shipped_is_a_fault_of_the_installation() -> None:
    with pytest.raises(UserError, match="'nothing' is missing"):
        files.shipped("nothing")


def test_a_lock_is_held_by_one_and_waited_for_only_when_asked(tmp_path: Path) -> None:
    said: list[str] = []
    entered = threading.Event()

    def second() -> None:
        with locked(tmp_path / "x.lock", wait=lambda: said.append("waiting")):
            entered.set()

    with locked(tmp_path / "x.lock", wait=None):
        with pytest.raises(BlockingIOError), locked(tmp_path / "x.lock", wait=None):
            pass
        other = threading.Thread(target=second)
        other.start()
        while not said:
            time.sleep(0.001)
        assert not entered.is_set()
    other.join()
    assert entered.is_set()
    assert said == ["waiting"]


@pytest.mark.parametrize(("kind", "says"), [("missing", "No such file"), ("folder", "Is a directory")])
def test_a_text_that_is_no_file_is_named(tmp_path: Path, kind: str, says: str) -> None:
    path = tmp_path if kind == "folder" else tmp_path / "a.txt"
    with pytest.raises(UserError, match=f"{path}: cannot be read .*{says}.*\nDo this") as caught:
        files.read_text(path, hint="Do this")
    assert caught.value.hint == "Do this"


def test_a_text_in_another_encoding_is_named_with_its_byte(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes("ja\nnein\nschön\n".encode("latin-1"))
    with pytest.raises(UserError, match=r"labels.txt: cannot be read \(not UTF-8: .* at byte 11\)"):
        files.read_text(path)


def test_a_path_with_a_null_character_is_named() -> None:
    with pytest.raises(UserError, match="cannot be read"):
        files.read_text("a\0b")


@pytest.mark.parametrize("text", ["[" * 100_000, "1" * 5000])
def test_json_that_python_cannot_parse_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(UserError, match=r"a\.json: not valid JSON"):
        files.read_json(tmp_path / "a.json")


def test_a_file_name_that_is_not_utf_8_comes_back_from_json(tmp_path: Path) -> None:
    name = b"schl\xfcssel.wav".decode(errors="surrogateescape")
    files.write_json(tmp_path / "a.json", {"audio": name, "label": "schön"})
    assert files.read_json(tmp_path / "a.json") == {"audio": name, "label": "schön"}
    assert "schön" in (tmp_path / "a.json").read_text(encoding="utf-8")


def test_what_the_disk_refuses_is_named_and_the_old_file_stays(tmp_path: Path) -> None:
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(UserError, match=r"a\.txt: cannot be written"):
        files.write_text(tmp_path / "a.txt", "x")
    assert [f.name for f in tmp_path.iterdir()] == ["a.txt"]


def test_lines_are_appended_to_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    files.write_text(path, "1\n")
    before = path.stat().st_ino
    for line in ("2", "schön"):
        files.add_line(path, line)
    assert path.read_text(encoding="utf-8") == "1\n2\nschön\n"
    assert path.stat().st_ino == before
    with pytest.raises(UserError, match="cannot be written"):
        files.add_line(tmp_path, "x")
