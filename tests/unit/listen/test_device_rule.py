"""A device's rule: what ESPHome's component would hear, against a port of its loop, slice by slice."""

import numpy as np
import pytest

from audionas.listen.device_rule import Device, counts, cutoff_of, levels, steps_of, threshold_of
from audionas.models.listener import Rule
from tests._tiers import laws


def component(scores: list[int], cutoff: int, window: int, stride: int) -> list[int]:
    """Hops at which micro_wake_word hears: `perform_streaming_inference`, then `process_probabilities_`."""
    recent, last, ignore, unprocessed, found = [0] * window, 0, 0, False, []
    for slice_ in range(len(scores) * stride):
        if (slice_ + 1) % stride == 0:
            last = (last + 1) % window
            recent[last], unprocessed = scores[slice_ // stride], True
        if recent[last] < cutoff:
            ignore = min(ignore + 1, 0)
        if unprocessed and ignore >= 0:
            unprocessed = False
            if sum(recent) > cutoff * window:
                found.append(slice_ // stride)
                recent, ignore = [0] * window, -100
    return found


def drawn(seed: int, hops: int = 600) -> np.ndarray:
    """Scores with words of several lengths, some of which last beyond the cool-down."""
    rng = np.random.default_rng(seed)
    score = rng.integers(0, 120, hops)
    for start in rng.integers(0, hops, 12):
        score[start : start + rng.integers(2, 90)] = rng.integers(150, 256)
    return score


@pytest.mark.parametrize("seed", laws(range(12)))
@pytest.mark.parametrize(("window", "stride"), [(1, 1), (5, 3), (10, 1), (3, 8)])
def test_it_hears_what_the_component_hears(seed: int, window: int, stride: int) -> None:
    score, cutoffs = drawn(seed, 600 if stride > 1 else 1500), np.array([40, 128, 160, 230])
    device = Device(cutoffs, window, stride)
    heard = np.stack([device.hop(int(each)) for each in score])
    for place, cutoff in enumerate(cutoffs):
        wanted = component(score.tolist(), int(cutoff), window, stride)
        assert np.flatnonzero(heard[:, place]).tolist() == wanted
    table = counts(score / 256, threshold_of(cutoffs), window, stride, 100)  # passes over what is quiet
    blocks = np.add.reduceat(heard, np.arange(0, len(score), 100))
    assert table.tolist() == blocks.astype(int).tolist()
    assert table.sum() > 4


def test_a_word_that_lasts_is_heard_once() -> None:
    """Slices over the cutoff do not count towards the cool-down."""
    score = np.array([250] * 400 + [0] * 120 + [250] * 10)
    device = Device(np.array([128]), 5, 1)
    assert np.flatnonzero([device.hop(int(each))[0] for each in score]).tolist() == [2, 522]


def test_the_cutoff_is_exceeded_strictly() -> None:
    for score, heard in ((128, False), (129, True)):
        device = Device(np.array([128]), 2, 1)
        assert [bool(device.hop(score)[0]) for _ in range(2)] == [False, heard]


def test_a_threshold_is_the_cutoff_that_a_device_makes_of_it() -> None:
    assert [cutoff_of(float(each)) for each in threshold_of(np.arange(255))] == list(range(255))
    assert (cutoff_of(0.97), cutoff_of(0.5)) == (247, 127)
    assert steps_of(np.array([0.0, 0.5, 255 / 256, 1.0])).tolist() == [0, 128, 255, 255]


def test_a_level_is_the_highest_threshold_that_fires() -> None:
    score = drawn(3, 60)
    found = levels(score[:, None] / 256, 4)[:, 0]
    sums = np.convolve(score, np.ones(4, int))[:60]
    for level, total in zip(found, sums, strict=True):
        fires = [total > cutoff * 4 for cutoff in range(255)]
        wanted = float(threshold_of(sum(fires) - 1)) if any(fires) else -1.0
        assert level == pytest.approx(wanted)


def test_the_rule_is_told_and_stored() -> None:
    rule = Rule(smooth=5, kind="esphome")
    assert rule.plain()["kind"] == "esphome"
    assert "ESPHome" in rule.words()
    assert "kind" not in Rule().plain()  # as earlier versions wrote it
