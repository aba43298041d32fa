"""Images go the whole way that recordings go: search, training, evaluation, export, and on after a crash."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

from audionas.config import load
from audionas.core.errors import UserError
from audionas.core.files import read_json, write_json
from audionas.core.reporter import Reporter, read_rows
from audionas.data.batches import Batch
from audionas.inputs.feed import eval_batches, open_inputs, preparer, split_rows, train_batches
from audionas.models.bundle import ModelBundle
from audionas.run.search import Searching, search
from audionas.run.train import Training, train
from audionas.run.training.loss import loss_of
from tests.unit.cli._command import done, refused
from tests.unit.images._images import LABELS, npz, tree

SIDE = 8
PLAIN: dict[str, Any] = {
    "name": "pictures",
    "threads": 1,
    "device": "cpu",
    "seed": 3,
    "images": {"padding": 2, "cutout": 3, "dev": 0.2},
    "space": {"name": "nas_bench_201"},
    "method": {"name": "fair_darts"},
    "search": {"epochs": 2, "batch_size": 8, "layers": 1, "channels": 4},
    "train": {"epochs": 3, "batch_size": 8, "drop_path": 0.3, "optim": {"lr": 0.05}},
}


class Crash(BaseException):
    """Not an Exception, so that nothing handles it on the way."""


def conf_of(folder: Path, data: Path, **changes: Any) -> Path:
    """A config file in `folder`, whose runs go to `exp/` beside it; None leaves a section out."""
    plain = {**PLAIN, "out": str(folder / "exp")}
    plain["images"] = {**plain["images"], "path": str(data)}
    for key, value in changes.items():
        plain[key] = {**plain[key], **value} if isinstance(value, dict) and key in plain else value
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "conf.yaml"
    file.write_text(yaml.safe_dump({k: v for k, v in plain.items() if v is not None}))
    return file


class Run(NamedTuple):
    conf: Path
    data: Path
    exp: Path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Searched, trained and evaluated once; to be read only."""
    folder = tmp_path_factory.mktemp("pictures")
    data = npz(folder / "tiny.npz", side=SIDE)
    conf = conf_of(folder, data)
    done("search", conf)
    done("train", conf)
    done("eval", folder / "exp" / "pictures", "--data", data)
    return Run(conf, data, folder / "exp" / "pictures")


# --- the whole way ---


@pytest.mark.story
def test_an_evaluation_is_of_the_test_part_over_images(run: Run) -> None:
    result = read_json(run.exp / "eval.json")
    assert (result["n"], result["labels"]) == (12, list(LABELS))
    assert "speakers" not in result
    assert result["accuracy"] > 0.8, "dark and light are told apart"
    rows = read_json(run.exp / "scores.json")
    assert [row["id"] for row in rows] == [f"x_test/{i}" for i in range(12)]
    low, high = result["interval"]
    assert low <= result["accuracy"] <= high
    said = done("eval", run.exp, "--data", run.data).out
    assert "over 12 images" in said
    assert "12 images" in done("show", run.exp).out


@pytest.mark.story
def test_the_exported_file_takes_images_and_agrees(run: Run, tmp_path: Path) -> None:
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package)
    exp = tmp_path / "exp"
    shutil.copytree(run.exp, exp)
    done("export", exp)
    report = read_json(exp / "export" / "report.json")
    assert report["input"] == {"name": "image", "shape": ["batch", 3, SIDE, SIDE]}
    assert report["max_difference"] < 1e-4
    assert report["clips_from"] == str(run.data)
    by_torch = done("eval", exp, "--data", run.data, "--json").json
    by_onnx = done("eval", exp, "--data", run.data, "--engine", "onnx", "--json").json
    assert by_onnx["confusion"] == by_torch["confusion"]


@pytest.mark.story
def test_check_counts_images(run: Run) -> None:
    result = done("check", run.conf, "--json").json
    assert result["images"] == {"train": 32, "dev": 8}
    assert result["input"] == {"channels": 3, "freq": SIDE, "frames": SIDE, "classes": 2}
    assert "speakers" not in result
    assert "32 training and 8 development images in 2 classes" in done("check", run.conf).out


