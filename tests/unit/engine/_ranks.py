"""What the processes of the tests run; `python -m torch.distributed.run ... _ranks.py FOLDER` writes theirs.

The tests run the same cases in one process, where a share is the whole batch, and compare.
"""

import dataclasses
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from audionas.config import load
from audionas.core.arch import InputSpec
from audionas.core.errors import UserError
from audionas.core.rng import seed_torch
from audionas.data.batches import Batch, Batches
from audionas.engine import distributed, processes
from audionas.engine.loop import fit
from audionas.engine.sync_norm import synced
from audionas.inputs.split import Inputs, Split
from audionas.run.train import Training
from audionas.spaces.kws_tc_resnet import KwsTcResnet
from tests._factory import config
from tests.invariants._cases import SPACES, TRAINED, batches, made, runs, started, variants

STILL = {"noisy_darts": {"std": 1e-30}, "p_darts": {"skip_dropout": (0.0, 0.0, 0.0)}}  # no noise an example
SEARCHES: dict[str, dict[str, Any]] = {name: STILL.get(name, {}) for name in TRAINED} | {
    "darts second order": {"order": 2},
    "darts exact": {"order": 2, "eps": None},
}
QUICK = ("darts", "spos")  # the others are slow tests: each norm is a message
STEPS = 2
IO = InputSpec(1, 6, 20, 3)

Share = Callable[[Batch], Batch]
Outcome = dict[str, Tensor]


def share(batch: Batch) -> Batch:
    """The part of a batch that falls to this process."""
    part = len(batch.target) // processes.count()
    mine = slice(processes.rank() * part, (processes.rank() + 1) * part)
    return Batch(batch.x[mine], batch.target[mine])


@contextmanager
def double() -> Iterator[None]:
    """New tensors are float64 inside the block."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def searched(case: str) -> Outcome:
    """Weights, statistics, alphas and what is derived after a few steps of a method."""
    name, fields = case.split()[0], dict(SEARCHES[case])
    quick = KwsTcResnet(width=0.25, se="none"), variants("nas_bench_201")[0]
    space = next(space for space in (*quick, *SPACES) if space.choices() and runs(name, space))
    if "draws" in {field.name for field in dataclasses.fields(made(name))}:
        fields["draws"] = 4
    with double():
        method = made(name, **fields)
        run = started(method, space, dropout=0.0, epochs=len(getattr(method, "depths", (1,))))
        run.sync_norms = True
        run.train = run.valid
        seed_torch(0, "steps")
        distributed.seed_own(0, "steps")
        method.on_epoch(0)
        told: dict[str, Tensor | float] = {}
        for train, valid in batches(run.io, STEPS, seed=5, size=8):
            pair = share(train), share(valid if method.halves else train)
            told = dict(method.step(*pair, 0.0))
        metrics = distributed.mean({k: float(torch.as_tensor(v).detach()) for k, v in told.items()})
        found = "/".join(f"{k}={','.join(v)}" for k, v in method.derive().choices.items())
        tensors = {**run.net.state_dict(), **{f"alpha.{n}": a.data for n, a in run.alphas.items()}}
    return {
        **{name: t.detach().clone().contiguous() for name, t in tensors.items()},
        "metrics": torch.tensor([metrics[k] for k in sorted(metrics)], dtype=torch.float64),
        "found": torch.tensor(list(found.encode())),
    }


class Numbers(Inputs):
    """Random features that carry a pattern of their class, as the network's own numbers."""

    noun = "clips"

    def __init__(self, count: int) -> None:
        rng = np.random.default_rng(0)
        targets = rng.integers(IO.classes, size=count)
        pattern = rng.normal(size=(IO.classes, *IO[1:3]))
        ids = [str(number) for number in range(count)]
        split = Split(ids, targets, ids)
        super().__init__(tuple("abc"), IO, split, split, "")
        source = pattern[targets] + 0.5 * rng.normal(size=(count, *IO[1:3]))
        object.__setattr__(self, "source", source)  # a frozen dataclass

    def batches(self, conf: Any, split: Split, rows: np.ndarray, **how: Any) -> Batches:
        how = {k: how[k] for k in ("batch_size", "shuffle", "workers")} | {"drop_last": how["shuffle"]}
        return Batches(self.source, split.targets, split.ids, split.ids, rows=rows, seed=0, **how)

    def ready(self, x: Tensor, masks: Any, *, final: bool) -> Tensor:
        return x.double()

    def halves(self, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
        raise NotImplementedError

    def to(self, device: torch.device) -> None:
        pass

    def facts(self, conf: Any) -> dict[str, Any]:
        return {}

    def bundle(self, *_: Any) -> Any:
        raise NotImplementedError


def trained(norms: str, folder: Path) -> Outcome:
    """Weights, statistics, their averages and the accuracies after two epochs of training."""
    folder.mkdir(parents=True, exist_ok=True)
    options = {"epochs": 2, "batch_size": 8, "bn": norms, "ema": 0.9, "optim": {"clip": 1.0}}
    conf = load(config(folder, file=folder / f"conf{processes.rank()}.yaml", train=options))
    with double():
        seed_torch(0, "weights")
        net = nn.Sequential(nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), Mean())
        net.append(nn.Linear(4, IO.classes))
        inputs = Numbers(32)
        work = Training(conf, Passing(net), inputs, torch.device("cpu"), processes.reporter())
        whole = inputs.batches(conf, inputs.train, np.arange(32), batch_size=8, shuffle=True, workers=0)
        mine = whole.shared(processes.rank(), processes.count())
        fit(
            work,
            mine.epoch,
            len(whole),
            epochs=2,
            seed=0,
            folder=folder,
            reporter=processes.reporter(),
            remedy="",
        )
    assert work.average is not None
    averages = {f"average.{name}": t.clone() for name, t in work.average.tensors.items()}
    accuracies = torch.tensor(work.accuracies, dtype=torch.float64)
    return {**work.net.state_dict(), **averages, "accuracies": accuracies}


