"""The feature store: what the front-end gives, computed once, and its statistics."""

import numpy as np
import pytest
import torch

from audionas.core.reporter import Reporter
from audionas.core.shards import Shards
from audionas.features import Features, build, feature_store, statistics
from tests._close import close

pytestmark = pytest.mark.numeric


@pytest.fixture
def waves() -> np.ndarray:
    return np.random.default_rng(0).integers(-9000, 9000, (23, 4000)).astype(np.int16)


def stored(conf: Features, waves: np.ndarray, folder, key: str = "k", workers: int = 1) -> Shards:
    return feature_store(
        build(conf), waves, key=key, folder=folder, reporter=Reporter(quiet=True), workers=workers
    )


def test_rows_are_the_front_ends_features(waves: np.ndarray, tmp_path) -> None:
    conf = Features(preset="ds_cnn")
    found = stored(conf, waves, tmp_path)
    expected = build(conf)(torch.from_numpy(waves / np.float32(32768)))[:, 0]
    assert found.dtype == np.float32
    close(found[:], expected)


def test_computed_once_for_the_same_settings_and_audio(waves: np.ndarray, tmp_path) -> None:
    first = stored(Features(), waves, tmp_path)[:]
    other = np.zeros_like(waves)  # the same key says that this is the same audio: nothing is computed
    assert np.array_equal(stored(Features(), other, tmp_path)[:], first)
    assert not np.array_equal(stored(Features(), other, tmp_path, key="other audio")[:], first)
    assert not np.array_equal(stored(Features(log_offset=1e-3), waves, tmp_path)[:], first)
    assert np.array_equal(stored(Features(), other, tmp_path)[:], first), "other settings do not push it out"


def test_what_is_read_is_a_copy(waves: np.ndarray, tmp_path) -> None:
    found = stored(Features(), waves, tmp_path)
    before = found[0]
    found[:1][:] = 1.0
    assert np.array_equal(found[0], before)


def test_three_processes_write_the_same_bytes(tmp_path) -> None:
    waves = np.random.default_rng(1).integers(-9000, 9000, (150, 1600)).astype(np.int16)
    files = []
    for workers in (1, 3):
        stored(Features(), waves, tmp_path / str(workers), workers=workers)
        found = (tmp_path / str(workers)).glob("features-*/*.f4")
        files.append({file.name: file.read_bytes() for file in found})
    assert files[0] == files[1]
    assert len(files[0]) == 1


def test_statistics_are_those_of_every_clip_and_frame() -> None:
    rng = np.random.default_rng(2)
    scale = np.array([1.0, 20.0, 1e-3])[None, :, None]
    x = (rng.standard_normal((1300, 3, 5)) * scale + np.array([0.0, -300.0, 5.0])[None, :, None]).astype(
        np.float32
    )
    mean, std = statistics(x)
    assert mean.dtype == std.dtype == np.float32
    np.testing.assert_allclose(mean, x.astype(np.float64).mean(axis=(0, 2)), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(std, x.astype(np.float64).std(axis=(0, 2)), rtol=1e-4)


def test_a_constant_coefficient_has_a_deviation_above_0() -> None:
    _, std = statistics(np.full((4, 2, 3), 7.0, np.float32))
    assert (std >= np.float32(1e-5)).all()
