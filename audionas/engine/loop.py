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
) -> None:
    """Run `work` up to `epochs` epochs of `steps` batches, from the newest checkpoint in `folder/ckpt`.

    Raises UserError when the loss is no longer finite.
    """
    done = processes.tell(checkpoint.latest(folder / "ckpt"))
    if done:
        checkpoint.restore(work, folder / "ckpt")
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
        values = _epoch(
            work, reporter.progress(batches(epoch), f"epoch {epoch + 1}/{epochs}", steps), epoch, steps
        )
        values.update(work.end(epoch))
        clocked.append(time.monotonic() - start)
        left = median(clocked[-_PACE:]) * (epochs - epoch - 1)
        reporter.epoch(epoch, epochs, values, seconds=clocked[-1], left=left)
        if processes.first():
            checkpoint.save(folder / "ckpt", epoch + 1, work.state())
        processes.tell(epoch)


def _epoch(work: Driven, batches: Iterable[Any], epoch: int, steps: int) -> dict[str, float]:
    """Process the batches of one epoch; return the mean of each metric over the steps that report it."""
    sums: dict[str, Tensor] = {}
    counts: Counter[str] = Counter()
    for number, batch in enumerate(batches):
        for name, value in work.step(batch, epoch + number / steps).items():
            tensor = torch.as_tensor(value).detach()
            sums[name] = sums[name] + tensor if name in sums else tensor
            counts[name] += 1
    means = distributed.mean({name: float(total) / counts[name] for name, total in sums.items()})
    if not math.isfinite(means.get("loss", 0.0)):
        raise UserError(
            f"the loss became {means['loss']} in epoch {epoch + 1}",
            hint="Lower optim.lr, or set optim.clip: 5; then start again with --overwrite.",
        )
    return means
