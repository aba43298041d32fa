"""Splits the CPU time of a search step: forward passes with and without a graph, backward passes, the rest.

    python benchmarks/passes.py --methods darts,gdas,parsec,rome
    python benchmarks/passes.py --setting cells --methods parsec,rome

One thread; the median of three steps for each method, on the batches and supernets of `search_step.py`.
"""

import argparse
import statistics
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import search_step
import torch

from audionas.core.registry import resolve
from audionas.cost.table import table
from audionas.study.step_cost import method_step

FORWARD, BARE, BACKWARD = "forward", "forward, no graph", "backward"
STEPS = 3


def main() -> None:
    """Print a table: of each kind of pass the number and the CPU seconds in a step."""
    args = _arguments()
    torch.set_num_threads(1)
    setting = search_step.SETTINGS[args.setting]
    space = resolve("space", setting.space)(**setting.fields)
    costs = table(space, setting.io, setting.sizes)
    batches = [search_step._batch(setting, seed) for seed in (0, 1)]
    head = " | ".join(f"{kind}: passes | CPU s" for kind in (BARE, FORWARD, BACKWARD))
    print(f"{args.setting}, {search_step._where()}\n\n| step of | {head} | the rest: CPU s | all |")
    print("|---|" + "---:|" * 8)
    for name in args.methods:
        method = resolve("method", name)()
        search_step._set_up(method, space, setting, costs)
        step = method_step(method, *batches)
        print(f"| {name} | {_row(step.take, method.run)} |", flush=True)


def _row(take: Callable[[], object], run: Any) -> str:
    counts, seconds, whole = Counter[str](), [], []
    for _ in range(STEPS):
        spent, counts = Counter[str](), Counter[str]()
        with _clocked(run, spent, counts):
            began = time.process_time()
            take()
            whole.append(time.process_time() - began)
        seconds.append(spent)
    kinds = [
        f"{counts[k]} | {statistics.median(s[k] for s in seconds):.2f}" for k in (BARE, FORWARD, BACKWARD)
    ]
    rest = statistics.median(w - sum(s.values()) for w, s in zip(whole, seconds, strict=True))
    return " | ".join([*kinds, f"{rest:.2f}", f"{statistics.median(whole):.2f}"])


class _clocked:
    """Inside the block, the supernet's passes and autograd's are counted and timed."""

    def __init__(self, run: Any, spent: Counter[str], counts: Counter[str]) -> None:
        self.run, self.spent, self.counts = run, spent, counts

    def __enter__(self) -> None:
        self.saved = torch.autograd.backward, torch.autograd.grad
        forward = self.run.logits
        self.run.logits = lambda *a: self._timed(FORWARD if torch.is_grad_enabled() else BARE, forward, *a)
        torch.autograd.backward = lambda *a, **k: self._timed(BACKWARD, self.saved[0], *a, **k)
        torch.autograd.grad = lambda *a, **k: self._timed(BACKWARD, self.saved[1], *a, **k)

    def __exit__(self, *_: object) -> None:
        torch.autograd.backward, torch.autograd.grad = self.saved
        del self.run.logits

    def _timed(self, kind: str, call: Callable[..., Any], *args: Any, **named: Any) -> Any:
        began = time.process_time()
        found = call(*args, **named)
        self.spent[kind] += time.process_time() - began
        self.counts[kind] += 1
        return found


def _arguments() -> argparse.Namespace:
    about, _, examples = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=about, epilog=examples, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--setting", choices=search_step.SETTINGS, default="nas_bench_201")
    parser.add_argument("--methods", type=search_step._methods, default=["darts", "gdas", "parsec", "rome"])
    return parser.parse_args()


if __name__ == "__main__":
    main()
