"""`audionas rank`: compares a supernet's order of networks with the order after training them alone."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from audionas.config import Config, changed
from audionas.core import records
from audionas.core.arch import ArchSpec, InputSpec
from audionas.core.errors import UserError
from audionas.core.files import read_json, sweep, write_json
from audionas.core.records.study import ScoresRecord
from audionas.core.reporter import amount
from audionas.core.rng import numpy_rng
from audionas.cost.table import table
from audionas.engine.conf import Compare, Rank
from audionas.methods._base import Method
from audionas.methods._one_shot import OneShot
from audionas.methods._score import STATISTICS, Scoring, score
from audionas.models.owned import RANKED, enter
from audionas.report.rank import Ranking, save, show
from audionas.run.folder import Busy
from audionas.run.search import opened, supernet
from audionas.run.supernet import finished, sizes_of, wanted
from audionas.run.train import train
from audionas.searchers._base import Problem
from audionas.searchers._vectors import every
from audionas.spaces._base import Space
from audionas.study import ranking
from audionas.study.bench import Bench, scored_split
from audionas.study.proxied import proxied
from audionas.study.score import trained
from audionas.study.truth import Table
from audionas.study.truth import trained as trained_alone

_POOL = 2000  # random networks from which those of a study are picked
_ALL = 10  # a space with fewer times the networks of a study is enumerated


def rank(conf: Config, *, resume: bool = False, overwrite: bool = False) -> Ranking | None:
    """Train the supernets and each network alone, unless already done. Writes `exp/<name>/rank/`.

    Several supernets lie in `exp/<name>/seed_<seed>`. Finished work is kept: scores by architecture, trained
    networks in separate folders, which two processes may divide between them; the one that finds some held by
    the other returns None. With a table nothing is trained alone, and with proxies a method without a
    supernet will do. `overwrite` discards the supernets and
    their scores, never a trained network. Raises UserError as search and training do.
    """
    conf = replace(conf, rank=conf.rank or Rank(), searcher=None)
    assert conf.rank is not None
    space, method = wanted(conf)
    if not method.trains:
        _require_no_supernet(conf.rank, f"method {conf.raw['method']['name']} trains no supernet")
    runs = _supernets(conf) if method.trains else []
    inputs, device, reporter = opened(conf)
    known = Table(conf.rank, space, inputs.io) if conf.rank.table else None
    test = inputs.dev if known else scored_split(conf, inputs, conf.rank.test, reporter)
    bench = Bench(space, inputs, device, test, "", Compare(), None, {}, reporter)
    specs = drawn(space, inputs.io, sizes_of(conf, space), conf.rank)
    for folder in dict.fromkeys((conf.folder, *(run.folder for run in runs))):
        enter(folder, RANKED)
    for run in runs:
        supernet(run, resume=resume, overwrite=overwrite)
    told = {run.general.seed: _scored(run, bench, specs, conf.rank, overwrite=overwrite) for run in runs}
    if known is not None:
        truth = known.truth(specs)
    else:
        alone = _trained(conf, bench, specs)
        if left := conf.rank.trainings * len(specs) - sum(map(len, alone.values())):
            reporter.note(f"another process trains {amount(left, 'network')}: run this again later")
            return None
        truth = trained_alone([alone[spec.id] for spec in specs], f"{len(test):,} {inputs.noun}", len(test))
    found = ranking.ranking(conf, specs, told, truth, runs, proxied(conf, bench, specs))
    save(found, conf.folder / "rank")
    show(found, reporter)
    return found


def _require_no_supernet(options: Rank, why: str) -> None:
    """Raise UserError where only a supernet can be ranked, or settings of supernets would change nothing."""
    if not options.proxies:
        raise UserError(
            f"{why} to rank networks with",
            hint="Take another method, or rank.proxies=[synflow,naswot,swap,az_nas]",
        )
    if void := [name for name in ("seeds", "sweep") if getattr(options, name)]:
        raise UserError([f"rank.{name}: {why}. Remove rank.{name}." for name in void])


def _supernets(conf: Config) -> list[Config]:
    """The config of each supernet: the study's own, or one for each of `rank.seeds`."""
    assert conf.rank is not None
    name = conf.general.name
    return [
        changed(conf, name=f"{name}/seed_{seed}", seed=seed, searcher=None) for seed in conf.rank.seeds
    ] or [conf]


