"""The recipe of wake words: its settings, and every stage of run.sh from recordings to a table, in small."""

import re
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import pytest

from audionas.config import load
from audionas.core.arch import InputSpec
from audionas.core.files import read_json
from audionas.core.registry import resolve
from audionas.core.rng import numpy_rng
from audionas.cost.profile import require
from audionas.data import audio, kaldi
from audionas.data.conf import Augment
from audionas.run.train import train
from audionas.spaces import space_of
from audionas.zoo.find import find
from tests._wake import RATE, clip
from tests._wake import audio as long_audio
from tests.recipes.test_dcase2018_task5 import finished
from tests.recipes.test_vision import copied, ran
from tests.unit.run.training._words import words

ROOT = Path(__file__).resolve().parents[2]
RECIPE = ROOT / "recipes" / "wake_word"
NETWORKS = ("searched", "bc_resnet1", "ds_cnn_s")
TINY = (
    *("threads=1", "space.width=0.25", "search.epochs=1", "search.batch_size=16"),
    *("searcher.population=4", "searcher.generations=1", "train.epochs=1", "train.average=0"),
    *("train.optim.warmup_epochs=0", "train.batch_size=16", "data.seconds=1.0", "train.pool_after=20"),
)


@pytest.mark.story
def test_every_network_has_the_same_data_and_budget() -> None:
    found = {name: load(RECIPE / "conf" / f"{name}.yaml").resolved() for name in NETWORKS}
    for conf in found.values():
        assert conf["data"] == found["searched"]["data"]
        assert {**conf["train"], "loss": "", "pool_after": 0} == {
            **found["searched"]["train"],
            "loss": "",
            "pool_after": 0,
        }
    assert found["bc_resnet1"]["features"] == found["searched"]["features"]


def test_microwakewords_training_has_every_effect_and_chooses_by_ambience() -> None:
    conf, usual = load(RECIPE / "conf" / "micro_wake_word.yaml"), Augment()
    off = {f.name for f in fields(Augment) if getattr(conf.augment, f.name) == getattr(usual, f.name)}
    roomy = {"rir", "rir_probability"}  # there are no room responses in the recipe's data
    others = {"shift_ms", "speed", "roll_ms", "device_ir", "device_ir_probability", "device_ir_ids"}
    silence = {"noise_volume", "silence_volume"}  # of Speech Commands' protocol
    assert off == roomy | others | silence | {"gain_probability"}
    assert conf.train.judged == "valid_average_viable_recall"
    assert conf.train.class_weight == {"_other_": 20}
    assert conf.data.ambient


@pytest.mark.story
def test_microwakewords_training_runs_on_its_own_settings(tmp_path: Path) -> None:
    data = words(tmp_path / "data")
    paths = [f"data.{name}={data / name}" for name in ("train", "dev", "ambient")]
    small = ["data.seconds=1", "train.epochs=2", "train.batch_size=4", "threads=1", "device=cpu"]
    spec = resolve("space", "kws_tc_resnet")(causal=True, width=0.25, se="none").sample(
        numpy_rng("recipe"), InputSpec(1, 40, 98, 2)
    )
    spec.save(tmp_path / "arch.json")
    more = [f"arch={tmp_path / 'arch.json'}", f"out={tmp_path / 'exp'}", f"augment.noise={data / 'noise'}"]
    sources = ["train.sources={near: {sampling: 2}, far: {sampling: 10}}"]
    train(load(RECIPE / "conf" / "micro_wake_word.yaml", [*paths, *small, *more, *sources]))
    result = read_json(tmp_path / "exp" / "micro_wake_word" / "train" / "done.json")
    assert 0 <= result["valid_average_viable_recall"] <= 1


@pytest.mark.story
def test_the_searched_space_is_what_esphome_computes() -> None:
    conf = load(RECIPE / "conf" / "searched.yaml")
    assert (conf.space.causal, len(conf.changes)) == (True, 2)
    assert not conf.method.why_not(conf.space)
    assert conf.resolved()["searcher"]["objectives"] == {
        "macro_f1": "max",
        "state_bytes": "min",
        "hop_macs": "min",
    }


def test_bc_resnet_is_the_published_one_turned_to_the_past() -> None:
    causal, published = find(str(RECIPE / "conf" / "bc_resnet1.json")), find("bc_resnet1")
    assert dict(published.params) | {"causal": True} == dict(causal.params)
    one, other = (space_of(spec).build(spec, io=causal.io).state_dict() for spec in (causal, published))
    assert {n: t.shape for n, t in one.items()} == {n: t.shape for n, t in other.items()}


@pytest.mark.story
def test_what_it_needs_is_said(tmp_path: Path) -> None:
    result = ran(copied("wake_word", tmp_path), "--say", "0", "--stop-stage", "0")
    assert result.returncode == 1
    assert "give --positives, --src or --say" in result.stdout

    result = ran(copied("wake_word", tmp_path / "again"), "--networks", "serched", "--stage", "2")
    assert result.returncode == 1
    assert "--networks serched: no conf/serched.yaml" in result.stdout


