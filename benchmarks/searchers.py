"""Compares searchers by hypervolume at equal numbers of requested networks, over seeds, without a supernet.

    python benchmarks/searchers.py                                     # only the analytic problem
    python benchmarks/searchers.py --table nasbench201.npz             # NAS-Bench-201 too
    python benchmarks/searchers.py --seeds 3 --networks 300            # a quick look

Scores come from a formula over `kws_mobilenet` (parameters are the space's own), or from a table file of
NAS-Bench-201 (recipes/nas_bench_201/README.md): validation accuracy on CIFAR-10 against parameters or
against latency. Each has a known true front, and hypervolumes are shares of the true front's.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import stats

from audionas.core.arch import ArchSpec, InputSpec
from audionas.core.registry import resolve
from audionas.core.rng import numpy_rng
from audionas.cost.table import table as cost_table
from audionas.searchers._base import Direction, Problem, Score
from audionas.searchers._front import extent, hypervolume, hypervolumes, minimal, points
from audionas.spaces._base import Space
from audionas.spaces._nb201_code import code_of
from audionas.spaces.kws_mobilenet import KwsMobilenet
from audionas.spaces.nas_bench_201 import NasBench201
from audionas.spaces.tables.nas_bench_201 import Nb201Table, Outcome

SEARCHERS = ("nsga2", "reinforced", "evolution", "random")
POPULATION = 50
Values = dict[str, float]


class Task(NamedTuple):
    """A problem with a known true front; `front` holds its points, to minimise."""

    name: str
    space: Space
    io: InputSpec
    objectives: dict[str, Direction]
    values: Callable[[ArchSpec], Values]
    front: np.ndarray


def main() -> None:
    """Run every searcher on every task and print one table per task."""
    args = _arguments()
    for task in [analytic(), *(nas_bench_201(args.table) if args.table else [])]:
        moments = [n for n in (args.networks // 4, args.networks // 2, args.networks) if n]
        found = {name: _shares(task, name, args.seeds, args.networks)[:, moments] for name in SEARCHERS}
        print(f"\n{task.name}: {task.space.size():,} networks, {len(task.front)} points on the true front\n")
        print(_markdown(found, moments))


def analytic() -> Task:
    """A task with random gains of options and neighbours; accuracy saturates, parameters are the space's."""
    space, io, rng = KwsMobilenet(), InputSpec(1, 40, 98, 12), numpy_rng("benchmark", "searchers")
    costs, choices = cost_table(space, io), space.choices()
    params = np.array([[costs.options[c.name][o].params for o in c.options] for c in choices])
    gains = 0.5 * np.log(params / params.min(1, keepdims=True)) + 0.25 * rng.random(params.shape)
    pairs = 0.1 * rng.random((len(choices) - 1, params.shape[1], params.shape[1]))

    def values(spec: ArchSpec) -> Values:
        codes = space.encode(spec)
        gain = gains[np.arange(len(codes)), codes].sum()
        gain += pairs[np.arange(len(pairs)), codes[:-1], codes[1:]].sum()
        return {"accuracy": float(_saturated(gain)), "params": float(costs.of(spec, "params"))}

    front = _additive_front(gains, pairs, params)
    front = np.column_stack([-_saturated(-front[:, 0]), front[:, 1] + costs.base.params])
    objectives: dict[str, Direction] = {"accuracy": "max", "params": "min"}
    return Task("A formula over kws_mobilenet", space, io, objectives, values, front)


def _additive_front(gains: np.ndarray, pairs: np.ndarray, params: np.ndarray) -> np.ndarray:
    """The front (n, 2) of (-gain, parameters) over all chains, by dynamic programming over last options."""
    layers, options = gains.shape
    ends = [np.array([[-gains[0, o], params[0, o]]]) for o in range(options)]
    for layer in range(1, layers):
        steps = np.stack(
            [-pairs[layer - 1] - gains[layer], np.broadcast_to(params[layer], pairs[0].shape)], -1
        )
        ends = [
            _thinned(np.vstack([end + steps[b, o] for b, end in enumerate(ends)])) for o in range(options)
        ]
    return _thinned(np.vstack(ends))


