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
from audionas.methods import Method
from audionas.prep import ilsvrc
from audionas.prep.zips import md5
from audionas.spaces import Space
from audionas.study.rows import runs_of
from tests.unit.data_prep.test_speech_commands import load as loaded
from tests.unit.images._ilsvrc import TRUTH, archives
from tests.unit.images._images import npz

ROOT = Path(__file__).parents[2]
PATIENCE = 600  # seconds before a recipe that does not move counts as hung
CONFIGS = sorted(
    f for name in ("cifar", "imagenet") for f in (ROOT / "recipes" / name / "conf").glob("*.yaml")
)
prep = loaded("imagenet")
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
    if conf.space is None:  # for the training of a given architecture alone
        assert conf.method is conf.compare is None
        return
    assert isinstance(conf.space, Space)
    refused = {type(method).__name__ for method in methods_of(conf) if method.why_not(conf.space)}
    assert refused == ({"DropNas"} if file.stem == "compare_s2" else set())
    assert conf.space.sizes or not (conf.train.layers or conf.train.channels or conf.train.auxiliary)
    assert load(file, ["method.name=random"]).resolved()["method"]["name"] == "random"


def settings(recipe: str, name: str, *overrides: str) -> Any:
    """A config of a recipe."""
    return load(ROOT / "recipes" / recipe / "conf" / f"{name}.yaml", overrides)


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
    large = settings("imagenet", "darts_cell_large_batch").train
    assert (large.batch_size, large.optim.rate(5, 250), large.optim.rate(250, 250)) == (1024, 0.5, 0.0)


def test_mobile_networks_are_trained_as_mnasnets_code_does() -> None:
    """437,898 steps of 1,024 images; 0.016 for each 256 of them, times 0.97 every 2.4 epochs."""
    train = settings("imagenet", "mnasnet").train
    assert train.epochs == round(437_898 * train.batch_size / 1_281_167)
    assert train.optim.lr == pytest.approx(0.016 * train.batch_size / 256)
    assert (train.optim.name, train.optim.momentum, train.optim.weight_decay) == ("rmsprop", 0.9, 1e-5)
    assert (train.optim.rate(2.5, 350), train.optim.rate(24.1, 350)) == pytest.approx(
        (0.032, 0.064 * 0.97**10)
    )
    assert (train.ema, train.label_smoothing, train.dropout) == (0.9999, 0.1, 0.2)
    for name in ("fair_nas", "scarlet", "moga", "noisy_darts"):
        assert settings("imagenet", name).train == train
    search = [settings("imagenet", name).search for name in ("fair_nas", "scarlet", "moga")]
    assert search[0] == search[1] == search[2]


@pytest.mark.parametrize(
    ("name", "epochs", "batch", "layers"),
    [
        ("darts_cell", 50, 64, 8),
        ("darts_minus", 50, 64, 8),
        ("pc_darts", 50, 256, 8),
        ("p_darts", 75, 96, 8),
        ("fair_darts", 50, 128, 8),
        ("noisy_darts", 50, 128, 8),
        ("rome", 50, 64, 8),
        ("drop_nas", 76, 96, 14),
        ("snas", 150, 96, 8),
        ("gdas", 250, 256, 8),
        ("mix_path", 200, 96, 0),
    ],
)
def test_every_search_on_cifar_has_its_own_schedule(name: str, epochs: int, batch: int, layers: int) -> None:
    conf = settings("cifar", name)
    search, train = conf.search, conf.train
    assert (search.epochs, search.batch_size, search.layers) == (epochs, batch, layers)
    assert (train.epochs, train.channels) == ((300, 36) if name == "gdas" else (600, 36 if layers else 0))
    assert train.auxiliary == (0.4 if layers else 0)
    assert conf.images.cutout == 16


def copied(name: str, folder: Path) -> Path:
    """A recipe outside the clone, so that it uses the environment of the tests."""
    recipe = folder / name
    leave = shutil.ignore_patterns("data", "exp", "downloads")
    shutil.copytree(ROOT / "recipes" / name, recipe, ignore=leave)
    shutil.copy(ROOT / "recipes" / "parse_options.sh", recipe)
    return recipe


