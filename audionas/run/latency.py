"""`audionas latency`: a table of milliseconds by operation and shape, checked against whole networks."""

import os
import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from audionas.config import Config
from audionas.core import records
from audionas.core.arch import ArchSpec, InputSpec
from audionas.core.errors import UserError
from audionas.core.files import read_json, read_text
from audionas.core.records.run import EnvironmentRecord
from audionas.core.records.study import CheckRecord
from audionas.core.reporter import Reporter, amount, say
from audionas.core.rng import numpy_rng, seed_torch
from audionas.cost.latency import runtime
from audionas.cost.lookup import Entry, LatencyTable
from audionas.cost.places import Place, places
from audionas.cost.table import table as cost_table
from audionas.engine.agreement import agreement
from audionas.inputs.feed import open_inputs
from audionas.nn.fold.fold import in_use
from audionas.report import latency
from audionas.run.folder import finish, phase
from audionas.run.supernet import default_features, sizes_of
from audionas.run.times import Timed, forget, times
from audionas.spaces._base import Space

FILE = "latency.json"
_BASE = 8  # networks that give the base; none of them is used in the check
_CALL = "call"  # a model that does nothing: the time that ONNX Runtime needs for a call
_TRIES = 50  # draws per network, after which a space counts as too small

Times = Mapping[str, Sequence[float]]  # milliseconds by model, one per round


def build(
    conf: Config,
    *,
    check: int = 20,
    threads: int = 1,
    rounds: int = 10,
    shape: str = "",
    classes: int = 0,
    overwrite: bool = False,
) -> Path:
    """Measure the config's space with ONNX Runtime on this machine. Writes and returns exp/NAME/latency.json.

    `shape` and `classes` replace the input that the config's data give; the data are then not read. A second
    call resumes an interrupted one. Raises UserError where there is nothing to choose.
    """
    space, reporter = _space(conf), Reporter()
    sizes = sizes_of(conf, space)
    io = InputSpec.parse(shape, classes) if shape or classes else _input(conf, space, reporter)
    facts = {
        "space": {"name": space.name, **asdict(space)},
        "io": io._asdict(),
        "scale": sizes,
        "device": processor(),
        "runtime": runtime(),
        "threads": threads,
        "rounds": rounds,
        "check": check,
    }
    file = conf.folder / FILE
    makes = (FILE, "latency.html")
    with phase(conf, "latency", facts, resume=True, overwrite=overwrite, makes=makes) as (folder, finished):
        if finished and file.exists():
            reporter.note(f"{folder}: finished earlier; --overwrite measures again")
            return file
        table = _measure(space, io, sizes, facts, folder, reporter)
        table.save(file)
        typed = records.read(EnvironmentRecord, folder / "env.json").command
        latency.write(conf.folder / "latency.html", conf.general.name, table, typed)
        finish(folder, {"base_ms": table.base})
    return file


def show(file: Path) -> None:
    """Print a table for people on standard output; `file` may be a run folder."""
    table = load(file)
    about, out = table.about, Reporter(stdout=True)
    say(*(f"{name}: {words}" for name, words in latency.facts(table)))
    rows = []
    for name, options in table.options.items():
        low, high = min(options, key=options.__getitem__), max(options, key=options.__getitem__)
        rows.append((name, low, f"{options[low]:.4f}", high, f"{options[high]:.4f}"))
    out.table(("choice", "quickest", "ms", "slowest", "ms"), rows)
    say(f"base {table.base:.4f} ms; {amount(len(table.entries), 'operation')} measured")
    if "check" in about:
        records.check(CheckRecord, about["check"], f"{_file(file)}: about.check")
        say("")
        out.table(latency.HEAD, latency.figures(about["check"]))


def as_json(file: Path) -> Any:
    """The content of the file, checked to be a table."""
    load(file)
    return read_json(_file(file))


def load(file: Path) -> LatencyTable:
    """The table in a file or in a run folder."""
    return LatencyTable.load(_file(file))


def processor() -> str:
    """This machine's processor in words, with its number of threads."""
    info = Path("/proc/cpuinfo")
    lines = read_text(info).splitlines() if info.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    words = named[0] if named else platform.processor() or "processor"
    return f"{words}, {platform.machine()}, {os.cpu_count()} threads"


def drawn(space: Space, io: InputSpec, sizes: Mapping[str, int], count: int) -> list[ArchSpec]:
    """Distinct uniformly drawn architectures: `count` of them, or as many as a small space gives."""
    found: dict[str, ArchSpec] = {}
    for draw in range(_TRIES * count):
        if len(found) == count:
            break
        spec = replace(space.sample(numpy_rng("latency", "network", draw), io), scale=dict(sizes))
        found.setdefault(spec.id, spec)
    return list(found.values())


