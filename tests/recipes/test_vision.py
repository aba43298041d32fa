"""The recipes of images: their settings are the papers', and each runs from images to a report."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from audionas.config import Config, load
from audionas.core.files import read_json
from audionas.methods._base import Method
from audionas.run._compare_rows import runs_of
from audionas.spaces._base import Space
from tests.unit.data._images import npz, tree

ROOT = Path(__file__).parents[2]
PATIENCE = 600  # seconds before a recipe that does not move counts as hung
CONFIGS = sorted(
    f for name in ("cifar", "imagenet") for f in (ROOT / "recipes" / name / "conf").glob("*.yaml")
)
TINY = ("threads=1", "search.epochs=1", "search.batch_size=8", "train.epochs=1", "train.batch_size=8")
CELLS = ("search.layers=3", "search.channels=4", "train.layers=3", "train.channels=4")


def methods_of(conf: Config) -> list[Method]:
    """That of a search; all of a comparison."""
    found = [conf.method] if conf.method else [run.conf.method for run in runs_of(conf)]
    assert found
    return [method for method in found if method is not None]


@pytest.mark.parametrize("file", CONFIGS, ids=lambda f: f"{f.parts[-3]}-{f.stem}")
def test_a_config_names_a_method_that_runs_on_its_space(file: Path) -> None:
    conf = load(file)
    assert conf.images is not None
    assert isinstance(conf.space, Space)
    for method in methods_of(conf):
        assert not method.refuses(conf.space)
    assert (
        not {"layers", "channels"} & set(conf.resolved()["train"])
        or conf.space.sizes
        or not (conf.train.layers or conf.train.channels)
    )
    assert load(file, ["method.name=random"]).resolved()["method"]["name"] == "random"


def test_the_settings_are_the_papers() -> None:
    """R-C10 and R-IN, as the official code of DARTS has them."""
    conf = load(ROOT / "recipes" / "cifar" / "conf" / "darts_cell.yaml")
    found: dict[str, Any] = conf.resolved()
    assert {k: found["search"][k] for k in ("epochs", "batch_size", "layers", "channels", "split")} == {
        "epochs": 50,
        "batch_size": 64,
        "layers": 8,
        "channels": 16,
        "split": 0.5,
    }
    optim = {"lr": 0.025, "final_lr": 0.001, "momentum": 0.9, "weight_decay": 3e-4, "clip": 5.0}
    assert optim.items() <= found["search"]["optim"].items()
    train = {
        "epochs": 600,
        "batch_size": 96,
        "layers": 20,
        "channels": 36,
        "auxiliary": 0.4,
        "drop_path": 0.2,
    }
    assert train.items() <= found["train"].items()
    assert {**optim, "final_lr": 0.0}.items() <= found["train"]["optim"].items()
    assert {"cutout": 16, "padding": 4, "crop": "padded", "flip": True}.items() <= found["images"].items()
    conf = load(ROOT / "recipes" / "imagenet" / "conf" / "darts_cell.yaml")
    found = conf.resolved()
    train = {
        "epochs": 250,
        "batch_size": 128,
        "layers": 14,
        "channels": 48,
        "auxiliary": 0.4,
        "drop_path": 0.0,
    }
    assert {**train, "label_smoothing": 0.1}.items() <= found["train"].items()
    assert conf.train.optim.rate(10.5, 250) == pytest.approx(0.1 * 0.97**10)
    assert (conf.train.optim.weight_decay, conf.train.optim.clip) == (3e-5, 5.0)
    large = load(ROOT / "recipes" / "imagenet" / "conf" / "darts_cell_large_batch.yaml").train
    assert (large.batch_size, large.optim.rate(5, 250), large.optim.rate(250, 250)) == (1024, 0.5, 0.0)


def copied(name: str, folder: Path) -> Path:
    """A recipe outside the clone, so that it uses the environment of the tests."""
    recipe = folder / name
    leave = shutil.ignore_patterns("data", "exp", "downloads")
    shutil.copytree(ROOT / "recipes" / name, recipe, ignore=leave)
    shutil.copy(ROOT / "recipes" / "parse_options.sh", recipe)
    return recipe


def ran(recipe: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = recipe / "bin" / "audionas"  # this clone's, installed or not
    command.parent.mkdir(exist_ok=True)
    command.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m audionas "$@"\n')
    command.chmod(0o755)
    path = f"{command.parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "run.sh", *words],
        cwd=recipe,
        env={**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def finished(recipe: Path, *words: str) -> str:
    result = ran(recipe, *words)
    assert result.returncode == 0, result.stdout
    return result.stdout


@pytest.mark.parametrize("name", ["cifar", "imagenet"])
def test_without_images_a_recipe_says_what_it_needs(name: str, tmp_path: Path) -> None:
    result = ran(copied(name, tmp_path))
    assert result.returncode == 1
    assert "--src is missing" in result.stdout


@pytest.mark.slow
def test_cifar_from_images_to_a_report_with_another_method(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason='the export needs the extra: pip install "audionas[export]"')
    recipe = copied("cifar", tmp_path)
    data = npz(tmp_path / "tiny.npz", side=16)
    words = ("--src", str(data), "--method", "fair_darts", "space.preset=no_none", *TINY, *CELLS)
    said = finished(recipe, "--stage", "1", *words)
    exp = recipe / "exp" / "darts_cell_small_fair_darts_0"
    assert read_json(exp / "eval.json")["n"] == 12
    assert read_json(exp / "arch.json")["scale"] == {"layers": 3, "channels": 4}
    for word in ("accuracy", "12 images", "parameters", "model.onnx", "report.html"):
        assert word in said, word
    arch = ("--src", str(data), "--arch", str(exp / "arch.json"), "--name", "again")
    finished(recipe, "--stage", "1", "--stop-stage", "2", *arch, *TINY, *CELLS)
    assert not (recipe / "exp" / "again" / "search").exists()
    assert (recipe / "exp" / "again" / "model" / "bundle.json").exists()


@pytest.mark.slow
def test_imagenet_runs_on_a_tree_of_its_layout(tmp_path: Path) -> None:
    pytest.importorskip("kornia", reason='colour jitter needs the extra: pip install "audionas[vision]"')
    pytest.importorskip("onnxruntime", reason='the export needs the extra: pip install "audionas[export]"')
    recipe = copied("imagenet", tmp_path)
    data = tree(tmp_path / "images", train=20, val=4, side=80)
    tiny = (*TINY, "images.size=64", "space.width=0.25", "method.name=random", "search.split=0.5")
    said = finished(recipe, "--src", str(data), "--part", "0.5", *tiny)
    assert "20 training and 0 development images" in said
    assert read_json(recipe / "exp" / "mobilenet_0" / "eval.json")["n"] == 8
    assert len(list((tmp_path / "cache").glob("images-*.u8"))) == 3, "a part, all, and val"
