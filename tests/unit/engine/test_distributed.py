"""Two processes under torchrun are one with the whole batch; one that dies is named, and is resumed from."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from audionas.core.errors import UserError
from audionas.core.reporter import read_rows
from audionas.engine import distributed, processes
from tests._factory import config, tones
from tests.unit.engine import _hanging, _ranks
from tests.unit.engine._ranks import QUICK, SEARCHES, Outcome

ROOT = Path(__file__).resolve().parents[3]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
OTHERS = ("train", "train local", "norm", "norm float32", "uneven", "drawn", "refused")
SEARCH = {"epochs": 3, "batch_size": 4, "workers": 1, "layers": 0, "bn": "local"}
METHOD = '''
"""A search whose second process dies once, in the middle of its second epoch."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from audionas.methods.noisy_darts import NoisyDarts


@dataclass(kw_only=True)
class Mortal(NoisyDarts):
    """Dies where a file says so."""

    def step(self, train, valid, progress):
        """The step, or the end."""
        if progress > 1 and os.environ["RANK"] == "1" and Path("die").exists():
            Path("die").unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().step(train, valid, progress)
'''


def torchrun(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A command in two processes."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [*TORCHRUN, *map(str, words)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=600)


def parallel(folder: Path, *cases: str) -> dict[str, list[Outcome]]:
    """What each of two processes gets, by case."""
    done = torchrun(Path(_ranks.__file__), folder, *cases, cwd=folder)
    assert done.returncode == 0, done.stderr
    return {case: [load_file(folder / f"{case}.{rank}.safetensors") for rank in (0, 1)] for case in cases}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return parallel(tmp_path_factory.mktemp("ranks"), *QUICK, *OTHERS)


def check_agree(pair: list[Outcome], alone: Outcome) -> None:
    """Both processes have the same bits, and the one process nearly the same numbers."""
    first, second = pair
    assert first.keys() == second.keys() == alone.keys()
    for name, tensor in alone.items():
        assert torch.equal(first[name], second[name]), name
        most = 1e-6 if name == "metrics" else 1e-9  # an accuracy is float32
        torch.testing.assert_close(first[name], tensor, rtol=most, atol=most, msg=name)


@pytest.mark.story
@pytest.mark.parametrize("case", [*QUICK, "train", "norm", "uneven"])
def test_two_processes_are_one_with_the_whole_batch(pairs, case, tmp_path):
    check_agree(pairs[case], _ranks.outcome(case, tmp_path))


@pytest.mark.story
def test_so_are_those_of_every_method(tmp_path):
    cases = [case for case in SEARCHES if case not in QUICK]
    for case, pair in parallel(tmp_path, *cases).items():
        check_agree(pair, _ranks.outcome(case, tmp_path))


@pytest.mark.story
def test_the_variance_of_float32_numbers_far_from_zero_does_not_cancel(pairs, tmp_path):
    near = _ranks.normed(torch.float64, 1000.0)
    for name in ("y", "running_var"):
        torch.testing.assert_close(pairs["norm float32"][0][name].double(), near[name], rtol=1e-3, atol=1e-3)


@pytest.mark.story
def test_under_local_norms_processes_agree_but_not_with_one(pairs, tmp_path):
    first, second = pairs["train local"]
    alone = _ranks.outcome("train local", tmp_path)
    assert all(torch.equal(first[name], second[name]) for name in first)  # running statistics too
    assert (first["net.0.weight"] - alone["net.0.weight"]).abs().max() > 1e-4
    assert (first["average.net.1.running_var"] - alone["average.net.1.running_var"]).abs().max() > 1e-4


@pytest.mark.story
def test_what_is_for_all_is_drawn_alike_and_what_is_for_each_is_not(pairs):
    first, second = pairs["drawn"]
    torch.manual_seed(0)
    alone = _ranks.drawn()
    assert torch.equal(first["all"], second["all"])
    assert not torch.equal(first["own"], second["own"])
    assert not torch.equal(first["all"], alone["all"])  # one process draws everything from one generator
    for drawn in (first, second, alone):
        assert torch.equal(drawn["ahead"], drawn["again"])


@pytest.mark.story
def test_gradients_of_different_parts_are_refused(pairs):
    assert [bool(one["refused"]) for one in pairs["refused"]] == [True, True]


def test_alone_nothing_happens():
    layer = torch.nn.Linear(2, 2)
    layer(torch.ones(1, 2)).sum().backward()
    gradient = layer.weight.grad
    before = gradient.clone()
    distributed.average_gradients(layer.parameters())
    assert layer.weight.grad is gradient
    assert torch.equal(gradient, before)
    assert (processes.rank(), processes.count(), processes.first()) == (0, 1, True)
    assert processes.tell({"a": 1}) == {"a": 1}
    with processes.joined():
        assert processes.group() is None


def left(exp: Path) -> dict[str, object]:
    """All that a search leaves, times aside."""
    rows = [
        {k: v for k, v in row.items() if k != "seconds"} for row in read_rows(exp / "search/metrics.jsonl")
    ]
    texts = {
        name: (exp / name).read_text() for name in ("arch.json", "search/alphas.jsonl", "search/run.json")
    }
    tensors = {
        f"{file.name}/{name}": tensor.tolist()
        for file in (exp / "search/ckpt").glob("*/*.safetensors")
        for name, tensor in load_file(file).items()
    }
    return {"rows": rows, **texts, **tensors}


@pytest.fixture
def mortal(tmp_path):
    """The words of a search in an empty folder by name."""
    data = tones(tmp_path / "data", per_class=8)

    def search(name):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "mortal.py").write_text(METHOD)
        masks = {"freq_masks": 1, "freq_width": 6, "time_masks": 1, "time_width": 10}
        method = {"name": "mortal:Mortal"}
        config(data, file=folder / "conf.yaml", method=method, search=SEARCH, spec_augment=masks)
        return folder, ("-m", "audionas", "search", "conf.yaml")

    return search


@pytest.mark.story
def test_a_process_that_dies_is_named_and_the_run_goes_on(mortal):
    folder, command = mortal("whole")
    done = torchrun(*command, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("epoch 3/3  ") == 1  # one process speaks
    whole = left(folder / "exp/tones")
    assert json.loads(whole["search/run.json"])["processes"] == 2

    folder, command = mortal("killed")
    (folder / "die").touch()
    done = torchrun(*command, cwd=folder)
    assert done.returncode != 0
    assert "error: the run of 2 processes ends: rank 1 has died or does not answer" in done.stderr
    assert "bug" not in done.stderr
    assert (folder / "exp/tones/search/ckpt/latest").read_text() == "000001\n"
    done = torchrun(*command, "--resume", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert left(folder / "exp/tones") == whole


@pytest.mark.story
@pytest.mark.parametrize("how", ["works", "stops", "waits"])
def test_who_waits_for_the_first_process_waits_while_it_works(how, tmp_path):
    done = torchrun(Path(_hanging.__file__), how, cwd=tmp_path)
    if how == "works":
        assert done.returncode == 0, done.stderr
        assert {f"rank {rank} heard the word" for rank in (0, 1)} == set(done.stdout.splitlines())
    else:
        assert done.returncode != 0
        assert "the run of 2 processes ends: rank 0 has died or does not answer" in done.stderr
        assert "--resume" in done.stderr
        assert "heard" not in done.stdout


@pytest.mark.story
def test_a_search_and_a_training_through_the_command_line(tmp_path):
    """What all processes meet is said once; a run of two is not continued by one; a model is trained."""
    data = tones(tmp_path / "data", per_class=8)
    config(data, file=tmp_path / "conf.yaml", search={"epochs": 1}, train={"epochs": 1, "bn": "sync"})
    done = torchrun("-m", "audionas", "search", "conf.yaml", "search.batch_size=5", cwd=tmp_path)
    assert done.returncode != 0
    assert done.stderr.count("a batch of 5 cannot be divided evenly among 2 processes") == 1
    assert torchrun("-m", "audionas", "search", "conf.yaml", cwd=tmp_path).returncode == 0
    assert torchrun("-m", "audionas", "train", "conf.yaml", cwd=tmp_path).returncode == 0
    assert (tmp_path / "exp/tones/model/bundle.json").exists()
    alone = [sys.executable, "-m", "audionas", "train", "conf.yaml"]
    done = subprocess.run(
        alone, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True
    )
    assert done.returncode == 1
    assert b"processes: 2 there, not set now" in done.stderr


def test_batches_are_shared_out_evenly_or_not_at_all():
    numbers = _ranks.Numbers(10)
    how = {"batch_size": 4, "shuffle": True, "workers": 0}
    whole = numbers.batches(None, numbers.train, torch.arange(10).numpy(), **how)
    parts = [whole.shared(rank, 2) for rank in (0, 1)]
    for batch, first, second in zip(*(b.epoch(3) for b in (whole, *parts)), strict=True):
        assert torch.equal(torch.cat([first.x, second.x]), batch.x)
        assert torch.equal(torch.cat([first.target, second.target]), batch.target)
    assert whole.shared(0, 1) is whole
    with pytest.raises(UserError, match="a batch of 4 cannot be divided evenly among 3 processes"):
        whole.shared(0, 3)


@pytest.mark.story
def test_all_processes_stop_where_a_search_explodes(tmp_path):
    data = tones(tmp_path / "data", per_class=8)
    config(data, file=tmp_path / "conf.yaml", search=SEARCH)
    done = torchrun("-m", "audionas", "search", "conf.yaml", "method.alpha_lr=1e6", cwd=tmp_path)
    assert done.returncode != 0
    assert done.stderr.count("alpha of block1 exploded") == 1
    assert "has died" not in done.stderr
    assert not (tmp_path / "exp/tones/arch.json").exists()