def test_prediction_takes_image_files(run: Run, tmp_path: Path) -> None:
    from PIL import Image

    for label, grey in zip(LABELS, (40, 170), strict=True):
        Image.new("RGB", (30, 20), (grey, grey, grey)).save(tmp_path / f"{label}.png")
    rows = done("predict", run.exp, *(tmp_path / f"{label}.png" for label in LABELS), "--json").json
    assert [row["label"] for row in rows] == list(LABELS)


def test_other_images_or_recordings_are_refused(run: Run, tmp_path: Path) -> None:
    refused(
        "eval", run.exp, "--data", npz(tmp_path / "o.npz", side=10), says="10 pixels per side, expected 8"
    )
    names = npz(tmp_path / "n.npz", side=SIDE, classes=np.array(["a", "b"]))
    refused("eval", run.exp, "--data", names, says="its classes are a b, the model's dark light")
    refused("eval", run.exp, "--data", tmp_path, says="no readable images")
    refused("search", run.conf, "data.train=x", says="images or recordings, not both")


def test_a_space_of_images_with_recordings_says_what_is_missing(tmp_path: Path) -> None:
    conf = conf_of(tmp_path, tmp_path, images=None)
    refused("search", conf, says="names no front-end for recordings")


# --- what is read, held out and divided ---


def test_development_images_are_the_same_for_every_seed_and_the_halves_are_not(run: Run) -> None:
    opened = [open_inputs(load(run.conf, [f"seed={s}"]), None, Reporter(quiet=True)) for s in (0, 1)]
    assert opened[0].dev.ids == opened[1].dev.ids
    assert not set(opened[0].dev.ids) & set(opened[0].train.ids)
    assert np.bincount(opened[0].dev.targets).tolist() == [4, 4]
    halves = [split_rows(load(run.conf, [f"seed={s}"]), opened[0])[0] for s in (0, 0, 1)]
    assert np.array_equal(halves[0], halves[1])
    assert not np.array_equal(halves[0], halves[2])
    first, second = split_rows(load(run.conf, ["search.split=0.75"]), opened[0])
    assert sorted([*first, *second]) == list(range(32))
    assert np.bincount(opened[0].train.targets[first]).tolist() == [12, 12]


def prepared(run: Run, masked: bool, final: bool) -> Batch:
    """The first development images, prepared under a fixed seed."""
    conf = load(run.conf)
    inputs = open_inputs(conf, None, Reporter(quiet=True))
    (batch,) = eval_batches(conf, inputs, inputs.dev, Reporter(quiet=True)).epoch(0)
    masks = conf.spec_augment if masked else None
    torch.manual_seed(0)
    return preparer(inputs, torch.device("cpu"), masks, final=final)(batch)


def test_only_training_batches_are_augmented_and_only_final_networks_see_cutout(run: Run) -> None:
    plain, searched, trained = (prepared(run, *how) for how in ((False, False), (True, False), (True, True)))
    assert plain.x.shape == (8, 3, SIDE, SIDE)
    assert torch.equal(plain.x, prepared(run, False, True).x), "evaluation draws nothing"
    assert not torch.equal(plain.x, searched.x)
    blank = (trained.x == 0).all(1)
    assert torch.equal(trained.x, searched.x.masked_fill(blank[:, None], 0.0))
    assert bool(blank.flatten(1).any(1).all())
    assert not bool((searched.x == 0).any())


