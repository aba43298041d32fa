"""Batches: each clip once an epoch, a pure function of (seed, epoch), equal for any number of workers."""

import gc
import multiprocessing
import pickle
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from audionas.core.errors import UserError
from audionas.data.augment import Augment, WaveAugment
from audionas.data.balance import Mix
from audionas.data.batches import Batch, Batches, heard, mourned

CLIPS, SAMPLES = 23, 400
WAVES = np.random.default_rng(0).integers(-30000, 30000, (CLIPS, SAMPLES)).astype(np.int16)
TARGETS = np.arange(CLIPS)
IDS = [f"s{i:02d}-yes-0" for i in range(CLIPS)]
LABELS = ["yes"] * CLIPS
NOISE = np.random.default_rng(1).standard_normal(5000).astype(np.float32)


def augment() -> WaveAugment:
    conf = Augment(shift_ms=5, noise="given", speed=(0.9, 1.1), device_ir="given", device_ir_probability=0.5)
    devices = [[np.array([1.0, 0.5])], [np.array([0.2, 1.0, -0.4])]]
    return WaveAugment(conf, 16000, 3, noises=[NOISE], devices=devices)


def make(source: np.ndarray = WAVES, **more) -> Batches:
    more = {"batch_size": 5, "seed": 1, "shuffle": True, **more}
    return Batches(source, TARGETS, IDS, LABELS, **more)


def same(a: list[Batch], b: list[Batch]) -> bool:
    return len(a) == len(b) and all(
        torch.equal(p.x, q.x) and torch.equal(p.target, q.target) for p, q in zip(a, b, strict=True)
    )


@pytest.fixture
def with_workers() -> Iterator[list[Batches]]:
    """Batches put here are closed, and their processes must have ended."""
    opened: list[Batches] = []
    yield opened
    for batches in opened:
        batches.close()
    gc.collect()
    assert not multiprocessing.active_children()


def test_without_shuffling_rows_come_in_order_as_stored() -> None:
    batches = list(make(shuffle=False).epoch(4))
    x = torch.cat([b.x for b in batches])
    assert x.dtype == torch.float32
    assert np.array_equal(x.numpy() * 32768, WAVES)
    assert torch.cat([b.target for b in batches]).tolist() == list(range(CLIPS))
    assert [len(b.x) for b in batches] == [5, 5, 5, 5, 3]


def test_every_clip_comes_once_an_epoch_with_its_target() -> None:
    for epoch in range(3):
        batches = list(make().epoch(epoch))
        order = torch.cat([b.target for b in batches]).tolist()
        assert sorted(order) == list(range(CLIPS))
        assert np.array_equal(torch.cat([b.x for b in batches]).numpy() * 32768, WAVES[order])


@pytest.mark.parametrize("shuffle", [True, False])
def test_only_the_rows_asked_for_take_part(shuffle: bool) -> None:
    rows = np.array([2, 3, 11, 7, 19, 0, 5])
    batches = make(rows=rows, shuffle=shuffle, drop_last=True)
    assert len(batches) == 1
    for epoch in range(3):
        order = torch.cat([b.target for b in make(rows=rows, shuffle=shuffle).epoch(epoch)]).tolist()
        assert sorted(order) == sorted(rows.tolist())
        assert shuffle or order == rows.tolist()
        assert len(next(batches.epoch(epoch)).target) == 5


def test_an_epoch_is_a_function_of_seed_and_number() -> None:
    batches = make(augment=augment())
    first, second = list(batches.epoch(0)), list(batches.epoch(1))
    assert not same(first, second)
    assert same(list(make(augment=augment()).epoch(1)), second), "as a resumed run asks for it"
    assert same(list(batches.epoch(0)), first)
    assert not same(list(make(seed=2).epoch(0)), list(make().epoch(0)))


def test_interleaved_epochs_do_not_disturb_each_other() -> None:
    batches = make(augment=augment())
    one, two = batches.epoch(0), batches.epoch(1)
    pairs = list(zip(one, two, strict=True))
    assert same([p[0] for p in pairs], list(make(augment=augment()).epoch(0)))
    assert same([p[1] for p in pairs], list(make(augment=augment()).epoch(1)))


def test_the_same_for_any_number_of_workers(with_workers: list[Batches]) -> None:
    alone = make(augment=augment())
    for workers in (1, 2):
        batches = make(augment=augment(), workers=workers)
        with_workers.append(batches)
        for epoch in (0, 1, 5):
            assert same(list(batches.epoch(epoch)), list(alone.epoch(epoch))), (workers, epoch)


