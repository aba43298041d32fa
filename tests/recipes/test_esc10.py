"""The recipe of ESC-10: its settings, hand-made networks from clips to scores, the maker of its table."""

import runpy
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from audionas.config import load
from audionas.core.arch import ArchSpec
from audionas.core.errors import UserError
from audionas.core.files import read_json
from audionas.core.rng import numpy_rng
from audionas.cost.graph import measure
from audionas.data import audio, kaldi
from audionas.data.groups import read_groups
from audionas.run.train import within_limits
from audionas.spaces import space_of
from audionas.zoo.find import find
from tests._factory import tones
from tests.recipes.test_vision import copied, finished, ran

RECIPE = Path(__file__).parents[2] / "recipes" / "esc10"
LABELS = ("dog", "rain", "rooster")
MADE = runpy.run_path(str(RECIPE / "local" / "devices.py"))


def made(name: str) -> ArchSpec:
    return find(str(RECIPE / "conf" / f"{name}.json"))


@pytest.mark.story
@pytest.mark.parametrize(
    ("name", "macs"),
    [("alternating", 10_675_520), ("square", 12_415_040), ("time", 10_675_520), ("frequency", 10_675_520)],
)
def test_a_hand_made_network_is_of_the_searched_size_and_keeps_the_limits(name: str, macs: int) -> None:
    spec = made(name)
    assert {
        o.removeprefix("mbf").removeprefix("mbs").removeprefix("mb") for (o,) in spec.choices.values()
    } == {"_k3_e6"}
    conf = load(RECIPE / "conf" / "baseline.yaml")
    searched = load(RECIPE / "conf" / "nasc.yaml").space
    assert searched is not None
    assert {**spec.params, "kernels": "alternating"} == asdict(searched)
    assert spec.params["kernels"] == name
    assert measure(space_of(spec).build(spec), spec.io).macs == macs
    within_limits(conf, spec, name)
    tight = load(RECIPE / "conf" / "baseline.yaml", ["limits.macs=1e7"])
    with pytest.raises(UserError, match=f"{name}: {macs:,} multiply-adds, .* over limits.macs 10,000,000"):
        within_limits(tight, spec, name)


def test_every_network_has_the_same_data_features_and_training() -> None:
    found = {name: load(RECIPE / "conf" / f"{name}.yaml").resolved() for name in ("baseline", "nasc")}
    for section in ("data", "augment", "spec_augment", "features", "train", "limits"):
        assert found["baseline"][section] == found["nasc"][section]
    assert found["nasc"]["data"]["seconds"] == 5.0
    assert found["baseline"]["arch"] == "conf/alternating.json"


def test_the_soft_search_has_the_same_space_and_training_and_a_price_below_the_baseline() -> None:
    nasc, soft = (load(RECIPE / "conf" / f"{name}.yaml") for name in ("nasc", "soft"))
    assert (nasc.space, nasc.train, nasc.data) == (soft.space, soft.train, soft.data)
    assert soft.method is not None
    assert soft.space is not None
    assert not soft.method.why_not(soft.space)
    assert soft.resolved()["method"]["cost"]["target"] == pytest.approx(0.75 * 10_675_520, rel=0.01)


def test_nasc_searches_a_fair_supernet_for_f1_and_multiply_adds() -> None:
    conf = load(RECIPE / "conf" / "nasc.yaml")
    found = conf.resolved()
    assert found["method"]["name"] == "fair_nas"
    assert found["searcher"]["name"] == "nsga2"
    assert found["searcher"]["objectives"] == {"macro_f1": "max", "macs": "min"}
    assert conf.method is not None
    assert conf.space is not None
    assert not conf.method.why_not(conf.space)


def test_what_it_needs_is_said(tmp_path: Path) -> None:
    recipe = copied("esc10", tmp_path)
    for words, says in (((), "--src is missing"), (("--fold", "6"), "--fold 6: expected 1 to 5")):
        result = ran(recipe, *words)
        assert result.returncode == 1
        assert says in result.stdout


