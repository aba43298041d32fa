"""A front as SVG: every scored network is a dot; those on the front are strong, numbered and joined."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from audionas.core.reporter import amount
from audionas.report.axes.drawn import PLACEHOLDER, Drawing, Format, Room, drawing
from audionas.report.axes.letters import widest
from audionas.report.axes.scale import Bounds
from audionas.report.html import Html
from audionas.searchers._base import Direction

WIDE, NARROW = 780, 410  # units of a plot on the whole page, and on half of it
_LEFT, _TOP, _RIGHT, _BELOW = 54, 30, 34, 46  # least room around a plot
_FIGURE = 11  # size of a figure on an axis
_LETTER = 7.0  # width of a digit in a label
_DOT = {"clip_on": False, "s": 121, "color": PLACEHOLDER["accent"], "edgecolor": PLACEHOLDER["card"]}

_Place = tuple[float, float]
_Box = tuple[float, float, float, float]  # left, low, right, high


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
    """The position of a number beside its dot, the box that it fills, and whether the box is free."""

    shift: _Place
    anchor: str
    box: _Box
    free: bool = True


def scatter(cloud: FrontDots, axes: tuple[Axis, Axis], wide: int) -> Html:
    """The plot; a dot on the front links to the element with the id `network` and its number."""
    every = [*cloud.front.values(), *cloud.others, *cloud.above]
    name = f"{axes[1].name} against {axes[0].name} of {amount(len(every), 'network')}"
    tall, ys = 340 if wide == WIDE else 270, [d.y for d in every]
    left = 12 + widest(map(axes[1].form, (min(ys), max(ys))), _FIGURE, least=_LEFT - 12)
    with drawing(name, wide, tall, Room(left, _TOP, _RIGHT, _BELOW)) as drawn:
        _grid(drawn, axes, [d.x for d in every], ys, wide // 110, tall // 60)
        low, high = drawn.axes.get_xlim()
        if cloud.limit is not None and low < cloud.limit < high:
            look = {"color": PLACEHOLDER["bad"], "linewidth": 1, "linestyle": (0, (4, 4))}
            drawn.axes.axvline(cloud.limit, **look, gid=drawn.mark(look="limit"))
        hollow = {"facecolor": "none", "edgecolor": PLACEHOLDER["muted"], "alpha": 0.6}
        _crowd(drawn, cloud.above, "above", hollow)
        _crowd(drawn, cloud.others, "others", {"color": PLACEHOLDER["muted"], "alpha": 0.35, "linewidths": 0})
        _steps(drawn, cloud.line)
        labels = _labels(drawn, cloud, axes)
        for number in sorted(cloud.front, key=lambda n: n == cloud.knee):  # the knee above its neighbours
            _strong(drawn, number, cloud, labels[number])
        return drawn.scrolled("chart plot", 0.6, 1.2)


def growth(volumes: Sequence[tuple[int, float]], scored: int, wide: int) -> Html:
    """The hypervolume in percent over the networks scored: a step wherever it grew."""
    form, bounds = "{:g}".format, Bounds()
    axes = Axis("networks scored", form, "min", bounds), Axis("hypervolume, %", form, "max", bounds)
    with drawing("hypervolume over networks scored", wide, 150, Room(_LEFT, _TOP, _RIGHT, _BELOW)) as drawn:
        _grid(drawn, axes, [1, max(scored, 2)], [0, 100], wide // 80, 4)
        drawn.axes.set_xlim(1, max(scored, 2))
        drawn.axes.xaxis.get_major_locator().set_params(integer=True)
        corners = [(1.0, 0.0), *((float(n), 100 * share) for n, share in volumes)]
        _steps(drawn, [*corners, (float(scored), corners[-1][1])])
        return drawn.scrolled("chart plot", 0.6, 1.2)


def _grid(
    drawn: Drawing, axes: tuple[Axis, Axis], xs: Sequence[float], ys: Sequence[float], *counts: int
) -> None:
    """The ranges of the axes with round numbers, and their names."""
    drawn.across(min(xs), max(xs), axes[0].bounds, counts[0], axes[0].form)
    drawn.up(min(ys), max(ys), axes[1].bounds, counts[1], axes[1].form)
    drawn.titles(axes[0].name, axes[1].name)


def _crowd(drawn: Drawing, dots: Sequence[Dot], name: str, look: Mapping[str, object]) -> None:
    """The networks that are not on the front."""
    if dots:
        mark = drawn.mark(look=name, each=[d.words for d in dots])
        drawn.axes.scatter([d.x for d in dots], [d.y for d in dots], s=49, clip_on=False, gid=mark, **look)


def _strong(drawn: Drawing, number: int, cloud: FrontDots, label: _Label) -> None:
    """A dot on the front with its number, which shows only on hover where there is no room."""
    knee, at = number == cloud.knee, cloud.front[number]
    mark = drawn.mark(at.words, f"strong n{number}", f"#network{number}")
    if knee:
        ring = {"facecolor": "none", "edgecolor": PLACEHOLDER["accent"], "linewidths": 1.5, "s": 400}
        drawn.axes.scatter([at.x], [at.y], **ring, clip_on=False, gid=f"{mark} ring", zorder=3)
    drawn.axes.scatter([at.x], [at.y], **_DOT, linewidths=1.5, gid=f"{mark} dot", zorder=3)
    look: Any = {"ha": label.anchor, "va": "baseline", "weight": "bold", "zorder": 3}
    late = "" if label.free or knee else " late"
    drawn.text(at.x, at.y, _name(number, cloud), shift=label.shift, **look, gid=f"{mark} halo{late}")


def _labels(drawn: Drawing, cloud: FrontDots, axes: tuple[Axis, Axis]) -> dict[int, _Label]:
    """A position beside each dot, preferably on the side without networks; the knee's is placed first."""
    side, up = -1 if axes[0].better == "min" else 1, axes[1].better == "max"
    inner = drawn.axes.bbox
    places = {n: drawn.axes.transData.transform((dot.x, dot.y)) for n, dot in cloud.front.items()}
    taken = [(x - 6, y - 6, x + 6, y + 6) for x, y in places.values()]
    found = {}
    for number in sorted(places, key=lambda n: n != cloud.knee):
        width, gap = _LETTER * len(_name(number, cloud)), 13 if number == cloud.knee else 9
        around = [_label(places[number], right * gap, up, width) for right in (side, -side)]
        inside = [one for one in around if inner.x0 <= one.box[0] and one.box[2] <= inner.x1 + _RIGHT]
        free = [one for one in inside if not any(_overlap(one.box, other) for other in taken)]
        taken += [one.box for one in free[:1]]
        found[number] = free[0] if free else (inside or around)[0]._replace(free=False)
    return found


def _label(place: _Place, gap: float, up: bool, width: float) -> _Label:
    rise = 7 if up else -15
    x, y = place[0] + gap, place[1] + rise
    far = x + math.copysign(width, gap)
    return _Label((gap, rise), "left" if gap > 0 else "right", (min(x, far), y - 2, max(x, far), y + 10))


def _overlap(a: _Box, b: _Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _name(number: int, cloud: FrontDots) -> str:
    return f"{number}, the knee" if number == cloud.knee else str(number)


def _steps(drawn: Drawing, corners: Sequence[tuple[float, float]]) -> None:
    """A stepped line: first to the next corner's x, then to its y."""
    if corners:
        look = {"color": PLACEHOLDER["accent"], "linewidth": 1.6, "alpha": 0.7, "clip_on": False}
        drawn.axes.step(*zip(*corners, strict=True), where="post", **look)
