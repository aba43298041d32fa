"""The ordered map: the same results in the same order for any number of processes; errors in their place."""

import os
import signal
import time
from functools import partial

import pytest

from audionas.core.errors import UserError
from audionas.core.pool.ordered import ordered


def squared(x: int) -> int:
    return x * x


def slow_first(x: int) -> int:
    time.sleep(0.1 if x == 0 else 0.0)
    return x


def faulty(kind: str, x: int) -> int:
    if x == 5 and kind == "user":
        raise UserError(["five is wrong", "so is that"], hint="Take six.")
    if x == 5:
        raise KeyError("five")
    return x


def deadly(x: int) -> int:
    if x == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return x


@pytest.mark.parametrize("count", [0, 1, 7, 40])
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_the_order_of_the_items(workers: int, count: int) -> None:
    expected = [x * x for x in range(count)]
    assert list(ordered(squared, range(count), workers=workers, chunk=3)) == expected


def test_a_slow_chunk_holds_back_what_comes_after_it() -> None:
    assert list(ordered(slow_first, range(100), workers=3, chunk=1)) == list(range(100))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_user_error_comes_in_its_place(workers: int) -> None:
    results = ordered(partial(faulty, "user"), range(20), workers=workers, chunk=2)
    assert [next(results) for _ in range(5)] == list(range(5))
    with pytest.raises(UserError) as caught:
        next(results)
    assert (caught.value.problems, caught.value.hint) == (["five is wrong", "so is that"], "Take six.")


def test_any_other_error_brings_the_workers_traceback() -> None:
    with pytest.raises(RuntimeError, match=r"in faulty(.|\n)*KeyError: 'five'"):
        list(ordered(partial(faulty, "bug"), range(20), workers=2, chunk=2))


def test_a_worker_that_dies_is_said() -> None:
    with pytest.raises(UserError, match="died \\(SIGKILL\\)"):
        list(ordered(deadly, range(20), workers=2, chunk=2))


def test_given_up_it_leaves_no_process() -> None:
    import multiprocessing

    results = ordered(squared, range(1000), workers=2, chunk=2)
    next(results)
    assert len(multiprocessing.active_children()) == 2
    results.close()  # type: ignore[attr-defined]
    assert not multiprocessing.active_children()


def test_no_worker_is_refused() -> None:
    with pytest.raises(UserError, match="workers: 0"):
        ordered(squared, range(3), workers=0)
