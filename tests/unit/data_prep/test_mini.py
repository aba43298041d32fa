"""The embedded data set: the same bytes however it is made, voices apart, noise as drawn."""

import importlib.util
import itertools
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from audionas.core.errors import UserError
from audionas.core.extras import install
from audionas.core.files import read_json, shipped, write_json
from audionas.core.reporter import Reporter
from audionas.data import audio, kaldi
from audionas.data.labels import RATE, SILENCE, SPLITS, UNKNOWN, read_labels
from audionas.prep.speech_commands import LABELS_12

pytest.importorskip("espeakng_loader", reason="the extra 'mini' is not installed")


def _load():
    spec = importlib.util.spec_from_file_location("prepare_mini", shipped("data_prep") / "mini.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


mini = _load()
ENGINE = mini.find_engine()
KNOWN = mini.voice_variants(ENGINE)
SETTINGS = mini.Settings(seed=1, clips=144, variants=12, accents=2, snr_low=3.0, snr_high=9.0)
OPTIONS = {"clips": 144, "variants": 12, "accents": 2, "snr_low": 3.0, "snr_high": 9.0, "seed": 1}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A whole, small data set."""
    out = tmp_path_factory.mktemp("mini") / "data"
    mini.main(out, **OPTIONS)
    return out


def _files(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def two_voices() -> list:
    """The planned clips of the first two voices."""
    planned = [clip for clip in mini.plan(SETTINGS, KNOWN) if clip.voice]
    voices = list(dict.fromkeys(clip.voice for clip in planned))[:2]
    return [clip for clip in planned if clip.voice in voices]


def test_any_order_of_voices_gives_the_same_bytes(tmp_path):
    clips = two_voices()
    turned = [
        *(c for c in clips if c.voice != clips[0].voice),
        *(c for c in clips if c.voice == clips[0].voice),
    ]
    assert turned != clips
    for name, planned in (("first", clips), ("second", turned)):
        mini.speak(tmp_path / name, planned, SETTINGS, ENGINE, Reporter(quiet=True))
    assert _files(tmp_path / "first") == _files(tmp_path / "second")
    assert len(_files(tmp_path / "first")) == len(clips)


@pytest.mark.story
def test_an_interrupted_preparation_ends_with_the_same_bytes(made, tmp_path):
    whole = _files(made)
    again = tmp_path / "data"
    shutil.copytree(made, again)
    write_json(again / mini.MARKER, {**read_json(again / mini.MARKER), "wavs": None})
    wavs = sorted((again / "audio").rglob("*.wav"))
    for wav in wavs[::7]:
        wav.unlink()
    wavs[0].with_name(f".{wavs[0].name}").write_bytes(b"half a file")
    (again / "dev" / "text").unlink()
    mini.main(again, **OPTIONS)
    assert _files(again) == whole


def test_a_lost_clip_is_made_again(made, tmp_path):
    again = tmp_path / "data"
    shutil.copytree(made, again)
    next((again / "audio" / "test").glob("*-yes-*.wav")).unlink()
    mini.main(again, **OPTIONS)
    assert _files(again) == _files(made)


def test_a_finished_one_is_left_alone(made, capsys):
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*")}
    mini.main(made, **OPTIONS)
    assert "already complete" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in made.rglob("*")} == before


def test_another_data_set_is_not_mixed_in(made, tmp_path):
    with pytest.raises(UserError, match="other settings"):
        mini.main(made, **{**OPTIONS, "seed": 2})
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="not empty"):
        mini.main(tmp_path, **OPTIONS)


def test_directories_are_sound_and_balanced(made):
    assert read_labels(made / "train") == list(LABELS_12)
    for split in SPLITS:
        assert kaldi.validate(made / split) == []
        data = kaldi.read(made / split)
        counts = [len(data.where(lambda item, label=label: item.label == label)) for label in LABELS_12]
        assert min(counts) == max(counts) > 0
    assert kaldi.read(made / "noise").labels == ["noise"]


def test_voices_are_apart(made):
    speakers = [{item.speaker for item in kaldi.read(made / split)} for split in SPLITS]
    for one, other in itertools.combinations(speakers, 2):
        assert not one & other


@pytest.mark.parametrize("seed", range(5))
def test_near_twins_stay_together(seed):
    splits = mini.split_speakers(replace(SETTINGS, seed=seed, variants=104), KNOWN)
    assert sorted(itertools.chain(*splits.values())) == KNOWN
    where = {}
    for split, speakers in splits.items():
        for name in speakers:
            stem = name.lower().rstrip("0123456789")
            assert len(stem) == 1 or where.setdefault(stem, split) == split
    assert all(splits.values())


def test_every_clip_is_one_second_of_16_bit_mono(made):
    wavs = list((made / "audio").rglob("*.wav"))
    assert len(wavs) == sum(len(kaldi.read(made / name)) for name in (*SPLITS, "noise"))
    for wav in wavs:
        probe = audio.probe(wav)
        seconds = mini.NOISE_SECONDS if wav.parent.name == "noise" else 1
        assert (probe.rate, probe.channels, probe.frames) == (RATE, 1, seconds * RATE)
    sounds = {wav.read_bytes() for wav in wavs}
    assert len(sounds) == len(wavs)


def test_spoken_words_are_distinct_and_whole():
    clips = two_voices()
    for voice in {clip.voice for clip in clips}:
        part = [clip for clip in clips if clip.voice == voice]
        speech = mini.speech_of(part, 1, ENGINE)
        assert all(0.05 * RATE < len(word) <= RATE for word in speech)
        assert len({word.tobytes() for word in speech}) == len(part)


@pytest.mark.parametrize("kind", mini.NOISES)
@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 20.0])
def test_the_ratio_is_as_drawn(kind, snr_db):
    rng = np.random.default_rng(3)
    word = rng.standard_normal(5000) * np.hanning(5000)
    speech, under = mini.mix(word, mini.noise(kind, RATE, rng), 700, snr_db)
    span = slice(700, 5700)
    assert np.array_equal(speech[span], word)
    assert not speech[:700].any()
    assert not speech[5700:].any()
    ratio = np.mean(speech[span] ** 2) / np.mean(under[span] ** 2)
    assert 10 * np.log10(ratio) == pytest.approx(snr_db, abs=1e-9)


def test_stored_clips_are_their_word_and_noise_at_a_ratio_within_the_bounds(made):
    clips = two_voices()
    part = [clip for clip in clips if clip.voice == clips[0].voice]
    ratios = []
    for clip, speech in zip(part, mini.speech_of(part, SETTINGS.seed, ENGINE), strict=True):
        word, noise = mini.render(clip, speech, SETTINGS)
        stored = audio.read(made / "audio" / clip.split / f"{clip.id}.wav", rate=RATE, seconds=None)
        assert np.abs(stored - (word + noise)).max() < 2 / 32768
        span = np.flatnonzero(word)
        span = slice(span[0], span[-1] + 1)
        ratios.append(10 * np.log10(np.mean(word[span] ** 2) / np.mean(noise[span] ** 2)))
    assert min(ratios) > SETTINGS.snr_low - 0.1  # dB; a word's first sample may be exactly 0
    assert max(ratios) < SETTINGS.snr_high + 0.1
    assert max(ratios) - min(ratios) > 1


def test_silence_holds_noise_alone():
    clips = [clip for clip in mini.plan(SETTINGS, KNOWN) if clip.label == SILENCE]
    for clip in clips:
        word, noise = mini.render(clip, np.zeros(0), SETTINGS)
        assert not word.any()
        assert 0 < np.abs(noise).max() < 1


def test_unknown_is_never_a_command():
    words = {clip.word for clip in mini.plan(SETTINGS, KNOWN) if clip.label == UNKNOWN}
    assert words <= set(mini.OTHERS)
    assert not words & set(LABELS_12)


def test_all_wrong_settings_are_told_at_once():
    wrong = mini.Settings(seed=0, clips=7, variants=105, accents=0, snr_low=9.0, snr_high=3.0)
    with pytest.raises(UserError) as caught:
        mini.check(wrong, KNOWN)
    assert len(caught.value.problems) == 4


def test_a_voice_that_does_not_exist_is_an_error():
    clip = replace(two_voices()[0], voice="xx-nowhere")
    with pytest.raises(UserError, match="xx-nowhere"):
        mini.speech_of([clip], 0, ENGINE)


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)  # as if it were not installed
    with pytest.raises(UserError, match=re.escape(install("mini")) + ".*GPL-3.0"):
        mini.find_engine()
