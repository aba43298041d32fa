"""A front as SVG: every scored network is a dot; those on the front are strong, numbered and joined."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from audionas.core.reporter import amount
from audionas.report.axes.letters import widest
from audionas.report.axes.scale import Bounds, Scale
from audionas.report.compare_charts import Format
from audionas.report.html import Html, tag
from audionas.searchers._base import Direction

WIDE, NARROW = 780, 410  # pixels of a plot on the whole page, and on half of it
_LEFT, _RIGHT, _TOP, _BELOW = 54, 34, 30, 46  # least room around a plot
_FIGURE = 11  # pixels of a figure on an axis
_LETTER = 7.0  # width of a digit in a label

_Place = tuple[float, float]
_Box = tuple[float, float, float, float]  # left, top, right, bottom


class Axis(NamedTuple):
    """A quantity: the words beside the axis, its figures' format, the better direction, its bounds."""

    name: str
    form: Format
    better: Direction
    bounds: Bounds = Bounds()


class Dot(NamedTuple):
    """A network, with the words that show on hover."""

    x: float
    y: float
    words: str


class FrontDots(NamedTuple):
    """The networks of a plot: those on the front by number, the others, and those above a limit.

    `line` holds the corners of the front from the best to the worst of x; `limit` is the largest x that a
    search allowed.
    """

    front: Mapping[int, Dot]
    knee: int
    others: Sequence[Dot] = ()
    above: Sequence[Dot] = ()
    line: Sequence[tuple[float, float]] = ()
    limit: float | None = None


class _Label(NamedTuple):
    """The position of a number, the box that it fills, and whether the box is free."""

    x: float
    y: float
    anchor: str
    box: _Box
    free: bool = True


def scatter(cloud: FrontDots, axes: tuple[Axis, Axis], wide: int) -> Html:
    """The plot; a dot on the front links to the element with the id `network` and its number."""
    tall = 340 if wide == WIDE else 270
    every = [*cloud.front.values(), *cloud.others, *cloud.above]
    ys, xs = [d.y for d in every], [d.x for d in every]
    y = Scale(min(ys), max(ys), _TOP + tall, _TOP, count=tall / 60, bounds=axes[1].bounds)
    left = 12 + widest(map(axes[1].form, y.ticks), _FIGURE, least=_LEFT - 12)
    x = Scale(min(xs), max(xs), left, left + wide, count=wide / 110, bounds=axes[0].bounds)
    parts = _grid(x, y, axes)
    if cloud.limit is not None and x.low < cloud.limit < x.high:
        place = x(cloud.limit)
        parts.append(tag("line", x1=place, x2=place, y1=y.end, y2=y.start, class_="limit"))
    for dots, look in ((cloud.above, "above"), (cloud.others, "others")):
        parts.append(tag("g", *(_circle(x(d.x), y(d.y), 3.5, d.words) for d in dots), class_=look))
    parts.append(_path([(x(a), y(b)) for a, b in cloud.line]))
    places = {number: (x(dot.x), y(dot.y)) for number, dot in cloud.front.items()}
    labels = _labels(cloud, places, axes, (x.start, x.end + _RIGHT))
    order = sorted(places, key=lambda n: n == cloud.knee)  # draws the knee above its neighbours
    parts += [_strong(number, cloud, places[number], labels[number]) for number in order]
    name = f"{axes[1].name} against {axes[0].name} of {amount(len(every), 'network')}"
    return _svg(parts, left + wide, tall, name)


def growth(volumes: Sequence[tuple[int, float]], scored: int, wide: int) -> Html:
    """The hypervolume in percent over the networks scored: a step wherever it grew."""
    tall = 150
    x, y = Scale(1, max(scored, 2), _LEFT, _LEFT + wide, count=wide / 80), Scale(0, 100, _TOP + tall, _TOP)
    x.ticks = [tick for tick in x.ticks if tick >= 0 and tick == round(tick)]
    y.ticks = [0, 25, 50, 75, 100]
    axes = Axis("networks scored", "{:g}".format, "min"), Axis("hypervolume, %", "{:g}".format, "max")
    corners = [(1.0, 0.0), *((float(n), 100 * share) for n, share in volumes)]
    corners.append((float(scored), corners[-1][1]))
    parts = [*_grid(x, y, axes), _path([(x(a), y(b)) for a, b in corners])]
    return _svg(parts, _LEFT + wide, tall, "hypervolume over networks scored")


