"""`audionas.load` and `audionas.create_model`: answers, costs and new networks."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

import audionas


@pytest.fixture(scope="module")
def kws12() -> audionas.Model:
    return audionas.load("kws12")


def test_a_file_is_answered_as_its_samples_are(kws12: audionas.Model, tmp_path: Path) -> None:
    wave = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    soundfile.write(tmp_path / "clip.wav", wave, 16_000, subtype="FLOAT")
    assert kws12(str(tmp_path / "clip.wav")) == pytest.approx(kws12(wave), abs=1e-6)
    with pytest.raises(audionas.UserError, match="nothing\\.wav"):
        kws12(tmp_path / "nothing.wav")


@pytest.mark.laws  # the network is unrolled as a stream
def test_its_costs_are_those_of_its_network(kws12: audionas.Model) -> None:
    found = kws12.cost()
    assert found["params"] == sum(p.numel() for p in kws12.net.parameters())
    assert found["arch"] == kws12.bundle.spec.id
    assert "34,758" in kws12._repr_html_()
    assert "'yes'" in repr(kws12)


def test_nothing_is_heard_before_an_export(
    kws12: audionas.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(audionas.UserError, match="no exported file"):
        kws12.detect(tmp_path / "clip.wav", threshold=0.5)


def test_a_network_is_made_for_other_classes() -> None:
    net = audionas.create_model("tc_resnet8", classes=5)
    assert net(torch.zeros(2, 1, 40, 98)).shape == (2, 5)
    assert audionas.create_model("tc_resnet8", input="1x20x50")(torch.zeros(1, 1, 20, 50)).shape == (1, 12)
    with pytest.raises(audionas.UserError, match="Did you mean 'tc_resnet8'"):
        audionas.create_model("tc_resnet9")
    with pytest.raises(audionas.UserError, match="no size 'layer'"):
        audionas.create_model("tc_resnet8", layer=3)


def test_a_size_is_taken_where_the_network_has_it() -> None:
    with torch.device("meta"):
        small, large = (audionas.create_model("darts_v1", layers=n, channels=4) for n in (2, 5))
    assert sum(p.numel() for p in small.parameters()) < sum(p.numel() for p in large.parameters())


def test_the_lists_name_what_functions_take() -> None:
    assert {"tc_resnet8", "darts_v2"} <= {*audionas.list_models()}
    assert audionas.list_models(trained=True) == ["kws12"]
    assert "darts" in audionas.list_methods()
    assert {*audionas.list_spaces(searchable=True)} | {*audionas.list_spaces(searchable=False)} == {
        *audionas.list_spaces()
    }
    assert "Liu" in audionas.list_methods()._repr_html_()
