"""What `audionas list` counts: shipped counts are what counting gives, and stale ones are not shown."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from audionas import zoo
from audionas.core.registry import names
from audionas.models import names as models
from audionas.run import counts, listing

STALE = "run: python -m audionas.run.counts"
SHIPPED = json.loads(counts.FILE.read_text(encoding="utf-8"))


def test_every_network_and_space_is_shipped_under_its_key_and_nothing_else() -> None:
    specs = [*map(zoo.load, zoo.names()), *map(models.arch, models.names())]
    assert set(SHIPPED["networks"]) == {counts.network_key(spec) for spec in specs}, STALE
    assert set(SHIPPED["spaces"]) == {counts.space_key(name) for name in names("space")}, STALE


@pytest.mark.parametrize("name", ["tc_resnet8", "ds_cnn_s", "bc_resnet1"])
def test_shipped_counts_of_a_sample_are_true(name: str) -> None:
    spec = zoo.load(name)
    assert SHIPPED["networks"][counts.network_key(spec)] == counts.count_network(spec), STALE


def test_shipped_counts_of_a_space_and_of_the_operations_are_true() -> None:
    assert SHIPPED["spaces"][counts.space_key("bc_resnet")] == counts.count_space("bc_resnet"), STALE
    assert SHIPPED["operations"] == {counts.operations_key(): counts.count_operations()}, STALE


@pytest.mark.laws
def test_all_shipped_counts_are_true() -> None:
    assert counts.count_all() == SHIPPED, STALE


def test_another_network_of_that_name_is_counted_anew() -> None:
    spec = zoo.load("tc_resnet8")
    larger = replace(spec, io=spec.io._replace(classes=35))
    noted = replace(spec, note={"summary": "another note"})
    assert counts.network_key(noted) == counts.network_key(spec)
    assert counts.network_key(larger) not in SHIPPED["networks"]
    assert counts.network(larger)["params"] > counts.network(spec)["params"]


def test_without_the_file_all_is_counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shipped = listing.rows("ops")
    monkeypatch.setattr(counts, "FILE", tmp_path / "counts.json")
    counts._file.cache_clear()
    try:
        assert listing.rows("ops") == shipped
    finally:
        monkeypatch.undo()
        counts._file.cache_clear()
