"""Which rows an epoch draws: all, or as many groups of each class as the rarest has, channels together."""

from collections import Counter

import numpy as np
import pytest

from audionas.core.rng import numpy_rng
from audionas.data.balance import Mix, count, drawn, turns
from audionas.data.batches import Batches

CLASSES = np.repeat([0, 1, 2], [20, 8, 12])  # of each row; four rows a recording


def test_without_settings_the_order_is_that_of_a_permutation() -> None:
    rows = np.array([3, 1, 4, 15, 9, 26])
    assert drawn(rows, 7, 2).tolist() == numpy_rng(7, "order", 2).permutation(rows).tolist()


def test_rows_of_a_recording_stay_together() -> None:
    order = drawn(np.arange(40), 0, 0, together=4).reshape(-1, 4)
    assert (np.diff(order) == 1).all()
    assert sorted(order[:, 0]) == list(range(0, 40, 4))
    assert order[:, 0].tolist() != sorted(order[:, 0])


@pytest.mark.parametrize("together", [1, 4])
def test_every_class_is_as_frequent_as_the_rarest(together: int) -> None:
    seen: Counter[int] = Counter()
    for epoch in range(20):
        rows = drawn(np.arange(40), 3, epoch, classes=CLASSES, together=together)
        assert len(set(rows.tolist())) == len(rows) == count(np.arange(40), classes=CLASSES) == 24
        assert Counter(CLASSES[rows].tolist()) == {0: 8, 1: 8, 2: 8}
        seen.update(rows.tolist())
    assert len(seen) == 40, "other recordings come in other epochs"
    assert {seen[row] for row in np.flatnonzero(CLASSES == 1)} == {20}


def test_only_the_classes_of_the_rows_count() -> None:
    rows = np.flatnonzero(CLASSES != 1)
    assert count(rows, classes=CLASSES) == 24
    assert Counter(CLASSES[drawn(rows, 0, 0, classes=CLASSES)].tolist()) == {0: 12, 2: 12}
    assert count(rows) == len(rows)


def batches(**options: object) -> Batches:
    source = np.arange(40, dtype=np.float32)[:, None, None]
    ids = [str(row) for row in range(40)]
    return Batches(source, CLASSES, ids, ids, batch_size=8, seed=1, shuffle=True, **options)  # type: ignore[arg-type]


def test_batches_hold_what_was_drawn_and_differ_by_epoch() -> None:
    balanced = batches(classes=CLASSES, together=4, drop_last=True)
    assert len(balanced) == 3
    epochs = [np.concatenate([batch.x.numpy().ravel() for batch in balanced.epoch(e)]) for e in (0, 1, 0)]
    assert [len(epoch) for epoch in epochs] == [24, 24, 24]
    assert (epochs[0] == epochs[2]).all()
    assert set(epochs[0]) != set(epochs[1])
    assert len(batches()) == 5


SOURCES = np.repeat([0, 1, 2], [10, 20, 10])  # of each row
MIX = Mix(SOURCES, np.array([0.5, 0.1, 0.4]))


def test_sources_are_drawn_by_their_shares() -> None:
    seen: Counter[int] = Counter()
    for epoch in range(50):
        seen.update(SOURCES[drawn(np.arange(40), 5, epoch, mix=MIX)].tolist())
    assert sum(seen.values()) == 50 * 40
    for source, share in enumerate(MIX.shares):
        wanted, spread = 2000 * share, np.sqrt(2000 * share * (1 - share))
        assert abs(seen[source] - wanted) < 4 * spread
    assert drawn(np.arange(40), 5, 3, mix=MIX).tolist() == drawn(np.arange(40), 5, 3, mix=MIX).tolist()
    assert drawn(np.arange(40), 5, 3, mix=MIX).tolist() != drawn(np.arange(40), 5, 4, mix=MIX).tolist()


def test_all_rows_of_a_source_come_before_one_comes_again() -> None:
    rows = drawn(np.arange(40), 5, 0, mix=MIX)
    for source in range(3):
        own = rows[SOURCES[rows] == source]
        times = Counter(own.tolist())
        many = int((source == SOURCES).sum())
        least = len(own) // many
        assert set(times.values()) <= {least, least + 1}
        assert len(times) == min(len(own), many)


def test_a_source_with_no_share_is_not_drawn_and_channels_stay_together() -> None:
    mix = Mix(SOURCES, np.array([0.0, 0.25, 0.75]))
    for epoch in range(10):
        rows = drawn(np.arange(40), 1, epoch, together=5, mix=mix)
        assert (rows >= 10).all()
        assert len(rows) == 40
        assert (np.diff(rows.reshape(-1, 5)) == 1).all()


def test_turns_count_what_came_before() -> None:
    assert turns(np.array([4, 2, 4, 4, 2, 7])).tolist() == [0, 0, 1, 2, 1, 0]
    assert turns(np.zeros(0, dtype=int)).tolist() == []
