"""What a run says: all items pass through progress, rows are cut on resume, results go to standard output."""

import io
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from audionas.core.errors import UserError
from audionas.core.hostile import on_a_line
from audionas.core.reporter import Reporter, amount, clock, read_rows, say, script, stdout_json
from tests._hostile import HOSTILE, unseen


@pytest.mark.parametrize("count", [0, 1, 5])
def test_progress_yields_every_item_in_order(count: int) -> None:
    assert list(Reporter(quiet=True).progress(range(count), "counting")) == list(range(count))


def test_progress_takes_items_when_they_are_asked_for() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for i in range(5):
            taken.append(i)
            yield i

    stream = Reporter(quiet=True).progress(items(), "counting", 5)
    assert next(stream) == 0
    assert taken == [0]
    assert list(stream) == [1, 2, 3, 4]


def test_progress_passes_errors_on() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        list(Reporter(quiet=True).progress(items(), "counting", 2))


def test_a_bar_on_a_terminal_yields_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    reporter = Reporter()
    assert reporter.console.is_terminal
    assert list(reporter.progress(iter("abc"), "spelling", 3)) == ["a", "b", "c"]
    assert "spelling" in capsys.readouterr().err


def test_a_file_is_no_terminal_whatever_colours_are_forced(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert list(Reporter().progress(range(1000), "counting")) == list(range(1000))
    assert capsys.readouterr().err == ""  # a bar would have drawn each of its states into the file


def test_progress_in_a_file_is_a_line_every_ten_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = iter(range(10_000))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(now)))  # an item takes a second
    list(Reporter().progress(range(100), "counting"))
    told = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in told] == [f"counting: {done}/100" for done in range(10, 101, 10)]


def test_only_a_terminal_is_redrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert not Reporter().terminal  # standard error is caught in a file here
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert (Reporter().terminal, Reporter(quiet=True).terminal) == (True, False)


def test_notes_go_to_standard_error_and_tables_where_they_were_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Reporter().note("[bold]not markup[/bold] 100 %")
    Reporter().table(("a", "b"), [(1, "x")])
    first = capsys.readouterr()
    assert first.out == ""
    assert "[bold]not markup[/bold] 100 %" in first.err
    Reporter(stdout=True).table(("a", "b"), [(1, "x")])
    second = capsys.readouterr()
    assert (second.err, second.out.split()) == ("", ["a", "b", "1", "x"])


def test_a_long_note_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    text = "/a/very/long/path" * 30
    Reporter().note(text)
    assert capsys.readouterr().err == text + "\n"


def test_json_on_standard_output_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    stdout_json({"a": ["ü", 1]})
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"a": ["ü", 1]}
    assert captured.err == ""


def logged(folder: Path) -> list[int]:
    return [row["epoch"] for row in read_rows(folder / "metrics.jsonl")]


def write(folder: Path, epochs: range, since: int = 0) -> None:
    reporter = Reporter(folder, since=since, quiet=True)
    for epoch in epochs:
        reporter.epoch(epoch, 9, {"loss": 1.0 / (epoch + 1)}, seconds=1.0, left=2.0)
    reporter.close()


def test_an_epoch_is_a_row_and_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reporter = Reporter(tmp_path)
    reporter.epoch(1, 4, {"loss": 0.25, "accuracy": 0.5}, seconds=1.5, left=200.0)
    reporter.close()
    assert read_rows(tmp_path / "metrics.jsonl") == [
        {"epoch": 1, "loss": 0.25, "accuracy": 0.5, "seconds": 1.5}
    ]
    assert capsys.readouterr().err == "epoch 2/4  loss 0.25  accuracy 0.5  1.5 s  (3 min 20 s left)\n"
    assert list(tmp_path.glob("events.out.tfevents.*"))


@pytest.mark.parametrize("since", range(5))
def test_a_resumed_log_holds_each_epoch_once(tmp_path: Path, since: int) -> None:
    write(tmp_path, range(4))
    kept = (tmp_path / "metrics.jsonl").read_text().splitlines()[:since]
    write(tmp_path, range(since, 6), since)
    assert logged(tmp_path) == list(range(min(since, 4))) + list(range(since, 6))
    assert (tmp_path / "metrics.jsonl").read_text().splitlines()[: len(kept)] == kept


