"""MLPerf Tiny's streaming wake word: counts = two transcriptions of its rules, on made event series."""

from pathlib import Path

import numpy as np
import pytest

from audionas.core.errors import UserError
from audionas.core.intervals import exact, poisson
from audionas.data.files import transcripts
from audionas.data.files.transcripts import Utterance
from audionas.listen.events import Event
from audionas.listen.mlperf import Stream, counted, lines

STEP = 0.05  # seconds between the times of made series


def by_rules(times: list[int], words: list[tuple[int, int]], delay: int) -> tuple[int, int, int]:
    """The README of the runner, in steps: hits, misses, and false positives that swallow a second."""
    left, hits = list(times), 0
    for start, end in words:
        found = {time for time in left if time in range(start, end + delay + 1)}
        hits += bool(found)
        left = [time for time in left if time not in found]
    false, second = 0, round(1 / STEP)
    while left:
        false += 1
        first = left[0]
        left = [time for time in left if time - first > second]
    return hits, len(words) - hits, false


def by_script(times: list[int], words: list[tuple[int, int]]) -> tuple[int, int, int]:
    """The training script, as a signal: half a second for a hit, a second without false positives."""
    second = round(1 / STEP)
    signal = np.zeros(3000, bool)
    signal[times] = True
    hits = sum(signal[start : end + second // 2].any() for start, end in words)
    for start, end in words:
        signal[start : end + second] = False
    false, at = 0, 0
    while signal[at:].any():
        at += int(signal[at:].argmax())
        false, at = false + 1, at + second
    return int(hits), len(words) - int(hits), false


@pytest.mark.parametrize("overlap", [False, True])
def test_counts_are_those_of_the_descriptions(overlap: bool) -> None:
    rng = np.random.default_rng(int(overlap))
    for _ in range(60):
        starts = np.sort(rng.choice(2000 // (1 if overlap else 80), 12, replace=False))
        starts = starts * (1 if overlap else 80)
        words = [(int(s), int(s + rng.integers(4, 24))) for s in starts]
        near = [s + d for s, _ in words for d in rng.integers(-30, 70, 2)]
        times = sorted({int(t) for t in [*near, *rng.integers(0, 2500, 30)] if t >= 0})
        seconds, spans = [STEP * t for t in times], [(STEP * a, STEP * b) for a, b in words]
        for delay in (1.0, 2.0):
            found = tuple(map(len, counted(seconds, spans, delay)))
            assert found == by_rules(times, words, round(delay / STEP)), delay
        assert tuple(map(len, counted(seconds, spans, 0.5))) == by_script(times, words)


def test_the_three_delays_differ() -> None:
    """The README's own example: words at 1 to 1.65 and 7 to 7.36 s, detections at 2.6 and 2.8 s."""
    words = [(1.0, 1.647625), (7.0, 7.358625)]
    assert counted([2.6], words, 1.0) == ([1.0], [7.0], [])
    assert counted([2.8], words, 1.0) == ([], [1.0, 7.0], [2.8])
    assert counted([2.8], words, 2.0) == ([1.0], [7.0], [])
    assert counted([2.6], words, 0.5) == ([], [1.0, 7.0], [])  # too late for a hit, too early for a false one
    assert counted([3.0, 4.0, 4.001], words, 1.0).false == [3.0, 4.001]


def stream(folder: Path, delay: float = 1.0) -> Stream:
    rows = [
        Utterance("a.wav", 1, 2, "hey"),
        Utterance("a.wav", 10, 11, "hey"),
        Utterance("a.wav", 5, 6, "stop it"),
    ]
    transcripts.write(folder / "truth.tsv", rows)
    seconds = {str(folder / "a.wav"): 1200.0, str(folder / "b.wav"): 600.0}
    return Stream(folder / "truth.tsv", seconds, ("hey", "stop", "never"), delay)


def test_figures_are_by_keyword_with_exact_intervals(tmp_path: Path) -> None:
    a, b = (str(tmp_path / f"{name}.wav") for name in "ab")
    events = [(a, Event(2.5, "hey", 0.9)), (a, Event(5.5, "hey", 0.9)), (b, Event(1.5, "hey", 0.9)),
              (a, Event(6.0, "stop", 0.9))]  # fmt: skip
    found = stream(tmp_path).figures(events)
    assert list(found["words"]) == ["hey", "stop"]
    hey = found["words"]["hey"]
    assert (hey["hits"], hey["misses"], hey["false_positives"]) == (1, 1, 2)
    assert hey["missed_interval"] == list(exact(1, 2).ends or ())
    assert hey["fp_interval"] == list(poisson(2, 0.5).ends or ())
    assert found["words"]["stop"]["hits"] == 1
    said = lines(found)
    assert said[0] == "MLPerf Tiny's streaming wake word, hit delay 1 s (the rules), 0.5 h:"
    assert said[1].startswith("hey: 1 hit and 1 miss of 2 words (50.0% missed, 1.3% to 98.7%)")


def test_what_cannot_be_counted_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--hit-delay 0.7: expected 1 \(the rules\), 2"):
        stream(tmp_path, 0.7)
    transcripts.write(tmp_path / "truth.tsv", [Utterance("a.wav", 1, 2, "heya")])
    with pytest.raises(UserError, match="no line's text holds hey or stop"):
        Stream(tmp_path / "truth.tsv", {str(tmp_path / "a.wav"): 1.0}, ("hey", "stop"), 1.0)
