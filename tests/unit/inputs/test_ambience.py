"""Ambience: every window of every recording once, as a clip's features; hours; what cannot be ambience."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from audionas.config import load
from audionas.core.errors import UserError
from audionas.core.reporter import Reporter
from audionas.data import audio, kaldi
from audionas.features import Features
from audionas.inputs import ambience
from audionas.inputs.ambience import open_ambience
from audionas.inputs.audio import ClipInputs
from audionas.inputs.feed import open_inputs
from tests.unit.run.training._words import word_config, words

QUIET = Reporter(quiet=True)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ClipInputs]:
    data = words(tmp_path_factory.mktemp("ambience") / "data", seconds=31.05)
    inputs = open_inputs(load(word_config(data)), Features(name="mfcc", preset="tc_resnet"), QUIET)
    assert isinstance(inputs, ClipInputs)
    return data, inputs


def test_windows_are_cut_at_every_hop_and_hours_are_those_of_the_recordings(
    opened: tuple[Path, ClipInputs], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, inputs = opened
    conf = replace(load(word_config(data)).data, ambient_hop=0.5)
    monkeypatch.setattr(ambience, "PIECE", 8)  # so that recordings have several stretches
    found = open_ambience(conf, inputs, "word", QUIET)
    assert found.hours == pytest.approx(31.05 / 3600)
    batches = list(found.batches())
    assert [len(batch) for batch in batches] == found.windows
    windows = np.concatenate(batches)[:, 0]
    recordings = [audio.read(item.audio, rate=16000, seconds=None) for item in kaldi.read(data / "ambient")]
    hop = found.hop * inputs.front_end.hop
    assert hop / 16000 == pytest.approx(0.5)
    cuts = [
        audio.fitted(wave[at : at + inputs.samples], inputs.samples)
        for wave in recordings
        for at in range(0, max(1, len(wave) - inputs.samples + 1), hop)
    ]
    assert len(windows) == len(cuts) == 60 + 1
    alone = inputs.front_end(torch.from_numpy(np.stack(cuts)))[:, 0].numpy()
    inner = slice(4, -4)  # a frame at an end sees padding there, and its neighbours here
    np.testing.assert_allclose(windows[..., inner], alone[..., inner], rtol=0, atol=2e-3)


def test_ambience_with_the_word_or_of_the_training_or_too_short_is_refused(
    opened: tuple[Path, ClipInputs], tmp_path: Path
) -> None:
    data, inputs = opened
    conf = load(word_config(data)).data
    items = list(kaldi.read(data / "ambient"))
    train = kaldi.read(data / "train")[0]
    kaldi.write(tmp_path / "bad", [replace(items[0], label="word"), items[1], train], relative=False)
    with pytest.raises(UserError) as caught:
        open_ambience(replace(conf, ambient=str(tmp_path / "bad")), inputs, "word", QUIET)
    assert [p.partition(": ")[2] for p in caught.value.problems] == [
        "1 recording of 'word': ambient-0",
        f"1 recording from the training data: {train.id}",
    ]
    kaldi.write(tmp_path / "short", [items[1]], relative=False)
    with pytest.raises(UserError, match=r"holds 0\.4 s, which is no window of 1 s, and no hours"):
        open_ambience(replace(conf, ambient=str(tmp_path / "short")), inputs, "word", QUIET)
