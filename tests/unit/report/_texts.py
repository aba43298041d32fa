"""The texts of a drawing, with their places."""

import re
from collections.abc import Iterator
from html import unescape
from typing import NamedTuple

_TEXT = re.compile(r'<text style="([^"]*)" x="([-\d.]+)" y="([-\d.]+)">([^<]*)<')
_SHARE = {"start": 0.0, "middle": 0.5, "end": 1.0}


class Text(NamedTuple):
    """A line of text: its words, where it begins by the mean width of its letters, and its size."""

    words: str
    left: float
    y: float
    size: float
    anchor: str
    letter: float

    @property
    def right(self) -> float:
        """Where it ends."""
        return self.left + self.letter * len(self.words)


def texts(drawn: str) -> Iterator[Text]:
    """Every text of a drawing."""
    for style, x, y, words in _TEXT.findall(drawn):
        size = float(re.search(r"([\d.]+)px", style)[1])  # type: ignore[index]
        anchor = (re.search(r"text-anchor: (\w+)", style) or ["", "start"])[1]
        letter = size * (1.0 if "안" in words else 0.55)
        words = unescape(words)
        yield Text(words, float(x) - _SHARE[anchor] * letter * len(words), float(y), size, anchor, letter)


def figures(drawn: str) -> list[Text]:
    """The figures on the axes."""
    return [text for text in texts(drawn) if text.size == 11]
