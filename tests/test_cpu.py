"""The plug-in that counts CPU seconds: a planted slow test fails, and only where the limit holds."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import _cpu

ROOT = Path(__file__).resolve().parents[1]
PLANTED = '''
"""Tests that take more than they may, or seem to."""
import time
import pytest

def burn(seconds=0.12):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass

@pytest.fixture(scope="module")
def shared():
    burn()

@pytest.fixture
def own():
    burn()

def test_quick(): pass
def test_slow(): burn()
def test_slow_by_its_fixture(own): pass
def test_of_a_shared_fixture(shared): pass
def test_that_fails_anyway():
    burn()
    assert False

warm = []
def test_slow_once():
    if not warm: burn()
    warm.append(1)

@pytest.mark.laws
def test_of_laws(): burn()
@pytest.mark.story
def test_of_story(): burn()
'''


def planted(folder: Path, limit: str, *arguments: str) -> tuple[str, dict[str, float]]:
    """What pytest prints on the planted file, and the seconds of its tests by name."""
    (folder / "test_planted.py").write_text(PLANTED, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n  laws\n  story\n", encoding="utf-8")
    log = folder / f"log{len(arguments)}.jsonl"
    log.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-p", "tests._cpu", "-p", "no:cacheprovider", "-q", *arguments]
    env = {**os.environ, "PYTHONPATH": str(ROOT), _cpu.LIMIT: limit, _cpu.LOG: str(log)}
    env.pop("PYTEST_XDIST_WORKER", None)
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return done.stdout + done.stderr, {r["test"].split("::")[1]: r["seconds"] for r in rows if "test" in r}


def failed(text: str) -> set[str]:
    return {line.split("::")[1].split(" ")[0] for line in text.splitlines() if line.startswith("FAILED")}


@pytest.fixture(scope="module")
def limited(tmp_path_factory):
    return planted(tmp_path_factory.mktemp("planted"), "0.06")


def test_a_fast_test_over_the_limit_fails(limited):
    text, _ = limited
    assert failed(text) == {"test_slow", "test_slow_by_its_fixture", "test_that_fails_anyway"}
    assert "test_slow takes 0.1 CPU seconds; the limit of the fast tier is 0.06: make it smaller" in text
    assert "assert False" in text


def test_what_each_takes_is_told_by_tier(limited):
    text, seconds = limited
    assert {"fast:", "laws:", "story:"} <= set(text.split())
    assert min(seconds[name] for name in ("test_slow", "test_of_laws", "test_of_story")) >= 0.1
    assert max(seconds[name] for name in ("test_quick", "test_of_a_shared_fixture", "test_slow_once")) < 0.06


@pytest.mark.story
def test_processes_report_to_the_one_that_prints(tmp_path):
    text, seconds = planted(tmp_path, "0.06", "-n", "2")
    assert {"test_slow", "test_slow_by_its_fixture"} <= failed(text)
    assert len(seconds) == 8


@pytest.mark.story
@pytest.mark.parametrize("limit", ["", "0", "20"])
def test_the_limit_can_be_switched_off_and_set(tmp_path, limit):
    text, _ = planted(tmp_path, limit)
    assert failed(text) == {"test_that_fails_anyway"}