def test_made_devices_are_what_they_are_called() -> None:
    """Each keeps a clip's length, is linear and always the same; a filter changes its bands as it says."""
    rate, clip = 16000, numpy_rng("clip").standard_normal(16000).astype(np.float32) * 0.1
    devices, again = (MADE["devices"](rate) for _ in range(2))
    found = {name: device(clip) for name, device in devices.items()}
    assert np.array_equal(found["none"], clip)
    for name, device in devices.items():
        assert (found[name].shape, found[name].dtype) == (clip.shape, np.float32), name
        assert np.array_equal(again[name](clip), found[name]), name
        np.testing.assert_allclose(device(2 * clip), 2 * found[name], atol=1e-5)

    def level(name: str, low: float, high: float) -> float:
        """Decibels that a device adds between two frequencies."""
        hertz = np.fft.rfftfreq(len(clip), 1 / rate)
        inside = (hertz >= low) & (hertz < high)
        power = [(np.abs(np.fft.rfft(wave)[inside]) ** 2).sum() for wave in (found[name], clip)]
        return float(10 * np.log10(power[0] / power[1]))

    assert level("thin", 20, 100) == pytest.approx(-18, abs=1)
    assert level("dull", 6000, 8000) == pytest.approx(-18, abs=1)
    assert level("peaky", 1180, 1220) == pytest.approx(12, abs=1)
    assert abs(level("thin", 1500, 2500)) < 1
    for name, seconds in MADE["DECAYS"].items():
        response = MADE["decaying"](name, seconds, rate)
        assert (response.direct, np.dot(response.wave, response.wave)) == (0, pytest.approx(1, abs=1e-5))
        size = round(seconds * rate)
        energies = [
            np.square(part).sum() for part in (response.wave[1 : size // 4], response.wave[-size // 4 :])
        ]
        assert energies[1] < energies[0] / 100


def test_responses_of_a_folder_are_devices_of_their_own(tmp_path: Path) -> None:
    data = tones(tmp_path / "data", classes=LABELS, per_class=1, speakers=1, seconds=0.2)
    for name, wave in (("b", [0.0, 1.0, 0.5]), ("a", [1.0])):
        (tmp_path / "ir").mkdir(exist_ok=True)
        audio.write(tmp_path / "ir" / f"{name}.wav", np.array(wave) * 0.5, 16000)
    MADE["main"](data / "test", tmp_path / "out", tmp_path / "ir")
    clips, heard = kaldi.read(data / "test"), kaldi.read(tmp_path / "out")
    devices = read_groups(heard.path, "device", [item.id for item in heard])
    assert len(heard) == 8 * len(clips)
    assert sorted(set(devices)) == sorted(
        ["none", *MADE["FILTERS"], *MADE["DECAYS"], "response1", "response2"]
    )
    assert {item.speaker for item in heard} == {item.speaker for item in clips}
    by_id = {item.id: audio.read(item.audio, rate=16000, seconds=item.seconds) for item in heard}
    for clip in clips:
        plain = by_id[f"{clip.id}-none"]
        assert np.array_equal(
            by_id[f"{clip.id}-response1"], plain
        )  # a response of one sample, the first by name
        assert not np.array_equal(by_id[f"{clip.id}-response2"], plain)


@pytest.mark.story
def test_from_folds_to_scores(tmp_path: Path) -> None:
    recipe = copied("esc10", tmp_path)
    tones(recipe / "data" / "fold2", classes=LABELS, per_class=4)
    tiny = ("threads=1", "data.seconds=1.0", "train.epochs=1", "train.batch_size=4")
    words = ("--fold", "2", "--networks", "square", *tiny)
    said = finished(recipe, "--stage", "1", "--stop-stage", "4", "--shift", *words)
    exp = recipe / "exp" / "square_fold2_0"
    assert read_json(exp / "arch.json")["params"]["kernels"] == "square"
    assert read_json(exp / "eval.json")["n"] == len(kaldi.read(recipe / "data" / "fold2" / "test"))
    assert read_json(exp / "cost.json")["params"] > 100_000
    shifted, plain = (read_json(exp / "eval" / f"{name}.json") for name in ("shifted", "test"))
    assert read_json(exp / "eval.json") == plain
    devices = shifted["by"]["device"]
    assert set(devices) == {"none", *MADE["FILTERS"], *MADE["DECAYS"]}
    assert devices["none"]["log_loss"] == pytest.approx(plain["log_loss"], rel=1e-4)
    assert "macro F1" in said
    said = finished(recipe, "--stage", "5", *words)
    assert "| square | 2 | 0 |" in said
    assert "| network | fold | seed | macro_f1 % | accuracy % | log loss |" in said
    assert "| macro_f1 % | accuracy % | log loss | parameters | M multiply-adds |" in said
    assert "finished earlier" in finished(recipe, "--stage", "3", "--stop-stage", "3", *words)