def ran(recipe: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = recipe / "bin" / "audionas"  # this clone's, installed or not
    command.parent.mkdir(exist_ok=True)
    command.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m audionas "$@"\n')
    command.chmod(0o755)
    path = os.pathsep.join([str(command.parent), str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        ["bash", "run.sh", *words],
        cwd=recipe,
        env={**os.environ, **variables, "PATH": path, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def finished(recipe: Path, *words: str, **variables: str) -> str:
    result = ran(recipe, *words, **variables)
    assert result.returncode == 0, result.stdout
    return result.stdout


@pytest.mark.parametrize("name", ["cifar", "imagenet"])
def test_without_images_a_recipe_says_what_it_needs(name: str, tmp_path: Path) -> None:
    result = ran(copied(name, tmp_path))
    assert result.returncode == 1
    assert "--src is missing" in result.stdout


def test_the_commands_of_several_gpus_stand_before_audionas(tmp_path: Path) -> None:
    """`train_cmd="torchrun ... -m"` makes `torchrun ... -m audionas search`."""
    recipe = copied("imagenet", tmp_path)
    said = finished(
        recipe,
        "--src",
        "x",
        "--stage",
        "2",
        "--stop-stage",
        "3",
        train_cmd="echo torchrun --nproc-per-node gpu -m",
    )
    lines = [line for line in said.splitlines() if line.startswith("torchrun")]
    rest = "conf/mobilenet.yaml images.path=x name=mobilenet_0 seed=0"
    assert lines == [
        f"torchrun --nproc-per-node gpu -m audionas search {rest} images.subset=1.0 --resume",
        f"torchrun --nproc-per-node gpu -m audionas train {rest} --resume",
    ]


@pytest.mark.story
def test_cifar_from_images_to_a_report_with_another_method_in_two_processes(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the extra export is not installed")
    recipe = copied("cifar", tmp_path)
    data = npz(tmp_path / "tiny.npz", side=16)
    words = ("--src", str(data), "--method", "fair_darts", "space.preset=no_none", *TINY, *CELLS)
    together = f"{sys.executable} -m torch.distributed.run --nproc-per-node 2 -m"
    said = finished(recipe, "--stage", "2", *words, train_cmd=together, PYTHONPATH=str(ROOT))
    exp = recipe / "exp" / "darts_cell_small_fair_darts_0"
    for stage in ("search", "train"):
        assert read_json(exp / stage / "run.json")["processes"] == 2
    assert read_json(exp / "eval.json")["n"] == 12
    assert read_json(exp / "arch.json")["scale"] == {"layers": 3, "channels": 4}
    for word in ("accuracy", "12 images", "parameters", "model.onnx", "report.html"):
        assert word in said, word


@pytest.mark.story
def test_imagenet_from_its_archives_to_a_trained_network(tmp_path: Path) -> None:
    """Stage by stage: unpacked, decoded, searched on a part; then a network of a file, MnasNet's way."""
    recipe = copied("imagenet", tmp_path)
    source, data = archives(tmp_path / "downloads", count=20), tmp_path / "images"
    prep.main(
        source, data, sums=[md5(source / name) for name in ilsvrc.MD5]
    )  # run.sh accepts the published only
    shutil.rmtree(data / "train")
    tiny = (*TINY, "images.size=32", "train.workers=0")
    search = (*tiny, "space.width=0.25", "method.name=random", "search.split=0.5")
    where = ("--src", str(data), "--archives", str(source))
    said = finished(recipe, *where, "--stop-stage", "2", "--part", "0.5", *search)
    assert len(list(data.glob("train/n*/*.JPEG"))) == 40, "stage 0"
    assert "20 training and 0 development images" in said
    assert not (recipe / "exp" / "mobilenet_0" / "model").exists(), "--stop-stage"
    found = recipe / "exp" / "mobilenet_0" / "arch.json"
    given = (
        "--src",
        str(data),
        "--conf",
        "mnasnet",
        "--arch",
        str(found),
        "--stage",
        "3",
        "--stop-stage",
        "4",
    )
    finished(recipe, *given, *tiny, "train.optim.warmup_epochs=0")
    assert read_json(recipe / "exp" / "mnasnet_arch_0" / "eval.json")["n"] == len(TRUTH)
    assert len(list((tmp_path / "cache").glob("images-*/*.u1"))) == 3, "a part, all, and val"
