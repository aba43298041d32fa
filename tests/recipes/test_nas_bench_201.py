"""The recipe of NAS-Bench-201: the benchmark's settings, a search that is looked up, the maker of tables."""

import bz2
import os
import pickle
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from audionas.config import load
from audionas.core.files import read_json
from audionas.spaces import code
from audionas.spaces.nas_bench_201 import PRIMITIVES
from audionas.spaces.tables.nas_bench_201 import SETS, Nb201Table
from tests.recipes.test_vision import copied, finished, methods_of, ran
from tests.unit.images._images import npz

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "recipes" / "nas_bench_201"
CELL = "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|"
TINY = ("threads=1", "search.epochs=1", "search.batch_size=8", "search.channels=4")
BRIEF = ("train.epochs=1", "train.batch_size=8", "train.channels=4")


def whole_table(file: Path) -> Path:
    """A table of all cells whose accuracies mean nothing."""
    cells = [code(cell) for cell in product(PRIMITIVES, repeat=6)]
    arrays = {"arch_str": np.array(cells)}
    for name in SETS:
        arrays[f"{name}/test_acc"] = np.linspace(10, 90, len(cells))
        arrays[f"{name}/val_acc_seeds"] = np.linspace(10, 90, len(cells))[:, None]
        for column in ("params_m", "latency_s", "train_time_s"):
            arrays[f"{name}/{column}"] = np.ones(len(cells))
    np.savez_compressed(file, **arrays)
    return file


@pytest.mark.parametrize("file", sorted(RECIPE.glob("conf/*.yaml")), ids=lambda f: f.stem)
def test_a_config_names_a_method_that_runs_on_the_space(file: Path) -> None:
    conf = load(file)
    assert conf.images is not None
    assert conf.space is not None
    assert conf.space.name == "nas_bench_201"
    for method in methods_of(conf):
        assert not method.why_not(conf.space)


def test_the_settings_are_those_of_the_benchmark() -> None:
    """Search as the authors' code for GDAS, training as for the table."""
    found = load(RECIPE / "conf" / "nas_bench_201.yaml").resolved()
    search = {"epochs": 250, "batch_size": 64, "layers": 5, "channels": 16, "split": 0.5}
    train = {"epochs": 200, "batch_size": 256, "layers": 5, "channels": 16}
    shared = {"momentum": 0.9, "nesterov": True, "weight_decay": 5e-4, "schedule": "cosine", "name": "sgd"}
    assert search.items() <= found["search"].items()
    assert train.items() <= found["train"].items()
    assert {**shared, "lr": 0.025, "final_lr": 0.001, "clip": 5.0}.items() <= found["search"]["optim"].items()
    assert {**shared, "lr": 0.1, "final_lr": 0.0, "clip": None}.items() <= found["train"]["optim"].items()
    assert {"padding": 4, "crop": "padded", "flip": True, "dev": 0}.items() <= found["images"].items()
    assert found["method"]["name"] == "gdas"


def test_without_images_or_a_table_it_says_what_it_needs(tmp_path: Path) -> None:
    recipe = copied("nas_bench_201", tmp_path)
    result = ran(recipe)
    assert result.returncode == 1
    assert "--src is missing" in result.stdout
    for words in ((), ("--table", "nowhere.npz")):
        result = ran(recipe, "--src", "images.npz", *words)
        assert result.returncode == 1
        assert "README.md" in result.stdout
        assert "stage 0" not in result.stdout


