"""Curves, option histories and feature maps as SVG or PNG, with equal bytes for equal numbers."""

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from audionas.report.axes.drawn import PLACEHOLDER, Room, drawing
from audionas.report.axes.noise import band
from audionas.report.html import Html, count, tag
from audionas.report.paint import Paint

_PLOT = (215.5, 110.4)  # units of the axes
_ROOM = Room(31.5, 9.1, 5, 31.7)


class Shares(NamedTuple):
    """The rest of a chart of shares, besides its lines, in percent.

    `chance` is a dotted line. `clips` is the number behind each point of the last line, whose band shows what
    the draw of so few alone allows.
    """

    chance: float | None = None
    clips: int = 0


def curves(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    colours: Sequence[str],
    name: str,
    shares: Shares | None = None,
) -> Html:
    """Lines over epochs, (epochs, values) each; `name` labels the chart."""

    def plot(axes: Any) -> None:
        for (x, y), colour in zip(series.values(), colours, strict=False):
            marker = "o" if len(x) == 1 else None
            axes.plot(x, y, color=PLACEHOLDER[colour], linewidth=1.6, marker=marker, markersize=4)
        if shares is not None:
            _shares(axes, shares, list(series.values())[-1], PLACEHOLDER[colours[len(series) - 1]])

    return _chart(name, plot, [x for xs, _ in series.values() for x in xs])


def _shares(axes: Any, shares: Shares, last: tuple[Sequence[float], Sequence[float]], colour: str) -> None:
    """The band of the last line, the line of chance, and an axis in percent that stays within 0 and 100."""
    from matplotlib.ticker import PercentFormatter

    x, y = last
    if shares.clips:
        ends = [band(min(max(share, 0.0), 1.0), shares.clips) or (share, share) for share in y]
        look = {"facecolor": colour, "alpha": 0.16, "linewidth": 0}
        wide = (x[0] - 0.3, x[0] + 0.3) if len(x) == 1 else x
        lows, highs = zip(*(ends * 2 if len(x) == 1 else ends), strict=True)
        axes.fill_between(wide, lows, highs, **look)
    if shares.chance is not None:
        axes.axhline(shares.chance, color=PLACEHOLDER["muted"], linewidth=1, linestyle=":")
        place = {"xy": (1, shares.chance), "xycoords": ("axes fraction", "data")}
        shift = {"xytext": (0, 3), "textcoords": "offset points", "ha": "right", "fontsize": 7.5}
        axes.annotate("chance", **place, **shift, color=PLACEHOLDER["muted"])
    low, high = axes.get_ylim()
    middle, half = (low + high) / 2, max(high - low, 0.04) / 2
    axes.set_ylim(max(middle - half, 0), min(middle + half, 1))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol="\u00a0%"))


def history(
    epochs: Sequence[float], shares: Mapping[str, Sequence[float]], colours: Mapping[str, Paint], name: str
) -> Html:
    """The options' probabilities over epochs: stacked where they sum to one, else one line per option.

    Methods with independent (sigmoid) options do not sum to one, and a stack would mislead.
    """
    values = np.array([shares[option] for option in shares])  # (options, epochs)
    paint = [colours[option] for option in shares]
    stacked = bool(np.allclose(values.sum(0), 1, atol=0.02))
    if len(epochs) == 1:
        epochs, values = [epochs[0] - 0.5, epochs[0] + 0.5], np.repeat(values, 2, axis=1)

    def plot(axes: Any) -> None:
        top = np.zeros(len(epochs))
        for row, (colour, opacity) in zip(values, paint, strict=True):
            look = {"alpha": opacity, "linewidth": 0}
            if stacked:
                axes.fill_between(epochs, top, top + row, facecolor=PLACEHOLDER[colour], **look)
                axes.plot(epochs, top + row, color=PLACEHOLDER["card"], linewidth=0.5)
                top = top + row
            else:
                axes.plot(epochs, row, color=PLACEHOLDER[colour], linewidth=1.4, alpha=opacity)
        axes.set_ylim(0, 1)
        axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
        axes.margins(x=0)

    return _chart(name, plot, epochs)


def feature_map(features: np.ndarray, name: str) -> Html:
    """A picture of (F, T), low frequencies at the bottom; colours span the 2nd to the 98th percentile."""
    from matplotlib.image import imsave

    finite = np.where(np.isfinite(features), features, np.nan)
    low, high = np.nanpercentile(finite, [2, 98])
    png = io.BytesIO()
    imsave(png, finite, vmin=low, vmax=max(high, low + 1e-6), cmap="magma", origin="lower", format="png")
    data = base64.b64encode(png.getvalue()).decode()
    return tag("img", src=f"data:image/png;base64,{data}", alt=name)


def _chart(name: str, plot: Callable[[Any], None], x: Sequence[float]) -> Html:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    with drawing(name, *_PLOT, _ROOM, 8.5) as drawn:
        axes = drawn.axes
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10], integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(4))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value, 6)))
        axes.margins(x=0.02)
        plot(axes)
        if max(x) == min(x):
            axes.set_xlim(x[0] - 0.5, x[0] + 0.5)
            axes.set_xticks([x[0]])
        axes.set_xlabel("epoch", loc="right", labelpad=1, color=PLACEHOLDER["muted"])
        axes.grid(axis="y", color=PLACEHOLDER["line"], linewidth=0.7)
        return drawn.html()


def short(value: float, digits: int = 3) -> str:
    """A number in few characters: `5.1 M`, `0.034`."""
    return count(value, digits) if abs(value) >= 1e4 else f"{value:.{digits}g}"


def finite(epochs: Sequence[float], values: Sequence[Any]) -> tuple[list[float], list[float]]:
    """The points that can be drawn: numbers that are neither missing nor infinite."""
    kept = [(x, float(y)) for x, y in zip(epochs, values, strict=True) if _number(y)]
    return [x for x, _ in kept], [y for _, y in kept]


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
