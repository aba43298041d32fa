"""Utterances in columns: a block of bytes per text field, an array per number field."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from sys import intern
from typing import Any

import numpy as np

Row = tuple[str, str, str, float, float, str, str]  # the fields of kaldi.Item, in order


class Strings(Sequence[str]):
    """Texts in one block of bytes: a tenth of the memory of `str` objects, and nothing for a fork to copy."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._bytes, self._ends = bytearray(), array("q", [0])
        for text in texts:
            self.append(text)

    def append(self, text: str) -> None:
        """Add a text at the end."""
        self._bytes += text.encode("utf-8", "surrogatepass")  # names of files may hold surrogates
        self._ends.append(len(self._bytes))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[place] for place in range(len(self))[index]]
        place = range(len(self))[index]
        return self._bytes[self._ends[place] : self._ends[place + 1]].decode("utf-8", "surrogatepass")


class Columns:
    """Rows of utterances, returned as they were added; those with the same label share its text."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self.ids, self.speakers, self.audio, self.sums = Strings(), Strings(), Strings(), Strings()
        self._labels = Strings()
        self.seconds, self._starts = array("d"), array("d")
        for row in rows:
            self.append(row)

    def append(self, row: Row) -> None:
        """Add one at the end."""
        key, audio, label, seconds, start, speaker, content = row
        for column, text in (
            (self.ids, key),
            (self.audio, audio),
            (self._labels, label),
            (self.speakers, speaker),
            (self.sums, content),
        ):
            column.append(text)
        self.seconds.append(seconds)
        self._starts.append(start)

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[Row]:
        return (self.row(index) for index in range(len(self)))

    def row(self, index: int) -> Row:
        """The fields of one utterance."""
        return (
            self.ids[index],
            self.audio[index],
            intern(self._labels[index]),
            self.seconds[index],
            self._starts[index],
            intern(self.speakers[index]),
            self.sums[index],
        )

    def chosen(self, indices: Iterable[int]) -> "Columns":
        """Some of the rows, in this order."""
        return Columns(self.row(index) for index in indices)

    def in_order(self) -> "Columns":
        """The rows sorted by id in C-locale order, which is that of UTF-8; itself if already sorted."""
        last = ""
        for key in self.ids:
            if key < last:
                return self.chosen(sorted(range(len(self)), key=self.ids.__getitem__))
            last = key
        return self

    def partial(self) -> bool:
        """True where an utterance is only a part of its file."""
        if any(self._starts):
            return True
        hashes = np.fromiter((hash(path) for path in self.audio), dtype=np.int64, count=len(self))
        if len(np.unique(hashes)) == len(self):  # every file has one utterance
            return False
        spans: dict[str, float] = {}
        return any(spans.setdefault(row[1], row[3]) != row[3] for row in self)
