"""The charts of a comparison as SVG: means with intervals, cost against outcome, curves over epochs."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from audionas.report.html import Html, tag

_ROW = 26  # pixels per method
_NAMES, _WORDS = 112, 58  # widths of the names before a plot, and of the figures behind it
WIDE, NARROW = 690, 300  # widths of a plot on a whole page, and on half a page
_AXIS = 30  # height of the axis below a plot
_LETTER = 7.4  # upper bound of the mean width of a label's letters
_REACH = 0.6  # an interval may widen the scale by this share of the values' range, on each side

Format = Callable[[float], str]


class Seeds(NamedTuple):
    """A method's values over seeds, their mean and its interval."""

    name: str
    values: Sequence[float]
    mean: float
    interval: tuple[float, float] | None


class Scale:
    """Maps values to pixels; `ticks` are about `count` round numbers inside."""

    def __init__(self, low: float, high: float, start: float, end: float, *, count: float = 6) -> None:
        pad = 0.04 * (high - low) or abs(high) * 0.1 or 0.5
        self.low, self.high, self.start, self.end = low - pad, high + pad, start, end
        self.ticks = ticks(self.low, self.high, count)

    def __call__(self, value: float) -> float:
        """The position of a value, kept inside the plot."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def ticks(low: float, high: float, count: float) -> list[float]:
    """About `count` round numbers from `low` to `high`, a step of 1, 2 or 5 times a power of ten apart."""
    rough = (high - low) / count
    power = 10 ** math.floor(math.log10(rough))
    step = min((power * k for k in (1, 2, 5, 10)), key=lambda s: abs(math.log(s / rough)))
    first = math.ceil(low / step - 1e-9)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]


def forest(
    groups: Sequence[Seeds],
    forms: tuple[Format, Format],
    name: str,
    *,
    against: float | None = None,
    limits: tuple[float, float] = (-math.inf, math.inf),
    plot: int = WIDE,
) -> Html:
    """One row per method: small dots are seeds, the large dot is their mean, the line its interval.

    `forms` format values and the scale's figures; `against` draws a dashed line; `limits` bound the scale.
    A line without an end mark extends beyond the scale.
    """
    form = forms[0]
    low, high = _range(groups, against)
    scale = Scale(max(low, limits[0]), min(high, limits[1]), _NAMES, _NAMES + plot, count=plot / 85)
    bottom = len(groups) * _ROW + 6
    parts = _axis(scale, bottom, forms[1])
    if against is not None:
        x = scale(against)
        parts.append(_line(x, x, 0, bottom, "muted", stroke_dasharray="3 3"))
    for place, group in enumerate(groups):
        parts += _forest_row(group, scale, place * _ROW + _ROW / 2 + 3, form)
    return _svg(parts, _NAMES + plot + _WORDS, bottom + _AXIS, name)


def _range(groups: Sequence[Seeds], against: float | None) -> tuple[float, float]:
    """From the smallest to the largest value, with room for intervals up to a limit."""
    values = [v for group in groups for v in group.values] + ([] if against is None else [against])
    low, high = min(values), max(values)
    ends = [end for group in groups if group.interval for end in group.interval]
    room = _REACH * (high - low) or abs(high) * 0.05 or 1.0
    return max(low - room, min([low, *ends])), min(high + room, max([high, *ends]))


def _forest_row(group: Seeds, scale: Scale, y: float, form: Format) -> list[Html]:
    title = f"{group.name}: mean {form(group.mean)} of {', '.join(form(v) for v in group.values)}"
    parts = [_text(_NAMES - 12, y + 4, group.name, anchor="end")]
    if group.interval:
        low, high = group.interval
        parts.append(_line(scale(low), scale(high), y, y, "accent", stroke_width=2))
        ends = [end for end in (low, high) if scale.low <= end <= scale.high]
        parts += [_line(scale(end), scale(end), y - 4, y + 4, "accent", stroke_width=2) for end in ends]
        title += f"; 95 % interval {form(low)} to {form(high)}"
    parts += [_dot(scale(v), y, 3, "muted", fill_opacity=0.55) for v in group.values]
    parts.append(_dot(scale(group.mean), y, 5, "accent", stroke="var(--card)", stroke_width=1.5))
    parts.append(_text(scale.end + 14, y + 4, form(group.mean), font_weight=650))
    return [tag("g", tag("title", title), *parts)]


class MethodDots(NamedTuple):
    """A method's runs as points."""

    name: str
    points: Sequence[tuple[float, float]]