def drawn(space: Space, io: InputSpec, sizes: dict[str, int], options: Rank) -> list[ArchSpec]:
    """Different networks of a large random pool: those nearest to evenly spaced values of the cost, or the
    first ones. They depend only on the space, the input and `options`: several supernets get the same.
    """
    rng = numpy_rng(options.seed, "rank", space.name)
    pool = _pool(space, io, options.networks, rng)
    if len(pool) < options.networks:
        raise UserError(
            f"rank.networks: {options.networks}, but space {space.name} has about "
            f"{amount(len(pool), 'network')}"
        )
    if options.strata == "none":
        return [replace(spec, scale=sizes) for spec in list(pool.values())[: options.networks]]
    costs = table(space, io, sizes)
    left = [(costs.of(spec, options.strata), key) for key, spec in pool.items()]
    values = [cost for cost, _ in left]
    found = []
    for goal in np.linspace(min(values), max(values), options.networks):
        nearest = min(left, key=lambda one: (abs(one[0] - goal), one[1]))
        left.remove(nearest)
        found.append(replace(pool[nearest[1]], scale=sizes))
    return found


def _pool(space: Space, io: InputSpec, count: int, rng: np.random.Generator) -> dict[str, ArchSpec]:
    """Networks in a random order by canonical form: `_POOL` draws, or all of a space with few of them."""
    if space.size() < _ALL * count:
        every_one = list(every(Problem(space, io, space.sizes, 0)))
        specs = [every_one[i] for i in rng.permutation(len(every_one))]
    else:
        specs = [space.sample(rng, io) for _ in range(max(_POOL, _ALL * count))]
    pool: dict[str, ArchSpec] = {}
    for spec in specs:
        pool.setdefault(space.canonical(spec), spec)
    return pool


def _scored(
    conf: Config, bench: Bench, specs: Sequence[ArchSpec], options: Rank, *, overwrite: bool
) -> dict[str, Any]:
    """The supernet's scores for each network, by id, with each kind of batch-norm statistics."""
    file = conf.folder / "rank" / "scores.json"
    told: dict[str, Any] = read_json(file) if file.exists() and not overwrite else {}
    hint = f"Delete {file}: the networks are scored again."
    records.check(ScoresRecord, {"scores": told}, str(file), hint)
    wanted_kinds = {*map(str, STATISTICS), *map(_swept, options.sweep)}
    missing = [spec for spec in specs if not wanted_kinds <= set(told.get(spec.id, ()))]
    if missing:
        method = finished(conf, bench.inputs, bench.device, bench.reporter)
        for spec in bench.reporter.progress(missing, "scored by the supernet"):
            told[spec.id] = {**told.get(spec.id, {}), **_scores(method, spec, options)}
            write_json(file, told)
    return told


def _scores(method: Method, spec: ArchSpec, options: Rank) -> dict[str, dict[str, float]]:
    scoring = method.scoring if isinstance(method, OneShot) else Scoring()
    kinds = {str(kind): replace(scoring, statistics=kind) for kind in STATISTICS}
    kinds |= {_swept(n): replace(scoring, statistics="recalibrated", calibration=n) for n in options.sweep}
    return {name: score(method.run, spec, kind) for name, kind in kinds.items()}


def _swept(batches: int) -> str:
    return f"recalibrated on {batches}"


def _trained(conf: Config, bench: Bench, specs: Sequence[ArchSpec]) -> dict[str, list[float]]:
    """The accuracies of each network's trainings alone, by id, without those that another process holds."""
    assert conf.rank is not None
    home = Path(conf.rank.alone or conf.folder / "rank" / "alone")
    accuracies: dict[str, list[float]] = {spec.id: [] for spec in specs}
    todo = list(product(range(conf.rank.trainings), specs))
    for number, (training, spec) in enumerate(todo, 1):
        bench.reporter.note(f"training {number} of {len(todo)}, {spec.id}, alone")
        file = home / "archs" / f"{spec.id}.json"
        sweep(file.parent)
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
