"""Measures a step of search beside official code, in turns, each in a process of its own with one thread.

    python benchmarks/peers.py --setting nas_bench_201 --peer AUTODL --methods darts,gdas,snas
    python benchmarks/peers.py --setting cells --peer DARTS --methods darts,snas,parsec
    python benchmarks/peers.py --setting cells --peer PC-DARTS --kind pc_darts --methods pc_darts,darts

The peer is a folder with a clone of D-X-Y/AutoDL-Projects (for `nas_bench_201`; `--kind gdas` is its GDAS),
quark0/darts or yuhuixu1993/PC-DARTS (for `cells`). Nothing of it is kept here. It runs in its own form, with
first-order steps and gradients clipped at 5. Printed are CPU seconds (median over rounds), the median ratio
to the peer and to our DARTS in the same round, and the most MiB that autograd keeps for the backward pass.
"""

import argparse
import importlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import search_step
import torch
from torch import nn

from audionas.core.registry import resolve
from audionas.cost.table import table
from audionas.study.step_cost import BackwardBytes, Measured, method_step

PEER = "the peer"
ALPHA = {"lr": 3e-4, "betas": (0.5, 0.999), "weight_decay": 1e-3}
WEIGHTS = {"lr": 0.025, "momentum": 0.9, "weight_decay": 3e-4}


def main() -> None:
    """Start one process for each, let them step in turns, print a table."""
    args = _arguments()
    if args.worker:
        return _work(args)
    wanted = [*([PEER] if args.peer else []), *dict.fromkeys(["darts", *args.methods.split(",")])]
    workers = {name: _started(args, name) for name in wanted}
    rows = [{name: _ask(worker, "step") for name, worker in workers.items()} for _ in range(args.rounds)]
    kept = {name: _ask(worker, "memory") for name, worker in workers.items()}
    for worker in workers.values():
        assert worker.stdin is not None
        worker.stdin.close()
        worker.wait()
    print(f"{args.setting}, peer {args.peer and args.peer.name} ({args.kind}), {search_step._where()}\n")
    print("| step of | CPU s | x peer | x darts | MiB |\n|---|---:|---:|---:|---:|")
    for name in wanted:
        ratios = [_ratio(rows, name, other) if other in workers else "-" for other in (PEER, "darts")]
        seconds = statistics.median(row[name] for row in rows)
        print(f"| {name} | {seconds:.2f} | {' | '.join(ratios)} | {kept[name]:,.0f} |")
    return None


def _ratio(rows: list[dict[str, float]], name: str, other: str) -> str:
    return f"{statistics.median(row[name] / row[other] for row in rows):.2f}"


