"""Laws of events: chunks = whole, all thresholds at once = one by one, a bounded rate, checked rules."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from audionas.core.errors import UserError
from audionas.listen.detect import Found
from audionas.listen.events import Event, Spotter, counts, fired, held, levels, merged, smoothed
from audionas.models.listener import Listener, Rule

RNG = np.random.default_rng(6)


def scores(hops: int = 400, keywords: int = 3) -> np.ndarray:
    """Noise with a few slow waves, in [0, 1]."""
    wave = np.sin(np.arange(hops)[:, None] / RNG.uniform(3, 20, keywords))
    return (0.5 + 0.3 * wave + RNG.normal(0, 0.1, (hops, keywords))).clip(0, 1).astype(np.float32)


def plain(x: np.ndarray, threshold: float, rule: Rule, gap: int) -> list[int]:
    """What a device would do with one keyword, hop by hop."""
    means: list[float] = []
    found: list[int] = []
    need, of = rule.patience
    for hop in range(len(x)):
        part = x[max(0, hop - rule.smooth + 1) : hop + 1].astype(float)
        means.append(float(sum(part.tolist()) / len(part)))
        hits = sum(mean >= threshold for mean in means[-of:])
        if hits >= need and (not found or hop - found[-1] >= gap):
            found.append(hop)
    return found


class Tape(Listener):
    """Says nothing itself: a name for the columns of made scores."""

    labels = ("a", "b", "c", "_other_")
    sample_rate = 100
    hop = 10
    warm_up = 7

    def step(self, samples: np.ndarray) -> np.ndarray:
        raise AssertionError

    def reset(self) -> None:
        raise AssertionError


@pytest.mark.parametrize("rule", [Rule(1), Rule(4, 0.3), Rule(1, 0.5, (2, 3)), Rule(7, 2.0, (3, 3))])
def test_events_are_those_of_a_loop_over_hops(rule: Rule) -> None:
    x = scores()
    level, gap = levels(x, rule), rule.gap(0.1)
    for threshold in (0.3, 0.55, 0.8):
        for k in range(3):
            assert fired(level[:, k], threshold, gap) == plain(x[:, k], threshold, rule, gap)


@pytest.mark.parametrize("gap", [1, 3, 10, 1000])
def test_all_thresholds_at_once_are_each_by_itself(gap: int) -> None:
    level = scores(333)[:, 0].astype(np.float64)
    thresholds = np.unique(np.concatenate((level[::7], np.linspace(0, 1.01, 40))))
    table = counts(level, thresholds, gap, every=50)
    assert table.shape == (7, len(thresholds))
    for j, threshold in enumerate(thresholds):
        hops = np.array(fired(level, threshold, gap), int)
        assert table[:, j].tolist() == np.bincount(hops // 50, minlength=7).tolist()


@pytest.mark.parametrize("gap", [1, 2, 9])
def test_a_higher_threshold_never_gives_more_events(gap: int) -> None:
    for _ in range(20):
        level = scores(200)[:, 0]
        many = counts(level, np.linspace(0, 1, 101), gap, every=200)[0]
        assert (np.diff(many) <= 0).all()


def test_refractory_time_bounds_the_rate() -> None:
    rule, hop = Rule(1, refractory=0.73), 0.1  # 8 hops: a time is never rounded down
    for threshold in (0.0, 0.4):
        hops = fired(scores()[:, 0], threshold, rule.gap(hop))
        assert min(b - a for a, b in pairwise(hops)) >= 8
        assert len(hops) <= -(-400 // 8)
    assert len(fired(np.ones(400), 0.5, rule.gap(hop))) == -(-400 // 8)


@pytest.mark.parametrize(
    ("seconds", "hop", "hops"), [(1.0, 0.08, 13), (0.96, 0.08, 12), (0.3, 0.1, 3), (0.0, 0.08, 1)]
)
def test_refractory_time_rounds_up(seconds: float, hop: float, hops: int) -> None:
    assert Rule(refractory=seconds).gap(hop) == hops
    assert hops * hop >= seconds - 1e-9


def test_smoothing() -> None:
    x = scores()
    np.testing.assert_array_equal(smoothed(x, 1), x)
    np.testing.assert_allclose(smoothed(x + 0.25, 6), smoothed(x, 6) + 0.25, atol=1e-6)
    np.testing.assert_allclose(smoothed(np.full((9, 2), 0.3), 4), 0.3)
    assert smoothed(x, 6).max() < x.max()


def test_patience() -> None:
    x = smoothed(scores(), 2)
    np.testing.assert_array_equal(held(x, (1, 1)), x)
    for hop in (4, 100):
        window = x[hop - 4 : hop + 1]
        np.testing.assert_array_equal(held(x, (5, 5))[hop], window.min(0))
        np.testing.assert_array_equal(held(x, (1, 5))[hop], window.max(0))
        np.testing.assert_array_equal(held(x, (2, 5))[hop], np.sort(window, 0)[-2])
    assert np.isneginf(held(x, (3, 5))[:2]).all()
    assert np.isfinite(held(x, (3, 5))[2:]).all()


@pytest.mark.parametrize("rule", [Rule(1), Rule(5, 0.9, (2, 4))])
@pytest.mark.parametrize("chunk", [1, 3, 64])
def test_chunks_are_the_whole(rule: Rule, chunk: int) -> None:
    x = scores(300, 4)
    spotter = Spotter(Tape(), {"c": 0.5, "a": 0.6}, rule)
    whole = spotter.step(x)
    spotter.reset()
    parts = [event for i in range(0, 300, chunk) for event in spotter.step(x[i : i + chunk])]
    assert parts == whole
    level = levels(x[Tape.warm_up :], rule)
    for name, column, threshold in (("c", 2, 0.5), ("a", 0, 0.6)):
        hops = fired(level[:, column], threshold, rule.gap(0.1))
        assert hops
        expected = [Event((hop + 8) * 0.1, name, level[hop, column]) for hop in hops]
        assert [event for event in whole if event.keyword == name] == expected


def test_nothing_fires_in_the_warm_up() -> None:
    x = np.ones((20, 4))
    assert Spotter(Tape(), {"a": 0.5}, Rule(1, 0.0)).step(x)[0].seconds == pytest.approx(0.8)
    assert not Spotter(Tape(), {"a": 0.5}, Rule(1)).step(x[:7])


def test_what_follows_closely_is_the_same() -> None:
    events = [Event(t, "a", 1.0) for t in (1.0, 1.4, 1.6, 2.2)]
    assert [e.seconds for e in merged(events, 0.6)] == [1.0, 1.6, 2.2]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"smooth": 0}, "0 hops cannot be averaged"),
        ({"refractory": -1.0}, "-1.0 s is not a valid time"),
        ({"patience": (3, 2)}, "3 of 2 hops is not possible"),
        ({"patience": (0, 2)}, "0 of 2 hops"),
    ],
)
def test_impossible_rules(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        Rule(**wrong)


def test_a_label_track_has_one_line_per_event_whatever_the_keyword() -> None:
    assert Found("a.wav", Event(1.5, "a\nb\t\x1b", 0.5), 1.0).label() == (
        "0.500000\t1.500000\ta\\nb\\t\\x1b 0.500\n"
    )