@pytest.mark.story
def test_what_later_stages_need_is_asked_before_the_first(tmp_path: Path) -> None:
    """By a Python without extras: the command is one that installs them, and nothing was made."""
    recipe = copied("wake_word", tmp_path)
    (recipe / "bin").mkdir()
    (recipe / "bin" / "python").write_text(
        f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -S "$@"\n'
    )
    (recipe / "bin" / "python").chmod(0o755)
    for more, extras in {
        (): {"mini", "device", "export"},
        ("--say", "0"): {"device", "export"},
        ("--networks", "ds_cnn_s", "--stop-stage", "4"): {"mini"},
    }.items():
        result = ran(recipe, "--positives", str(tmp_path), *more)
        assert result.returncode == 1
        assert set(re.findall(r"the extra (\w+) lacks", result.stdout)) == extras
        assert re.search("pip install|setup.sh", result.stdout.splitlines()[-1])
        assert not (recipe / "data").exists()


@pytest.mark.story
def test_from_recordings_to_a_table(tmp_path: Path, commands: Mapping[str, str]) -> None:
    for package in ("pymicro_features", "onnxruntime", "ai_edge_litert", "tflite_micro"):
        pytest.importorskip(package, reason="the extra 'device' is not installed")
    recipe, rng = copied("wake_word", tmp_path), numpy_rng("recipe of wake words")
    for number in range(10):
        audio.write(tmp_path / "word" / f"{number}.wav", clip(rng, positive=True), RATE)
        sound = long_audio(8.0, [], seed=number, others=[1, 4])
        audio.write(tmp_path / "other" / f"{number}.wav", sound, RATE)
    own = (
        "--word",
        "computer",
        "--positives",
        str(tmp_path / "word"),
        "--negatives",
        str(tmp_path / "other"),
    )
    said = finished(recipe, commands, *own, "--say", "0", "--hard", "0", "--networks", "searched", *TINY)
    exp = recipe / "exp" / "searched_0"
    assert "profile esphome removes tc_k3_se" in said
    assert read_json(exp / "search" / "run.json")["profile"] == "esphome"
    spec = find(str(exp / "arch.json"))
    require(space_of(spec).build(spec), spec.io, "esphome", "found")
    rows = read_json(exp / "test.json")
    assert [row["file"] for row in rows] == ["model.stream.onnx", "model.int8.tflite", "searched_0.tflite"]
    assert all(row["clips"] == 4 and not row["at"][0]["measurable"] for row in rows)
    assert read_json(exp / "export" / "searched_0.json")["wake_word"] == "computer"
    table = said[said.index("== stage 8") :]
    assert "not measurable with 0.01 h" in table
    assert table.count("| searched | 0 |") == 4
    (exp / "export" / "model.int8.tflite").unlink()
    hard = ("--data", "hard", "--networks", "searched")
    finished(recipe, commands, *own, *hard, "--say", "0", "--hard", "1", "--stop-stage", "0")
    gap = finished(recipe, commands, *hard, "--stage", "7", *TINY)
    assert "| searched | 0 | int8, `model.int8.tflite` | - (refused by the export) |" in gap
    assert gap.count("| searched | 0 |") == 6
    assert "| first half | half twice | halves swapped | last half | all |" in gap
    rows = [row for row in read_json(exp / "test.json") if row["kind"] == "hard"]
    known = dict.fromkeys(("first_half", "half_twice", "halves_swapped", "last_half"), 4)
    assert [{kind: clips for kind, (_, clips) in row["accepted"].items()} for row in rows] == [known] * 2
    for row in rows:
        counts = row["accepted"].values()
        cells = [f"{fired} of 4" for fired, _ in counts] + [f"{sum(fired for fired, _ in counts)} of 16"]
        assert f"`{row['file']}` | {' | '.join(cells)} |" in gap
    finished(recipe, commands, "--stage", "1", "--stop-stage", "3", "--networks", "best", *TINY)
    best, members = recipe / "exp" / "best_0", read_json(exp / "front.json")["members"]
    assert read_json(best / "arch.json")["id"] == members[0]["arch"]["id"]
    finished(recipe, commands, "--stage", "1", "--stop-stage", "3", "--networks", "mined", *TINY)
    known, mined = recipe / "data" / "train", recipe / "data" / "mined_0"
    assert {item.id for item in kaldi.read(known)} <= {item.id for item in kaldi.read(mined)}
    assert read_json(mined / "mined.json")["thresholds"] == {"computer": 0.5}
    assert "train: data/mined_0\n" in (recipe / "exp" / "mined_0" / "train" / "config.yaml").read_text()
    assert read_json(recipe / "exp" / "mined_0" / "arch.json")["id"] == spec.id
