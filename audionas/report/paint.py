"""The colour of an option: hue by kernel, strength by variant, the same in every chart of a report."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from audionas.nn.ops import OPS
from audionas.report.html import Html, tag

_WEAKEST = 0.4  # opacity of the first of several variants of one kernel


class Paint(NamedTuple):
    """The name of a colour in the style sheet, and an opacity."""

    colour: str
    opacity: float = 1.0

    @property
    def style(self) -> str:
        """CSS for a background."""
        return f"background:var(--{self.colour});opacity:{self.opacity:.2f}"


class Traits(NamedTuple):
    """The parts of an option's name: kind and kernel, and the other parts in words."""

    kernel: int
    skip: bool
    extras: tuple[str, ...]


def traits(option: str) -> Traits:
    """Read an option's name; one that is not in `OPS` (from outside the package) has kernel 0."""
    op = OPS.get(option)
    kernel = op.kernel if op else 0
    parts = [part for part in option.split("_")[1:] if part != f"k{kernel}"]
    words = {"se": "SE", "wide": "wide"}
    if op and op.split:
        parts = [*(f"+{k}" for k in op.split[:-1]), *(part for part in parts if part == "res")]
    if op and op.mix:
        words[op.mix.name.split("_")[0]] = "+" + ",".join(map(str, op.mix.kernels[:-1]))
    extras = (
        words.get(part, f"×{part[1:]}" if part[:1] == "e" and part[1:].isdigit() else part) for part in parts
    )
    return Traits(kernel, op is not None and op.kind == "skip", tuple(extras))


def hue(option: str) -> str:
    """The style sheet's name of an option's colour."""
    if traits(option).skip:
        return "skip"
    kernel = traits(option).kernel
    return f"k{kernel}" if kernel in (3, 5, 7, 9) else "other"


def paints(options: Sequence[str]) -> dict[str, Paint]:
    """One colour per option; variants of one hue range from weak to full in their order."""
    found = {}
    for option in options:
        kin = [other for other in options if hue(other) == hue(option)]
        place = (kin.index(option) + 1) / len(kin)
        low = _WEAKEST if len(kin) > 1 else 1.0
        first = 1 / len(kin)
        opacity = 1.0 if len(kin) == 1 else low + (1 - low) * (place - first) / (1 - first)
        found[option] = Paint(hue(option), opacity)
    return found


def legend(named: Iterable[tuple[str, Paint]]) -> Html:
    """A legend: one swatch and name per option."""
    items = (tag("li", tag("i", class_="swatch", style=paint.style), name) for name, paint in named)
    return tag("ul", *items, class_="legend")
