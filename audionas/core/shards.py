"""Several arrays on disk read as one: rows are looked up in the file that holds them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np


class Mapped(NamedTuple):
    """Where a memory-mapped array lies: how it travels to a process that is started, not forked."""

    path: str
    dtype: str
    offset: int
    shape: tuple[int, ...]

    @staticmethod
    def of(array: np.memmap) -> "Mapped":
        """That of an array which is the whole of its file's array."""
        return Mapped(str(array.filename), array.dtype.str, array.offset, array.shape)

    def open(self) -> np.memmap:
        """The array, read-only."""
        return np.memmap(self.path, self.dtype, "r", self.offset, self.shape)


class Shards:
    """Arrays of equal rows, one after the other, as one array (n, ...) that is never all in memory.

    It is indexed by a row, an array or a slice of rows, and gives copies.
    """

    def __init__(self, parts: Sequence[np.ndarray]) -> None:
        assert parts, "at least one part"
        assert len({(part.shape[1:], part.dtype) for part in parts}) == 1, "rows of one kind"
        self.parts = list(parts)
        self._ends = np.cumsum([len(part) for part in parts])
        self.shape = (int(self._ends[-1]), *parts[0].shape[1:])
        self.dtype, self.ndim = parts[0].dtype, parts[0].ndim

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> np.ndarray:
        wanted = np.asarray(np.arange(len(self))[rows] if isinstance(rows, slice) else rows, dtype=np.int64)
        if wanted.size and not -len(self) <= wanted.min() <= wanted.max() < len(self):
            raise IndexError(f"rows {wanted.min()} to {wanted.max()} of {len(self)}")
        flat = wanted.reshape(-1) % len(self)
        out = np.empty((len(flat), *self.shape[1:]), self.dtype)
        for place, (part, row) in enumerate(zip(*self._places(flat), strict=True)):
            out[place] = self.parts[part][row]
        return out if wanted.ndim else out[0]

    def _places(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The part of each row, and its place there."""
        which = np.searchsorted(self._ends, rows, side="right")
        return which, rows - np.concatenate([[0], self._ends])[which]

    def __getstate__(self) -> dict[str, Any]:
        parts = [Mapped.of(part) if isinstance(part, np.memmap) else part for part in self.parts]
        return {"parts": parts}

    def __setstate__(self, state: dict[str, Any]) -> None:
        parts = [part.open() if isinstance(part, Mapped) else part for part in state["parts"]]
        vars(self).update(vars(Shards(parts)))
