"""Waveform augmentation: off is the identity, draws depend on (seed, epoch, id) alone, rules hold."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audionas.core.errors import UserError
from audionas.data import audio, kaldi, responses
from audionas.data.augment import ORDERS, Augment, WaveAugment

RATE, N = 16000, 16000
RNG = np.random.default_rng(0)
WAVE = (0.2 * np.sin(np.arange(N) / 9) * np.hanning(N)).astype(np.float32)
NOISES = [(0.3 * RNG.standard_normal(n)).astype(np.float32) for n in (40000, 9000)]
ROOMS = [
    (RNG.standard_normal((2, 3000)) * np.exp(-np.arange(3000) / 400) * 0.1).astype(np.float32)
    for _ in range(2)
]
for room in ROOMS:
    room[:, :37] = 0
    room[:, 37] = 1.0  # the direct path
UNIT = [responses.unit(room, "given") for room in ROOMS]
DEVICES = [
    (RNG.standard_normal((1, 600)) * np.exp(-np.arange(600) / 50)).astype(np.float32) for _ in range(3)
]
EVERYTHING = Augment(
    shift_ms=100,
    noise="given",
    silence_volume=1.0,
    speed=(0.9, 1.1),
    gain_db=(-6, 6),
    rir="given",
    rir_probability=0.5,
    roll_ms=100,
    device_ir="given",
    device_ir_probability=0.5,
)


def heard(conf: Augment, *, wave=WAVE, seed=1, epoch=0, id="a-yes-0", label="yes") -> np.ndarray:
    augment = WaveAugment(conf, RATE, seed, noises=NOISES, rooms=ROOMS, devices=DEVICES)
    return augment(wave, epoch=epoch, id=id, label=label)


def each(conf: Augment, count: int = 200, **more) -> list[np.ndarray]:
    augment = WaveAugment(conf, RATE, 1, noises=NOISES, rooms=ROOMS, devices=DEVICES)
    more = {"wave": WAVE, "label": "yes", **more}
    return [augment(more["wave"], epoch=0, id=f"u{i}", label=more["label"]) for i in range(count)]


def test_off_is_the_identity() -> None:
    assert not Augment().active
    assert np.array_equal(heard(Augment()), WAVE)


def test_a_clip_depends_on_seed_epoch_and_id_alone() -> None:
    first = heard(EVERYTHING)
    heard(EVERYTHING, id="another")
    assert np.array_equal(heard(EVERYTHING), first)
    for other in ({"seed": 2}, {"epoch": 1}, {"id": "b-yes-0"}):
        assert not np.array_equal(heard(EVERYTHING, **other), first), other


def test_length_type_and_bounds_hold_and_the_input_stays() -> None:
    loud = np.where(np.arange(N) % 100 < 50, 1.0, -1.0).astype(np.float32)
    before = loud.copy()
    for out in each(EVERYTHING, 40, wave=loud):
        assert out.shape == (N,)
        assert out.dtype == np.float32
        assert np.abs(out).max() <= 1.0
    assert np.array_equal(loud, before)


def test_switching_one_augmentation_off_leaves_the_others_draws() -> None:
    only_shift = heard(Augment(shift_ms=100))
    with_noise = heard(Augment(shift_ms=100, noise="given", noise_probability=1.0, noise_volume=1e-6))
    np.testing.assert_allclose(with_noise, only_shift, atol=1e-5)


def test_a_shift_moves_zeros_in_and_every_offset_occurs() -> None:
    wave = np.arange(1, 101, dtype=np.float32) / 200
    conf = Augment(shift_ms=3 / 16)  # 3 samples
    seen = set()
    for out in each(conf, 300, wave=wave):
        matches = [
            by
            for by in range(-3, 4)
            if np.array_equal(out, [wave[i - by] if 0 <= i - by < 100 else 0.0 for i in range(100)])
        ]
        assert len(matches) == 1
        seen.add(matches[0])
    assert seen == set(range(-3, 4))
    everything_out = each(Augment(shift_ms=1000), 50, wave=wave)  # far more than the clip is long
    assert all(out.shape == wave.shape for out in everything_out)


def test_noise_comes_with_its_probability_from_every_recording_below_its_volume() -> None:
    added = [
        out - WAVE for out in each(Augment(noise="given", noise_probability=0.8, noise_volume=0.1), 1000)
    ]
    with_noise = [a for a in added if np.abs(a).max() > 1e-7]
    assert len(with_noise) / 1000 == pytest.approx(0.8, abs=0.04)
    gains = np.array([np.std(a) / 0.3 for a in with_noise])
    assert gains.max() <= 0.1 * 1.02
    assert gains.mean() == pytest.approx(0.05, rel=0.1)
    repeated = sum(
        np.allclose(a[:7000], a[9000:], atol=1e-6) for a in with_noise
    )  # the one shorter than a clip
    assert repeated / len(with_noise) == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("snr", [-5.0, 0.0, 20.0])
def test_a_signal_to_noise_ratio_is_met(snr: float) -> None:
    conf = Augment(noise="given", noise_probability=1.0, noise_snr_db=(snr, snr))
    quiet = WAVE * np.float32(0.1)  # so that nothing is clipped
    for out in each(conf, 20, wave=quiet):
        found = 10 * np.log10(
            np.sum(np.square(quiet, dtype=float)) / np.sum(np.square(out - quiet, dtype=float))
        )
        assert found == pytest.approx(snr, abs=0.1)
    assert not np.any(heard(conf, wave=np.zeros(N, np.float32))), "no ratio to silence"


def test_silence_always_receives_noise_at_its_own_volume() -> None:
    conf = Augment(noise="given", noise_probability=0.0, silence_volume=1.0)
    silent = np.zeros(N, np.float32)
    outs = each(conf, 200, wave=silent, label="_silence_")
    loudness = np.array([np.std(out) / 0.3 for out in outs])
    assert all(out.any() for out in outs)
    assert loudness.mean() == pytest.approx(0.5, abs=0.07)
    assert np.array_equal(heard(conf, label="yes"), WAVE)
    plain = each(replace(conf, silence_volume=None), 20, wave=silent, label="_silence_")
    assert not any(out.any() for out in plain), "without the rule silence is a clip like any other"


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.25])
def test_speed_moves_the_pitch_by_its_factor(factor: float) -> None:
    tone = np.sin(2 * np.pi * 400 * np.arange(N) / RATE).astype(np.float32)
    out = heard(Augment(speed=(factor, factor)), wave=tone)
    played = out[: int(N / max(factor, 1.0)) - 1]
    expected = np.sin(2 * np.pi * 400 * factor * np.arange(len(played)) / RATE)
    np.testing.assert_allclose(played, expected, atol=0.02)
    assert not out[int(N / factor) + 1 :].any(), "a faster clip ends in zeros"


def test_gain_is_in_its_range_of_decibels() -> None:
    ratios = np.array(
        [20 * np.log10(np.abs(out).max() / np.abs(WAVE).max()) for out in each(Augment(gain_db=(-6, 3)))]
    )
    assert ratios.min() >= -6.001
    assert ratios.max() <= 3.001
    assert ratios.mean() == pytest.approx(-1.5, abs=0.6)


def test_a_room_keeps_the_direct_path_in_place_and_the_energy() -> None:
    impulse = np.zeros(N, np.float32)
    impulse[5000] = 0.9
    outs = each(Augment(rir="given", rir_probability=1.0), 60, wave=impulse)
    for out in outs:
        assert np.argmax(np.abs(out)) == 5000
        assert not np.abs(out[:5000]).max() > 1e-6
        assert np.sum(np.square(out, dtype=float)) == pytest.approx(0.81, rel=1e-3)
    assert len({out[5010:5100].round(6).tobytes() for out in outs}) == 4, "two rooms of two channels"


def test_a_room_comes_with_its_probability() -> None:
    changed = [not np.array_equal(out, WAVE) for out in each(Augment(rir="given", rir_probability=0.3), 400)]
    assert np.mean(changed) == pytest.approx(0.3, abs=0.07)


def test_a_roll_rotates_and_every_offset_occurs() -> None:
    wave = np.arange(1, 101, dtype=np.float32) / 200
    seen = set()
    for out in each(Augment(roll_ms=3 / 16), 300, wave=wave):  # 3 samples
        matches = [by for by in range(-3, 4) if np.array_equal(out, np.roll(wave, by))]
        assert len(matches) == 1
        seen.add(matches[0])
    assert seen == set(range(-3, 4))


def test_a_device_is_drawn_with_its_probability_for_matching_clips_alone() -> None:
    conf = Augment(device_ir="given", device_ir_probability=0.4)
    outs = each(conf, 400)
    changed = [out for out in outs if not np.array_equal(out, WAVE)]
    assert len(changed) / 400 == pytest.approx(0.4, abs=0.07)
    assert len({out.tobytes() for out in changed}) == len(DEVICES)
    expected = {responses.heard_through(WAVE, responses.unit(d, "")[0]).tobytes() for d in DEVICES}
    assert {out.tobytes() for out in changed} == expected
    some = replace(conf, device_ir_probability=1.0, device_ir_ids="-a$")
    assert not np.array_equal(heard(some, id="lyon-1-tram-a"), WAVE)
    assert np.array_equal(heard(some, id="lyon-1-a-b"), WAVE)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"shift_ms": -1, "noise_probability": 1.5, "speed": (1.2, 0.8)},
            ["shift_ms: -1 is below 0", "noise_probability: 1.5 is above 1", "speed: 1.2 is above 0.8"],
        ),
        ({"noise_snr_db": (0, 10)}, ["noise_snr_db: has no effect without noise"]),
        ({"silence_volume": 0.5}, ["silence_volume: has no effect without noise"]),
        ({"rir": "x"}, ["rir: has no effect at rir_probability 0"]),
        ({"rir_probability": 0.5}, ["rir_probability: has no effect without rir"]),
        ({"device_ir": "x"}, ["device_ir: has no effect at device_ir_probability 0"]),
        (
            {"roll_ms": -1, "device_ir_probability": 0.5, "device_ir_ids": "(a"},
            [
                "roll_ms: -1 is below 0",
                "device_ir_probability: has no effect without device_ir",
                "device_ir_ids: has no effect without device_ir",
                "device_ir_ids: '(a' is not a regular expression",
            ],
        ),
        ({"speed": (0.0, 1.0)}, ["speed: 0 is not from 0.1 to 10"]),
    ],
)
def test_wrong_settings_are_named_all_at_once(settings: dict, words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        Augment(**settings)
    assert [word for word in words if f"augment.{word}" not in str(caught.value)] == []


def recordings(folder: Path, rates: list[int]) -> Path:
    """A data directory with one tone of 3 s a rate."""
    items = []
    for number, rate in enumerate(rates):
        wave = (0.3 * np.sin(2 * np.pi * 300 * np.arange(3 * rate) / rate)).astype(np.float32)
        audio.write(folder / "wav" / f"n{number}.wav", wave, rate)
        items.append(
            kaldi.Item(f"n{number}", str(folder / "wav" / f"n{number}.wav"), "noise", 3.0, speaker="n")
        )
    kaldi.write(folder / "noise", items)
    return folder / "noise"


def test_noise_and_rooms_are_read_from_data_directories(tmp_path: Path) -> None:
    folder = str(recordings(tmp_path, [RATE, RATE]))
    augment = WaveAugment(Augment(noise=folder, rir=folder, rir_probability=0.5), RATE, 1)
    assert [noise.shape for noise in augment.noises] == [(48000,), (48000,)]
    assert [len(room) for room in augment.rooms] == [1, 1]


def test_every_unreadable_noise_recording_is_named(tmp_path: Path) -> None:
    folder = recordings(tmp_path, [8000, RATE, 8000])
    with pytest.raises(UserError) as caught:
        WaveAugment(Augment(noise=str(folder)), RATE, 1)
    assert "n0.wav" in str(caught.value)
    assert "n2.wav" in str(caught.value)
    assert "n1.wav" not in str(caught.value)
    resampled = WaveAugment(Augment(noise=str(folder)), RATE, 1, resample=True)
    assert [len(noise) for noise in resampled.noises] == [48000] * 3
    rooms = WaveAugment(Augment(rir=str(folder), rir_probability=1.0), RATE, 1)
    assert len(rooms.rooms[0][0].wave) == 48000, "responses of any rate are resampled"


@pytest.mark.parametrize("key", ["shift_ms", "roll_ms"])
def test_a_shift_over_half_a_clip_is_refused_with_the_largest(key: str) -> None:
    assert Augment(**{key: 500.0}).too_far(1.0) == []
    (said,) = Augment(**{key: 5000.0}).too_far(1.0)
    assert said == (
        f"augment.{key}: 5000 ms is too far for clips of 1 s (data.seconds): give at most 500, half a clip"
    )


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_settings_are_finite(wrong: float) -> None:
    for settings in ({"shift_ms": wrong}, {"gain_db": (0.0, wrong)}, {"noise_probability": wrong}):
        with pytest.raises(UserError, match="is not a finite number"):
            Augment(**settings)
    with pytest.raises(UserError, match="gain_db: 1000 is not from -120 to 120"):
        Augment(gain_db=(0.0, 1000.0))


EFFECTS: dict[str, Any] = {
    "equaliser": {"equaliser_db": 6.0},
    "distortion": {"distortion": (0.01, 0.1)},
    "colour": {"colour_snr_db": (10.0, 30.0)},
    "transition": {"transition_db": (-10.0, 10.0)},
    "gain": {"gain_db": (-45.0, 0.0)},
    "band_stop": {},
}


@pytest.mark.parametrize("effect", EFFECTS)
def test_each_effect_comes_with_its_probability_and_leaves_the_others_draws(effect: str) -> None:
    conf = Augment(**EFFECTS[effect], **{f"{effect}_probability": 0.5})
    changed = [not np.array_equal(wave, WAVE) for wave in each(conf, 60)]
    assert 15 < sum(changed) < 45
    alone = Augment(noise="given", speed=(0.9, 1.1))
    both = replace(alone, **EFFECTS[effect], **{f"{effect}_probability": 0.5})
    same = [np.array_equal(a, b) for a, b in zip(each(alone, 60), each(both, 60), strict=True)]
    assert same == [not c for c in changed]


def test_coloured_noise_lies_below_the_clip_by_its_ratio() -> None:
    for wave in each(Augment(colour_snr_db=(20.0, 20.0)), 10):
        noise = wave - WAVE
        assert 10 * np.log10(np.dot(WAVE, WAVE) / np.dot(noise, noise)) == pytest.approx(20, abs=0.01)


def test_the_same_clip_again_in_an_epoch_is_another_one() -> None:
    augment = WaveAugment(EVERYTHING, RATE, 1, noises=NOISES, rooms=ROOMS, devices=DEVICES)
    turns = [augment(WAVE, epoch=0, id="a", label="yes", turn=turn) for turn in (0, 1, 2, 1)]
    assert np.array_equal(turns[1], turns[3])
    assert not any(np.array_equal(turns[a], turns[b]) for a, b in ((0, 1), (0, 2), (1, 2)))
    assert np.array_equal(turns[0], augment(WAVE, epoch=0, id="a", label="yes"))


def test_microwakewords_order_hears_the_noise_in_the_room() -> None:
    usual = Augment(noise="given", noise_probability=1.0, rir="given", rir_probability=1.0)
    dry = replace(usual, rir="", rir_probability=0.0)
    other = replace(usual, order="micro_wake_word")
    wet = {responses.heard_through(heard(dry), response).tobytes() for room in UNIT for response in room}
    assert heard(other).tobytes() in wet
    assert heard(usual).tobytes() not in wet


def test_every_effect_is_in_both_orders_once() -> None:
    usual, other = (ORDERS[name] for name in ("usual", "micro_wake_word"))
    assert sorted(usual) == sorted(other)
    assert len(set(usual)) == len(usual)


def test_peaks_are_cut_or_the_clip_is_scaled() -> None:
    loud = Augment(gain_db=(40.0, 40.0))
    assert np.array_equal(heard(loud), np.clip(WAVE * np.float32(100), -1, 1))
    scaled = heard(replace(loud, peaks="scaled"))
    assert np.abs(scaled).max() == pytest.approx(1)
    assert np.allclose(scaled, WAVE / np.abs(WAVE).max(), atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"equaliser_db": 90}, "equaliser_db: 90 is not from 0 to 60"),
        ({"pitch": -1}, "pitch: -1 is below 0"),
        ({"pitch": 3, "pitch_probability": 0}, "pitch: has no effect at pitch_probability 0"),
        ({"colour_probability": 0.1}, "colour_probability: has no effect without colour_snr_db"),
        ({"distortion": (0.2, 0.1)}, "distortion: 0.2 is above 0.1"),
        ({"band_stop_probability": 1.5}, "band_stop_probability: 1.5 is above 1"),
        ({"transition_db": (-10, float("nan"))}, "transition_db: nan is not a finite number"),
    ],
)
def test_settings_of_effects_that_cannot_be_are_refused(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(UserError) as caught:
        Augment(**settings)
    assert f"augment.{problem}" in caught.value.problems


@pytest.mark.laws
def test_the_pitch_comes_with_its_probability() -> None:
    made = each(Augment(pitch=3.0, pitch_probability=0.5), 20)
    assert 4 < sum(not np.array_equal(wave, WAVE) for wave in made) < 16
