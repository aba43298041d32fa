"""The zoo: each entry is an architecture file, and costs what its paper says or says why not."""

import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

from audionas import zoo
from audionas.core.errors import UserError
from audionas.run.counts import counted
from audionas.spaces import space_of
from tests import _printed
from tests._tiers import laws

ROOT = Path(__file__).resolve().parents[1]
REQUIRED = {"summary", "paper", "arxiv", "features"}
OPTIONAL = {"published", "exceptions", "layers", "weights", "measured"}


def by_cost() -> list[str]:
    """The networks that hear first; those of images take a second each."""
    return sorted(zoo.names(), key=lambda name: zoo.load(name).io.channels)


HEAR = sum(zoo.load(name).io.channels == 1 for name in zoo.names())


@pytest.mark.parametrize("name", laws(by_cost(), fast=HEAR))
def test_entry(name: str) -> None:
    spec = zoo.load(name)
    space = space_of(spec)
    space.check(spec)
    assert (Path(zoo.__file__).parent / f"{name}.json").read_text(encoding="utf-8") == spec.to_json()
    assert space.spec(spec.choices, spec.io).id == spec.id  # every parameter is written, none by default
    assert REQUIRED <= set(spec.note) <= REQUIRED | OPTIONAL
    assert spec.note["features"] == space.features
    assert spec.note["summary"].endswith(".")
    well_formed(spec.note)
    published, exceptions = spec.note.get("published", {}), spec.note.get("exceptions", {})
    for what, count in counted(spec.to_json()).items():
        printed = published.get(f"{what}_m")
        assert printed is not None or what not in exceptions, f"{what}: an exception from nothing"
        if printed is not None:  # an exception that is none any more has to go
            assert _printed.agrees(count, printed) == (what not in exceptions), (
                f"{count} {what}, not {printed} M"
            )


def well_formed(note: dict[str, Any]) -> None:
    """Figures have a source, reasons are sentences."""
    published, exceptions = note.get("published", {"source": "-"}), note.get("exceptions", {})
    assert set(published) <= {"params_m", "macs_m", "accuracy", "source"}
    assert set(exceptions) <= {"params", "macs"}
    assert all(reason.endswith(".") for reason in exceptions.values())
    for figures in (published, note.get("measured", {"source": "-"})):
        assert figures["source"]
        assert all(0 < value <= 100 for value in figures.get("accuracy", {}).values())


def test_networks_are_distinct() -> None:
    specs = [zoo.load(name) for name in zoo.names()]
    assert len({(spec.id, spec.io, *sorted(spec.scale.items())) for spec in specs}) == len(specs)


@pytest.mark.parametrize(
    ("count", "printed", "expected"),
    [
        (4_651_000, 4.6, True),  # cut off
        (4_651_000, 4.7, True),  # rounded
        (4_651_000, 4.5, False),
        (4_704_000, 4.6, False),
        (388_400_000, 388, True),
        (391_900_000, 388, False),  # 1.005 %
        (391_800_000, 388, True),
        (9_232, 0.0092, True),
        (9_332, 0.0092, False),
    ],
)
def test_agreement_is_one_percent_or_the_digits_printed(count: int, printed: float, expected: bool) -> None:
    assert _printed.agrees(count, printed) == expected


def test_unknown_name_names_the_nearest() -> None:
    with pytest.raises(UserError, match="Did you mean 'tc_resnet8'"):
        zoo.load("tcresnet8")


@pytest.mark.laws
def test_the_page_is_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))  # the script puts the clone on it
    made = runpy.run_path(str(ROOT / "docs" / "_generate.py"))
    assert made["ZOO"].read_text(encoding="utf-8") == made["zoo"](), "run: python docs/_generate.py"
