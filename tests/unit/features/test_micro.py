"""The device's front-end: the library's own numbers, in batches, streams and stores, and its int8 map."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from audionas.core.errors import UserError
from audionas.core.extras import install
from audionas.core.reporter import Reporter
from audionas.core.rng import numpy_rng
from audionas.features import Features, build, feature_store
from audionas.features.micro import SCALE, device_int8, int16

CONF = Features(name="micro", preset="esphome")


def made(clips: int, samples: int) -> np.ndarray:
    """Noise that swells, int16 (clips, samples)."""
    rng = numpy_rng("micro", clips, samples)
    swell = 0.05 + np.abs(np.sin(np.arange(samples) / 2000))
    return (rng.normal(0, 3000, (clips, samples)) * swell).clip(-32768, 32767).astype(np.int16)


def direct(pcm: np.ndarray) -> np.ndarray:
    """What the library says of a clip when asked step by step: (40, T)."""
    library = pytest.importorskip("pymicro_features", reason="needs the extra device").MicroFrontend()
    rows = [library.process_samples(pcm[i : i + 160].tobytes()).features for i in range(0, len(pcm), 160)]
    return np.array([row for row in rows if row], np.float32).T


def test_a_batch_has_the_librarys_own_numbers() -> None:
    pcm = made(3, 8000)
    expected = np.stack([direct(clip) for clip in pcm])
    found = build(CONF)(torch.from_numpy(pcm.astype(np.float32) / 32768))
    assert found.shape == (3, 1, 40, 48)
    np.testing.assert_array_equal(found[:, 0].numpy(), expected)
    integers = found.numpy() / SCALE
    assert (integers == integers.round()).all()
    assert 300 < integers.max() < 700


def test_settled_it_has_just_heard_the_clip_backwards() -> None:
    pcm = made(2, 8000)
    expected = np.stack([direct(np.concatenate((clip[::-1], clip)))[:, -48:] for clip in pcm])
    front_end = build(Features(name="micro", preset="settled"))
    found = front_end(torch.from_numpy(pcm.astype(np.float32) / 32768))
    np.testing.assert_array_equal(found[:, 0].numpy(), expected)
    streams = [
        build(conf).stream().step(torch.ones(4000))
        for conf in (CONF, Features(name="micro", preset="settled"))
    ]
    assert torch.equal(*streams)


def test_the_computed_shape_is_the_real_one() -> None:
    pytest.importorskip("pymicro_features", reason="needs the extra device")
    front_end = build(CONF)
    for samples in (480, 481, 639, 640, 641, 799, 800, 5000):
        assert front_end(torch.zeros(1, samples)).shape[1:] == (1, *front_end.shape(samples)), samples
    with pytest.raises(UserError, match="479 samples is too short: one frame needs 480"):
        front_end(torch.zeros(1, 479))


@pytest.mark.parametrize("chunk", [1, 159, 161, 1000])
def test_a_stream_is_the_clip_for_any_chunks_and_goes_on_otherwise(chunk: int) -> None:
    pytest.importorskip("pymicro_features", reason="needs the extra device")
    wave = torch.from_numpy(made(1, 4000).astype(np.float32) / 32768)
    front_end = build(CONF)
    clip, stream = front_end(wave)[:, 0], front_end.stream()
    first = torch.cat([stream.step(part) for part in wave[0].split(chunk)], dim=2)
    torch.testing.assert_close(first, clip, rtol=0, atol=0)
    more = torch.cat([stream.step(part) for part in wave[0].split(chunk)], dim=2)
    assert more.shape == (1, 40, 25)  # windows that straddle the two
    assert not torch.equal(more[..., 2:], clip[..., : more.shape[2] - 2])  # the noise estimate has moved
    stream.reset()
    assert torch.equal(torch.cat([stream.step(part) for part in wave[0].split(chunk)], dim=2), clip)


def test_samples_become_16_bits_by_rounding_and_are_cut_off() -> None:
    halves = torch.tensor([-2.0, -1.0, -0.5 / 32768, 0.5 / 32768, 1.5 / 32768, 0.25, 1.0, 3.0])
    assert int16(halves).tolist() == [-32768, -32768, 0, 0, 2, 8192, 32767, 32767]
    every = torch.arange(-32768, 32768, dtype=torch.int32)
    assert torch.equal(int16(every.float() / 32768).int(), every)


def test_the_devices_int8_map_is_the_models_quantiser_within_one_step() -> None:
    integers = np.arange(666)
    quantised = np.clip(np.round(integers * SCALE / (26 / 255)) - 128, -128, 127)
    apart = np.abs(device_int8(integers).astype(int) - quantised)
    assert apart.max() == 1
    assert 0.3 < (apart == 1).mean() < 0.5
    assert device_int8(np.array([0, 665, 10_000])).tolist() == [-128, 127, 127]


def test_a_store_holds_the_same_numbers(tmp_path: Path) -> None:
    pytest.importorskip("pymicro_features", reason="needs the extra device")
    pcm, front_end = made(5, 4800), build(CONF)
    store = feature_store(front_end, pcm, key="k", folder=tmp_path, reporter=Reporter(), workers=2)
    expected = front_end(torch.from_numpy(pcm.astype(np.float32) / 32768))[:, 0]
    np.testing.assert_array_equal(np.asarray(store[0:5]), expected.numpy())


def test_settings_are_the_devices() -> None:
    resolved = CONF.resolved()
    assert Features(**resolved).resolved() == resolved
    with pytest.raises(UserError) as caught:
        Features(name="micro", preset="esphome", hop_ms=20.0, f_max=8000.0, center=True).resolved()
    text = "\n".join(caught.value.problems)
    assert "hop_ms: 20.0 is not possible; micro has it fixed at 10.0" in text
    assert "f_max: 8000.0 is not possible" in text
    assert "center: micro has no such setting" in text


@pytest.mark.story
def test_without_the_library_the_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['pymicro_features'] = None\n"
        "from audionas.core.errors import UserError\n"
        "from audionas.features import Features, build\n"
        "try: build(Features(name='micro', preset='esphome'))\n"
        "except UserError as error: print(error.hint)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{install('device')}\n"
