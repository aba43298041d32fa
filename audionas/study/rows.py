"""A comparison's runs and their outcomes: one row per run in `compare.jsonl`, appended as runs finish."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from audionas.config import Config, changed, compared
from audionas.core import records
from audionas.core.files import locked, write_text
from audionas.core.records.study import RunRecord
from audionas.report.compare_table import Row

Key = tuple[str, int]  # a method's label and a seed


class Run(NamedTuple):
    """One search: a method's label, a seed, and the ordinary config for `audionas search`."""

    label: str
    seed: int
    conf: Config

    @property
    def key(self) -> Key:
        """The key of its row."""
        return self.label, self.seed

    @property
    def words(self) -> str:
        """Its name in messages."""
        return f"{self.label}, seed {self.seed}"


def runs_of(conf: Config) -> list[Run]:
    """Every method with every seed, all methods with one seed before the next seed.

    Raises UserError where a method's settings contradict the rest of the config.
    """
    assert conf.compare is not None
    sections = compared(conf)
    return [
        Run(label, seed, run_conf(conf, label, seed, sections[label]))
        for seed in conf.compare.seeds
        for label in sections
    ]


def run_conf(conf: Config, label: str, seed: int, method: Mapping[str, Any]) -> Config:
    """The config of one search of a comparison; a fresh method each time."""
    assert conf.compare is not None
    own: dict[str, Any] = {
        "name": f"{conf.general.name}/{label}/{seed}",
        "seed": seed,
        "method": dict(method),
    }
    if conf.compare.budget == "steps":
        own["search"] = {**conf.raw.get("search", {}), "budget": "steps"}
    return changed(conf, **own, arch=None, compare=None)


def known(folder: Path) -> dict[Key, Row]:
    """The last row of each run in the order of the file."""
    rows: dict[Key, Row] = {}
    for row in _read(folder):
        rows.pop(key := (row["method"], row["seed"]), None)
        rows[key] = row
    return rows


def append(folder: Path, row: Row) -> None:
    """Add a row, in the place of one of the same run that failed; rows that others add meanwhile stay."""
    with waiting(folder):
        rows, own = _read(folder), (row["method"], row["seed"])
        failed = (
            n for n, r in enumerate(rows) if r["status"] == "failed" and (r["method"], r["seed"]) == own
        )
        at = next(failed, len(rows))
        rows[at : at + 1] = [dict(row)]
        write_text(folder / "compare.jsonl", "".join(json.dumps(r) + "\n" for r in rows))


def _read(folder: Path) -> list[dict[str, Any]]:
    """The rows. Raises UserError for the first line that is none."""
    file = folder / "compare.jsonl"
    return records.rows(RunRecord, file, f"Delete that line: its run is measured again. Or delete {file}.")


@contextmanager
def waiting(folder: Path, name: str = "compare") -> Iterator[None]:
    """Hold the comparison's own files, or its measurement of steps; other processes wait."""
    with locked(folder / f".{name}.lock", wait=lambda: None):
        yield
