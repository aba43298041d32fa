"""The quality of a supernet's ranking of networks: figures with intervals by bootstrap over networks."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from audionas.config import Config
from audionas.core.arch import ArchSpec
from audionas.core.files import read_json
from audionas.cost.table import table
from audionas.engine.agreement import agreement, regret
from audionas.methods._score import STATISTICS
from audionas.report.rank import AGAIN, COST, SHOWN, Ranking
from audionas.zoo.find import told as words_of


def ranking(
    conf: Config,
    specs: Sequence[ArchSpec],
    scores: Mapping[str, Any],
    alone: Mapping[str, Sequence[float]],
    tested: str,
) -> Ranking:
    """Combine the measurements."""
    assert conf.rank is not None
    assert conf.space is not None
    costs = table(conf.space, specs[0].io, specs[0].scale)
    again = conf.rank.trainings > 1
    rows = [
        {
            "arch": spec.id,
            "network": words_of(spec),
            "macs": costs.of(spec, "macs"),
            "params": costs.of(spec, "params"),
            "alone": float(np.mean(alone[spec.id])),
            **{kind: scores[spec.id][kind]["accuracy"] for kind in STATISTICS},
            **({f"training {n}": value for n, value in enumerate(alone[spec.id], 1)} if again else {}),
        }
        for spec in specs
    ]
    found = {str(kind): _agreement(rows, kind, "alone", conf.rank.top) for kind in STATISTICS}
    found[COST] = _agreement(rows, conf.rank.strata, "alone", conf.rank.top)
    if again:
        found[AGAIN] = _agreement(rows, "training 2", "training 1", conf.rank.top)
    run = read_json(conf.folder / "search" / "env.json")
    facts = {
        "method": conf.raw["method"],
        "space": {"name": conf.space.name, **conf.raw["space"]},
        "networks": len(rows),
        "trainings of each": conf.rank.trainings,
        "scored on": tested,
        "seed": conf.general.seed,
        "supernet epochs": conf.search.epochs,
        "alone epochs": conf.train.epochs,
        **{key: run[key] for key in ("command", "git", "machine", "torch")},
    }
    return Ranking(conf.general.name, rows, found, facts)


def _agreement(
    rows: Sequence[Mapping[str, Any]], kind: str, truth: str, top: Sequence[int]
) -> dict[str, Any]:
    score, alone = (np.array([row[key] for row in rows], dtype=float) for key in (kind, truth))
    agreed = agreement(score.tolist(), alone.tolist())
    return {
        **{name: agreed[name] for name in SHOWN},
        **{f"regret@{k}": regret(score, alone, k) for k in top},
        "mean": float(score.mean()),
        "sd": float(score.std(ddof=1)),
    }
