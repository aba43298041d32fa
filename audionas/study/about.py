"""The conditions of a comparison in words, which its tables state beside their figures."""

import sys
from collections.abc import Mapping
from dataclasses import asdict, fields

from audionas.config import Config
from audionas.core import records
from audionas.core.hostile import command
from audionas.core.records.run import EnvironmentRecord
from audionas.core.reporter import typed
from audionas.report.compare_table import Row
from audionas.run.supernet import sizes_of
from audionas.spaces._base import Space
from audionas.study.bench import CALIBRATION, Bench
from audionas.study.chance import chance
from audionas.study.rows import Key

_BUDGETS = {
    "examples": "equal examples: a method of one level draws them in about twice as many steps",
    "steps": "equal steps of the weights: a method of one level draws about half as many examples",
    "seconds": "equal seconds, those of DARTS in the epochs below; own epochs of each method follow from "
    "timed steps (budget.json), scoring at the end of a search not included",
}


def about(conf: Config, rows: Mapping[Key, Row], bench: Bench) -> dict[str, str]:
    """The facts that hold for all runs, by name."""
    io, search, inputs = bench.inputs.io, conf.search, bench.inputs
    sizes = sizes_of(conf, bench.space)
    seeds = sorted({seed for _, seed in rows})
    found = {
        "command": typed() or command("audionas", *sys.argv[1:]),
        "commit": ", ".join(_environments(conf, rows, "git")),
        "machine": ", ".join(_environments(conf, rows, "machine")),
        "device": bench.device.type,
        "space": " ".join([bench.space.name, *_parameters(bench.space)]),
        "supernet": ", ".join(f"{number} {what}" for what, number in sizes.items()),
        "data": f"{len(inputs.train)} training {inputs.noun}, {io.channels}x{io.freq}x{io.frames}, "
        f"{io.classes} classes",
        "scored on": bench.tested,
        "budget": _BUDGETS[bench.compare.budget],
        "search": f"{search.epochs} epochs, batches of {search.batch_size}, split {search.split:g}",
        "seeds": " ".join(map(str, seeds)),
        "collapse by chance": chance(bench.space).words() if bench.space.watched() else "",
        "batch norms": f"recalibrated on up to {CALIBRATION} batches of training data, not augmented",
    }
    if bench.compare.retrain:
        found["training"] = f"{conf.train.epochs} epochs, batches of {conf.train.batch_size}"
    return {name: value for name, value in found.items() if value}


def _parameters(space: Space) -> list[str]:
    """The parameters of a space that differ from its defaults."""
    usual = {field.name: field.default for field in fields(space)}
    return [f"{name}={value}" for name, value in asdict(space).items() if value != usual[name]]


def _environments(conf: Config, rows: Mapping[Key, Row], what: str) -> list[str]:
    """The distinct values over the finished runs."""
    files = (conf.folder / label / str(seed) / "search" / "env.json" for label, seed in rows)
    told = (records.plain(EnvironmentRecord, file) for file in files if file.exists())
    return list(dict.fromkeys(str(env[what]) for env in told))