def _started(args: argparse.Namespace, name: str) -> "subprocess.Popen[str]":
    words = [sys.executable, __file__, "--worker", name, "--setting", args.setting, "--kind", args.kind]
    words += ["--peer", str(args.peer.resolve())] if args.peer else []
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    worker = subprocess.Popen(
        words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert worker.stdout is not None
    if worker.stdout.readline().strip() != "ready":
        raise SystemExit(f"{name} did not start")
    return worker


def _ask(worker: "subprocess.Popen[str]", what: str) -> float:
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write(f"{what}\n")
    return float(worker.stdout.readline())


def _work(args: argparse.Namespace) -> None:
    """Answer each line of standard input: the CPU seconds of a step, or the MiB that it keeps."""
    torch.set_num_threads(1)
    setting = search_step.SETTINGS[args.setting]
    batches = [search_step._batch(setting, seed) for seed in (0, 1)]
    step = _peer(args, *batches) if args.worker == PEER else _ours(args.worker, setting, *batches)
    step.take()
    print("ready", flush=True)
    for line in sys.stdin:
        if line.strip() == "memory":
            meter = BackwardBytes(step.owned())
            with meter.watching():
                step.take()
            print(meter.most / 2**20, flush=True)
        else:
            begun = time.process_time()
            step.take()
            print(time.process_time() - begun, flush=True)


def _ours(name: str, setting: Any, train: Any, valid: Any) -> Measured:
    space, method = resolve("space", setting.space)(**setting.fields), resolve("method", name)()
    search_step._set_up(method, space, setting, table(space, setting.io, setting.sizes))
    return method_step(method, train, valid)


def _peer(args: argparse.Namespace, train: Any, valid: Any) -> Measured:
    """A step of official code, which wants a GPU: `cuda` is made to do nothing."""
    torch.Tensor.cuda = lambda self, *_, **__: self  # type: ignore[method-assign]
    nn.Module.cuda = lambda self, *_, **__: self  # type: ignore[method-assign, assignment]
    torch.manual_seed(0)
    return (_autodl if args.setting == "nas_bench_201" else _cells)(args, train, valid)


def _autodl(args: argparse.Namespace, train: Any, valid: Any) -> Measured:
    """A supernet of AutoDL-Projects: 16 channels, 5 cells a stage."""
    sys.path.insert(0, str(args.peer))
    searched = importlib.import_module(f"xautodl.models.cell_searchs.search_model_{args.kind}")
    operations = importlib.import_module("xautodl.models.cell_operations").NAS_BENCH_201
    kind = {"darts": "TinyNetworkDarts", "gdas": "TinyNetworkGDAS"}[args.kind]
    net = getattr(searched, kind)(16, 5, 4, 10, operations, False, True).train()
    alpha = torch.optim.Adam(net.get_alphas(), **ALPHA)
    weights = torch.optim.SGD(net.get_weights(), nesterov=True, **WEIGHTS)

    def step_of_alpha() -> None:
        alpha.zero_grad()
        nn.functional.cross_entropy(net(valid.x)[1], valid.target).backward()
        alpha.step()

    take = _both(step_of_alpha, weights, net, lambda: net(train.x)[1], train.target)
    return Measured(take, lambda: [*net.parameters(), *net.buffers()])


def _cells(args: argparse.Namespace, train: Any, valid: Any) -> Measured:
    """A supernet of quark0/darts or of PC-DARTS: 16 channels, 8 cells."""
    folder = args.peer / "cnn" if (args.peer / "cnn").is_dir() else args.peer
    sys.path.insert(0, str(folder))
    searched, architect = (importlib.import_module(name) for name in ("model_search", "architect"))
    net = searched.Network(16, 10, 8, nn.CrossEntropyLoss()).train()
    weights = torch.optim.SGD(net.parameters(), **WEIGHTS)
    rates = {"arch_learning_rate": ALPHA["lr"], "arch_weight_decay": ALPHA["weight_decay"]}
    guide = architect.Architect(net, SimpleNamespace(momentum=0.9, weight_decay=3e-4, **rates))

    def step_of_alpha() -> None:
        guide.step(train.x, train.target, valid.x, valid.target, WEIGHTS["lr"], weights, False)

    take = _both(step_of_alpha, weights, net, lambda: net(train.x), train.target)
    return Measured(take, lambda: [*net.parameters(), *net.buffers(), *net.arch_parameters()])


def _both(
    alpha: Callable[[], None], weights: Any, net: nn.Module, logits: Callable[[], Any], target: torch.Tensor
) -> Callable[[], None]:
    def take() -> None:
        alpha()
        weights.zero_grad()
        nn.functional.cross_entropy(logits(), target).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        weights.step()

    return take


def _arguments() -> argparse.Namespace:
    about, _, examples = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=about, epilog=examples, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--setting", choices=("nas_bench_201", "cells"), default="nas_bench_201")
    parser.add_argument("--peer", type=Path, help="a clone of official code; default: none")
    parser.add_argument(
        "--kind", choices=("darts", "gdas", "pc_darts"), default="darts", help="the peer's method"
    )
    parser.add_argument("--methods", default="darts", help="ours, with commas; darts is always among them")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
