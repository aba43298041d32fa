"""Comparisons of methods from outside the package: what fails loses no other, a crash changes nothing."""

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from audionas.config import load
from audionas.core.arch import ArchSpec
from audionas.core.errors import UserError
from audionas.study.compare import compare
from audionas.study.rows import known
from tests._factory import tones
from tests.unit.cli._command import Result, audionas, done
from tests.unit.study._comparison import conf_of

pytestmark = pytest.mark.story
OUTSIDE = '''
"""Methods from outside the package: one that searches, one that fails or is killed, one that refuses."""

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from audionas.methods.darts import Darts

@dataclass(kw_only=True)
class Sharp(Darts):
    """DARTS with a sharper softmax."""

    power: float = 3.0

    def relax(self, logits: Tensor) -> Tensor:
        return (self.power * logits).softmax(-1)


@dataclass(kw_only=True)
class Falls(Darts):
    """Raises `what` in the second epoch as long as the file `while_there` exists."""

    while_there: str
    what: str = "RuntimeError"

    def on_epoch(self, epoch: int) -> None:
        super().on_epoch(epoch)
        if epoch == 1 and Path(self.while_there).exists():
            raise {"RuntimeError": RuntimeError, "KeyboardInterrupt": KeyboardInterrupt}[self.what]("it fell")


@dataclass(kw_only=True)
class Picky(Darts):
    """Runs nowhere."""

    def refuses(self, space) -> str:
        return "it likes no <space>"
'''


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tones(tmp_path_factory.mktemp("compare") / "data", per_class=4)


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module of methods that did not exist when the package was imported."""
    (tmp_path / "strangers.py").write_text(OUTSIDE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "strangers", raising=False)
    return tmp_path


def untimed(row: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in row.items() if k != "seconds"}


def test_one_failure_loses_no_other(data: Path, outside: Path) -> None:
    marker = outside / "marker"
    marker.touch()
    falls = {"name": "strangers:Falls", "while_there": str(marker)}
    picky = {"name": "strangers:Picky", "as": "picky"}
    made = conf_of(
        data, outside, search={"epochs": 2}, compare={"methods": [falls, picky, "random"], "seeds": [0]}
    )
    result = lost("compare", made.conf)
    assert "Falls, seed 0: RuntimeError: it fell" in result.err
    rows = known(made.exp)
    assert {key: row["status"] for key, row in rows.items()} == {
        ("Falls", 0): "failed",
        ("picky", 0): "refused",
        ("random", 0): "done",
    }
    assert "in on_epoch" in (made.exp / "Falls" / "0" / "error.log").read_text()
    page = (made.exp / "compare.html").read_text()
    assert "it likes no &lt;space&gt;" in page
    assert "it fell" in (made.exp / "compare.md").read_text()

    again = lost("compare", made.conf)  # it has a checkpoint: only --resume goes on
    assert "epoch" not in again.err
    assert known(made.exp) == rows
    marker.unlink()
    done("compare", made.conf, "--resume")
    assert known(made.exp)["Falls", 0]["status"] == "done"
    assert not (made.exp / "Falls" / "0" / "error.log").exists()


def test_a_search_that_explodes_is_a_failure_with_its_remedy(data: Path, outside: Path) -> None:
    """It found a network before, and stood in the tables beside the others."""
    wild = {"name": "darts", "as": "wild", "alpha_lr": 1e6}
    made = conf_of(data, outside, name="wild", compare={"methods": [wild, "random"], "seeds": [0]})
    exp = made.exp.with_name("wild")
    result = lost("compare", made.conf)
    assert "exploded" in result.err
    assert {key: row["status"] for key, row in known(exp).items()} == {
        ("wild", 0): "failed",
        ("random", 0): "done",
    }
    assert "method.alpha_lr=0.0003" in (exp / "compare.md").read_text()
    assert not (exp / "wild" / "0" / "arch.json").exists()
    assert not (exp / "wild" / "0" / "error.log").exists()  # no bug, no traceback


def lost(*words: object) -> Result:
    """A comparison of which some runs fail: status 1 after its tables are printed."""
    result = audionas(*words)
    assert result.status == 1, result.err
    assert "Traceback" not in result.err
    return result


def test_a_killed_comparison_goes_on_to_the_same_end(data: Path, outside: Path) -> None:
    marker = outside / "marker"
    section = {"name": "strangers:Falls", "while_there": str(marker), "what": "KeyboardInterrupt"}
    options = {"search": {"epochs": 2}, "compare": {"methods": [section, "gdas"], "seeds": [1]}}
    whole = conf_of(data, outside / "whole", **options)
    compare(load(whole.conf))
    killed = conf_of(data, outside / "killed", **options)
    marker.touch()
    with pytest.raises(KeyboardInterrupt):
        compare(load(killed.conf))
    assert known(killed.exp) == {}
    with pytest.raises(UserError, match=r"holds an unfinished run\nResume with --resume"):
        compare(load(killed.conf))
    marker.unlink()
    compare(load(killed.conf), resume=True)
    rows = {key: untimed(row) for key, row in known(whole.exp).items()}
    assert {key: untimed(row) for key, row in known(killed.exp).items()} == rows
    for method, seed in rows:
        states = [
            {
                f.name: load_file(f)
                for f in (made.exp / method / str(seed)).glob("search/ckpt/*/*.safetensors")
            }
            for made in (whole, killed)
        ]
        assert states[0].keys() == states[1].keys() != set()
        for file in states[0]:
            assert all(torch.equal(states[0][file][k], states[1][file][k]) for k in states[0][file])


def test_a_method_is_added_by_one_file_outside(data: Path, outside: Path) -> None:
    """It is searched with and compared by its name, with settings of its own."""
    made = conf_of(data, outside, method={"name": "strangers:Sharp", "power": 2.0})
    done("search", made.conf)
    assert (made.exp / "arch.json").exists()
    done(
        "compare",
        made.conf,
        "compare.methods=[{name: strangers:Sharp, power: 2}, darts]",
        "seeds=0",
        "name=duel",
    )
    rows = known(made.exp.parent / "duel")
    assert rows["Sharp", 0]["status"] == rows["darts", 0]["status"] == "done"
    assert rows["Sharp", 0]["accuracy"] is not None
    found = ArchSpec.from_json((made.exp / "arch.json").read_text())
    assert rows["Sharp", 0]["arch"] == found.id  # the same search as by `audionas search`
