"""The charts of a comparison as SVG: means with intervals, cost against outcome, curves over epochs."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from audionas.core.reporter import amount
from audionas.report.axes.drawn import PLACEHOLDER, Drawing, Format, Room, drawing
from audionas.report.axes.letters import shortened, widest, width
from audionas.report.axes.noise import band
from audionas.report.axes.scale import POSITIVE, SHARE, Bounds
from audionas.report.html import Html

_ROW = 26  # units per method
_NAMES, _WORDS = 112, 66  # least widths of the names before a plot, and of the figures behind it
WIDE, NARROW = 690, 300  # widths of a plot on a whole page, and on half a page
_BELOW = 50  # the figures and the title below a plot
_TOP, _RIGHT = 26, 34  # above a plot, where its title stands, and beside it, where its last figure reaches
_FIGURE = 11  # size of a figure on an axis
_REACH = 0.6  # an interval may widen the scale by this share of the values' range, on each side
_SEED = {"s": 36, "color": PLACEHOLDER["muted"], "alpha": 0.55, "linewidths": 0, "clip_on": False}
_MEAN = {"s": 100, "color": PLACEHOLDER["accent"], "edgecolor": PLACEHOLDER["card"], "linewidths": 1.5,
         "clip_on": False}  # fmt: skip
_DASHED, _DOTTED = (0, (3, 3)), (0, (1, 4))


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
    tall = len(groups) * _ROW + 6
    with drawing(name, plot, tall, Room(left, 0, _WORDS, _BELOW)) as drawn:
        axes = drawn.axes
        axes.set_ylim(tall, 0)
        axes.set_yticks([])
        drawn.across(*_range(groups, look), look.bounds, plot // 85, forms[1])
        ends = axes.get_xlim()
        for value, dashes in ((look.against, _DASHED), (look.chance, _DOTTED)):
            if value is not None and ends[0] <= value <= ends[1]:
                axes.axvline(value, color=PLACEHOLDER["muted"], linewidth=1, linestyle=dashes)
        for place, group in enumerate(groups):
            _forest_row(drawn, group, place * _ROW + _ROW / 2 + 3, forms[0], look.clips)
        drawn.titles(look.title)
        return drawn.scrolled("chart drawing", 0.75, 1.15)


def _range(groups: Sequence[Seeds], look: Look) -> tuple[float, float]:
    """From the smallest to the largest value and band, with room for intervals up to a limit."""
    values = [v for group in groups for v in group.values]
    values += [] if look.against is None else [look.against]
    values += [end for group in groups for end in band(group.mean, look.clips) or ()]
    low, high = min(values), max(values)
    ends = [end for group in groups if group.interval for end in group.interval]
    room = _REACH * (high - low) or abs(high) * 0.05
    return max(low - room, min([low, *ends])), min(high + room, max([high, *ends]))


def _forest_row(drawn: Drawing, group: Seeds, y: float, form: Format, clips: int) -> None:
    axes, (low, high) = drawn.axes, drawn.axes.get_xlim()
    title = f"{group.name}: mean {form(group.mean)} of {', '.join(form(v) for v in group.values)}"
    if ends := band(group.mean, clips):
        title += f"; by the draw of {amount(clips, 'clip')} {form(ends[0])} to {form(ends[1])}"
    if group.interval:
        title += f"; 95 % interval {form(group.interval[0])} to {form(group.interval[1])}"
    row, look = drawn.mark(title), {"color": PLACEHOLDER["accent"]}
    drawn.text(low, y, shortened(group.name), shift=(-12, 0), ha="right", va="center", fontsize=12, gid=row)
    if ends:
        axes.fill_betweenx([y - 7, y + 7], *ends, **look, alpha=0.13, linewidth=0, gid=f"{row} band")
    if group.interval:
        axes.hlines(y, *group.interval, linewidth=2, gid=f"{row} interval", **look)
        marks = [end for end in group.interval if low <= end <= high]
        axes.vlines(marks, y - 4, y + 4, linewidth=2, clip_on=False, gid=f"{row} ends", **look)
    axes.scatter(group.values, [y] * len(group.values), **_SEED, gid=f"{row} seeds")
    axes.scatter([group.mean], [y], **_MEAN, gid=row)
    drawn.text(high, y, form(group.mean), shift=(14, 0), va="center", fontsize=12, weight="bold", gid=row)


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
    with _plane(points, [mean[1] for mean in means], plane, look, name) as drawn:
        axes = drawn.axes
        for cloud, (x, y) in zip(clouds, means, strict=True):
            for point in cloud.points:
                axes.plot(*zip((x, y), point, strict=True), color=PLACEHOLDER["line"], linewidth=1)
            words = [f"{cloud.name}: {plane.forms[0](a)}, {plane.forms[1](b)}" for a, b in cloud.points]
            axes.scatter(*zip(*cloud.points, strict=True), **_SEED, gid=drawn.mark(each=words), zorder=2)
        axes.scatter(*zip(*means, strict=True), **_MEAN, zorder=3)
        _names(drawn, [cloud.name for cloud in clouds], means)
        return drawn.scrolled("chart drawing", 0.75, 1.15)


@contextmanager
def _plane(
    points: Sequence[tuple[float, float]], banded: Sequence[float], plane: Plane, look: Look, name: str
) -> Iterator[Drawing]:
    """The axes of points; the widest band of the `banded` accuracies is drawn at the right."""
    ends = [ends for share in banded if (ends := band(share, look.clips))]
    ys = [*(point[1] for point in points), *(end for pair in ends for end in pair)]
    room = Room(10 + widest(map(plane.forms[1], (*ys, 0.123456)), _FIGURE, least=30), _TOP, _RIGHT, _BELOW)
    with drawing(name, 790, 360, room) as drawn:
        axes, xs = drawn.axes, [point[0] for point in points]
        drawn.across(min(xs), max(xs), plane.across, 7, plane.forms[0])
        drawn.up(min(ys), max(ys), SHARE, 6, plane.forms[1])
        drawn.titles(*plane.titles)
        if look.chance is not None and axes.get_ylim()[0] <= look.chance <= axes.get_ylim()[1]:
            axes.axhline(look.chance, color=PLACEHOLDER["muted"], linewidth=1, linestyle=_DOTTED)
        if ends:
            words = f"95 % by the draw of {amount(look.clips, 'clip')}: the widest band"
            low, high = max(ends, key=lambda pair: pair[1] - pair[0])
            place = {"transform": axes.get_yaxis_transform(), "gid": f"{drawn.mark(words)} band"}
            axes.plot([0.99, 0.99], [low, high], color=PLACEHOLDER["accent"], linewidth=6, alpha=0.3,
                      solid_capstyle="butt", **place)  # fmt: skip
        yield drawn


class Spot(NamedTuple):
    """A point with words that show on hover."""

    x: float
    y: float
    words: str


def spots(dots: Sequence[Spot], plane: Plane, name: str, look: Look) -> Html:
    """Unconnected points, the band of the middle one's accuracy beside them."""
    middle = sorted(d.y for d in dots)[len(dots) // 2]
    with _plane([(d.x, d.y) for d in dots], [middle], plane, look, name) as drawn:
        words = [f"{plane.forms[0](d.x)}, {plane.forms[1](d.y)}: {d.words}" for d in dots]
        place = {"color": PLACEHOLDER["accent"], "alpha": 0.7, "linewidths": 0, "clip_on": False, "s": 64}
        drawn.axes.scatter([d.x for d in dots], [d.y for d in dots], **place, gid=drawn.mark(each=words))
        return drawn.scrolled("chart drawing", 0.75, 1.15)


def _names(drawn: Drawing, names: Sequence[str], means: Sequence[Any]) -> None:
    """A label beside each mean, clear of the other labels where possible; it has a halo (class `halo`)."""
    places = drawn.axes.transData.transform(means)  # units, upwards
    taken = [(px - 6, py - 6, px + 6, py + 6) for px, py in places]
    left, right = drawn.axes.bbox.x0, drawn.axes.bbox.x1
    for name, (px, py), mean in sorted(zip(names, places, means, strict=True), key=lambda one: -one[1][1]):
        around = [_place(px, py, dx, dy, width(name)) for dx, dy in _AROUND]
        inside = [p for p in around if left <= p.box[0] and p.box[2] <= right]
        free = [p for p in inside if not any(_overlap(p.box, other) for other in taken)]
        place = (free or around)[0]
        taken.append(place.box)
        side: Any = {"ha": place.anchor, "va": "center", "fontsize": 12}
        drawn.text(mean[0], mean[1], name, shift=place.shift, **side, gid=f"{drawn.mark()} halo")


class _Place(NamedTuple):
    """A position for a label: the shift of its anchor, and the box (left, low, right, high) that it fills."""

    shift: tuple[float, float]
    anchor: str
    box: tuple[float, float, float, float]


_AROUND = ((9, 0), (-9, 0), (0, 13), (0, -13), (9, 12), (9, -12), (-9, 12), (-9, -12), (0, 26), (0, -26))


def _place(px: float, py: float, dx: float, dy: float, width: float) -> _Place:
    x, y = px + dx, py + dy
    anchor, left = ("left", x) if dx > 0 else ("right", x - width) if dx < 0 else ("center", x - width / 2)
    return _Place((dx, dy), anchor, (left, y - 7, left + width, y + 7))


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def lines(
    curves: Sequence[Sequence[tuple[float, float]]],
    ranges: tuple[tuple[float, float], tuple[float, float]],
    form: Format,
    name: str,
) -> Html:
    """One thin line per seed, on scales given by `ranges` (x, y), so that charts can be compared."""
    left = 10 + widest(map(form, ranges[1]), _FIGURE, least=24)
    with drawing(name, 250, 110, Room(left, 6, 14, 42)) as drawn:
        drawn.across(*ranges[0], Bounds(), 4, lambda value: f"{value:g}")
        drawn.axes.xaxis.get_major_locator().set_params(integer=True)
        drawn.up(*ranges[1], POSITIVE, 3, form)
        drawn.titles("epoch")
        for curve in curves:
            look = {"color": PLACEHOLDER["accent"], "linewidth": 1.6, "alpha": 0.75}
            drawn.axes.plot(*zip(*curve, strict=True), marker="o" if len(curve) == 1 else None, **look)
        return drawn.html()
