"""The score of a network inside a supernet, with the supernet's weights and without training."""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from audionas.core.arch import ArchSpec
from audionas.core.errors import UserError
from audionas.core.rng import seed_torch
from audionas.core.strict import Strict
from audionas.data.batches import Batch
from audionas.engine.metrics import macro_f1
from audionas.engine.recalibrate import of_each_batch, recalibrated
from audionas.methods._base import SearchRun
from audionas.nn.edge import Gates

Statistics = Literal["recalibrated", "running"]
STATISTICS: tuple[Statistics, ...] = get_args(Statistics)
Known = Literal["recalibrated", "running", "batch"]  # with those of each batch itself, as in training


@dataclass(frozen=True, kw_only=True)
class Scoring(Strict):
    """The batch-norm statistics with which a network is scored, and the part of the held-out half used.

    `recalibrated` measures them anew on `calibration` batches of training data, for this network alone
    (SPOS, Guo et al., arXiv:1904.00420); `running` uses the supernet's, a mixture over all networks, as
    FairNAS does. Eight batches are enough: 4 to 128 give one order within its interval (docs/results.md).
    The first `batches` of the held-out half are scored, or with 0 all of it.
    """

    statistics: Statistics = "recalibrated"
    calibration: int = 8
    batches: int = 0

    def __post_init__(self) -> None:
        problems = []
        if self.calibration < 1:
            problems.append(f"scoring.calibration is {self.calibration}, expected at least 1 batch")
        if self.batches < 0:
            problems.append(f"scoring.batches is {self.batches}, expected 0 (all) or a number of batches")
        if problems:
            raise UserError(problems)


def gates_of(run: SearchRun, spec: ArchSpec) -> Gates:
    """The gates with which the supernet computes `spec`, on the run's device."""
    gates = run.space.one_hot(spec)
    return Gates({n: gate._replace(weight=gate.weight.to(run.device)) for n, gate in gates.items()})


@torch.no_grad()
def score(run: SearchRun, spec: ArchSpec, scoring: Scoring) -> dict[str, float]:
    """`accuracy`, `macro_f1` (over the classes that occur) and mean `loss` on the held-out half.

    It is a function of the weights, the data and the architecture: earlier scores and the process that
    scores have no influence. Raises UserError if there is nothing to score on.
    """
    batches = itertools.islice(run.valid(), scoring.batches or None)
    how, few = scoring.statistics, scoring.calibration
    return score_gates(run, gates_of(run, spec), batches, how, calibration=few, draws=spec.id)


@torch.no_grad()
def score_gates(
    run: SearchRun,
    gates: Gates,
    batches: Iterable[Batch],
    statistics: Known,
    *,
    calibration: int = 8,
    draws: str = "gates",
) -> dict[str, float]:
    """The same for any gates, not only one-hot ones, on `batches`.

    `batch` takes each batch's own statistics, as in training, but nothing else of training: neither dropout
    nor a method's noise acts. Statistics, modes and random states are afterwards as they were; `draws` names
    the draws of operations that are noise.
    """
    guesses: list[Tensor] = []
    targets: list[Tensor] = []
    loss = 0.0
    with torch.random.fork_rng(devices(run)), _statistics(run, gates, statistics, calibration):
        seed_torch(run.seed, "score", draws)  # operations that are noise draw from torch
        for batch in batches:
            logits = run.logits(batch.x, gates)
            loss += float(run.criterion(logits, batch.target)) * len(batch.target)
            guesses.append(logits.argmax(1).cpu())
            targets.append(batch.target.cpu())
    if not targets:
        raise UserError("no held-out examples to score networks on", hint="Lower search.split")
    guess, target = torch.cat(guesses), torch.cat(targets)
    told = {
        "accuracy": float((guess == target).double().mean()),
        "macro_f1": macro_f1(guess.numpy(), target.numpy()),
        "loss": loss / len(target),
    }
    return {name: value if math.isfinite(value) else _worst(name) for name, value in told.items()}


@contextmanager
def standing(run: SearchRun, spec: ArchSpec, scoring: Scoring) -> Iterator[Callable[[Tensor], Tensor]]:
    """Inside the block: features to logits by a network of the supernet, with the statistics and the draws
    with which `score` scores it. Without gradients."""
    gates = gates_of(run, spec)
    with (
        torch.no_grad(),
        torch.random.fork_rng(devices(run)),
        _statistics(run, gates, scoring.statistics, scoring.calibration),
    ):
        seed_torch(run.seed, "score", spec.id)
        yield lambda x: run.logits(x, gates)


def _worst(name: str) -> float:
    """The value in place of one that is not a number: a network whose outputs overflow is the worst."""
    return 1e9 if name == "loss" else 0.0


@contextmanager
def _statistics(run: SearchRun, gates: Gates, statistics: Known, calibration: int) -> Iterator[None]:
    """Put the supernet in evaluation mode with these statistics, and restore it afterwards."""
    if statistics == "batch":
        with of_each_batch(run.net):
            yield
        return
    if statistics == "recalibrated":
        batches = itertools.islice(run.train(), calibration)
        with recalibrated(run.net, lambda batch: run.logits(batch.x, gates), batches):
            yield
        return
    modes = {module: module.training for module in run.net.modules()}
    run.net.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def devices(run: SearchRun) -> list[torch.device]:
    """The devices whose random state `fork_rng` keeps, besides the CPU's."""
    return [run.device] if run.device.type == "cuda" else []
