"""Measures time and memory of a search step of every method and of a plain network, on random tensors.

    python benchmarks/search_step.py                                  # all three settings, one table each
    python benchmarks/search_step.py --setting cells --methods darts,gdas --rounds 10
    python benchmarks/search_step.py --label before --out benchmarks/results   # one JSON file per setting

A step updates alpha and the weights once each, first order. Steps are taken in turns, and each ratio is the
median over rounds of seconds against those of DARTS in the same round. "Saved" is the most bytes that
autograd keeps for the backward pass at one time, without parameters and buffers.
"""

import argparse
import platform
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from audionas.core.arch import InputSpec
from audionas.core.files import write_json
from audionas.core.registry import names, resolve
from audionas.core.rng import numpy_rng, seed_torch
from audionas.cost.table import CostTable, table
from audionas.data.batches import Batch
from audionas.engine.optim import Optim
from audionas.methods._base import Method, SearchRun
from audionas.spaces._base import Space
from audionas.study.step_cost import StepCost, method_step, network_step, step_costs

OPTIM = Optim(lr=0.025, momentum=0.9, weight_decay=3e-4, clip=5.0)
EPOCHS = 60  # enough for every method's warm-up to end before the timed step
MIB = 2**20


class Setting(NamedTuple):
    """A supernet and the batches that it sees."""

    space: str
    fields: dict[str, Any]
    sizes: dict[str, int]
    io: InputSpec
    batch: int


SETTINGS = {
    "nas_bench_201": Setting(
        "nas_bench_201", {}, {"layers": 5, "channels": 16}, InputSpec(3, 32, 32, 10), 64
    ),
    "cells": Setting("darts_cell", {}, {"layers": 8, "channels": 16}, InputSpec(3, 32, 32, 10), 16),
    "keywords": Setting("kws_mobilenet", {"preset": "darts"}, {}, InputSpec(1, 40, 98, 12), 64),
}


def main() -> None:
    """Measure each setting, print its table, and write it if requested."""
    args = _arguments()
    torch.set_num_threads(args.threads)
    for name in args.setting or SETTINGS:
        rows = measure(SETTINGS[name], args.methods, args.rounds)
        print(f"\n{name}: {_about(SETTINGS[name])}; {args.threads} threads\n\n{_markdown(rows)}")
        if args.out:
            costs = {label: cost._asdict() for label, cost in rows.items()}
            about = {"setting": SETTINGS[name]._asdict(), "threads": args.threads, **_where()}
            write_json(args.out / f"search_step_{name}_{args.label}.json", {**about, "steps": costs})


def measure(setting: Setting, methods: list[str], rounds: int) -> dict[str, StepCost]:
    """The cost of a step by method, DARTS first, then of one random network of the space alone."""
    space: Space = resolve("space", setting.space)(**setting.fields)
    train, valid = (_batch(setting, seed) for seed in (0, 1))
    kinds = {name: resolve("method", name) for name in ["darts", *(m for m in methods if m != "darts")]}
    fit = {name: m for name, kind in kinds.items() if kind.trains and not (m := kind()).refuses(space)}
    costs = table(space, setting.io, setting.sizes)
    taken = {}
    for name, method in fit.items():
        _set_up(method, space, setting, costs)
        taken[name] = method_step(method, train, valid)
    taken["a network"] = network_step(_network(space, setting), OPTIM, train)
    device = torch.device("cpu")
    return dict(zip(taken, step_costs(list(taken.values()), device, rounds=rounds), strict=True))


def _set_up(method: Method, space: Space, setting: Setting, costs: CostTable) -> None:
    seed_torch(0, "benchmark")
    net = space.supernet(method.fill, setting.io, sizes=setting.sizes, bare=method.bare, k=method.k)
    fixed = {"epochs": EPOCHS, "seed": 0, "device": torch.device("cpu"), "optim": OPTIM}
    method.setup(
        SearchRun(space=space, io=setting.io, net=net, costs=costs, sizes=setting.sizes, k=method.k, **fixed)
    )


def _network(space: Space, setting: Setting) -> torch.nn.Module:
    """A random architecture at the supernet's size."""
    seed_torch(0, "benchmark")
    spec = space.sample(numpy_rng(0, "benchmark"), setting.io)
    return space.build(replace(spec, scale=setting.sizes))


def _batch(setting: Setting, seed: int) -> Batch:
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(setting.batch, *setting.io[:3], generator=rng)
    return Batch(x, torch.randint(setting.io.classes, (setting.batch,), generator=rng))


def _about(setting: Setting) -> str:
    size = ", ".join(f"{k} {v}" for k, v in {**setting.fields, **setting.sizes}.items())
    shape = "x".join(str(n) for n in setting.io[:3])
    return f"{setting.space} ({size}), batches of {setting.batch} x {shape}"


def _markdown(rows: dict[str, StepCost]) -> str:
    alone = rows["a network"]
    head = ["| step of | seconds | x DARTS | x a network | saved MiB | x DARTS |", "|---|" + "---:|" * 5]
    return "\n".join(
        head
        + [
            f"| {label} | {c.seconds:.2f} | {c.time_ratio:.2f} | {c.time_ratio / alone.time_ratio:.1f} "
            f"| {c.saved_bytes / MIB:,.0f} | {c.memory_ratio:.2f} |"
            for label, c in rows.items()
        ]
    )


def _where() -> dict[str, str]:
    """Commit and machine."""
    told = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False
    )
    return {"commit": told.stdout.strip(), "machine": platform.machine(), "torch": torch.__version__}


def _arguments() -> argparse.Namespace:
    about, _, examples = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=about, epilog=examples, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--setting", action="append", choices=SETTINGS, help="may be repeated; default: all")
    parser.add_argument("--methods", type=_methods, default=names("method"), help="a,b,c; default: all")
    parser.add_argument("--rounds", type=int, default=5, help="timed steps per method (default 5)")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch (default 2)")
    parser.add_argument("--out", type=Path, help="folder for one JSON file per setting")
    parser.add_argument("--label", default="now", help="part of the file's name (default now)")
    return parser.parse_args()


def _methods(text: str) -> list[str]:
    known = names("method")
    if unknown := [name for name in text.split(",") if name not in known]:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not among {', '.join(known)}")
    return text.split(",")


if __name__ == "__main__":
    sys.exit(main())
