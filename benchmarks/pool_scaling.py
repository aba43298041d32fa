"""The gain from scoring with 1 to 1,000 workers: a simulation, and the cost of the real pool per item.

    python benchmarks/pool_scaling.py                                 # the simulation, a table
    python benchmarks/pool_scaling.py --score 60 --load 120 --overhead 0.002
    python benchmarks/pool_scaling.py --measure                       # the real pool on this machine

The simulation has events but no networks. A search asks for `evaluations` scores, one generation after the
other, and the next generation is unknown before the last score of this one arrives (the barrier). A score
takes `score` seconds on average, log-normal with coefficient of variation `spread`. The searching process
spends `overhead` seconds on each item in turn, and `between` seconds after each generation; each worker loads
for `load` seconds before its first item. No worker dies, and storage and network are never full.
"""

import argparse
import heapq
import json
import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from audionas.core.pool.pool import Pool
from audionas.core.rng import numpy_rng

ITEM = {"space": "kws_mobilenet", "choices": {f"layer{i}": f"mb_k{3 + 2 * (i % 3)}_e3" for i in range(20)}}


class Setting(NamedTuple):
    """The settings of a simulation; all times in seconds."""

    evaluations: int
    score: float
    spread: float
    load: float
    overhead: float
    between: float


class Outcome(NamedTuple):
    """Seconds of the whole search, and the sum over all its scores."""

    seconds: float
    scoring: float


def simulate(setting: Setting, workers: int, population: int, seed: int = 0) -> Outcome:
    """Simulate the search's events in order of time."""
    sigma = math.sqrt(math.log(1 + setting.spread**2))
    draw = numpy_rng(seed, "pool scaling").lognormal
    scores = draw(math.log(setting.score) - sigma**2 / 2, sigma, setting.evaluations)
    free = [setting.load] * min(workers, population)  # when each worker can take an item: a heap
    now = 0.0  # the searching process's clock
    for first in range(0, setting.evaluations, population):
        last = now
        for seconds in scores[first : first + population]:
            now = max(now, heapq.heappop(free)) + setting.overhead
            heapq.heappush(free, now + seconds)
            last = max(last, now + seconds)
        now = last + setting.between
    return Outcome(now, float(np.sum(scores)))


def echo() -> Callable[[Any], Any]:
    """A worker function that does nothing."""
    return lambda item: item


def sleep(seconds: float) -> Callable[[Any], Any]:
    """A worker function that takes time but no processor."""

    def answer(item: Any) -> Any:
        time.sleep(seconds)
        return item

    return answer


def main() -> None:
    """Simulate, or measure."""
    args = _arguments()
    if args.measure:
        measure(args.items)
        return
    setting = Setting(args.evaluations, args.score, args.spread, args.load, args.overhead, args.between)
    print(f"A simulation, not a measurement: {setting}\n")
    print("| workers | " + " | ".join(f"{p:,} per generation" for p in args.populations) + " |")
    print("|---:" * (1 + len(args.populations)) + "|")
    for workers in args.workers:
        cells = [_cell(simulate(setting, workers, p), workers) for p in args.populations]
        print(f"| {workers:,} | " + " | ".join(cells) + " |")


def _cell(outcome: Outcome, workers: int) -> str:
    speed = outcome.scoring / outcome.seconds
    return f"{outcome.seconds / 60:,.1f} min, x {speed:,.1f}, {speed / workers:.0%} busy"


def measure(items: int) -> None:
    """Print seconds per item of the idle real pool, then compare sleeping workers with the simulation."""
    print(f"{items} items of {len(json.dumps(ITEM))} characters, echoed\n")
    print("| backend | workers | first result: s | ms per item |\n|---|---:|---:|---:|")
    overheads = {}
    for backend in ("process", "ray"):
        for workers in (1, 2):
            first, each = timed("echo", {}, items, workers, backend)
            overheads[backend, workers] = each
            print(f"| {backend} | {workers} | {first:.2f} | {1e3 * each:.3f} |", flush=True)
    print("\n200 items of 0.1 s, slept\n")
    print("| backend | workers | measured: s | simulated: s |\n|---|---:|---:|---:|")
    for backend, workers in (("process", 2), ("process", 8), ("ray", 2), ("ray", 8)):
        _, each = timed("sleep", {"seconds": 0.1}, 200, workers, backend)
        setting = Setting(200, 0.1, 0.0, 0.0, overheads[backend, 2], 0.0)
        print(f"| {backend} | {workers} | {200 * each:.2f} | {simulate(setting, workers, 200).seconds:.2f} |")


def timed(function: str, args: dict[str, Any], items: int, workers: int, backend: Any) -> tuple[float, float]:
    """Seconds to the first result of a new pool, and seconds per item once all workers have started."""
    import pool_scaling  # as workers import it: by its name, not as __main__

    start = time.perf_counter()
    with Pool(getattr(pool_scaling, function), args, workers=workers, backend=backend) as pool:
        next(warm := pool.map([ITEM] * 200))
        first = time.perf_counter() - start
        list(warm)
        start = time.perf_counter()
        assert list(pool.map([ITEM] * items)) == [ITEM] * items
        return first, (time.perf_counter() - start) / items


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", action="store_true", help="run the real pool instead")
    parser.add_argument("--items", type=int, default=2000, help="number of items that --measure echoes")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 10, 100, 1000])
    parser.add_argument("--populations", type=int, nargs="+", default=[64, 256, 1024])
    parser.add_argument("--evaluations", type=int, default=10240)
    parser.add_argument("--score", type=float, default=10.0, help="mean seconds per score")
    parser.add_argument("--spread", type=float, default=0.2, help="deviation of these over their mean")
    parser.add_argument("--load", type=float, default=30.0, help="seconds until a new worker is ready")
    parser.add_argument("--overhead", type=float, default=0.001, help="seconds of the searcher per item")
    parser.add_argument("--between", type=float, default=0.5, help="seconds of search after a generation")
    return parser.parse_args()


if __name__ == "__main__":
    main()
