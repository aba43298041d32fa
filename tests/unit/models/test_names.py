"""The included models: complete, small, with a card that says what their files say, found by name."""

import importlib.util
import json
import shutil
import tarfile
import tomllib
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

import audionas
from audionas.core.errors import UserError
from audionas.data import audio, kaldi
from audionas.data.kaldi import Item
from audionas.models import names as models
from audionas.models.bundle import ModelBundle
from audionas.prep.speech_commands import LABELS_12
from audionas.run import listing
from audionas.run.evaluate import evaluate
from audionas.run.predict import predict
from tests.unit.cli._command import done

ROOT = Path(__file__).parents[3]
PARTS = {
    "trained_on.json",
    "arch.json",
    "bundle.json",
    "measured.json",
    "model_card.md",
    "weights.safetensors",
}


@pytest.fixture
def silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in that holds one recording, of nothing."""
    monkeypatch.chdir(tmp_path)
    audio.write(tmp_path / "nothing.wav", np.zeros(16_000, np.float32), 16_000)
    return tmp_path


def test_kws12_comes_along() -> None:
    assert "kws12" in models.names()


@pytest.mark.parametrize("name", models.names())
def test_a_model_is_whole_and_small_and_its_card_says_what_its_files_say(name: str) -> None:
    folder = models.find(name)
    assert {file.name for file in folder.iterdir()} == PARTS
    assert sum(f.stat().st_size for f in folder.iterdir() if f.name != "trained_on.json") < 100_000
    bundle, found = ModelBundle.load(folder), json.loads((folder / "measured.json").read_text())
    assert bundle.spec.id == models.arch(name).id == found["arch"]
    (row,) = (row for row in listing.rows("models") if row["name"] == name)
    assert row["measured"]["accuracy"] == {f"{found['n']} test clips": round(100 * found["accuracy"], 1)}
    low, high = found["interval"]
    figures = (f"{found['accuracy']:.1%} of {found['n']} clips", f"{low:.1%} to {high:.1%}", bundle.spec.id)
    card = (folder / "model_card.md").read_text()
    for told in (
        *figures,
        f"{row['params']:,} parameters",
        f"{row['macs']:,} multiply-adds",
        "CC BY 4.0",
        "SHA-256",
    ):
        assert told in card
    assert row["summary"].endswith(".")
    assert f"audionas predict {name} recording.wav" in card


def test_the_name_is_enough(silence: Path) -> None:
    model = audionas.load("kws12")
    assert model.labels == LABELS_12
    scores = model(np.zeros(16_000, np.float32))
    assert max(scores, key=lambda label: scores[label]) == "_silence_"
    assert done("predict", "kws12", "nothing.wav").out.startswith("nothing.wav  _silence_  0.")


def test_a_path_of_that_name_comes_first(silence: Path) -> None:
    (silence / "kws12").mkdir()
    with pytest.raises(UserError, match="no trained model here"):
        predict(Path("kws12"), [Path("nothing.wav")])


def test_a_name_that_is_nearly_a_models_is_told() -> None:
    with pytest.raises(UserError, match=r"no model called 'kws13'. Did you mean 'kws12'\?"):
        predict(Path("kws13"), [Path("nothing.wav")])
    with pytest.raises(UserError, match="no trained model here"):
        predict(Path("exp/words"), [Path("nothing.wav")])


def test_results_go_to_a_copy_in_exp(silence: Path) -> None:
    item = Item("s-nothing-0", str(silence / "nothing.wav"), "_silence_", 1.0, speaker="s")
    kaldi.write(silence / "data" / "test", [item])
    assert evaluate(Path("kws12"), Path("data/test"))["accuracy"] == 1.0
    assert sorted(path.name for path in silence.iterdir()) == ["data", "exp", "nothing.wav"]
    home = Path("exp") / "kws12"
    assert models.own("kws12") == home
    assert models.own(home) == home
    assert (home / "eval" / "test.json").exists()
    assert predict(home, [Path("nothing.wav")])[0]["label"] == "_silence_"
    (home / "arch.json").write_text("{}")  # a user's, which was replaced
    with pytest.raises(UserError, match="holds a model other than the included kws12"):
        models.own("kws12")
    (home / "arch.json").unlink()
    (home / "model" / "bundle.json").write_text("{}")
    with pytest.raises(UserError, match="holds a model other than the included kws12"):
        models.own("kws12")


def test_a_wheel_holds_every_file() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert "audionas" in wheel["include"]
    assert "exclude" not in wheel
    assert {file.name for file in files("audionas").joinpath("models", "kws12").iterdir()} == PARTS
    if importlib.util.find_spec("hatchling"):  # what the build itself would take
        from hatchling.builders.wheel import WheelBuilder

        taken = {file.relative_path for file in WheelBuilder(str(ROOT)).recurse_included_files()}
        assert {f"audionas/models/kws12/{part}" for part in PARTS} <= taken


@pytest.mark.story
@pytest.mark.shared
def test_the_accuracy_on_the_card_is_measured_again(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    inside = "speech_commands/v2_test_set"
    with tarfile.open(shared / "speech_commands_subset.tar") as tar:
        (listed,) = (tar.extractfile(m) for m in tar if m.name == f"{inside}/testing_list.txt")
        assert listed is not None
        wanted = {f"{inside}/{line.strip()}" for line in listed.read().decode().splitlines()}
        tar.extractall(tmp_path, [m for m in tar if m.name in wanted], filter="data")
    clips = sorted((tmp_path / inside).rglob("*.flac"))
    items = [Item(f"{f.stem}-{f.parent.name}", str(f), f.parent.name, 1.0, speaker=f.stem) for f in clips]
    kaldi.write(tmp_path / "data" / "test", items)
    found = json.loads((models.find("kws12") / "measured.json").read_text())
    again = evaluate(Path("kws12"), Path("data/test"))
    assert (again["n"], again["accuracy"]) == (
        found["n"],
        pytest.approx(found["accuracy"], abs=0.5 / found["n"]),
    )


def test_a_copy_with_the_figures_of_an_earlier_version_can_be_shown(tmp_path: Path) -> None:
    """Included models had `eval.json` with a few figures, no evaluation of a run: KeyError 'labels'."""
    copy = tmp_path / "copy"
    shutil.copytree(models.find("kws12"), copy)
    (copy / "measured.json").rename(copy / "eval.json")
    found = done("show", copy, "--json").json
    assert found["evaluation"] is None
    assert "Answers" not in (copy / "report.html").read_text(encoding="utf-8")