@pytest.mark.parametrize("left", [1, 10, 30])
def test_a_torn_last_line_is_left_out(tmp_path: Path, left: int) -> None:
    write(tmp_path, range(3))
    path = tmp_path / "metrics.jsonl"
    text = path.read_text()
    last = text.splitlines()[-1]
    path.write_text(text[: -len(last) - 1] + last[:left])
    assert logged(tmp_path) == [0, 1]
    write(tmp_path, range(2, 4), 2)
    assert logged(tmp_path) == [0, 1, 2, 3]


def test_no_folder_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Reporter(quiet=True).epoch(0, 1, {"loss": 1.0}, seconds=1.0, left=0.0)
    assert list(tmp_path.iterdir()) == []


def test_rows_of_a_missing_log_are_none(tmp_path: Path) -> None:
    assert read_rows(tmp_path / "metrics.jsonl") == []


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0 s"),
        (0.4, "0 s"),
        (41, "41 s"),
        (59.6, "1 min 00 s"),
        (200, "3 min 20 s"),
        (3599.7, "1 h 00 min"),
        (7500, "2 h 05 min"),
    ],
)
def test_times_read_like_words(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_one_is_no_several() -> None:
    assert [amount(number, "clip") for number in (0, 1, 2, 1200, 0.5, 1.0)] == [
        "0 clips", "1 clip", "2 clips", "1,200 clips", "0.5 clips", "1 clip",
    ]  # fmt: skip


def test_a_count_has_the_plural_of_its_noun() -> None:
    assert [amount(n, "class") for n in (0, 1, 2000)] == ["0 classes", "1 class", "2,000 classes"]
    assert amount(2, "copy", "copies") == "2 copies"


def test_control_characters_are_shown_not_sent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Reporter().note("a\x1b[2Jb\u202ec\rd")
    Reporter().table(("label",), [("\x1b]0;x\x07",)])
    told = capsys.readouterr().err
    assert r"a\x1b[2Jb\u202ec\rd" in told
    assert "\x1b" not in told
    assert "\x07" not in told


@pytest.mark.parametrize("label", HOSTILE)
def test_every_way_to_print_shows_a_label_as_text(label: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = on_a_line(label)
    say(label, "b")
    Reporter().note(label)
    Reporter().table((label, "b"), [(label, "x")], title=label)
    told = capsys.readouterr()
    assert told.out == f"{shown}\nb\n"
    note, title, head, row = told.err.splitlines()
    assert [note, title.rstrip(), head.split("  b")[0].rstrip(), row.split("  x")[0].rstrip()] == [
        shown.rstrip()
    ] * 4


def test_a_bar_and_a_live_view_show_a_label_as_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    reporter = Reporter()
    assert list(reporter.progress("ab", "[red]\x1b]0;x\x07\u202e", 2)) == ["a", "b"]
    with reporter.live() as show:
        show([[("[red]\x1b]0;y\x07\u202e", "bold")]])
    told = capsys.readouterr().err
    assert "[red]\\x1b]0;x\\x07\\u202e" in told
    assert "[red]\\x1b]0;y\\x07\\u202e" in told
    assert not {"\x1b]", "\x07", "\u202e"} & {told[i : i + n] for n in (1, 2) for i in range(len(told))}


@pytest.mark.parametrize("encoding", ["ascii", "utf-8", "latin-1"])
def test_json_and_lines_are_printed_in_any_encoding(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    printed = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(printed, encoding, errors="backslashreplace"))
    stdout_json({"labels": HOSTILE})
    json_lines = printed.getvalue()
    say("█ ü", *HOSTILE)
    assert tuple(json.loads(json_lines)["labels"]) == HOSTILE
    assert not unseen(json_lines.decode(encoding))
    assert not unseen(printed.getvalue().decode(encoding))


def test_a_scripts_user_error_is_status_1_in_lines_that_show_all(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop, script():
        raise UserError("a\x1b[2J", hint="b")
    assert stop.value.code == "error: a\\x1b[2J\nb"
    with pytest.raises(ZeroDivisionError), script():
        raise ZeroDivisionError