class Mean(nn.Module):
    """Over frequency and time."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


class Passing(nn.Module):
    """Takes gates, and has no use for them."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor, gates: object = None) -> Tensor:
        logits: Tensor = self.net(x)
        return logits


def normed(dtype: torch.dtype, mean: float) -> Outcome:
    """A norm's output, statistics and gradients, the second derivative in its scale among them.

    In float32 the mean of the numbers may be large beside their spread.
    """
    rng = torch.Generator().manual_seed(0)
    x, w, b, pull = (
        torch.randn(n, generator=rng, dtype=torch.float64) for n in ((6, 3, 5, 4), 3, 3, (6, 3, 5, 4))
    )
    part = 6 // processes.count()
    mine = slice(processes.rank() * part, (processes.rank() + 1) * part)
    x = (x + mean)[mine].to(dtype).requires_grad_()
    w, b = w.to(dtype).requires_grad_(), b.to(dtype).requires_grad_()
    running = torch.zeros(3, dtype=dtype), torch.ones(3, dtype=dtype)
    with synced(True):
        y = torch.nn.functional.batch_norm(x, *running, w, b, True, 0.1, 1e-5)
    loss = (y.square() * pull[mine].to(dtype)).sum()
    gx, gw = torch.autograd.grad(loss, (x, w), create_graph=True)
    (second,) = torch.autograd.grad(gx.square().sum(), w)
    gathered = [distributed.total(whole(t, mine)) for t in (y.detach(), gx.detach())]
    summed = [distributed.total(t.detach()) for t in (gw, second)]
    names = ("y", "gx", "gw", "second", "running_mean", "running_var")
    return dict(zip(names, (*gathered, *summed, *running), strict=True))


def whole(part: Tensor, mine: slice) -> Tensor:
    """Zeros but for the part of this process."""
    full = torch.zeros(6, *part.shape[1:], dtype=part.dtype)
    full[mine] = part
    return full


def uneven() -> Outcome:
    """Shares of 2 and 4 examples: the counts are summed too."""
    x = torch.randn(6, 3, 4, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    mine = slice(0, 6) if processes.count() == 1 else (slice(0, 2), slice(2, 6))[processes.rank()]
    running = torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    with synced(True):
        y = torch.nn.functional.batch_norm(x[mine], *running, None, None, True)
    return {"y": distributed.total(whole(y, mine)), "mean": running[0], "var": running[1]}


def drawn() -> Outcome:
    """Two draws for all with one in between that each makes for itself, of another length."""
    seed_torch(7)
    distributed.seed_own(7)
    first = torch.rand(3)
    with distributed.own_draws():
        own = torch.rand(processes.rank() + 2)
    with distributed.forked_draws([]), distributed.own_draws():
        ahead = torch.rand(2)
    with distributed.own_draws():
        again = torch.rand(2)
    return {"all": torch.cat([first, torch.rand(3)]), "own": own[:2].clone(), "ahead": ahead, "again": again}


def refused() -> Outcome:
    """1 where it is refused that processes have gradients for different parameters."""
    layers = nn.Linear(2, 2), nn.Linear(2, 2)
    layers[processes.rank()](torch.ones(1, 2)).sum().backward()
    try:
        distributed.average_gradients([p for layer in layers for p in layer.parameters()])
    except UserError:
        return {"refused": torch.ones(1)}
    return {"refused": torch.zeros(1)}


def outcome(case: str, folder: Path) -> Outcome:
    """What a case gives here; `folder` is for its files."""
    others: dict[str, Callable[[], Outcome]] = {
        "train": lambda: trained("sync", folder / "sync"),
        "train local": lambda: trained("local", folder / "local"),
        "norm": lambda: normed(torch.float64, 0.0),
        "norm float32": lambda: normed(torch.float32, 1000.0),
        "uneven": uneven,
        "drawn": drawn,
        "refused": refused,
    }
    return searched(case) if case in SEARCHES else others[case]()


def main(folder: Path, cases: list[str]) -> None:
    """Each case's outcome in a file for each process."""
    torch.set_num_threads(1)
    with processes.joined():
        for case in cases:
            save_file(outcome(case, folder), folder / f"{case}.{processes.rank()}.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