def test_training_images_are_standardised(run: Run) -> None:
    conf = load(run.conf)
    inputs = open_inputs(conf, None, Reporter(quiet=True))
    batches = train_batches(
        conf,
        inputs,
        np.arange(32),
        batch_size=32,
        workers=0,
        augmented=False,
        reporter=Reporter(quiet=True),
    )
    (batch,) = (preparer(inputs, torch.device("cpu"))(b) for b in batches.epoch(0))
    torch.testing.assert_close(batch.x.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(batch.x.std((0, 2, 3), correction=0), torch.ones(3), atol=1e-5, rtol=0)


def test_without_development_images_all_are_trained_on(run: Run, tmp_path: Path) -> None:
    arch = f"arch={run.exp / 'arch.json'}"
    conf = conf_of(tmp_path, run.data, images={"dev": 0}, train={"epochs": 1})
    done("train", conf, arch)
    (row,) = read_rows(tmp_path / "exp" / "pictures" / "train" / "metrics.jsonl")
    assert "valid_accuracy" not in row
    assert read_json(tmp_path / "exp" / "pictures" / "train" / "done.json") == {"epochs": 1}
    assert open_inputs(load(conf), None, Reporter(quiet=True)).train.targets.shape == (40,)
    refused("train", conf, arch, "train.patience=2", "name=p", says="images.dev is 0")


def test_a_class_of_one_image_cannot_be_held_out(tmp_path: Path) -> None:
    data = npz(tmp_path / "one.npz", side=SIDE, y_train=np.array([1] + [0] * 39))
    refused("check", conf_of(tmp_path, data), says="no image is left to train light")


# --- a folder in ImageNet's layout ---


@pytest.mark.story
def test_a_tree_is_trained_on_and_its_validation_part_is_the_test(tmp_path: Path) -> None:
    data = tree(tmp_path / "data", train=8, val=3)
    images = {"size": 16, "crop": "resized", "area": [0.3, 1.0], "cutout": 0}
    conf = conf_of(tmp_path, data, images=images, train={"epochs": 1})
    done("search", conf, "search.epochs=1")
    done("train", conf)
    exp = tmp_path / "exp" / "pictures"
    assert done("eval", exp, "--data", data, "--json").json["n"] == 6
    bundle = ModelBundle.load(exp / "model")
    assert (tuple(bundle.spec.io), bundle.resize) == ((3, 16, 16, 2), 18)
    (data / "val" / "light" / "01.JPEG").write_bytes(b"damaged")
    refused("eval", exp, "--data", data, says="01.JPEG: cannot be read as an image")


# --- on after a crash, with any number of workers ---


def outcome(folder: Path, phase: str) -> dict[str, Any]:
    """All that a run leaves behind, times aside."""
    exp = folder / "exp" / "pictures"
    rows = [
        {k: v for k, v in row.items() if k != "seconds"} for row in read_rows(exp / phase / "metrics.jsonl")
    ]
    tensors = [*(exp / phase / "ckpt").glob("*/*.safetensors"), *(exp / "model").glob("*.safetensors")]
    return {
        "rows": rows,
        "arch": (exp / "arch.json").read_text(),
        **{str(f.relative_to(exp)): {k: t.tolist() for k, t in load_file(f).items()} for f in tensors},
    }


PHASES: dict[str, tuple[Callable[..., Any], type]] = {
    "search": (search, Searching),
    "train": (train, Training),
}


@pytest.mark.story
@pytest.mark.parametrize("phase", PHASES)
def test_a_crash_and_workers_change_nothing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
    go, work = PHASES[phase]
    extra = {"arch": str(run.exp / "arch.json")} if phase == "train" else {}
    whole, parts = (
        conf_of(tmp_path / name, run.data, **extra, **{phase: {"workers": workers}})
        for name, workers in (("whole", 0), ("parts", 2))
    )
    go(load(whole))
    original = work.step

    def crash(self: Any, batch: Any, progress: float) -> Any:
        if progress >= 1.4:
            raise Crash
        return original(self, batch, progress)

    with monkeypatch.context() as patch:
        patch.setattr(work, "step", crash)
        with pytest.raises(Crash):
            go(load(parts))
    moved = npz(tmp_path / "moved.npz", side=SIDE)  # the same images elsewhere are the same images
    go(load(parts, [f"images.path={moved}"]), resume=True)
    assert outcome(tmp_path / "parts", phase) == outcome(tmp_path / "whole", phase)


@pytest.mark.parametrize("change", ["images.padding=1", "images.cutout=0", "images.dev=0.3", "seed=9"])
def test_a_run_is_not_continued_with_other_settings(run: Run, change: str) -> None:
    refused("train", run.conf, change, "--resume", says="holds a run with other settings")


# --- networks of cells: size, auxiliary head, dropped paths ---


def test_the_size_asked_for_is_built_and_kept(run: Run, tmp_path: Path) -> None:
    conf = conf_of(tmp_path, run.data, train={"epochs": 1, "layers": 2, "channels": 6})
    bundle = train(load(conf, [f"arch={run.exp / 'arch.json'}"]))
    assert dict(bundle.spec.scale) == {"layers": 2, "channels": 6}
    assert bundle.spec.id == ModelBundle.load(run.exp / "model").spec.id
    assert read_json(tmp_path / "exp" / "pictures" / "arch.json")["scale"] == {"layers": 2, "channels": 6}
    with pytest.raises(UserError, match="other settings"):
        train(load(conf, [f"arch={run.exp / 'arch.json'}", "train.layers=1"]))


def test_a_training_is_not_continued_at_another_size_of_the_same_architecture(
    run: Run, tmp_path: Path
) -> None:
    exp = tmp_path / "exp"
    shutil.copytree(run.exp.parent, exp)
    plain = read_json(run.exp / "arch.json")
    write_json(tmp_path / "larger.json", {**plain, "scale": {"layers": 2, "channels": 4}})
    words = ("train", run.conf, f"out={exp}", "--resume")
    assert "finished earlier" in done(*words).err
    refused(*words, f"arch={tmp_path / 'larger.json'}", says="scale.layers: 1 there, 2 now")


def test_a_space_without_sizes_or_auxiliary_head_says_so(run: Run, tmp_path: Path) -> None:
    conf = conf_of(tmp_path, run.data, train={"epochs": 1})
    refused("train", conf, "arch=bc_resnet1", "train.layers=3", says="space bc_resnet has no such size")
    refused(
        "train", conf, f"arch={run.exp / 'arch.json'}", "train.auxiliary=0.4", says="have no auxiliary head"
    )
    assert not (tmp_path / "exp").exists() or not list((tmp_path / "exp").rglob("run.json"))


def test_paths_are_dropped_more_from_epoch_to_epoch(run: Run) -> None:
    conf = load(run.conf)
    inputs = open_inputs(conf, None, Reporter(quiet=True))
    work = Training(conf, torch.nn.Linear(1, 1), inputs, torch.device("cpu"), Reporter(quiet=True))
    found = []
    for epoch in range(3):
        work.begin(epoch)
        found.append(work.drop_path)
    assert found == pytest.approx([0.0, 0.1, 0.2])


@pytest.mark.story
def test_the_auxiliary_head_helps_training_and_is_no_part_of_the_model(run: Run, tmp_path: Path) -> None:
    data = npz(tmp_path / "larger.npz", side=32)
    cells = {"epochs": 1, "layers": 3, "channels": 4, "auxiliary": 0.4}
    conf = conf_of(tmp_path, data, space={"name": "darts_cell"}, method={"name": "random"}, train=cells)
    done("search", conf)
    done("train", conf)
    exp = tmp_path / "exp" / "pictures"
    trained = load_file(next((exp / "train" / "ckpt").glob("*/weights.safetensors")))
    kept = ModelBundle.load(exp / "model")
    assert {name.split(".")[0] for name in set(trained) - set(kept.weights)} == {"auxiliary"}
    assert not any("auxiliary" in name for name in kept.weights)
    done("eval", exp, "--data", data)


def test_the_losses_of_both_heads_are_added() -> None:
    class Two(torch.nn.Module):
        def scores(self, x: torch.Tensor, gates: Any) -> tuple[torch.Tensor, torch.Tensor]:
            return x, 2 * x

    x, target = torch.randn(4, 3, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 0])
    criterion = torch.nn.CrossEntropyLoss()
    loss, logits = loss_of(Two(), criterion, x, target, 0.4)
    assert torch.equal(logits, x)
    assert torch.equal(loss, criterion(x, target) + 0.4 * criterion(2 * x, target))
