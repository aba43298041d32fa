"""The recipe of NAS-Bench-201: the benchmark's settings, a search that is looked up, the maker of tables."""

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

RECIPE = Path(__file__).parents[2] / "recipes" / "nas_bench_201"
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
        assert not method.refuses(conf.space)


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


STAND_IN = '''
"""The interface of nats_bench 1.8 over three cells: accuracies name data set, part, epochs and cell."""


def create(file_path_or_dict, search_space, fast_mode=False, verbose=True):
    assert search_space == "tss" and fast_mode and not verbose
    return Api()


class Api:
    cells = {cells!r}

    def __len__(self):
        return len(self.cells)

    def arch(self, index):
        return self.cells[index]

    def get_more_info(self, index, dataset, iepoch=None, hp="12", is_random=True):
        assert hp == "200" and is_random is False
        low = {{"cifar10-valid": 0, "cifar10": 10, "cifar100": 20, "ImageNet16-120": 30}}[dataset]
        found = {{"train-all-time": 1000.0 + low, "test-accuracy": low + 1 + index / 4}}
        if dataset != "cifar10":
            found["valid-accuracy"] = low + 2 + index / 4
        return found

    def get_cost_info(self, index, dataset, hp="12"):
        assert hp == "200" and dataset != "cifar10-valid"
        return {{"flops": 1.0, "params": 0.5 + index, "latency": 0.01, "T-train@total": 3.0}}
'''


def test_a_table_is_made_from_the_benchmarks_own_package(tmp_path: Path) -> None:
    cells = [CELL, CELL.replace("none~0", "avg_pool_3x3~0"), CELL.replace("none~0", "nor_conv_1x1~0")]
    (tmp_path / "nats_bench.py").write_text(STAND_IN.format(cells=cells), encoding="utf-8")
    script, out = RECIPE / "local" / "table.py", tmp_path / "table.npz"
    command = [sys.executable, str(script), str(tmp_path), str(out)]
    done = subprocess.run(command, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    table = Nb201Table.load(out)
    assert list(table.rows) == cells
    outcomes = table.of(cells[2]).outcomes
    assert [(o.val, o.test) for o in outcomes.values()] == [(2.5, 11.5), (22.5, 21.5), (32.5, 31.5)]
    assert (outcomes["cifar10"].params_m, outcomes["cifar10"].train_time_s) == (2.5, 1010.0)
    assert not (tmp_path / "table.npz.part").exists()
    usage = subprocess.run(
        command[:2], env={"PYTHONPATH": str(tmp_path)}, capture_output=True, check=False, text=True
    )
    assert usage.returncode == 1
    assert "RELEASE OUT" in usage.stderr
