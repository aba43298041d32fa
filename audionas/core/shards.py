"""Several arrays on disk read as one: rows are looked up in the file that holds them."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

MOST_OPEN = 64  # files mapped at a time; each map holds a file descriptor


class Mapped(NamedTuple):
    """The place of a memory-mapped array, as it is sent to a process that is started, not forked."""

    path: str
    dtype: str
    offset: int
    shape: tuple[int, ...]

    @staticmethod
    def of(array: np.memmap) -> "Mapped":
        """The place of an array that covers the whole of its file's array."""
        return Mapped(str(array.filename), array.dtype.str, array.offset, array.shape)

    def open(self) -> np.memmap:
        """The array, read-only."""
        return np.memmap(self.path, self.dtype, "r", self.offset, self.shape)


class Shards:
    """Arrays of equal rows, one after the other, as one array (n, ...) that is never all in memory.

    It is indexed by a row, an array or a slice of rows, and returns copies. Files are mapped when they are
    first read, and no more than `MOST_OPEN` at a time. With `chosen`, it has only those rows.
    """

    def __init__(self, parts: Sequence["np.ndarray | Mapped"], chosen: np.ndarray | None = None) -> None:
        assert parts, "at least one part"
        self._parts = [Mapped.of(part) if isinstance(part, np.memmap) else part for part in parts]
        assert len({(part.shape[1:], np.dtype(part.dtype)) for part in parts}) == 1, "rows of one kind"
        self._starts = np.cumsum([0, *(part.shape[0] for part in parts)])
        self._chosen = chosen
        self._open: OrderedDict[int, np.ndarray] = OrderedDict()
        count = int(self._starts[-1]) if chosen is None else len(chosen)
        self.shape = (count, *parts[0].shape[1:])
        self.dtype, self.ndim = np.dtype(parts[0].dtype), len(self.shape)

    @classmethod
    def joined(cls, arrays: "Sequence[Shards]") -> "Shards":
        """Whole arrays, one after the other."""
        assert all(array._chosen is None for array in arrays), "whole arrays"
        return cls([part for array in arrays for part in array._parts])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> np.ndarray:
        wanted = np.asarray(np.arange(len(self))[rows] if isinstance(rows, slice) else rows, dtype=np.int64)
        if wanted.size and not -len(self) <= wanted.min() <= wanted.max() < len(self):
            raise IndexError(f"rows {wanted.min()} to {wanted.max()} of {len(self)}")
        flat = wanted.reshape(-1) % max(1, len(self))
        if self._chosen is not None:
            flat = self._chosen[flat]
        out = np.empty((len(flat), *self.shape[1:]), self.dtype)
        which = np.searchsorted(self._starts, flat, side="right") - 1
        for part in np.unique(which):
            here = np.flatnonzero(which == part)
            out[here] = self._part(int(part))[flat[here] - self._starts[part]]
        return out if wanted.ndim else out[0]

    def choose(self, rows: np.ndarray) -> "Shards":
        """Some of the rows, without copying any."""
        return Shards(self._parts, rows if self._chosen is None else self._chosen[rows])

    def _part(self, number: int) -> np.ndarray:
        """The array of one file, which is closed again after many others have been read."""
        part = self._parts[number]
        if not isinstance(part, Mapped):
            return part
        if number not in self._open:
            self._open[number] = part.open()
            if len(self._open) > MOST_OPEN:
                self._open.popitem(last=False)
        self._open.move_to_end(number)
        return self._open[number]

    def __getstate__(self) -> dict[str, Any]:
        return {"parts": self._parts, "chosen": self._chosen}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(vars(Shards(state["parts"], state["chosen"])))