def _measure(
    space: Space,
    io: InputSpec,
    sizes: Mapping[str, int],
    facts: Mapping[str, Any],
    folder: Path,
    reporter: Reporter,
) -> LatencyTable:
    found, (for_base, checked) = places(space, io, sizes), networks(space, io, sizes, facts["check"])
    for spec in (*for_base, *checked):  # for measurements of the same networks on another device
        spec.save(folder / "networks" / f"{spec.id}.json")
    models = _models(space, io, found, (*for_base, *checked))
    try:
        measured = times(models, folder, rounds=facts["rounds"], threads=facts["threads"], reporter=reporter)
    except UserError:  # the phase then counts as not started, and may start with other facts
        forget(models, folder)
        raise
    about = {
        **{k: facts[k] for k in ("runtime", "threads", "rounds")},
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "base_networks": [spec.id for spec in for_base],
    }
    entries = tuple(_entry(place, at, measured) for place, at in found.items())
    table = LatencyTable(facts["device"], space.name, space.identity(), io, 0.0, entries, dict(sizes), about)
    rest = [statistics.median(measured[_name(spec)]) - table.of(spec) for spec in for_base]
    table = replace(table, base=round(statistics.median(rest), 6))
    check = {"check": _checked(table, space, checked, measured)} if checked else {}
    return replace(table, about={**about, **check})


def networks(
    space: Space, io: InputSpec, sizes: Mapping[str, int], check: int
) -> tuple[list[ArchSpec], list[ArchSpec]]:
    """Networks that give the base, and `check` others; in a small space half of them each, or fewer."""
    specs = drawn(space, io, sizes, _BASE + check)
    first = _BASE if len(specs) == _BASE + check else (len(specs) + 1) // 2
    return specs[:first], specs[first:][:check]


def _models(
    space: Space, io: InputSpec, found: Iterable[Place], specs: Iterable[ArchSpec]
) -> dict[str, Timed]:
    """The measured models by name: a call, each operation that does something, whole networks."""
    return {
        _CALL: Timed(nn.Identity, (1, 1, 1)),
        **{place.name: Timed(place.build, place.input) for place in found if not place.free},
        **{_name(spec): Timed(partial(_network, space, spec), io[:3]) for spec in specs},
    }


def _network(space: Space, spec: ArchSpec) -> nn.Module:
    seed_torch("latency", spec.id)
    return in_use(space.build(spec))


def _entry(place: Place, at: Mapping[str, int], measured: Times) -> Entry:
    """Milliseconds of an operation alone, minus those of a call that does nothing."""
    if place.free:
        return Entry(place.option, place.told, at, 0.0)
    ms = statistics.median(measured[place.name]) - statistics.median(measured[_CALL])
    return Entry(place.option, place.told, at, round(max(ms, 0.0), 6), place.name)


def _checked(table: LatencyTable, space: Space, specs: Sequence[ArchSpec], measured: Times) -> dict[str, Any]:
    """The check of the sums against whole networks, with multiply-adds and a repeated measurement beside."""
    predicted = [table.of(spec) for spec in specs]
    rounds = [measured[_name(spec)] for spec in specs]
    found = [statistics.median(row) for row in rounds]
    costs = cost_table(space, table.io, table.scale)
    macs = agreement([float(costs.of(spec, "macs")) for spec in specs], found)
    ranks = ("pearson", "spearman", "kendall")
    result: dict[str, Any] = {"networks": len(specs), "table": agreement(predicted, found)}
    result["multiply-adds"] = {name: macs[name] for name in ranks}
    if len(rounds[0]) > 1:
        odd, even = ([statistics.median(row[start::2]) for row in rounds] for start in (0, 1))
        again = agreement(odd, even)
        result["repeated"] = {name: again[name] for name in ("rmse", "relative_rmse", *ranks)}
    result["points"] = [
        {"arch": spec.id, "predicted_ms": round(p, 6), "measured_ms": round(m, 6)}
        for spec, p, m in zip(specs, predicted, found, strict=True)
    ]
    return result


def _name(spec: ArchSpec) -> str:
    return f"network-{spec.id}"


def _space(conf: Config) -> Space:
    if conf.space is None or not conf.space.choices():
        why = (
            "has no section 'space'" if conf.space is None else f"has space {conf.space.name} without choices"
        )
        raise UserError(
            f"{conf.general.name}: the config {why}, so there is nothing to look up",
            hint="For example: space: {name: kws_mobilenet}. One network: audionas cost NETWORK --latency",
        )
    return conf.space


def _input(conf: Config, space: Space, reporter: Reporter) -> InputSpec:
    """The input that a search of this config sees."""
    return open_inputs(conf, conf.features or default_features(space), reporter).io


def _file(file: Path) -> Path:
    return file / FILE if file.is_dir() else file
