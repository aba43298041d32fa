"""The room that words take in a chart, so that none is cut: an upper bound, as no font is known."""

from collections.abc import Iterable
from unicodedata import east_asian_width

_NARROW, _WIDE = 0.62, 1.1  # parts of the font's size


def width(words: str, size: float = 12) -> float:
    """Pixels of a line of text; letters of East Asia fill a square."""
    wide = sum(east_asian_width(letter) in "WF" for letter in words)
    return size * (_NARROW * (len(words) - wide) + _WIDE * wide)


def widest(lines: Iterable[str], size: float = 12, *, least: float = 0.0) -> float:
    """Pixels that hold each of these lines."""
    return max([least, *(width(words, size) for words in lines)])


def shortened(label: str, most: int = 28) -> str:
    """A label of at most so many letters."""
    return label if len(label) <= most else label[: most - 1] + "…"
