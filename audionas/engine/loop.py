"""The only epoch loop, for search and for training.

The loop drives a `Driven` and does not know what it does. An epoch seeds torch from (seed, epoch)
when it begins and data order is a function of the epoch, so a run that was interrupted and resumed
takes the same steps, bit for bit on the same kind of CPU and number of threads. If there are several
processes, the first writes, and the others wait for it.
"""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from statistics import median
from typing import Any, Protocol

import torch
from torch import Tensor

from audionas.core.errors import UserError
from audionas.core.reporter import Reporter
from audionas.core.rng import seed_torch
from audionas.engine import checkpoint, distributed, processes
from audionas.engine.checkpoint import State

Metrics = Mapping[str, Tensor | float]
_LOSSES = ("loss", "valid_loss")
_MOST = 100.0  # times the first step's loss, or nats: guessing among a million classes costs 14
_LARGEST = 1e15  # of any loss: what a checkpoint may hold of the first step's
_LOGIT = 1000.0  # of an alpha: single precision has no gradient beyond 104, and GDAS' temperature is 10
_PACE = 5  # epochs whose median time tells how long the rest takes: the first one starts everything up


class Driven(Protocol):
    """Work for the loop; `progress` is the fractional epoch, for schedules."""

    def begin(self, epoch: int) -> None:
        """Prepare for an epoch's first step."""

    def step(self, batch: Any, progress: float) -> Metrics:
        """Process one batch; tensors are averaged over the epoch without waiting for the device."""

    def end(self, epoch: int) -> Mapping[str, float]:
        """Finish an epoch after its last step: validate, and return values for the log."""

    def stop(self) -> bool:
        """Tell whether to end before the last epoch."""

    def state(self) -> State:
        """The state to remember; `restore` restores it."""

    def restore(self, state: State) -> None:
        """Go back to a saved state."""


def fit(
    work: Driven,
    batches: Callable[[int], Iterable[Any]],
    steps: int,
    *,
    epochs: int,
    seed: int,
    folder: Path,
    reporter: Reporter,
    remedy: str,
) -> None:
    """Run `work` up to `epochs` epochs of `steps` batches, from the newest checkpoint in `folder/ckpt`.

    Raises UserError at the end of an epoch in which the loss, a weight or an alpha is no longer finite, an
    alpha is above 1000, or the mean loss is above 100 nats and above 100 times the first step's, which
    teachers and odd inputs can make large. The checkpoint before stays; `remedy` says what to set.
    """
    done = processes.tell(checkpoint.latest(folder / "ckpt"))
    first: float | None = None
    if done:
        first = checkpoint.restore(work, folder / "ckpt").plain.get("first_loss")
    if processes.first():
        checkpoint.sweep(folder / "ckpt")
    clocked: list[float] = []
    for epoch in range(done, epochs):
        if work.stop():
            return
        start = time.monotonic()
        seed_torch(seed, "epoch", epoch)
        distributed.seed_own(seed, "epoch", epoch)
        work.begin(epoch)
        label = f"epoch {epoch + 1}/{epochs}"
        values, begun = _epoch(work, reporter.progress(batches(epoch), label, steps), epoch, steps)
        first = begun if first is None else first
        if fault := _explosion(values, first) or _spoilt(work.state()):
            raise UserError(f"{fault} in epoch {epoch + 1}", hint=_again(remedy, epoch, folder))
        values.update(work.end(epoch))
        clocked.append(time.monotonic() - start)
        left = median(clocked[-_PACE:]) * (epochs - epoch - 1)
        reporter.epoch(epoch, epochs, values, seconds=clocked[-1], left=left)
        if processes.first():
            state = work.state()
            state.plain["first_loss"] = first
            checkpoint.save(folder / "ckpt", epoch + 1, state)
        processes.tell(epoch)


def _epoch(
    work: Driven, batches: Iterable[Any], epoch: int, steps: int
) -> tuple[dict[str, float], float | None]:
    """Process the batches of one epoch.

    Returns the mean of each metric over the steps that report it, and the first step's least loss: what alpha
    sees before it moves may be the only one that is sound. None where steps tell no loss.
    """
    sums: dict[str, Tensor] = {}
    counts: Counter[str] = Counter()
    first: dict[str, float] = {}
    for number, batch in enumerate(batches):
        told = work.step(batch, epoch + number / steps)
        if not number:
            first = distributed.mean({name: _value(told[name]) for name in _LOSSES if name in told})
        for name, value in told.items():
            tensor = torch.as_tensor(value).detach()
            sums[name] = sums[name] + tensor if name in sums else tensor
            counts[name] += 1
    means = distributed.mean({name: float(total) / counts[name] for name, total in sums.items()})
    return means, min((loss for loss in first.values() if math.isfinite(loss)), default=None)


def _value(metric: Tensor | float) -> float:
    return float(metric.detach()) if isinstance(metric, Tensor) else metric


def _explosion(means: Mapping[str, float], first: float | None) -> str:
    """The loss that is not finite, or far above the first step's, in words; empty where all is well."""
    for name in _LOSSES:
        if not math.isfinite(mean := means.get(name, 0.0)):
            return f"the loss became {mean} ({name})" if name != "loss" else f"the loss became {mean}"
        if mean > min(_MOST * max(1.0, first or 0.0), _LARGEST):
            return f"the loss exploded: {name} is {mean:.3g}, and was {first or 0:.3g} at the first step,"
    return ""


def _spoilt(state: State) -> str:
    """The weight or alpha that no loss can follow any more, in words; empty where all are sound."""
    for group in ("weights", "alphas"):
        for name, tensor in state.tensors.get(group, {}).items():
            if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
                return f"{name} of the {group} became NaN or infinite"
            if group == "alphas" and (most := float(tensor.abs().max())) > _LOGIT:
                return f"alpha of {name} exploded to {most:.3g}, where every share is 0 or 1 for good,"
    return ""


def _again(remedy: str, epoch: int, folder: Path) -> str:
    kept = f" The checkpoint after epoch {epoch} is still in {folder / 'ckpt'}." if epoch else ""
    return f"{remedy}{kept}"