def test_an_epoch_left_early_does_not_reach_into_the_next(with_workers: list[Batches]) -> None:
    batches = make(workers=2)
    with_workers.append(batches)
    next(iter(batches.epoch(0)))
    assert same(list(batches.epoch(1)), list(make().epoch(1)))


def test_dropping_the_last_batch_never_drops_the_only_one() -> None:
    assert [len(b.x) for b in make(drop_last=True).epoch(0)] == [5, 5, 5, 5]
    assert len(make(drop_last=True)) == 4
    assert len(make()) == 5
    assert [len(b.x) for b in make(drop_last=True, batch_size=100).epoch(0)] == [CLIPS]
    assert len(make(drop_last=True, batch_size=100)) == 1
    assert [len(b.x) for b in make(drop_last=True, batch_size=CLIPS).epoch(0)] == [CLIPS]


def test_features_come_as_images() -> None:
    features = np.random.default_rng(2).standard_normal((CLIPS, 4, 9)).astype(np.float32)
    before = features.copy()
    batches = list(make(features, shuffle=False).epoch(0))
    assert batches[0].x.shape == (5, 1, 4, 9)
    assert np.array_equal(torch.cat([b.x for b in batches])[:, 0].numpy(), features)
    batches[0].x.zero_()
    assert np.array_equal(features, before), "a batch is a copy"


def test_augmentation_never_writes_into_the_source() -> None:
    source = WAVES.astype(np.float32) / 32768
    before = source.copy()
    list(make(source, augment=augment()).epoch(0))
    assert np.array_equal(source, before)


def test_a_started_worker_opens_the_memory_map_again(tmp_path) -> None:
    WAVES.astype(np.int16).tofile(tmp_path / "w.i16")
    stored = np.memmap(tmp_path / "w.i16", "int16", "r", shape=WAVES.shape)
    for rows in (stored, stored[:CLIPS]):
        clips = make(rows)._clips
        travels = pickle.dumps(clips)
        assert len(travels) < WAVES.nbytes / 4, "the file's name travels, not its contents"
        again = pickle.loads(travels)
        assert isinstance(again.source, np.memmap)
        wanted = (0, np.array([3, 7]), np.zeros(2, int))
        assert torch.equal(again[wanted].x, clips[wanted].x)


MIX = Mix(np.arange(CLIPS) % 3, np.array([0.7, 0.2, 0.1]))


def test_mixed_batches_are_the_same_for_any_number_of_workers(with_workers: list[Batches]) -> None:
    alone = make(augment=augment()).mixed(MIX)
    batches = make(augment=augment(), workers=2).mixed(MIX)
    with_workers.append(batches)
    for epoch in (3, 0):
        assert same(list(batches.epoch(epoch)), list(alone.epoch(epoch)))
    assert not same(list(alone.epoch(0)), list(make(augment=augment()).epoch(0)))


def test_a_clip_that_comes_again_in_an_epoch_is_augmented_anew() -> None:
    batches = make(augment=augment()).mixed(
        Mix(np.zeros(CLIPS, int) + (np.arange(CLIPS) > 1), np.array([1.0, 0.0]))
    )
    seen = [
        (int(t), x.numpy().tobytes()) for b in batches.epoch(0) for x, t in zip(b.x, b.target, strict=True)
    ]
    assert {row for row, _ in seen} == {0, 1}
    assert len(set(seen)) == len(seen) == CLIPS


def test_processes_share_mixed_batches_and_know_their_rows() -> None:
    whole = make(batch_size=4, drop_last=True, augment=augment()).mixed(MIX)
    shares = [whole.shared(rank, 2) for rank in range(2)]
    for batch, rows, *parts in zip(whole.epoch(1), whole.rows(1), *(s.epoch(1) for s in shares), strict=True):
        assert torch.equal(batch.x, torch.cat([part.x for part in parts]))
        assert batch.target.tolist() == rows.tolist()


@pytest.mark.parametrize("fault", [ConnectionResetError(104, "reset by peer"), EOFError("no more")])
def test_a_worker_that_dies_while_it_hands_over_a_batch_is_named(fault: Exception) -> None:
    def broken() -> Iterator[Batch]:
        yield Batch(torch.zeros(1), torch.zeros(1))
        raise fault

    with pytest.raises(UserError, match="a loader's worker died"), mourned():
        list(heard(broken()))
