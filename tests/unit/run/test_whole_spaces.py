"""Spaces whole, with the width and depth that they have by default: searched by `audionas search`, once each.

Two epochs of two steps by a method that mixes options and by one that draws networks, on made sounds of the
length of the corpus, or made images. Elsewhere tests narrow or shorten these spaces.
"""

import math
from pathlib import Path
from typing import Any

import pytest
import yaml

from audionas.core.arch import ArchSpec
from audionas.core.registry import resolve
from audionas.core.reporter import read_rows
from audionas.cost.graph import measure
from tests._factory import config, tones
from tests.unit.cli._command import done
from tests.unit.images._images import npz

SECONDS = {"asc_mobilenet": 10.0, "mixednet": 2.83}  # of a clip; the others hear one
SIDE = 32  # pixels of an image
SPACES = (
    *("asc_mobilenet", "cp_mobile", "darts_cell", "kws_mobilenet"),
    *("mix_mobilenet", "mixednet", "mobilenet", "moga_mobilenet"),
)
METHODS: dict[str, dict[str, Any]] = {
    "darts": {},
    "spos": {"draws": 2},  # networks scored at the end
}


def written(name: str, folder: Path, method: str) -> Path:
    """A config in which nothing of the space is set."""
    space, data = resolve("space", name)(), folder / "data"
    changes: dict[str, Any] = {
        "features": None,
        "space": {"name": name},
        "method": {"name": method, **METHODS[method]},
        "search": {"epochs": 2, "batch_size": 2, "budget": "steps"},
    }
    file = config(data, file=folder / "conf.yaml")
    plain = {**yaml.safe_load(file.read_text()), **changes}
    if space.features:
        seconds = SECONDS.get(name, 1.0)
        tones(data, per_class=2, speakers=2, seconds=seconds)
        plain["data"] |= {"seconds": seconds, "resample": True}
    else:
        images = npz(folder / "i.npz", train=12, side=SIDE)
        plain |= {"data": None, "images": {"path": str(images), "dev": 0.34}}
    file.write_text(yaml.safe_dump({k: v for k, v in plain.items() if v is not None}))
    return file


@pytest.mark.nightly
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", SPACES)
def test_a_space_is_searched_whole(name: str, method: str, tmp_path: Path) -> None:
    done("search", written(name, tmp_path, method))
    exp = tmp_path / "exp" / "tones"
    rows = read_rows(exp / "search" / "metrics.jsonl")
    assert [row["weight_steps"] for row in rows] == [2, 2]
    assert all(math.isfinite(row["loss"]) for row in rows)
    space, spec = resolve("space", name)(), ArchSpec.from_json((exp / "arch.json").read_text())
    assert {*spec.choices} == {choice.name for choice in space.choices()}
    assert measure(space.build(spec), spec.io).params > 0
