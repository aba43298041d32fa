"""A report that follows its run: it shows what the run wrote, reloads itself, and ends when the run does."""

import json
import shutil
import threading
import time
from pathlib import Path

import pytest

from audionas.core.errors import UserError
from audionas.core.files import locked
from audionas.report.live.watch import watch
from tests._run import Run
from tests.unit.cli._command import done, refused

RELOADS = '<meta http-equiv="refresh"'


@pytest.fixture
def begun(trained: Run, tmp_path: Path) -> Path:
    """A run folder to write into."""
    return shutil.copytree(trained.exp, tmp_path / "run")


def until(folder: Path, words: str) -> None:
    """Wait until the page holds these words."""
    page = folder / "report.html"
    end = time.monotonic() + 60
    while not page.exists() or words not in page.read_text():
        assert time.monotonic() < end, f"no {words} in a minute"
        time.sleep(0.02)


@pytest.mark.story
def test_it_follows_a_run_to_its_end(begun: Path) -> None:
    (begun / "report.html").unlink(missing_ok=True)
    rows = begun / "train" / "metrics.jsonl"
    follower = threading.Thread(target=watch, args=(begun, 0.01))
    with locked(begun / ".train.lock", wait=None):
        follower.start()
        until(begun, RELOADS)
        before = (begun / "report.html").read_text()
        last = json.loads(rows.read_text().splitlines()[-1])
        with rows.open("a") as file:
            file.write(json.dumps({**last, "epoch": last["epoch"] + 1, "loss": 7.125}) + "\n")
        end = time.monotonic() + 60
        while (begun / "report.html").read_text() == before:
            assert time.monotonic() < end, "what the run wrote is not shown"
            time.sleep(0.02)
        assert follower.is_alive()
    follower.join(60)
    assert not follower.is_alive()
    assert RELOADS not in (begun / "report.html").read_text()


@pytest.mark.story
def test_a_run_that_has_ended_is_shown_at_once(begun: Path) -> None:
    assert RELOADS not in watch(begun, 600).read_text()
    result = done("show", begun, "--live", "--json")
    assert "while the run goes on" in result.err
    assert result.json["params"] > 0


def test_where_there_is_no_run_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no run here"):
        watch(tmp_path, 0.001)
    assert "writing" not in refused("show", tmp_path, "--live", says="no run here").err
