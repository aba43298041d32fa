"""Estimates of the time left, by a made clock: none before anything is known, and start-up is forgotten."""

import pytest

from audionas.core import reporter
from audionas.core.estimate import Estimate


def test_a_slow_start_is_forgotten() -> None:
    """5,000 files in 98 s, of which the first took ten because processes had to start."""
    estimate = Estimate(5000)
    told = {}
    for done in range(1, 5001):
        now = 10.0 + 88.0 * (done - 1) / 4999
        told[done] = (now, estimate.left(done, now))
    assert told[1][1] is None
    assert all(left is None for now, left in told.values() if now < 18)
    known = [(now, left) for now, left in told.values() if left is not None]
    assert len(known) > 4000
    for now, left in known:
        assert left == pytest.approx(98 - now, abs=0.1)


def test_a_pace_that_changes_is_followed() -> None:
    estimate, now = Estimate(1000), 0.0
    for done in range(1, 501):
        now += 0.1 if done <= 100 else 1.0
        left = estimate.left(done, now)
    assert left == pytest.approx(500, rel=0.02)


def test_nothing_is_told_while_nothing_is_done() -> None:
    estimate = Estimate(10)
    assert [estimate.left(1, float(now)) for now in range(0, 100, 10)] == [None] * 10


def test_plain_lines_of_progress_tell_no_time_at_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr(reporter.time, "monotonic", lambda: now[0])

    def items():  # type: ignore[no-untyped-def]
        for number in range(1000):
            now[0] += 10.0 if number == 0 else 0.088
            yield number

    list(reporter.Reporter().progress(items(), "decoding", 1000))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "decoding: 1/1000"
    assert lines[1].startswith("decoding: 115/1000, 1 min 18 s left")
    assert not [line for line in lines if " h " in line]
