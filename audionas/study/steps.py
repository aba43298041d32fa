"""The cost of a step of each compared method against DARTS, measured once and kept in `steps.json`."""

import traceback
from collections.abc import Mapping
from typing import Any

from audionas.config import Config
from audionas.core import records
from audionas.core.files import write_json, write_text
from audionas.core.records.study import StepsRecord
from audionas.core.registry import resolve
from audionas.data.batches import Batch
from audionas.methods._base import Method
from audionas.models.owned import enter
from audionas.run.supernet import halves, preparers, search_run
from audionas.spaces._base import Space
from audionas.study.bench import Bench
from audionas.study.rows import run_conf, waiting
from audionas.study.step_cost import StepCost, method_step, step_costs

Costs = Mapping[str, Mapping[str, Any]]
DARTS = {"name": "darts"}  # first order, with its defaults


def steps(conf: Config) -> Costs:
    """The costs measured so far, by label."""
    file = conf.folder / "steps.json"
    if not file.exists():
        return {}
    found: Costs = records.plain(StepsRecord, file, f"Delete {file}: steps are measured again.")["methods"]
    return found


def measure(conf: Config, sections: Mapping[str, Mapping[str, Any]], bench: Bench) -> dict[str, str]:
    """Measure those of `sections` (by label) that are missing. Returns the reasons of failures by label.

    All take turns on the same batches, with the sizes of a search; the first is always DARTS. On a space that
    DARTS does not run on there is nothing to compare with, and nothing is measured.
    """
    if why := no_measure(bench.space):
        bench.reporter.note(f"steps are not compared: {why}")
        return {}
    with waiting(conf.folder, "steps"):  # two processes measuring at once would slow each other down
        return _measure(conf, sections, bench)


def no_measure(space: Space) -> str:
    """The reason why steps on a space cannot be compared with those of DARTS; empty where they can."""
    why = resolve("method", DARTS["name"])().bars(space)
    return f"DARTS, their measure, does not run on space {space.name}" if why else ""


def _measure(conf: Config, sections: Mapping[str, Mapping[str, Any]], bench: Bench) -> dict[str, str]:
    done = steps(conf)
    failed: dict[str, str] = {}
    wanted = {
        label: section
        for label, section in sections.items()
        if done.get(label, {}).get("section") != section and resolve("method", section["name"]).trains
    }
    if not wanted:
        return failed
    bench.reporter.note(f"seconds and memory per step: {', '.join(wanted)}")
    pair = first_batches(conf, bench)
    taken = {"": method_step(started(conf, DARTS, bench), *pair)}  # the baseline first
    for label, section in wanted.items():
        if section == DARTS:
            continue  # the baseline itself
        try:
            taken[label] = method_step(started(conf, section, bench), *pair)
        except Exception as error:  # an error in one method does not stop the others
            failed[label] = f"{type(error).__name__}: {error}"
            log = f"{label}/step_error.log"
            enter(conf.folder, (log,))
            write_text(conf.folder / log, traceback.format_exc())
    costs = step_costs(list(taken.values()), bench.device, warmup=1)
    _store(conf, wanted, dict(zip(taken, costs, strict=True)), bench)
    return failed


def _store(
    conf: Config, sections: Mapping[str, Mapping[str, Any]], costs: Mapping[str, StepCost], bench: Bench
) -> None:
    """Store each method with the cost of DARTS in the same minutes."""
    darts = costs[""]
    base = {"darts_seconds": darts.seconds, "darts_saved_bytes": darts.saved_bytes}
    own = {label: darts if section == DARTS else costs.get(label) for label, section in sections.items()}
    rows = {
        label: {"section": sections[label], **c._asdict(), **base}
        for label, c in own.items()
        if c is not None
    }
    with waiting(conf.folder):
        about = {"device": bench.device.type, "batch_size": conf.search.batch_size}
        write_json(conf.folder / "steps.json", {**about, "methods": {**steps(conf), **rows}})


def started(conf: Config, section: Mapping[str, Any], bench: Bench) -> Method:
    """A method on its own fresh supernet."""
    assert conf.compare is not None
    own = run_conf(conf, "steps", conf.compare.seeds[0], section)
    assert own.method is not None
    own.method.setup(search_run(own, bench.inputs, bench.device))
    return own.method


def first_batches(conf: Config, bench: Bench) -> tuple[Batch, Batch]:
    """The first batch of each half, as a search sees them."""
    assert conf.compare is not None
    own = run_conf(conf, "steps", conf.compare.seeds[0], DARTS)
    train, valid = halves(own, bench.inputs, bench.reporter)
    first, second = preparers(own, bench.inputs, bench.device)
    pair = first(next(iter(train.epoch(0)))), second(next(iter(valid.epoch(0))))
    train.close()
    valid.close()
    return pair
