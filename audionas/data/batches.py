"""Batches of a data set, epoch by epoch: the same for any number of workers and after a resume."""

import copy
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from audionas.core.errors import UserError
from audionas.core.shards import Mapped, Shards
from audionas.data.augment import WaveAugment
from audionas.data.balance import Mix, count, drawn, turns

_NEWS = 1.0  # seconds after which the death of a process is known


class Batch(NamedTuple):
    """Waveforms (B, N) in [-1, 1], features (B, 1, F, T) or pixels (B, H, W, 3) uint8; classes (B,) or
    scores (B, K).
    """

    x: Tensor
    target: Tensor


class Batches:
    """The batches of a data set; `epoch(e)` yields those of epoch e, a pure function of (seed, e).

    `source` is waveforms (n, samples), int16 or float32, features (n, F, T) float32, or pixels
    (n, H, W, 3) uint8, usually memory-mapped; `targets` is (n,) or (n, K); `ids` and `labels` name each
    row for the augmentation. Only `rows` are used (all by default). With `shuffle` their order is drawn
    anew each epoch; `together` consecutive rows, such as the channels of a recording, stay together then, and
    with `classes`, the class of each row, every class is under-sampled to the rarest. `drop_last` drops an
    incomplete last batch, unless it is the only one. `workers` processes prepare batches ahead and stay
    alive until `close`; 0 works in this process.
    """

    def __init__(
        self,
        source: np.ndarray | Shards,
        targets: np.ndarray,
        ids: Sequence[str],
        labels: Sequence[str],
        *,
        rows: np.ndarray | None = None,
        batch_size: int,
        seed: int,
        shuffle: bool,
        augment: WaveAugment | None = None,
        workers: int = 0,
        drop_last: bool = False,
        classes: np.ndarray | None = None,
        together: int = 1,
    ) -> None:
        assert len(source) == len(targets) == len(ids) == len(labels) > 0, (
            "one row, target, id and label per clip"
        )
        assert augment is None or source.ndim == 2, "only waveforms can be augmented"
        self._clips = _Clips(source, targets, ids, labels, augment)
        rows = np.arange(len(source)) if rows is None else rows
        assert shuffle or classes is None, "only a drawn order can leave rows out"
        self._order = _Order(rows, batch_size, seed, shuffle, drop_last, classes, together)
        self._workers = workers
        self._loader: DataLoader | None = None

    def __len__(self) -> int:
        """Batches per epoch."""
        return len(self._order)

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """The batches of this epoch, from the first. With workers, one epoch at a time."""
        if self._workers == 0:
            return (self._clips[wanted] for wanted in self._order.plan(epoch))
        return self._from_workers(epoch)

    def rows(self, epoch: int) -> Iterator[np.ndarray]:
        """The rows of the source in each batch of this epoch."""
        return (rows for _, rows, _ in self._order.plan(epoch))

    def mixed(self, mix: Mix) -> "Batches":
        """Batches of as many rows an epoch, drawn by the shares of their sources, with its own workers."""
        assert self._order.shuffle, "sources are drawn, not read in order"
        assert self._order.classes is None, "rows are drawn by class or by source"
        mine = copy.copy(self)
        mine._order, mine._loader = copy.copy(self._order), None
        mine._order.mix = mix
        return mine

    def shared(self, rank: int, processes: int) -> "Batches":
        """The shares of these batches for one of several processes, with its own workers.

        Raises UserError where a batch cannot be divided evenly: a mean of means needs equal parts.
        """
        if processes == 1:
            return self
        sizes = {len(rows) for _, rows, _ in self._order.plan(0)}
        if uneven := sorted(size for size in sizes if size % processes):
            raise UserError(
                [
                    f"a batch of {size} cannot be divided evenly among {processes} processes"
                    for size in uneven
                ],
                hint=f"Choose a batch_size that is a multiple of {processes}, and no larger than the data.",
            )
        mine = copy.copy(self)
        mine._order, mine._loader = copy.copy(self._order), None
        mine._order.rank, mine._order.processes = rank, processes
        return mine

    def close(self) -> None:
        """End the workers."""
        self._loader = None

    def _from_workers(self, epoch: int) -> Iterator[Batch]:
        if self._loader is None:
            self._loader = DataLoader(
                self._clips,
                batch_size=None,  # the sampler's items are already whole batches
                sampler=self._order,
                num_workers=self._workers,
                persistent_workers=True,
                generator=torch.Generator(),  # else it draws from torch's own, which dropout and noise use
                multiprocessing_context="fork" if sys.platform == "linux" else None,
            )
        self._order.epoch = epoch
        with warnings.catch_warnings():
            # Python 3.12 warns of a fork beside threads; these workers run NumPy, never the parent's pools
            warnings.filterwarnings("ignore", message=".*fork", category=DeprecationWarning)
            batches = iter(self._loader)
        for batch in heard(batches):
            assert self._order.epoch == epoch, "the workers were given another epoch before this one ended"
            yield batch


