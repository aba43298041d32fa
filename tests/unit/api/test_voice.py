"""A call from Python prints nothing unless asked, keeps what it tells, and lets epochs be heard."""

from pathlib import Path

import pytest

from audionas.api.voice import called
from audionas.core.reporter import Epoch, Reporter, say
from audionas.run.folder import environment


def spoken() -> None:
    reporter = Reporter()
    reporter.note("a line")
    reporter.table(("a",), [("b",)])
    Reporter(stdout=True).table(("a",), [("b",)])
    say("a result")
    list(reporter.progress(range(3), "steps"))


def test_a_quiet_call_prints_nothing_and_keeps_its_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with called("search", {}) as notes:
        spoken()
    assert capsys.readouterr() == ("", "")
    assert notes == ["a line"]


def test_a_call_that_is_asked_to_speak_prints(capsys: pytest.CaptureFixture[str]) -> None:
    with called("search", {}, quiet=False) as notes:
        spoken()
    said = capsys.readouterr()
    assert "a line" in said.err
    assert "a result" in said.out
    assert notes == []


def test_after_the_call_reporters_speak_again(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError), called("search", {}):
        _ = 1 / 0
    spoken()
    assert "a line" in capsys.readouterr().err


def test_every_epoch_is_heard(tmp_path: Path) -> None:
    (tmp_path / "search").mkdir()
    first: list[Epoch] = []
    second: list[Epoch] = []
    with called("search", {}, callbacks=[first.append, second.append]):
        reporter = Reporter(tmp_path / "search")
        Reporter().epoch(0, 2, {"loss": 3.0}, seconds=1.0, left=1.0)  # of no folder: another's
        reporter.epoch(0, 2, {"loss": 2.0}, seconds=1.0, left=1.0)
        reporter.epoch(1, 2, {"loss": 1.0}, seconds=1.0, left=0.0)
        reporter.close()
    assert [(e.folder.name, e.epoch, e.epochs, e.values["loss"]) for e in first] == [
        ("search", 1, 2, 2.0),
        ("search", 2, 2, 1.0),
    ]
    assert first == second


def test_the_folder_of_a_run_keeps_the_call() -> None:
    with called("search", {"method": {"name": "darts"}, "seed": 3}):
        assert environment(3)["command"] == "audionas.search(method={'name': 'darts'}, seed=3)"
    assert not environment(3)["command"].startswith("audionas.")
