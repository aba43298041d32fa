"""`audionas rank`: compares a supernet's order of networks with the order after training them alone."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from audionas.config import Config, changed
from audionas.core.arch import ArchSpec, InputSpec
from audionas.core.errors import UserError
from audionas.core.files import read_json, write_json
from audionas.core.reporter import amount
from audionas.core.rng import numpy_rng
from audionas.cost.table import table
from audionas.engine.conf import Compare, Rank
from audionas.methods._base import Method
from audionas.methods._one_shot import OneShot
from audionas.methods._score import STATISTICS, Scoring, score
from audionas.report.rank import Ranking, save, show
from audionas.run.folder import Busy
from audionas.run.search import opened, supernet
from audionas.run.supernet import finished, sizes_of
from audionas.run.train import train
from audionas.spaces._base import Space
from audionas.study import ranking
from audionas.study.bench import Bench, scored_split
from audionas.study.score import trained

_POOL = 2000  # random networks from which those of a study are picked


def rank(conf: Config, *, resume: bool = False, overwrite: bool = False) -> Ranking | None:
    """Train the supernet and each network alone, unless already done. Writes `exp/<name>/rank/`.

    Finished work is kept: scores by architecture, trained networks in separate folders, which two processes
    may divide between them; the one that finds some held by the other returns None. `overwrite` discards the
    supernet and its scores, never a trained network. Raises UserError as search and training do.
    """
    conf = replace(conf, rank=conf.rank or Rank(), searcher=None)
    assert conf.rank is not None
    assert conf.space is not None
    if conf.method is not None and not conf.method.trains:
        raise UserError(f"method {conf.raw['method']['name']} trains no supernet to rank networks with")
    supernet(conf, resume=resume, overwrite=overwrite)
    inputs, device, reporter = opened(conf)
    test = scored_split(conf, inputs, conf.rank.test, reporter)
    bench = Bench(conf.space, inputs, device, test, "", Compare(), None, {}, reporter)
    specs = drawn(conf.space, inputs.io, sizes_of(conf, conf.space), conf.rank)
    told = _scored(conf, bench, specs, overwrite=overwrite)
    alone = _trained(conf, bench, specs)
    if left := conf.rank.trainings * len(specs) - sum(map(len, alone.values())):
        reporter.note(f"another process trains {amount(left, 'network')}: run this again later")
        return None
    found = ranking.ranking(conf, specs, told, alone, f"{len(test):,} {inputs.noun}")
    save(found, conf.folder / "rank")
    show(found, reporter)
    return found


def drawn(space: Space, io: InputSpec, sizes: dict[str, int], options: Rank) -> list[ArchSpec]:
    """Distinct networks: those in a large random pool nearest to evenly spaced values of the cost.

    They depend only on the space, the input and `options`, so that several supernets get the same networks.
    """
    rng = numpy_rng(options.seed, "rank", space.name)
    costs = table(space, io, sizes)
    pool = {spec.id: spec for spec in (space.sample(rng, io) for _ in range(_POOL))}
    if len(pool) < options.networks:
        raise UserError(
            f"rank.networks: {options.networks}, but space {space.name} has about "
            f"{amount(len(pool), 'network')}"
        )
    left = [(costs.of(spec, options.strata), key) for key, spec in pool.items()]
    values = [cost for cost, _ in left]
    found = []
    for wanted in np.linspace(min(values), max(values), options.networks):
        nearest = min(left, key=lambda one: (abs(one[0] - wanted), one[1]))
        left.remove(nearest)
        found.append(replace(pool[nearest[1]], scale=sizes))
    return found


def _scored(conf: Config, bench: Bench, specs: Sequence[ArchSpec], *, overwrite: bool) -> dict[str, Any]:
    """The supernet's scores for each network, by id, with each kind of batch-norm statistics."""
    file = conf.folder / "rank" / "scores.json"
    told: dict[str, Any] = read_json(file) if file.exists() and not overwrite else {}
    missing = [spec for spec in specs if spec.id not in told]
    if missing:
        method = finished(conf, bench.inputs, bench.device, bench.reporter)
        for spec in bench.reporter.progress(missing, "scored by the supernet"):
            told[spec.id] = _scores(method, spec)
            write_json(file, told)
    return told


def _scores(method: Method, spec: ArchSpec) -> dict[str, dict[str, float]]:
    scoring = method.scoring if isinstance(method, OneShot) else Scoring()
    return {kind: score(method.run, spec, replace(scoring, statistics=kind)) for kind in STATISTICS}


def _trained(conf: Config, bench: Bench, specs: Sequence[ArchSpec]) -> dict[str, list[float]]:
    """The accuracies of each network's trainings alone, by id, without those that another process holds."""
    assert conf.rank is not None
    home = Path(conf.rank.alone or conf.folder / "rank" / "alone")
    accuracies: dict[str, list[float]] = {spec.id: [] for spec in specs}
    todo = list(product(range(conf.rank.trainings), specs))
    for number, (training, spec) in enumerate(todo, 1):
        bench.reporter.note(f"training {number} of {len(todo)}, {spec.id}, alone")
        file = home / "archs" / f"{spec.id}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            spec.save(file)
        try:
            bundle = train(_alone(conf, home, file, training), resume=True)
        except Busy:
            continue
        accuracies[spec.id].append(trained(conf, bundle, bench))
    return accuracies


def _alone(conf: Config, home: Path, file: Path, training: int) -> Config:
    """The config of one training: a seed derived from the study's, and no settings of the supernet."""
    assert conf.rank is not None
    nothing = dict.fromkeys(("space", "method", "searcher", "search", "compare", "rank"))
    name = f"{file.stem}_{training}" if training else file.stem
    own = {"name": name, "out": str(home), "arch": str(file), "seed": conf.rank.seed + training}
    return changed(conf, **nothing, **own)