def heard(batches: Iterator[Batch]) -> Iterator[Batch]:
    """The batches of workers; one that is killed while it hands over a batch is told like any other."""
    try:
        yield from batches
    except (ConnectionError, EOFError) as error:
        time.sleep(_NEWS)  # torch raises here, as soon as the system tells of the death
        raise RuntimeError(f"DataLoader worker broke its connection: {error}") from error


@contextmanager
def mourned() -> Iterator[None]:
    """Raise UserError where a worker of `Batches` dies inside the block: torch says so at any moment."""
    try:
        yield
    except RuntimeError as error:
        if not str(error).startswith("DataLoader worker"):
            raise
        raise UserError(
            f"a loader's worker died ({error})",
            hint="Often memory ran out: use fewer workers. Resume with --resume from the last checkpoint.",
        ) from error


_Wanted = tuple[int, np.ndarray, np.ndarray]  # the epoch, rows, and how often it had each before


class _Order(Sampler[_Wanted]):
    """The rows of each batch of an epoch. As a sampler it plans `self.epoch`."""

    def __init__(
        self,
        rows: np.ndarray,
        batch_size: int,
        seed: int,
        shuffle: bool,
        drop_last: bool,
        classes: np.ndarray | None,
        together: int,
    ) -> None:
        self.rows, self.batch_size, self.seed, self.shuffle = rows, batch_size, seed, shuffle
        self.classes, self.together = classes, together
        self.mix: Mix | None = None
        clips = count(rows, classes=classes)
        self.last = clips - clips % batch_size if drop_last and clips >= batch_size else clips
        self.epoch = 0
        self.rank, self.processes = 0, 1

    def __len__(self) -> int:
        return -(-self.last // self.batch_size)

    def __iter__(self) -> Iterator[_Wanted]:
        return self.plan(self.epoch)

    def plan(self, epoch: int) -> Iterator[_Wanted]:
        """An epoch's batches."""
        rows = self.rows
        if self.shuffle:
            rows = drawn(rows, self.seed, epoch, classes=self.classes, together=self.together, mix=self.mix)
        again = turns(rows) if self.mix is not None else np.zeros(len(rows), dtype=np.int64)
        for at in range(0, self.last, self.batch_size):
            end = min(at + self.batch_size, self.last)
            part = (end - at) // self.processes
            mine = slice(at + self.rank * part, at + (self.rank + 1) * part)
            yield epoch, rows[mine], again[mine]


class _Clips(Dataset[Batch]):
    """Turns rows into a batch; this runs in the worker processes."""

    def __init__(
        self,
        source: np.ndarray | Shards,
        targets: np.ndarray,
        ids: Sequence[str],
        labels: Sequence[str],
        augment: WaveAugment | None,
    ) -> None:
        self.source, self.targets, self.augment = source, torch.as_tensor(np.asarray(targets)), augment
        self.ids, self.labels = list(ids), list(labels)

    def __getitem__(self, wanted: _Wanted) -> Batch:
        epoch, rows, again = wanted
        x = np.asarray(self.source[rows])  # fancy indexing copies: the file stays as it is
        if x.dtype == np.int16:
            x = x.astype(np.float32) / np.float32(32768)
        if self.augment is not None:
            for place, (row, turn) in enumerate(zip(rows, again.tolist(), strict=True)):
                named = {"id": self.ids[row], "label": self.labels[row]}
                x[place] = self.augment(x[place], epoch=epoch, turn=turn, **named)
        images = torch.from_numpy(x)
        return Batch(
            images.unsqueeze(1) if images.ndim == 3 else images, self.targets[torch.from_numpy(rows)]
        )

    def __getstate__(self) -> dict[str, Any]:
        """Send a memory map as its file, not its contents, to workers that are started, not forked."""
        state = dict(vars(self))
        if isinstance(self.source, np.memmap) and self.source.filename is not None:
            state["source"] = Mapped.of(self.source)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if isinstance(self.source, Mapped):
            self.source = self.source.open()
