"""Codecs: a sound through one keeps its length and depends on nothing else; labels that differ are told."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from audionas.core.errors import UserError
from audionas.core.rng import numpy_rng
from audionas.data.files import codec

RATE = 16000


@pytest.mark.parametrize("name", ["opus", "vorbis"])
def test_a_sound_through_a_codec_is_heard_the_same_at_the_same_place(name: codec.Codec) -> None:
    time = np.arange(RATE) / RATE
    wave = (0.3 * np.sin(2 * np.pi * (300 + 400 * time) * time)).astype(np.float32)
    found = codec.through(wave, RATE, name)
    assert (found.shape, found.dtype) == (wave.shape, np.float32)
    assert np.array_equal(found, codec.through(wave, RATE, name))
    error = np.sqrt(np.mean((found - wave)[800:] ** 2))
    assert 0 < error < 0.1 * np.sqrt(np.mean(wave**2))  # coded, and not late
    for many in (0, 1, 159, codec._BLOCK + 1):
        sound = numpy_rng("codec", many).normal(0, 0.1, many).astype(np.float32)
        assert codec.through(sound, RATE, name).shape == (many,)


def test_without_a_codec_nothing_changes_and_others_are_refused() -> None:
    wave = np.ones(5, np.float32)
    assert codec.through(wave, RATE, "") is wave
    assert codec.named("opus") == "opus"
    with pytest.raises(UserError, match="--codec speex: expected opus or vorbis"):
        codec.named("speex")


def test_labels_that_differ_in_their_codec_are_told(tmp_path: Path) -> None:
    wave = np.zeros(RATE // 4)
    forms = {"a.flac": ("FLAC", "PCM_16"), "b.wav": ("WAV", "PCM_16"), "c.opus": ("OGG", "OPUS")}
    for name, (form, subtype) in {**forms, "d.ogg": ("OGG", "VORBIS")}.items():
        soundfile.write(tmp_path / name, wave, RATE, format=form, subtype=subtype)
    flac, wav, opus, ogg = (tmp_path / name for name in ("a.flac", "b.wav", "c.opus", "d.ogg"))
    assert [codec.of(file) for file in (flac, wav, opus, ogg)] == [
        (name, 0.25) for name in ("none", "none", "opus", "vorbis")
    ]
    assert codec.of(tmp_path / "gone.m4a") == ("aac", 1.0)
    assert codec.difference({"yes": [flac, flac], "no": [wav]}) == ""
    assert codec.difference({"yes": [flac, opus], "no": [opus, wav]}) == ""
    assert codec.difference({"yes": [flac] * 20, "no": [wav] * 19 + [opus]}) == ""  # 5 %
    said = codec.difference({"yes": [flac, flac], "no": [opus, wav]})
    assert "none in 50% of no and 100% of yes; opus in 0% of yes and 50% of no" in said
    assert "vorbis in 0% of yes and 100% of no" in codec.difference({"yes": [opus], "no": [ogg]})