def scatter(clouds: Sequence[MethodDots], forms: tuple[Format, Format], name: str) -> Html:
    """Points for runs, joined to their method's labelled mean; `forms` format x and y."""
    left, top, wide, tall = 40, 8, 790, 360
    xs, ys = ([point[i] for cloud in clouds for point in cloud.points] for i in (0, 1))
    x = Scale(min(xs), max(xs), left, left + wide)
    y = Scale(min(ys), max(ys), top + tall, top)
    parts = _axis(x, top + tall, forms[0], top=top) + _side(y, left, left + wide, forms[1])
    means = []
    for cloud in clouds:
        mean = tuple(sum(p[i] for p in cloud.points) / len(cloud.points) for i in (0, 1))
        means.append((cloud.name, x(mean[0]), y(mean[1])))
        for point in cloud.points:
            parts.append(_line(means[-1][1], x(point[0]), means[-1][2], y(point[1]), "line"))
            spot = _dot(x(point[0]), y(point[1]), 3, "muted", fill_opacity=0.55)
            words = f"{cloud.name}: {forms[0](point[0])}, {forms[1](point[1])}"
            parts.append(tag("g", tag("title", words), spot))
    parts += [_dot(px, py, 5, "accent", stroke="var(--card)", stroke_width=1.5) for _, px, py in means]
    parts += _names(means, (left, left + wide))
    return _svg(parts, left + wide + 8, top + tall + _AXIS, name)


class Spot(NamedTuple):
    """A point with words that show on hover."""

    x: float
    y: float
    words: str


def spots(dots: Sequence[Spot], forms: tuple[Format, Format], name: str) -> Html:
    """Unconnected points; `forms` format x and y."""
    left, top, wide, tall = 40, 8, 790, 360
    x = Scale(min(d.x for d in dots), max(d.x for d in dots), left, left + wide)
    y = Scale(min(d.y for d in dots), max(d.y for d in dots), top + tall, top)
    parts = _axis(x, top + tall, forms[0], top=top) + _side(y, left, left + wide, forms[1])
    for d in dots:
        words = f"{forms[0](d.x)}, {forms[1](d.y)}: {d.words}"
        parts.append(tag("g", tag("title", words), _dot(x(d.x), y(d.y), 4, "accent", fill_opacity=0.7)))
    return _svg(parts, left + wide + 8, top + tall + _AXIS, name)


def _names(means: Sequence[tuple[str, float, float]], within: tuple[float, float]) -> list[Html]:
    """A label beside each mean, clear of the other labels where possible."""
    taken = [(px - 6, py - 6, px + 6, py + 6) for _, px, py in means]
    parts = []
    for name, px, py in sorted(means, key=lambda mean: mean[2]):
        places = [_place(px, py, dx, dy, _LETTER * len(name)) for dx, dy in _AROUND]
        inside = [p for p in places if within[0] <= p.box[0] and p.box[2] <= within[1]]
        free = [p for p in inside if not any(_overlap(p.box, other) for other in taken)]
        place = (free or places)[0]
        taken.append(place.box)
        label = _text(
            place.x,
            place.y + 4,
            name,
            anchor=place.anchor,
            paint_order="stroke",
            stroke="var(--card)",
            stroke_width=3,
        )
        parts.append(label)
    return parts