def nas_bench_201(path: Path) -> list[Task]:
    """Tasks of accuracy against parameters, and against the table's latency on its authors' GPU."""
    space, io, table = NasBench201(), InputSpec(3, 32, 32, 10), Nb201Table.load(path)
    outcomes, columns = table.outcomes["cifar10"], Outcome._fields
    tasks = []
    for cost, column in (("params", "params_m"), ("latency_ms", "latency_s")):
        objectives: dict[str, Direction] = {"accuracy": "max", cost: "min"}
        scale = 1e6 if cost == "params" else 1e3

        def of(row: int, cost: str = cost, column: str = column, scale: float = scale) -> Values:
            found = outcomes[row]
            return {"accuracy": found[columns.index("val")] / 100, cost: scale * found[columns.index(column)]}

        def values(spec: ArchSpec, of: Callable[[int], Values] = of) -> Values:
            return of(table.rows[code_of(spec)])

        whole = points([Score(of(row)) for row in range(len(outcomes))], objectives)
        tasks.append(
            Task(f"NAS-Bench-201, accuracy and {cost}", space, io, objectives, values, whole[minimal(whole)])
        )
    return tasks


def _saturated(gain: np.ndarray) -> np.ndarray:
    return 1 - np.exp(-gain / 4)


def _thinned(values: np.ndarray) -> np.ndarray:
    """The points with two objectives that no other dominates, and one of equal points."""
    ordered = values[np.lexsort(values.T[::-1])]
    best = np.minimum.accumulate(np.append(np.inf, ordered[:, 1]))[:-1]
    return ordered[ordered[:, 1] < best]


def _shares(task: Task, name: str, seeds: int, networks: int) -> np.ndarray:
    """Hypervolume (seeds, networks + 1) by number of networks, over that of the true front."""
    best, worst = extent(task.front)
    reference = worst + 0.1 * (worst - best)
    most = hypervolume(task.front, reference)
    sizes = {"population": POPULATION, "generations": networks // POPULATION}
    conf = {"networks": networks} if name in ("evolution", "random") else sizes
    latency = {"latency": "the table"} if "latency_ms" in task.objectives else {}
    searcher = resolve("searcher", name)(objectives=task.objectives, **latency, **conf)
    shares = np.zeros((seeds, networks + 1))
    for seed in range(seeds):
        scores: list[Score] = []

        def evaluate(specs: Sequence[ArchSpec], scores: list[Score] = scores) -> list[Score]:
            scores += [Score(task.values(spec)) for spec in specs]
            return scores[-len(specs) :]

        searcher.run(Problem(task.space, task.io, task.space.sizes, seed), evaluate)
        found = hypervolumes(points(scores, task.objectives), reference) / most
        assert found[-1] <= 1 + 1e-9, "the true front is not the front"
        shares[seed, 1 : len(found) + 1] = found
        shares[seed, len(found) + 1 :] = found[-1]  # a search that ended early keeps its last value
    return shares


def _markdown(found: Mapping[str, np.ndarray], moments: Sequence[int]) -> str:
    """A table of mean, deviation and interval, and of the difference from nsga2 with the same seed."""
    head = ["searcher", "networks", "mean", "deviation", "95 % interval", "less nsga2's", "95 % interval"]
    lines = [f"| {' | '.join(head)} |", "|---|" + "---:|" * (len(head) - 1)]
    for column, moment in enumerate(moments):
        for name, shares in found.items():
            own, less = shares[:, column], shares[:, column] - found["nsga2"][:, column]
            cells = [name, f"{moment:,}", f"{own.mean():.4f}", f"{own.std(ddof=1):.4f}", _interval(own)]
            cells += ["-", "-"] if name == "nsga2" else [f"{less.mean():+.4f}", _interval(less, "+")]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _interval(values: np.ndarray, sign: str = "") -> str:
    """Student's t-interval of the mean."""
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean() - half:{sign}.4f} to {values.mean() + half:{sign}.4f}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--table", type=Path, help="a table file of NAS-Bench-201")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument(
        "--networks", type=int, default=1000, help=f"networks per search; a multiple of {POPULATION}"
    )
    args = parser.parse_args()
    if args.seeds < 2 or args.networks < POPULATION or args.networks % POPULATION:
        parser.error(f"expected at least 2 seeds and a positive multiple of {POPULATION} networks")
    return args


if __name__ == "__main__":
    main()
