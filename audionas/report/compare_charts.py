"""The charts of a comparison as SVG: means with intervals, cost against outcome, curves over epochs."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from audionas.core.reporter import amount
from audionas.report.axes.letters import shortened, widest, width
from audionas.report.axes.noise import band
from audionas.report.axes.scale import POSITIVE, SHARE, Bounds, Scale
from audionas.report.html import Html, tag

_ROW = 26  # pixels per method
_NAMES, _WORDS = 112, 66  # least widths of the names before a plot, and of the figures behind it
WIDE, NARROW = 690, 300  # widths of a plot on a whole page, and on half a page
_AXIS = 30  # height of the figures below a plot
_TITLE = 20  # height of an axis's title
_TOP, _RIGHT = 26, 34  # above a plot, where its title stands, and beside it, where its last figure reaches
_FIGURE = 11  # pixels of a figure on an axis
_REACH = 0.6  # an interval may widen the scale by this share of the values' range, on each side

Format = Callable[[float], str]


class Seeds(NamedTuple):
    """A method's values over seeds, their mean and its interval."""

    name: str
    values: Sequence[float]
    mean: float
    interval: tuple[float, float] | None


class Look(NamedTuple):
    """The rest of a chart of accuracies, besides its values.

    `title` with the unit stands below the axis. `bounds` limit the scale. `against` draws a dashed line, and
    `chance` a dotted one where the scale reaches it. `clips` is the number that each value was measured on:
    a band behind each mean then shows what drawing other clips would change.
    """

    title: str = ""
    bounds: Bounds = Bounds()
    against: float | None = None
    chance: float | None = None
    clips: int = 0


def forest(
    groups: Sequence[Seeds], forms: tuple[Format, Format], name: str, look: Look, plot: int = WIDE
) -> Html:
    """One row per method: small dots are seeds, the large dot is their mean, the line its interval.

    `forms` format values and the scale's figures. A line without an end mark extends beyond the scale.
    """
    left = 12 + widest((shortened(group.name) for group in groups), least=_NAMES - 12)
    low, high = _range(groups, look)
    scale = Scale(low, high, left, left + plot, count=plot / 85, bounds=look.bounds)
    bottom = len(groups) * _ROW + 6
    parts = _axis(scale, bottom, forms[1], look.title)
    for value, dashes in ((look.against, "3 3"), (look.chance, "1 4")):
        if value is not None and scale.low <= value <= scale.high:
            parts.append(_line(scale(value), scale(value), 0, bottom, "muted", stroke_dasharray=dashes))
    for place, group in enumerate(groups):
        parts += _forest_row(group, scale, place * _ROW + _ROW / 2 + 3, forms[0], look.clips)
    return _svg(parts, left + plot + _WORDS, bottom + _AXIS + _TITLE, name)


def _range(groups: Sequence[Seeds], look: Look) -> tuple[float, float]:
    """From the smallest to the largest value and band, with room for intervals up to a limit."""
    values = [v for group in groups for v in group.values]
    values += [] if look.against is None else [look.against]
    values += [end for group in groups for end in band(group.mean, look.clips) or ()]
    low, high = min(values), max(values)
    ends = [end for group in groups if group.interval for end in group.interval]
    room = _REACH * (high - low) or abs(high) * 0.05
    return max(low - room, min([low, *ends])), min(high + room, max([high, *ends]))


def _forest_row(group: Seeds, scale: Scale, y: float, form: Format, clips: int) -> list[Html]:
    title = f"{group.name}: mean {form(group.mean)} of {', '.join(form(v) for v in group.values)}"
    parts = [_text(scale.start - 12, y + 4, shortened(group.name), anchor="end")]
    if ends := band(group.mean, clips):
        low, high = map(scale, ends)
        place = {"x": low, "y": y - 7, "width": high - low, "height": 14}
        parts.append(tag("rect", **place, fill="var(--accent)", fill_opacity=0.13, class_="band"))
        title += f"; by the draw of {amount(clips, 'clip')} {form(ends[0])} to {form(ends[1])}"
    if group.interval:
        low, high = group.interval
        parts.append(_line(scale(low), scale(high), y, y, "accent", stroke_width=2))
        marks = [end for end in (low, high) if scale.low <= end <= scale.high]
        parts += [_line(scale(end), scale(end), y - 4, y + 4, "accent", stroke_width=2) for end in marks]
        title += f"; 95 % interval {form(low)} to {form(high)}"
    parts += [_dot(scale(v), y, 3, "muted", fill_opacity=0.55) for v in group.values]
    parts.append(_dot(scale(group.mean), y, 5, "accent", stroke="var(--card)", stroke_width=1.5))
    parts.append(_text(scale.end + 14, y + 4, form(group.mean), font_weight=650))
    return [tag("g", tag("title", title), *parts)]


class MethodDots(NamedTuple):
    """A method's runs as points."""

    name: str
    points: Sequence[tuple[float, float]]


class Plane(NamedTuple):
    """The two axes of a chart of accuracies: formats and titles of x and y, and what x cannot exceed."""

    forms: tuple[Format, Format]
    titles: tuple[str, str]
    across: Bounds = POSITIVE


