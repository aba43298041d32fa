"""Values that show themselves: a list of rows and a mapping of figures, as text and in a notebook.

Labels and file names are hostile text: it is escaped in both forms.
"""

from collections.abc import Iterator, Mapping
from numbers import Real
from typing import Any

from audionas.core.reporter import lined
from audionas.report.html import table, tag

_SHOWN = 20  # rows of a table


class Rows(list[dict[str, Any]]):
    """Rows with the same keys, more or less: a list of dicts, shown as a table."""

    def column(self, key: str) -> list[Any]:
        """The values of one key, None where a row has none."""
        return [row.get(key) for row in self]

    def __repr__(self) -> str:
        return "\n".join([*lined(self.head, self.cells()), *self._more()]) or "(empty)"

    def _repr_html_(self) -> str:
        return table(self.head, self.cells()) + "".join(tag("p", line) for line in self._more())

    @property
    def head(self) -> list[str]:
        """The keys of all rows whose values fit into a cell, in the order in which they appear."""
        keys = dict.fromkeys(key for row in self for key in row)
        return [key for key in keys if not any(isinstance(row.get(key), Mapping | list) for row in self)]

    def cells(self) -> list[list[str]]:
        """The first rows as texts."""
        return [[shown(row.get(key, "")) for key in self.head] for row in self[:_SHOWN]]

    def _more(self) -> list[str]:
        left = len(self) - _SHOWN
        return [f"and {left} more"] if left > 0 else []


class Figures(dict[str, Any]):
    """Figures by name, such as those of an evaluation: a dict, shown as a table of two columns."""

    def __repr__(self) -> str:
        return "\n".join(lined((), self.cells())) or "(empty)"

    def _repr_html_(self) -> str:
        return table(("", ""), self.cells())

    def cells(self) -> list[list[str]]:
        """Name and value of each figure, those inside another one with its name in front."""
        return [[key, shown(value)] for key, value in _flat(self)]


def shown(value: object) -> str:
    """A value in a cell: numbers in at most six digits, texts as they are."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, Real):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{float(value):.6g}"


def _flat(found: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in found.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key} ")
        elif not isinstance(value, list) or all(isinstance(x, Real | str) for x in value[:1]):
            yield f"{prefix}{key}", value
