"""The pool over processes: results do not depend on workers, deaths lose nothing, and nobody stays behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from audionas.core.errors import UserError
from audionas.core.pool.pool import MOST_DEATHS, Pool
from tests.unit.core import _pool_workers

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def found(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)  # workers are told where this process finds modules


def pool(function, workers=2, **args):
    return Pool(getattr(_pool_workers, function), args, workers=workers)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_results_are_in_order_for_any_number_of_workers(workers):
    items = [{"x": x} for x in range(20)]
    with pool("square", workers, offset=1) as some:
        assert list(some.map(items)) == [x * x + 1 for x in range(20)]
        assert list(some.map(items[:3])) == [1, 2, 5]
        assert list(some.map([])) == []


def test_one_worker_is_this_process_and_more_are_others():
    with pool("pids", 1) as some:
        assert set(some.map([0, 1])) == {os.getpid()}
    with pool("pids", 2) as some:
        first, second = set(some.map(range(4))), set(some.map(range(4)))
        assert os.getpid() not in first
        assert len(first | second) <= 2  # the second map asks the workers of the first


@pytest.mark.story
@pytest.mark.parametrize("workers", [1, 2])
def test_workers_compute_with_the_threads_asked_and_see_json(workers):
    before = torch.get_num_threads()
    with Pool(_pool_workers.facts, {}, workers=workers, threads=before + 1) as some:
        asked = {"1": "ü", "two": [1, 2]}
        assert list(some.map([{1: "ü", "two": (1, 2)}])) == [{"threads": before + 1, "asked": asked}]
    assert torch.get_num_threads() == before


def test_long_items_and_results_pass_whole():
    text = "x" * 300_000  # more than a pipe holds
    with pool("fails") as some:
        assert list(some.map([text, text + "y"])) == [text, text + "y"]


def test_results_come_before_all_are_computed():
    with pool("fails", slow=[2, 3]) as some:
        results = some.map([0, 1, 2, 3])
        start = time.monotonic()
        first = [next(results), next(results)]
        early = time.monotonic() - start
        assert first + list(results) == [0, 1, 2, 3]
        assert time.monotonic() - start > early


@pytest.mark.parametrize("workers", [2, 3])
def test_a_killed_worker_is_replaced_and_nothing_is_lost(tmp_path, workers):
    with pool("dies", workers, folder=str(tmp_path), item=5, times=MOST_DEATHS - 1) as some:
        assert list(some.map(range(12))) == list(range(12))
    assert len(list(tmp_path.iterdir())) == MOST_DEATHS - 1


def test_a_worker_that_is_killed_between_two_maps_is_replaced():
    with pool("pids") as some:
        for pid in set(some.map(range(4))):
            os.kill(pid, signal.SIGKILL)
            ended(pid)
        assert len(list(some.map(range(4)))) == 4


def test_an_item_that_kills_three_times_is_named_after_the_results_before_it(tmp_path):
    given = []
    with (
        pool("dies", 3, folder=str(tmp_path), item=5, times=99) as some,
        pytest.raises(UserError, match=r"item 5 killed 3 workers.*SIGKILL\): 5"),
    ):
        given.extend(some.map(range(12)))
    assert given == list(range(5))
    assert len(list(tmp_path.iterdir())) == MOST_DEATHS


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_errors_are_raised_in_their_place(workers):
    with pool("fails", workers, slow=[1]) as some:
        given = []
        with pytest.raises(UserError) as error:
            given.extend(some.map([0, 1, "user", "bug", 2]))
        assert error.value.problems == ["space: unknown", "method: unknown"]
        assert error.value.hint == "Try another."
        assert given == [0, 1]
        with pytest.raises(RuntimeError, match="KeyError: 'missing'"):
            list(some.map([0, "bug", "user"]))
        with pytest.raises(RuntimeError, match="not JSON serializable"):
            list(some.map(["object"]))
        assert list(some.map([0, 1, 2])) == [0, 1, 2]  # the pool is as good as before


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.story)])
def test_errors_of_loading(workers):
    with pool("unloadable", workers) as some, pytest.raises(UserError, match=r"supernet\.safetensors"):
        list(some.map([1, 2]))

    def hidden():
        """A function that no worker finds by its name."""

    with Pool(hidden, {}, workers=workers) as some, pytest.raises(RuntimeError, match="hidden"):
        list(some.map([1, 2]))


def test_workers_that_die_while_they_load_end_the_map():
    with (
        pool("stillborn") as some,
        pytest.raises(UserError, match=r"3 workers in a row died before they were ready.*SIGKILL"),
    ):
        list(some.map([1, 2]))


def test_wrong_options_are_told_together():
    with pytest.raises(UserError) as error:
        Pool(_pool_workers.facts, {}, workers=0, threads=0, gpus=1, address="auto")
    assert [p.partition(":")[0] for p in error.value.problems] == ["workers", "threads", "gpus", "address"]
    with pytest.raises(UserError, match="backend: 'dask'"):
        Pool(_pool_workers.facts, {}, backend="dask")


def ended(pid, seconds=20.0):
    """Wait until the process is no more; False if it lives on."""
    limit = time.monotonic() + seconds
    while alive(pid):
        if time.monotonic() > limit:
            return False
        time.sleep(0.02)
    return True


def alive(pid):
    """A process whose end nobody has asked for yet does not live."""
    try:
        os.kill(pid, 0)
        status = Path(f"/proc/{pid}/stat")
        return not status.parent.parent.joinpath("self").exists() or ") Z" not in status.read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False


def numbers(folder, count):
    """The processes that the sleepers and their children have written down."""
    limit = time.monotonic() + 60
    while len(found := [int(file.name) for file in folder.iterdir()]) < count:
        assert time.monotonic() < limit, "the workers do not start"
        time.sleep(0.05)
    return found


SCRIPT = """
import sys
from audionas.core.pool.pool import Pool
from tests.unit.core import _pool_workers
with Pool(_pool_workers.sleeper, {"folder": sys.argv[1]}, workers=2) as pool:
    list(pool.map([1, 2, 3]))
"""


@pytest.mark.story
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_its_parent(tmp_path, end):
    parent = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored in the background
    )
    pids = numbers(tmp_path, 4)  # two workers, and a child of each
    parent.send_signal(end)
    _, told = parent.communicate(timeout=300)
    assert parent.returncode == -end
    assert [pid for pid in pids if not ended(pid)] == []
    assert ("KeyboardInterrupt" in told) == (end == signal.SIGINT)  # and from no worker
    assert told.count("Traceback") == (end == signal.SIGINT)


def test_an_error_and_a_map_given_up_end_busy_workers(tmp_path):
    with pool("sleeper", folder=str(tmp_path)) as some:
        results = some.map([1, 2])
        with pytest.raises(ZeroDivisionError):
            interrupted(results, tmp_path)
    assert [pid for pid in numbers(tmp_path, 4) if not ended(pid)] == []


def interrupted(results, folder):
    """Begin the map, and break off in the middle of its waiting once its workers are busy."""

    def stop(*_):
        if len(list(folder.iterdir())) == 4:
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise ZeroDivisionError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
    try:
        next(results)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