def scatter(clouds: Sequence[MethodDots], plane: Plane, name: str, look: Look) -> Html:
    """Points for runs, joined to their method's labelled mean, with the band of its accuracy."""
    points = [point for cloud in clouds for point in cloud.points]
    means = [tuple(sum(p[i] for p in cloud.points) / len(cloud.points) for i in (0, 1)) for cloud in clouds]
    x, y, parts = _plane(points, [mean[1] for mean in means], plane, look)
    places = []
    for cloud, mean in zip(clouds, means, strict=True):
        places.append((cloud.name, x(mean[0]), y(mean[1])))
        for point in cloud.points:
            parts.append(_line(places[-1][1], x(point[0]), places[-1][2], y(point[1]), "line"))
            spot = _dot(x(point[0]), y(point[1]), 3, "muted", fill_opacity=0.55)
            words = f"{cloud.name}: {plane.forms[0](point[0])}, {plane.forms[1](point[1])}"
            parts.append(tag("g", tag("title", words), spot))
    parts += [_dot(px, py, 5, "accent", stroke="var(--card)", stroke_width=1.5) for _, px, py in places]
    parts += _names(places, (x.start, x.end))
    return _svg(parts, x.end + _RIGHT, y.start + _AXIS + _TITLE, name)


def _plane(
    points: Sequence[tuple[float, float]], banded: Sequence[float], plane: Plane, look: Look
) -> tuple[Scale, Scale, list[Html]]:
    """Both scales and what lies behind the points; the widest band of the `banded` accuracies is drawn."""
    tall, ends = 360, [ends for share in banded if (ends := band(share, look.clips))]
    ys = [*(point[1] for point in points), *(end for pair in ends for end in pair)]
    y = Scale(min(ys), max(ys), _TOP + tall, _TOP, bounds=SHARE)
    left = 10 + widest(map(plane.forms[1], y.ticks), _FIGURE, least=30)
    xs = [point[0] for point in points]
    x = Scale(min(xs), max(xs), left, left + 790, bounds=plane.across)
    parts = _axis(x, _TOP + tall, plane.forms[0], plane.titles[0], top=_TOP)
    parts += _side(y, left, left + 790, plane.forms[1], plane.titles[1])
    if look.chance is not None and y.low <= look.chance <= y.high:
        at = y(look.chance)
        parts.append(_line(x.start, x.end, at, at, "muted", stroke_dasharray="1 4"))
    if ends:
        low, high = max(ends, key=lambda pair: pair[1] - pair[0])
        words = tag("title", f"95 % by the draw of {amount(look.clips, 'clip')}: the widest band")
        mark = {"x1": x.end - 8, "x2": x.end - 8, "y1": y(low), "y2": y(high)}
        parts.append(tag("line", words, **mark, stroke="var(--accent)", stroke_width=6, stroke_opacity=0.3,
                         class_="band"))  # fmt: skip
    return x, y, parts


class Spot(NamedTuple):
    """A point with words that show on hover."""

    x: float
    y: float
    words: str


def spots(dots: Sequence[Spot], plane: Plane, name: str, look: Look) -> Html:
    """Unconnected points, the band of the middle one's accuracy beside them."""
    middle = sorted(d.y for d in dots)[len(dots) // 2]
    x, y, parts = _plane([(d.x, d.y) for d in dots], [middle], plane, look)
    for d in dots:
        words = f"{plane.forms[0](d.x)}, {plane.forms[1](d.y)}: {d.words}"
        parts.append(tag("g", tag("title", words), _dot(x(d.x), y(d.y), 4, "accent", fill_opacity=0.7)))
    return _svg(parts, x.end + _RIGHT, y.start + _AXIS + _TITLE, name)


def _names(means: Sequence[tuple[str, float, float]], within: tuple[float, float]) -> list[Html]:
    """A label beside each mean, clear of the other labels where possible."""
    taken = [(px - 6, py - 6, px + 6, py + 6) for _, px, py in means]
    parts = []
    for name, px, py in sorted(means, key=lambda mean: mean[2]):
        places = [_place(px, py, dx, dy, width(name)) for dx, dy in _AROUND]
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
    top, wide, tall = 6, 250, 110
    y = Scale(*ranges[1], top + tall, top, count=3, bounds=POSITIVE)
    left = 10 + widest(map(form, y.ticks), _FIGURE, least=24)
    x = Scale(*ranges[0], left, left + wide, count=4)
    x.ticks = [tick for tick in x.ticks if tick == round(tick)]
    parts = _axis(x, top + tall, lambda value: f"{value:g}", "epoch") + _side(y, left, left + wide, form)
    for curve in curves:
        if len(curve) == 1:
            parts.append(_dot(x(curve[0][0]), y(curve[0][1]), 3, "accent"))
        else:
            points = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in curve)
            parts.append(
                tag("polyline", points=points, fill="none", stroke="var(--accent)", stroke_width=1.6,
                    stroke_opacity=0.75)
            )  # fmt: skip
    whole = f"0 0 {left + wide + 14:.0f} {top + tall + 22 + _TITLE}"
    return tag(
        "svg", *parts, viewBox=whole, role="img", aria_label=name, class_="chart",
    )  # fmt: skip


def _axis(scale: Scale, bottom: float, form: Format, title: str = "", *, top: float = 0) -> list[Html]:
    """Faint vertical lines with figures below, and the title of the axis."""
    parts = []
    for tick in scale.ticks:
        x = scale(tick)
        parts.append(_line(x, x, top, bottom, "faint"))
        parts.append(_text(x, bottom + 16, form(tick), anchor="middle", colour="muted", size=_FIGURE))
    if title:
        parts.append(_text(scale.end, bottom + 16 + _TITLE, title, anchor="end", colour="muted"))
    return [*parts, _line(scale.start, scale.end, bottom, bottom, "line")]


def _side(scale: Scale, left: float, right: float, form: Format, title: str = "") -> list[Html]:
    """Faint horizontal lines with figures on the left, and the title of the axis above them."""
    parts = []
    for tick in scale.ticks:
        y = scale(tick)
        parts.append(_line(left, right, y, y, "faint"))
        parts.append(_text(left - 6, y + 4, form(tick), anchor="end", colour="muted", size=_FIGURE))
    if title:
        parts.append(_text(left, scale.end - 12, title, colour="muted"))
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