class _Place(NamedTuple):
    """A position for a label: its anchor point and the box (left, top, right, bottom) that it fills."""

    x: float
    y: float
    anchor: str
    box: tuple[float, float, float, float]


_AROUND = ((9, 0), (-9, 0), (0, -13), (0, 13), (9, -12), (9, 12), (-9, -12), (-9, 12), (0, -26), (0, 26))


def _place(px: float, py: float, dx: float, dy: float, width: float) -> _Place:
    x, y = px + dx, py + dy
    anchor, left = ("start", x) if dx > 0 else ("end", x - width) if dx < 0 else ("middle", x - width / 2)
    return _Place(x, y, anchor, (left, y - 7, left + width, y + 7))


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def lines(
    curves: Sequence[Sequence[tuple[float, float]]],
    ranges: tuple[tuple[float, float], tuple[float, float]],
    form: Format,
    name: str,
) -> Html:
    """One thin line per seed, on scales given by `ranges` (x, y), so that charts can be compared."""
    left, top, wide, tall = 34, 6, 250, 110
    x = Scale(*ranges[0], left, left + wide, count=4)
    x.ticks = [tick for tick in x.ticks if tick == round(tick)]
    y = Scale(*ranges[1], top + tall, top, count=3)
    parts = _axis(x, top + tall, lambda value: f"{value:g}") + _side(y, left, left + wide, form)
    for curve in curves:
        if len(curve) == 1:
            parts.append(_dot(x(curve[0][0]), y(curve[0][1]), 3, "accent"))
        else:
            points = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in curve)
            parts.append(
                tag("polyline", points=points, fill="none", stroke="var(--accent)", stroke_width=1.6,
                    stroke_opacity=0.75)
            )  # fmt: skip
    return tag(
        "svg", *parts, viewBox=f"0 0 {left + wide + 6} {top + tall + 22}", role="img", aria_label=name,
        class_="chart",
    )  # fmt: skip


def _axis(scale: Scale, bottom: float, form: Format, *, top: float = 0) -> list[Html]:
    """Faint vertical lines with figures below."""
    parts = []
    for tick in scale.ticks:
        x = scale(tick)
        parts.append(_line(x, x, top, bottom, "faint"))
        parts.append(_text(x, bottom + 16, form(tick), anchor="middle", colour="muted", size=11))
    return [*parts, _line(scale.start, scale.end, bottom, bottom, "line")]


def _side(scale: Scale, left: float, right: float, form: Format) -> list[Html]:
    """Faint horizontal lines with figures on the left."""
    parts = []
    for tick in scale.ticks:
        y = scale(tick)
        parts.append(_line(left, right, y, y, "faint"))
        parts.append(_text(left - 6, y + 4, form(tick), anchor="end", colour="muted", size=11))
    return parts


def _line(x1: float, x2: float, y1: float, y2: float, colour: str, **look: object) -> Html:
    return tag("line", x1=x1, x2=x2, y1=y1, y2=y2, stroke=f"var(--{colour})", **look)


def _dot(x: float, y: float, radius: float, colour: str, **look: object) -> Html:
    return tag("circle", cx=x, cy=y, r=radius, fill=f"var(--{colour})", **look)


def _text(
    x: float, y: float, words: str, *, anchor: str = "start", colour: str = "ink", size: float = 12,
    **look: object,
) -> Html:  # fmt: skip
    return tag("text", words, x=x, y=y, text_anchor=anchor, fill=f"var(--{colour})", font_size=size, **look)


def _svg(parts: Sequence[Html], wide: float, tall: float, name: str) -> Html:
    picture = tag(
        "svg", *parts, viewBox=f"0 0 {wide:.0f} {tall:.0f}", role="img", aria_label=name,
        class_="chart drawing", style=f"min-width:{0.75 * wide:.0f}px;max-width:{1.15 * wide:.0f}px",
    )  # fmt: skip
    return tag("div", picture, class_="scroll", tabindex=0)
