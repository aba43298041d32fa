"""Faults of the machine end a command with a line and status 1; faults of ours do not look like them."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from audionas.cli.faults import told
from tests._hostile import unseen
from tests._tiers import story
from tests.unit.cli._command import audionas, refused

NAME = b"schl\xfcssel".decode(errors="surrogateescape")


@pytest.mark.parametrize(
    "number",
    [errno.ENOENT, errno.ELOOP, errno.EMFILE, errno.EIO, errno.EFBIG, errno.ENOSPC, errno.EROFS],
)
def test_an_error_of_the_file_system_names_the_file(number: int) -> None:
    assert told(OSError(number, os.strerror(number), "x.wav")) == f"x.wav: {os.strerror(number)}"


@pytest.mark.parametrize(
    "error",
    [MemoryError(), OSError(errno.ENOMEM, "no"), RuntimeError("DefaultCPUAllocator: can't allocate memory")],
)
def test_want_of_memory_is_said(error: Exception) -> None:
    assert "not enough memory" in told(error)


def test_torch_says_want_of_memory_as_is_expected_here() -> None:
    import torch

    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 50, dtype=torch.uint8)
    assert "not enough memory" in told(caught.value)


def test_a_name_that_cannot_be_written_is_told() -> None:
    with pytest.raises(UnicodeEncodeError) as caught:
        NAME.encode()
    assert "schl\\udcfcssel" in told(caught.value)


@pytest.mark.parametrize("error", [ValueError("x"), RuntimeError("x"), OSError("no number"), KeyError("x")])
def test_a_fault_of_ours_stays_one(error: Exception) -> None:
    assert told(error) == ""


LINES = (
    *("{}", "--{}", "recipe list {}", "cost {}", "cost tc_resnet8 --classes {}"),
    *("recipe list --{}", "recipe copy {} new", "prep {}", "list {}", "cost tc_resnet8 --input {}"),
    *("show {} --json", "search {} {}", "--plugins {} list zoo"),
)


@pytest.mark.parametrize("line", story(LINES, fast=5))
def test_what_a_wrong_line_repeats_is_escaped(line: str) -> None:
    word = "a\x1b[31mb\u202e[red]\x85\x7f"
    result = refused(*(part.format(word) for part in line.split()))
    assert not unseen(result.err)


def test_a_line_in_a_name_is_none_of_ours(tmp_path: Path) -> None:
    lines = refused("show", tmp_path / "a\nerror: all is lost\rb").err.splitlines()
    assert [line for line in lines if line.startswith("error:")] == lines[:1]
    assert "\r" not in "".join(lines)


def test_a_bug_shows_its_message_as_text(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(*_: object, **__: object) -> None:
        raise LookupError("a\x1b[31mb [red]")

    monkeypatch.setattr(shutil, "copytree", broken)
    result = audionas("recipe", "copy", "mini", tmp_path / "new")
    assert result.status == 70
    assert "LookupError: a\\x1b[31mb [red]" in result.err


@pytest.mark.story
@pytest.mark.parametrize(
    "variables", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}]
)
@pytest.mark.parametrize(
    "words", [("list", "zoo"), ("list", "zoo", "--json"), ("cost", "t\u202eü█"), ("--help",)]
)
def test_a_terminal_without_our_letters_is_no_fault(
    words: tuple[str, ...], variables: dict[str, str], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "audionas", *words]
    env = {**os.environ, **variables, "PYTHONUTF8": "0"}
    done = subprocess.run(command, env=env, capture_output=True, cwd=tmp_path)
    assert done.returncode == (words[0] == "cost"), done.stderr
    assert b"Traceback" not in done.stderr
    if variables.get("PYTHONIOENCODING"):
        (done.stdout + done.stderr).decode("ascii")


@pytest.mark.parametrize("command", ["show", "cost", "predict"])
def test_a_file_name_that_is_not_utf_8_is_told(tmp_path: Path, command: str) -> None:
    refused(command, tmp_path / NAME, *(["x.wav"] if command == "predict" else []))


def test_a_folder_where_a_file_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "arch.json").mkdir()
    refused("cost", tmp_path / "arch.json")
    refused("search", tmp_path)


def test_a_loop_of_links_is_told(tmp_path: Path) -> None:
    (tmp_path / "conf.yaml").symlink_to("conf.yaml")
    refused("search", tmp_path / "conf.yaml")


@pytest.mark.story
def test_a_full_standard_output_is_an_error() -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "audionas", "--version"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.story
@pytest.mark.parametrize("words", [("list", "zoo"), ("list", "zoo", "--json"), ("--version",)])
def test_a_reader_that_has_gone_is_no_fault(words: tuple[str, ...]) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    command = [sys.executable, "-m", "audionas", *words]
    done = subprocess.run(command, stdout=writes, stderr=subprocess.PIPE, text=True)
    os.close(writes)
    assert done.returncode in (0, 1)
    assert done.stderr == ""
