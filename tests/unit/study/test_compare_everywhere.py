"""Every method on every space by one command, with epochs of two steps: done, or refused with its reason.

In the laws spaces have few choices (`_short.py`), but nas_bench_201 is whole. On three of them the methods
have 30 epochs, on the others 5, since all tests must end within 40 minutes; nightly these have 30, too. With
30, CPU seconds on two cores that fifteen processes shared: darts_cell 78, kws_mobilenet 41, kws_tc_resnet 34.
Three quarters of an epoch are its steps. With 17, the fewest in which DARTS-ES can stop, all passed.

Whole spaces are nightly: 30 epochs, or 3 where a step takes long. Run whole so far, CPU seconds on two shared
cores of an AMD EPYC, torch 2.13.0, when the page was still drawn after every run:

    space            epochs   CPU s  commit     space            epochs   CPU s  commit
    nas_bench_201        30      97  bfdc2dc    nas_bench_macro      30     182  1815991
    kws_tc_resnet        30      81  1815991    tenet                 3      46  f89ea37
    kws_sparknet          3      19  f89ea37

The others have not been compared whole; `tests/unit/run/test_whole_spaces.py` searches them by two methods.
"""

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest
import yaml

from audionas.core.registry import resolve
from audionas.methods import Bilevel
from audionas.spaces import SlimSpace, Space
from audionas.study.rows import known
from tests._factory import config, tones
from tests.invariants._cases import CELLS, FIELDS, METHODS, NARROW, SEARCHABLE, TRAINED, variants
from tests.unit.cli._command import done
from tests.unit.images._images import npz
from tests.unit.study._short import shortened

EPOCHS, FEWER, STEPS = 30, 5, 2  # FEWER: in the laws, outside LONGEST
WHOLE = ("nas_bench_201",)  # in the laws too
LONGEST = ("nas_bench_201", "kws_mobilenet", "kws_tc_resnet")
LONG = ("asc_mobilenet", "mix_mobilenet", "mobilenet", "moga_mobilenet")  # whole: three epochs only
LEARNING = [name for name in METHODS if name in TRAINED]
CLOCKS = ("warmup", "alpha_every")  # settings that the test leaves as they are


def small(name: str, *, whole: bool = False) -> Space:
    """A space as narrow as it comes, in its form of the fewest options; of cells S3, which has `none`."""
    forms = [space for space in variants(name) if getattr(space, "preset", "") not in ("s1", "s2", "s4")]
    space = min(forms, key=lambda space: sum(len(choice.options) for choice in space.choices()))
    sized = any(choice.sized for choice in space.choices())  # no size can be left out
    few = sized or name in WHOLE or isinstance(space, SlimSpace)  # narrow, a space of widths has one layer
    return space if whole or few else shortened(space)


def section(name: str) -> dict[str, Any]:
    """A method with few draws, and with its own schedule."""
    fields = {key: value for key, value in FIELDS.get(name, {}).items() if key not in CLOCKS}
    return {"name": name, **{k: list(v) if isinstance(v, tuple) else v for k, v in fields.items()}}


def written(space: Space, folder: Path, methods: list[str], epochs: int) -> Path:
    """The config of a comparison on as few and as small examples as two steps of two need."""
    fields = {f.name: getattr(space, f.name) for f in dataclasses.fields(space)}
    fields = {k: v for k, v in fields.items() if k in NARROW or v != getattr(type(space)(), k)}
    changes: dict[str, Any] = {
        "method": None,
        "features": None,
        "space": {"name": space.name, **fields},
        "search": {"epochs": epochs, "batch_size": 2, **CELLS.get(space.name.rpartition(":")[2], {})},
        "compare": {"seeds": [0], "budget": "steps", "methods": [section(name) for name in methods]},
    }
    file = config(folder / "data", file=folder / "conf.yaml")
    plain = yaml.safe_load(file.read_text())
    if space.features:
        seconds = round(0.02 + space.fitting(89) / 100, 2) if space.fitting(9) > 9 else 0.3
        tones(folder / "data", per_class=2, speakers=2, seconds=seconds)
        changes["data"] = {**plain["data"], "seconds": seconds, "resample": True}
    else:
        changes |= {
            "data": None,
            "images": {"path": str(npz(folder / "i.npz", train=12, side=8)), "dev": 0.34},
        }
    plain = {k: v for k, v in {**plain, **changes}.items() if v is not None}
    file.write_text(yaml.safe_dump(plain))
    return file


def compared(space: Space, folder: Path, methods: list[str], epochs: int = EPOCHS) -> None:
    """Compare, and hold every row to what the method is and says."""
    file = written(space, folder, methods, epochs)
    done("--plugins", "tests.unit.study._short", "compare", file)
    rows = {label: row for (label, _), row in known(folder / "exp" / "tones").items()}
    assert list(rows) == methods
    page = (folder / "exp" / "tones" / "compare.md").read_text()
    for name, row in rows.items():
        kind = resolve("method", name)
        why = kind(**FIELDS.get(name, {})).why_not(space)
        if kind.alike:  # a searcher would set it apart
            why = f"without a searcher it is {kind.alike}, to which it adds objectives"
        assert (row["status"], row["reason"]) == (("refused", why) if why else ("done", "")), name
        if why:
            assert f"{name}, seeds 0 (refused): {why}" in page
            continue
        taken = row["epochs"]
        assert row["weight_steps"] == taken * STEPS, name
        assert taken == epochs or (name == "darts_es" and taken < epochs), name
        assert math.isfinite(row["entropy"])
        if issubclass(kind, Bilevel):
            assert 0 < row["alpha_steps"] <= row["weight_steps"], name
            assert row["alpha_reach"] == row["alpha_steps"] * kind().alpha_lr
        else:
            assert "alpha_steps" not in row


SEARCHED = list(dict.fromkeys(space.name for space in SEARCHABLE))


@pytest.mark.laws
@pytest.mark.parametrize("name", SEARCHED)
def test_every_method_is_done_or_refused_with_its_reason(name: str, tmp_path: Path) -> None:
    compared(small(name), tmp_path, LEARNING, epochs=EPOCHS if name in LONGEST else FEWER)


@pytest.mark.nightly
@pytest.mark.parametrize("name", [name for name in SEARCHED if name not in LONGEST])
def test_so_it_is_with_thirty_epochs(name: str, tmp_path: Path) -> None:
    compared(small(name), tmp_path, LEARNING)


@pytest.mark.nightly
@pytest.mark.parametrize("name", [name for name in SEARCHED if name not in WHOLE])
def test_so_it_is_on_whole_spaces(name: str, tmp_path: Path) -> None:
    compared(small(name, whole=True), tmp_path, LEARNING, epochs=3 if name in LONG else EPOCHS)


@pytest.mark.laws
def test_schedules_of_hundreds_of_epochs_fit_into_three(tmp_path: Path) -> None:
    """ProxylessNAS' and a refused method, by the same command."""
    compared(small("nas_bench_201"), tmp_path, ["proxyless_nas", "scarlet"], epochs=3)