@pytest.mark.story
def test_from_images_to_a_rank_and_a_trained_cell(tmp_path: Path) -> None:
    recipe = copied("nas_bench_201", tmp_path)
    data = ("--src", str(npz(tmp_path / "tiny.npz")), "--table", str(whole_table(tmp_path / "table.npz")))
    said = finished(recipe, "--stage", "1", *data, "--method", "darts", *TINY)
    exp = recipe / "exp" / "nas_bench_201_small_darts_0"
    spec = read_json(exp / "arch.json")
    assert spec["scale"] == {"layers": 1, "channels": 4}
    told = [line.split() for line in said.splitlines()]
    assert any(row[:2] == ["ImageNet16-120", "test"] for row in told)
    assert "15,625 cells" in said
    assert "stage 3" not in said
    own = ("--arch", CELL, "--name", "mine", "--stage", "2", "--stop-stage", "4")
    said = finished(recipe, *own, *data, *TINY, *BRIEF)
    assert CELL in said
    assert read_json(recipe / "exp" / "mine" / "eval.json")["n"] == 12
    assert not (recipe / "exp" / "mine" / "search").exists()


RESULTS = """\
arch_str,cifar10/test_acc,cifar10/val_acc_seeds/0,cifar10/val_acc_seeds/1,cifar10/params_m,cifar10/latency_s,\
cifar10/train_time_s,device_latency_ms/pixel
{0},11,2,4,0.5,0.01,1000,7
{1},11.5,2.5,,1.5,0.02,1010,8.5
"""


def converted(folder: Path, source: Path) -> "subprocess.CompletedProcess[str]":
    """A run of the maker of tables, which writes `out.npz`."""
    command = [sys.executable, str(RECIPE / "local" / "convert.py"), str(source), str(folder / "out.npz")]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, check=False, text=True)


@pytest.mark.story
def test_a_table_is_made_from_text(tmp_path: Path) -> None:
    cells = [CELL, CELL.replace("none~0", "avg_pool_3x3~0")]
    (tmp_path / "results.csv").write_text(RESULTS.format(*cells))
    done = converted(tmp_path, tmp_path / "results.csv")
    assert done.returncode == 0, done.stderr
    table = Nb201Table.load(tmp_path / "out.npz")
    assert list(table.rows) == cells
    first, second = (table.of(cell).outcomes["cifar10"] for cell in cells)
    assert (first.val, first.test, second.val, second.test) == (3, 11, 2.5, 11.5)
    assert (second.params_m, second.latency_s, second.train_time_s) == (1.5, 0.02, 1010)
    assert dict(table.of(cells[1]).devices) == {"pixel": 8.5}


class Evil:
    """Writes a file when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("pwned",)


@pytest.mark.story
@pytest.mark.parametrize("name", ["000000.pickle.pbz2", "results.csv", "NATS-tss-simple"])
def test_a_pickle_is_refused_by_name_and_runs_nothing(tmp_path: Path, name: str) -> None:
    raw = pickle.dumps(Evil(), protocol=0 if name == "results.csv" else None)
    file = tmp_path / name / "meta.pickle.pbz2" if name.startswith("NATS") else tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(bz2.compress(raw) if name.endswith("2") else raw)
    done = converted(tmp_path, tmp_path / name)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {tmp_path / name}: ")
    assert "README.md lists" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "pwned").exists()
    assert not (tmp_path / "out.npz").exists()


@pytest.mark.story
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (",11,", ",many,", "row 1, cifar10/test_acc: 'many' is no number"),
        (",11,", ",110,", "cifar10/test_acc: impossible values in 1 rows"),
        (",7\n", "\n", "row 1 has 7 cells, the head has 8"),
        ("test_acc", "tset_acc", "no such column: 'cifar10/tset_acc'. Did you mean 'cifar10/test_acc'?"),
        ("arch_str", "device_latency_ms/x", "the column arch_str is missing"),
        ("nor_conv_3x3", "nor_conv_9x9", "arch_str, row 0: "),
    ],
)
def test_a_wrong_cell_of_the_text_is_told_with_its_place(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    (tmp_path / "results.csv").write_text(
        RESULTS.format(CELL, CELL.replace("none~0", "skip_connect~0")).replace(old, new)
    )
    done = converted(tmp_path, tmp_path / "results.csv")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"results.csv: {said}" in done.stderr
    assert [f.name for f in tmp_path.iterdir()] == ["results.csv"]
