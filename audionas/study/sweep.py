"""`audionas sweep`: a config with every combination of some values, each a run of its own, and one table."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from audionas.config import Config, changed, load
from audionas.core.errors import UserError
from audionas.core.files import write_text
from audionas.core.reporter import Reporter, amount
from audionas.cost.graph import measure
from audionas.models.owned import enter
from audionas.run.search import search
from audionas.run.train import train
from audionas.spaces._base import space_of
from audionas.zoo.find import read as read_arch
from audionas.zoo.find import told

FILE = "sweep.csv"


class One(NamedTuple):
    """One combination: its values by key, and the config of its run."""

    values: Mapping[str, str]
    conf: Config


def runs_of(path: Path, words: Sequence[str]) -> tuple[Path, list[One]]:
    """The folder of the sweep, and a run in it for each combination of the values that `a,b,c` lists.

    Raises UserError where no override lists values, for combinations whose folders would be the same, and for
    those that name no network and nothing to search for one.
    """
    several = {word.partition("=")[0]: _listed(word) for word in words if len(_listed(word)) > 1}
    if not several:
        raise UserError(
            "sweep: no override has several values", hint="For example: seed=0,1,2 train.epochs=10,30"
        )
    fixed = [word for word in words if word.partition("=")[0] not in several]
    home = load(path, [*fixed, *(f"{key}={values[0]}" for key, values in several.items())])
    found, names = [], set[str]()
    for chosen in product(*several.values()):
        values = dict(zip(several, chosen, strict=True))
        conf = load(path, [*fixed, *(f"{key}={value}" for key, value in values.items())])
        name = "-".join(re.sub(r"[^\w.+-]+", "_", f"{key}_{value}") for key, value in values.items())
        if name in names:
            raise UserError(f"sweep: two combinations are called {name}", hint="Give each value once.")
        names.add(name)
        found.append(One(values, changed(conf, name=f"{home.general.name}/{name}")))
    if lost := [one.conf.general.name for one in found if not _has_network(one.conf)]:
        raise UserError(
            [f"{path}: {name}: neither arch, nor a space with a method" for name in lost],
            hint="Name a network to train, arch=tc_resnet8, or a search: space=kws_tc_resnet method=darts",
        )
    return home.folder, found


def _has_network(conf: Config) -> bool:
    """True where there is a network to train: named, to be searched, or in what the run begins from."""
    searched = conf.space is not None and conf.method is not None
    return bool(conf.general.arch or searched or conf.train.init or (conf.folder / "arch.json").exists())


def sweep(
    path: Path, words: Sequence[str], *, trains: bool = True, resume: bool = False, overwrite: bool = False
) -> list[dict[str, Any]]:
    """Search (where the config has a method) and train each combination; write the table after each run.

    A failed run does not stop the others. Raises UserError at the end, with a list, where any failed.
    """
    folder, runs = runs_of(path, words)
    reporter, rows, lost = Reporter(), list[dict[str, Any]](), list[str]()
    folder.mkdir(parents=True, exist_ok=True)
    enter(folder, (FILE,))
    for number, one in enumerate(runs, 1):
        label = ", ".join(f"{key}={value}" for key, value in one.values.items())
        reporter.note(f"{label} ({number} of {len(runs)})")
        try:
            rows.append(_row(one, trains=trains, resume=resume, overwrite=overwrite))
        except UserError as error:
            reporter.note(*f"failed: {error}".split("\n"))
            rows.append({**one.values, "status": "failed"})
            lost.append(f"  {label}: {error.problems[0]}")
        _write(folder / FILE, rows)
    if lost:
        raise UserError(
            [f"{len(lost)} of {amount(len(runs), 'run')} failed; the others are in {folder / FILE}:", *lost],
            hint="The same command with --resume makes those that are missing.",
        )
    return rows


def show(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the table on standard output."""
    head = _head(rows)
    Reporter(stdout=True).table(head, [[_cell(row.get(key, "")) for key in head] for row in rows])


def _row(one: One, *, trains: bool, resume: bool, overwrite: bool) -> dict[str, Any]:
    conf = one.conf
    if conf.method is not None and not conf.general.arch:
        search(conf, resume=resume, overwrite=overwrite)
    note = train(conf, resume=resume, overwrite=overwrite).note if trains else {}
    spec = read_arch(conf.folder / "arch.json")
    cost = measure(space_of(spec).build(spec), spec.io)
    figures: dict[str, Any] = {key: note[key] for key in ("valid_accuracy", "valid_loss") if key in note}
    row: dict[str, Any] = {
        **one.values,
        "status": "done",
        **figures,
        "params": cost.params,
        "macs": cost.macs,
    }
    return {**row, "network": told(spec)}


def _listed(word: str) -> list[str]:
    """The values of an override `key=a,b,c`; one where it is a list or a mapping of YAML."""
    value = word.partition("=")[2]
    return [value] if value.startswith(("[", "{", "|", '"', "'")) else value.split(",")


def _write(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    text = io.StringIO()
    table = csv.DictWriter(text, _head(rows), lineterminator="\n", restval="")
    table.writeheader()
    table.writerows(rows)
    write_text(file, text.getvalue())


def _head(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(key for row in rows for key in row))


def _cell(value: object) -> str:
    return (
        f"{value:,}" if isinstance(value, int) else f"{value:.4g}" if isinstance(value, float) else str(value)
    )
