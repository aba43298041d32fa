"""Several words beside sound without them: prepared with it, tuned and mined on it; the issue's ten lines."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audionas.core.files import read_json
from audionas.expert import steps
from audionas.expert.decide import Decision
from audionas.expert.plan import Plan, load
from tests._factory import tone
from tests.unit.cli._command import done
from tests.unit.expert._recordings import WORDS, recordings

ROOT = Path(__file__).parents[3]
TEN = """
import audionas

data = audionas.prepare("my_words", negatives=["radio"])  # Dataset
run = audionas.make(data, device="esp32-s3", minutes=60)  # Run
model = run.best  # Model
model("clip.wav"); model.detect("kitchen.wav"); model.cost(); model.export(["esphome"])
"""
SAID = """
print(data.summary(), run.metrics, run.front, run.folder)
assert model("clip.wav").keys() == {"_other_", "low"}
assert all(row["keyword"] == "low" for row in model.detect("kitchen.wav"))
assert any(row["file"].endswith("my_words.tflite") for row in audionas.export(run, ["esphome"]))
"""


def radio(folder: Path) -> Path:
    """A minute without a word in one recording."""
    folder.mkdir()
    waves = [tone("mid", n % 6, n, classes=WORDS, seconds=1.0, rate=16000) for n in range(60)]
    soundfile.write(folder / "day.flac", np.concatenate(waves), 16000)
    return folder


def planned(**more: object) -> Plan:
    """A plan for two words with sound without them, as far as the last steps."""
    facts = {"init": "", "epoch": 1.0, "trial_epochs": 2, "epochs": 3}
    values = {
        **{"task": "keywords", "split": "", "search": False, "seconds": 1.0, "files": ["onnx"]},
        **{"networks": {"a": facts, "b": facts}, "choice": "a", "kept": "accuracy", "rest": 30.0},
        **more,
    }
    decided = {name: Decision(value, "") for name, value in values.items()}
    return Plan("/words", "", "cpu", 5.0, 0.5, ["/radio", "/more"], [], decided)


def test_its_steps_name_the_sound_and_the_class_that_it_joins() -> None:
    other = {"negatives": "dev_long", "other": "_unknown_", "rate": 2.0, "mine": "train_long"}
    found = {each.name: each.words for each in steps.steps(planned(**other), Path(), "x")}
    prepared = found["prep"]
    assert [prepared[n + 1] for n, word in enumerate(prepared) if word == "--negatives"] == [
        "/radio",
        "/more",
    ]
    assert prepared[prepared.index("--seconds") + 1] == "1.0"
    assert found["mine"][-2:] == ("--label", "_unknown_")
    assert "data.train=x/data/mined" in found["train"]
    tuned = found["tune"]
    assert tuned[tuned.index("--positives") + 1] == "x/data/dev"
    assert tuned[tuned.index("--negatives") + 1] == "x/data/dev_long"
    assert tuned[tuned.index("--target-fa-per-hour") + 1] == "2"


def test_without_such_sound_the_steps_are_as_before() -> None:
    found = {each.name: each.words for each in steps.steps(planned(), Path(), "x")}
    assert "--negatives" not in found["prep"]
    assert not {"mine", "tune"} & {*found}


@pytest.mark.nightly
def test_several_words_are_tuned_on_sound_without_them(tmp_path: Path) -> None:
    source = recordings(tmp_path / "words", ("low", "high"))
    sound = radio(tmp_path / "radio")
    told = done(
        "make", source, "--for", "browser", "--minutes", 1, "--negatives", sound, f"out={tmp_path}/exp"
    )
    home = tmp_path / "exp" / "words"
    assert "_unknown_" in (home / "data" / "labels.txt").read_text(encoding="utf-8").split()
    plan = load(home / "make.yaml")
    assert plan.value("negatives") == "dev_long"
    assert "cannot be measured" in plan.decisions["rate"].warning
    row = read_json(home / "tune" / "tune.json")
    assert row["target"] == plan.value("rate")
    assert "limit     0.5 false accepts per hour cannot be measured" in told.out


@pytest.mark.nightly
def test_the_ten_lines_work_as_they_are_written(tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader", reason="the extra mini is not installed")
    pytest.importorskip("ai_edge_litert", reason="the extra device is not installed")
    recordings(tmp_path / "my_words", ("low",))
    radio(tmp_path / "radio")
    wave, _ = soundfile.read(tmp_path / "my_words" / "low" / "s0_0.wav")
    soundfile.write(tmp_path / "clip.wav", wave, 16000)
    soundfile.write(tmp_path / "kitchen.wav", np.concatenate([0 * wave, wave, 0 * wave]), 16000)
    lines = TEN.replace("minutes=60", "minutes=0.5")
    assert lines != TEN
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    code = [sys.executable, "-c", lines + SAID]
    found = subprocess.run(code, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    silent = subprocess.run(
        [sys.executable, "-c", lines], cwd=tmp_path, env=env, capture_output=True, text=True
    )
    assert (silent.returncode, silent.stdout, silent.stderr) == (0, "", "")
