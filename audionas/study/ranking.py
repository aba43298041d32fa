"""The quality of supernets' rankings of networks: figures with intervals over networks and over supernets."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from audionas.config import Config
from audionas.core import records
from audionas.core.arch import ArchSpec
from audionas.core.records.run import EnvironmentRecord
from audionas.core.reporter import amount
from audionas.cost.table import table
from audionas.engine.agreement import order
from audionas.methods._score import STATISTICS
from audionas.report.rank import AGAIN, Ranking
from audionas.run.folder import environment
from audionas.study.truth import COSTS, Truth
from audionas.zoo.find import told as words_of

Scores = Mapping[str, Mapping[str, Mapping[str, float]]]  # by network, kind of statistics, and name


def ranking(
    conf: Config,
    specs: Sequence[ArchSpec],
    scores: Mapping[int, Scores],
    truth: Truth,
    runs: Sequence[Config],
    proxies: Mapping[str, np.ndarray],
) -> Ranking:
    """Combine the measurements; `scores` are by the supernet's seed, `runs` the supernets' configs, and
    `proxies` merits (n,) of the untrained networks.
    """
    assert conf.rank is not None
    assert conf.space is not None
    costs = table(conf.space, specs[0].io, specs[0].scale)
    orders = _orders(specs, scores)
    priced = {what: [costs.of(spec, what) for spec in specs] for what in COSTS.values()}
    again = _again(truth)
    rows = [
        {
            "arch": spec.id,
            "network": words_of(spec),
            "macs": priced["macs"][n],
            "params": priced["params"][n],
            "alone": float(truth.value[n]),
            **{kind: float(found[:, n].mean()) for kind, found in orders.items()},
            **{name: float(merit[n]) for name, merit in proxies.items()},
            **_by_seed(orders, scores, n),
            **({f"training {t}": float(v) for t, v in enumerate(truth.trainings[n], 1)} if again else {}),
        }
        for n, spec in enumerate(specs)
    ]
    top, found = conf.rank.firsts, {}
    for kind, values in orders.items():
        sign = -1 if kind.endswith(" loss") else 1  # the lower the better
        found[kind] = {**order(sign * values, truth.value, truth.choice, top), **_spread(values)}
    for name, what in COSTS.items():
        values = np.array([priced[what]], dtype=float)
        found[name] = {**order(values, truth.value, truth.choice, top), **_spread(values)}
        if truth.whole:
            found[f"{name}, all {truth.many:,}"] = {"kendall": {"value": truth.whole[name], "interval": None}}
    for name, merit in proxies.items():
        found[name] = {**order(merit[None], truth.value, truth.choice, top), **_spread(merit[None])}
    if again:
        found[AGAIN] = {**order(again[0], again[1], again[1], top), **_spread(again[0])}
    facts = _facts(conf, rows, truth, runs)
    return Ranking(conf.general.name, rows, found, facts, truth.clips, specs[0].io.classes)


def _orders(specs: Sequence[ArchSpec], scores: Mapping[int, Scores]) -> dict[str, np.ndarray]:
    """The scores (supernets, networks): accuracy under the name of the statistics, and the loss.

    Statistics that only some networks have, of an earlier sweep, are left out.
    """
    each = [own[spec.id] for own in scores.values() for spec in specs]
    if not each:
        return {}
    kinds = [kind for kind in each[0] if all(kind in own for own in each)]
    names = {kind: (kind, "accuracy") for kind in kinds}
    names |= {f"{kind} loss": (kind, "loss") for kind in map(str, STATISTICS)}
    return {
        name: np.array([[own[spec.id][kind][what] for spec in specs] for own in scores.values()])
        for name, (kind, what) in names.items()
    }


def _by_seed(orders: Mapping[str, np.ndarray], scores: Mapping[int, Scores], n: int) -> dict[str, float]:
    """The scores of a network in each of several supernets."""
    if len(scores) <= 1:
        return {}
    each = ((kind, seed, s) for kind in orders for s, seed in enumerate(scores))
    return {f"{kind}, seed {seed}": float(orders[kind][s, n]) for kind, seed, s in each}


def _again(truth: Truth) -> tuple[np.ndarray, np.ndarray] | None:
    """The first training (1, n) and the mean of the others (n,), of networks with two trainings or more.

    Their agreement is what the noise of training leaves for any predictor to reach.
    """
    several = np.isfinite(truth.trainings[:, :2]).sum(axis=1) > 1
    if several.sum() < 3:
        return None
    found = truth.trainings[several]
    return found[:, :1].T, np.nanmean(found[:, 1:], axis=1)


def _spread(values: np.ndarray) -> dict[str, float]:
    return {"mean": float(values.mean()), "sd": float(values.mean(axis=0).std(ddof=1))}


def _facts(conf: Config, rows: Sequence[Any], truth: Truth, runs: Sequence[Config]) -> dict[str, Any]:
    """The conditions of the measurement."""
    assert conf.rank is not None
    assert conf.space is not None
    run = (
        records.plain(EnvironmentRecord, runs[0].folder / "search" / "env.json")
        if runs
        else environment(conf.general.seed)
    )
    own = (
        {}
        if conf.rank.table
        else {"trainings of each": conf.rank.trainings, "alone epochs": conf.train.epochs}
    )
    return {
        "method": conf.raw["method"],
        "space": {"name": conf.space.name, **conf.raw["space"]},
        "networks": f"{len(rows)} different ones, spread over {conf.rank.strata}"
        if conf.rank.strata != "none"
        else f"{len(rows)} different ones, drawn uniformly",
        "truth": truth.words,
        "regret@k": f"of the best of {amount(len(rows), 'network')} less the best of the first k, "
        f"{truth.chosen}",
        **own,
        **(
            {
                "supernet seeds": [one.general.seed for one in runs],
                "supernet epochs": conf.search.epochs,
            }
            if runs
            else {"seed": conf.general.seed}
        ),
        **{key: run[key] for key in ("command", "git", "machine", "torch")},
    }
