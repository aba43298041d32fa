"""What a base, a config and overrides lay over each other: sections merge, values do not, null removes."""

from pathlib import Path
from typing import Any

import pytest

from audionas.config import load
from audionas.core.errors import UserError

BASE = """
searcher:
  name: nsga2
  population: 7
  objectives: {accuracy: max, macs: min, params: max}
  weights: {accuracy: 0.5, macs: 0.5, params: 0}
  limits: {macs: 3e6, params: 1e5}
limits: {macs: 30e6, params: 2e5}
"""
THREE, WEIGHTS = {"accuracy": "max", "macs": "min", "params": "max"}, "searcher.weights=null"
USUAL = {"accuracy": "max", "macs": "min"}
LIMITS = {"macs": 3e6, "params": 1e5}


def loaded(tmp_path: Path, *overrides: str, top: str = "", base: str = BASE) -> Any:
    (tmp_path / "base.yaml").write_text(base)
    (tmp_path / "top.yaml").write_text(f"base: base.yaml\n{top}")
    return load(tmp_path / "top.yaml", overrides)


@pytest.mark.parametrize(
    ("top", "overrides"),
    [
        ("searcher: {objectives: {loss: min}, weights: }", ()),
        ("", ("searcher.objectives={loss: min}", WEIGHTS)),
        ("", ("searcher={objectives: {loss: min}, weights: null}",)),
        (
            "searcher: {objectives: {macs: min}, weights: {macs: 1}}",
            ("searcher.objectives={loss: min}", WEIGHTS),
        ),
    ],
)
def test_a_mapping_given_whole_replaces_and_the_section_around_it_merges(
    tmp_path: Path, top: str, overrides: tuple[str, ...]
) -> None:
    searcher = loaded(tmp_path, *overrides, top=top).searcher
    assert (searcher.objectives, searcher.weights) == ({"loss": "min"}, None)
    assert (searcher.population, searcher.limits) == (7, LIMITS)


@pytest.mark.parametrize(
    ("override", "field", "expected"),
    [
        ("searcher.objectives.params=null", "objectives", USUAL),
        ("searcher.objectives.loss=min", "objectives", {**THREE, "loss": "min"}),
        ("searcher.objectives.params=min", "objectives", {**THREE, "params": "min"}),
        ("searcher.objectives=null", "objectives", USUAL),  # the default
        ("searcher.limits={state_bytes: 9}", "limits", {"state_bytes": 9}),
        ("searcher.limits.macs=null", "limits", {"params": 1e5}),
        ("searcher.limits=null", "limits", {}),
        ("searcher.limits={}", "limits", {}),
    ],
)
def test_an_entry_is_reached_by_its_path(tmp_path: Path, override: str, field: str, expected: Any) -> None:
    searcher = loaded(tmp_path, WEIGHTS, override).searcher
    assert getattr(searcher, field) == expected
    assert searcher.population == 7


def test_weights_are_a_value_too(tmp_path: Path) -> None:
    both = "searcher.objectives={accuracy: max, macs: min}", "searcher.weights={accuracy: 0.3, macs: 0.7}"
    assert loaded(tmp_path, *both).searcher.weights == {"accuracy": 0.3, "macs": 0.7}


def test_where_the_files_have_no_value_a_path_changes_the_default(tmp_path: Path) -> None:
    base = "searcher: {name: random}"
    assert loaded(tmp_path, "searcher.objectives.macs=null", base=base).searcher.objectives == {
        "accuracy": "max"
    }
    assert loaded(tmp_path, "searcher.limits.macs=5", base=base).searcher.limits == {"macs": 5}


def test_the_section_of_limits_merges(tmp_path: Path) -> None:
    assert loaded(tmp_path, "limits={params: 5}").limits.given == {"macs": 30e6, "params": 5}
    assert loaded(tmp_path, "limits.macs=null").limits.given == {"params": 2e5}
    assert loaded(tmp_path, top="limits: {params: 5}").limits.given == {"macs": 30e6, "params": 5}


def test_another_searcher_brings_its_own_values(tmp_path: Path) -> None:
    searcher = loaded(tmp_path, "searcher.name=random", "searcher.objectives.macs=null").searcher
    assert (type(searcher).__name__, searcher.objectives) == ("Random", {"accuracy": "max"})


def test_an_entry_of_a_whole_value_is_never_null(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"searcher\.limits\.macs: .*got None"):
        loaded(tmp_path, top="searcher: {limits: {macs: }}")