def _grid(x: Scale, y: Scale, axes: tuple[Axis, Axis]) -> list[Html]:
    """Faint lines at round numbers, these numbers, and the names of the axes."""
    parts = []
    for tick in x.ticks:
        parts.append(tag("line", x1=x(tick), x2=x(tick), y1=y.end, y2=y.start, class_="grid"))
        parts.append(_text(x(tick), y.start + 17, axes[0].form(tick), "middle"))
    for tick in y.ticks:
        parts.append(tag("line", x1=x.start, x2=x.end, y1=y(tick), y2=y(tick), class_="grid"))
        parts.append(_text(x.start - 8, y(tick) + 4, axes[1].form(tick), "end"))
    parts.append(tag("line", x1=x.start, x2=x.end, y1=y.start, y2=y.start, class_="base"))
    parts.append(_text(x.end, y.start + 37, axes[0].name, "end", class_="name"))
    parts.append(_text(x.start, y.end - 13, axes[1].name, "start", class_="name"))
    return parts


def _strong(number: int, cloud: FrontDots, place: _Place, label: _Label) -> Html:
    """A dot on the front with its number, which shows only on hover where there is no room."""
    knee = number == cloud.knee
    ring = tag("circle", cx=place[0], cy=place[1], r=10, class_="ring") if knee else ""
    dot = tag("circle", cx=place[0], cy=place[1], r=5.5, class_="dot")
    look = None if label.free or knee else "late"
    name = _text(label.x, label.y, _name(number, cloud), label.anchor, class_=look)
    words = tag("title", cloud.front[number].words)
    return tag("a", words, ring, dot, name, href=f"#network{number}", class_=f"strong n{number}")


def _labels(
    cloud: FrontDots, places: Mapping[int, _Place], axes: tuple[Axis, Axis], within: tuple[float, float]
) -> dict[int, _Label]:
    """A position beside each dot, preferably on the side without networks; the knee's is placed first."""
    side, up = -1 if axes[0].better == "min" else 1, -1 if axes[1].better == "max" else 1
    taken = [(x - 6, y - 6, x + 6, y + 6) for x, y in places.values()]
    found = {}
    for number in sorted(places, key=lambda n: n != cloud.knee):
        width, gap = _LETTER * len(_name(number, cloud)), 13 if number == cloud.knee else 9
        around = [_label(places[number], right * gap, up, width) for right in (side, -side)]
        inside = [one for one in around if within[0] <= one.box[0] and one.box[2] <= within[1]]
        free = [one for one in inside if not any(_overlap(one.box, other) for other in taken)]
        taken += [one.box for one in free[:1]]
        found[number] = free[0] if free else (inside or around)[0]._replace(free=False)
    return found


def _label(place: _Place, gap: float, down: int, width: float) -> _Label:
    x, y = place[0] + gap, place[1] + (15 if down > 0 else -7)
    far = x + math.copysign(width, gap)
    return _Label(x, y, "start" if gap > 0 else "end", (min(x, far), y - 10, max(x, far), y + 2))


def _overlap(a: _Box, b: _Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _name(number: int, cloud: FrontDots) -> str:
    return f"{number}, the knee" if number == cloud.knee else str(number)


def _path(corners: Sequence[tuple[float, float]]) -> Html:
    """A stepped path: first to the next corner's x, then to its y."""
    steps = "".join(f"H{x:.1f}V{y:.1f}" for x, y in corners[1:])
    start = f"M{corners[0][0]:.1f} {corners[0][1]:.1f}" if corners else ""
    return tag("path", d=start + steps, class_="edge")


def _circle(x: float, y: float, radius: float, words: str) -> Html:
    return tag("circle", tag("title", words), cx=x, cy=y, r=radius)


def _text(x: float, y: float, words: str, anchor: str, **look: object) -> Html:
    return tag("text", words, x=x, y=y, text_anchor=anchor, **look)


def _svg(parts: Sequence[Html], right: float, tall: float, name: str) -> Html:
    width, height = right + _RIGHT, _TOP + tall + _BELOW
    picture = tag(
        "svg", *parts, viewBox=f"0 0 {width:g} {height:g}", role="img", aria_label=name,
        class_="chart plot", style=f"min-width:{0.6 * width:.0f}px;max-width:{1.2 * width:.0f}px",
    )  # fmt: skip
    return tag("div", picture, class_="scroll", tabindex=0)
