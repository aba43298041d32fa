"""`audionas check` also for comparisons and ranking studies: what all their runs together take."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from audionas.config import Config, changed
from audionas.core.errors import UserError
from audionas.core.reporter import Reporter, amount, clock, say
from audionas.core.rng import numpy_rng
from audionas.methods._score import STATISTICS
from audionas.run import check as alone
from audionas.run.check import scoring_time, search_time, train_time
from audionas.run.search import opened
from audionas.run.supernet import sizes_of, wanted
from audionas.study.budgets import require_measure
from audionas.study.rank import drawn
from audionas.study.rows import run_conf, runs_of

_TRAINED = 3  # networks whose training is timed: the cheapest, one between, the dearest


def check(conf: Config) -> dict[str, Any]:
    """The result of `run.check`, with the cost of a comparison or a ranking study where the config has one.

    Raises the UserErrors of both.
    """
    result = alone.check(conf)
    if conf.compare is not None:
        result["compare"] = _comparison(conf)
    if conf.rank is not None:
        result["rank"] = _ranking(conf)
    return result


def show(result: dict[str, Any]) -> None:
    """Print the result for people on standard output."""
    alone.show(result)
    if told := result.get("compare"):
        Reporter(stdout=True).table(
            ("method", "s per step", "steps", "one search"), [_row(*each) for each in told["methods"].items()]
        )
        trained = f", of which training {clock(told['train_seconds'])}" if told["train_seconds"] else ""
        say(f"compare: {amount(told['runs'], 'search')}, about {clock(told['seconds'])}{trained}")
    if told := result.get("rank"):
        say(
            f"rank: {amount(told['supernets'], 'supernet')}, about {clock(told['supernet_seconds'])}; "
            f"{amount(told['networks'], 'network')} scored, about {clock(told['score_seconds'])}; "
            f"{amount(told['trainings'], 'training')} alone, about {clock(told['train_seconds'])}",
            f"rank: about {clock(told['seconds'])} in all",
        )


def _row(label: str, told: Mapping[str, Any]) -> tuple[str, ...]:
    if "refused" in told:
        return (label, "", "", f"refused: {told['refused']}")
    return (label, f"{told['seconds_a_step']:.3f}", f"{told['steps']:,}", clock(told["seconds"]))


def _comparison(conf: Config) -> dict[str, Any]:
    """Each method's search, timed on its own supernet, and all searches and trainings together.

    With a budget of equal seconds each search lasts as long as that of DARTS.
    """
    assert conf.compare is not None
    runs = [run for run in runs_of(conf) if run.seed == conf.compare.seeds[0]]
    inputs, device, reporter = opened(runs[0].conf)
    methods = {run.label: _timed(run.conf, inputs, device, reporter) for run in runs}
    lasting = {label: told for label, told in methods.items() if "refused" not in told}
    if conf.compare.budget == "seconds":
        require_measure(wanted(runs[0].conf)[0])
        darts = _timed(run_conf(conf, "check", 0, {"name": "darts"}), inputs, device, reporter)
        lasting = {label: {**told, "seconds": darts.get("seconds", 0.0)} for label, told in lasting.items()}
    count, each = len(lasting) * len(conf.compare.seeds), 0.0
    if conf.compare.retrain and lasting:
        one = runs[0].conf
        space, _ = wanted(one)
        spec = space.sample(numpy_rng("check", 0), inputs.io)
        each = train_time(one, inputs, replace(spec, scale=sizes_of(one, space)), device, reporter)["seconds"]
    searching = len(conf.compare.seeds) * sum(float(told["seconds"]) for told in lasting.values())
    return {
        "methods": {**methods, **lasting},
        "runs": count,
        "train_seconds": count * each,
        "seconds": searching + count * each,
    }


def _timed(conf: Config, *opened: Any) -> dict[str, Any]:
    """The time of one search, or why the method refuses it."""
    space, method = wanted(conf)
    if why := method.alike or method.why_not(space):
        return {"refused": str(why).split("\n")[0]}
    try:
        return search_time(conf, *opened)
    except UserError as error:
        return {"refused": error.problems[0]}


def _ranking(conf: Config) -> dict[str, Any]:
    """The supernets, the scores of the networks that would be drawn, and their trainings alone.

    Training is timed on networks over the whole range of costs.
    """
    assert conf.rank is not None
    options, one = conf.rank, changed(conf, searcher=None, compare=None)
    space, method = wanted(one)
    if not method.trains:
        raise UserError(f"method {conf.raw['method']['name']} trains no supernet to rank networks with")
    inputs, device, reporter = opened(one)
    specs = drawn(space, inputs.io, sizes_of(one, space), options)
    supernets = max(1, len(options.seeds))
    searching = supernets * search_time(one, inputs, device, reporter)["seconds"]
    kinds = len(STATISTICS) + len(options.sweep)
    scoring = supernets * len(specs) * kinds * scoring_time(one, inputs, inputs.io, reporter)
    trainings = 0 if options.table else options.trainings * len(specs)
    few = [specs[i * (len(specs) - 1) // (_TRAINED - 1)] for i in range(_TRAINED)] if trainings else []
    each = [train_time(one, inputs, spec, device, reporter)["seconds"] for spec in few]
    training = trainings * sum(each) / max(len(each), 1)
    return {
        "supernets": supernets,
        "networks": len(specs),
        "trainings": trainings,
        "supernet_seconds": searching,
        "score_seconds": scoring,
        "train_seconds": training,
        "seconds": searching + scoring + training,
    }
