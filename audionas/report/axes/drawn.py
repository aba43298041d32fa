"""matplotlib's drawings as elements of a page: its colours, its typeface, and words that show on hover.

matplotlib draws in placeholder colours, which are replaced by the style sheet's, so that a chart follows the
page into dark mode. Equal numbers give equal bytes. A unit is a pixel of a chart that is not scaled.
"""

import io
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element, SubElement, fromstring, tostring

from audionas.core.hostile import on_a_line
from audionas.report.axes.scale import Bounds, limits
from audionas.report.html import Html, tag

_COLOURS = (
    *("ink", "muted", "line", "faint", "card", "accent", "second", "bad"),
    *("k3", "k5", "k7", "k9", "other", "skip"),
)
PLACEHOLDER = {name: f"#0102{i:02x}" for i, name in enumerate(_COLOURS, 1)}
_POINTS = 72  # of an inch; matplotlib writes a point as a unit
_LONG = re.compile(r"(\d\.\d\d)\d+")  # hundredths of a unit are enough
_UNUSED = re.compile(r"<metadata>.*?</metadata>|<style.*?</style>", re.DOTALL)
_OWN = re.compile(r"font-family: [^;\"]*(; )?| transform=\"rotate\(-0 [^\"]*\)\"|(?<=[\d ])\n(?=[A-Zz])")

Format = Callable[[float], str]


class Room(NamedTuple):
    """Units around the axes."""

    left: float
    top: float
    right: float
    below: float


class _Mark(NamedTuple):
    """The element that the artists of one id become, with a title, a class, and a link."""

    words: str
    look: str | None
    href: str | None
    each: Sequence[str]


class Drawing:
    """Axes of `wide` times `tall` units with `room` around them."""

    def __init__(self, name: str, wide: float, tall: float, room: Room) -> None:
        from matplotlib.figure import Figure

        self.name, self._marks = name, dict[str, _Mark]()
        self.size = (room.left + wide + room.right, room.top + tall + room.below)
        across, up = self.size
        self._figure = Figure(figsize=(across / _POINTS, up / _POINTS), dpi=_POINTS)
        box = (room.left / across, room.below / up, wide / across, tall / up)
        self.axes: Any = self._figure.add_axes(box)
        self.axes.patch.set_visible(False)
        self.axes.spines[["top", "right", "left"]].set_visible(False)
        self.axes.spines["bottom"].set_color(PLACEHOLDER["line"])
        self.axes.set_axisbelow(True)
        self.axes.tick_params(length=0, pad=5, colors=PLACEHOLDER["muted"])

    def mark(
        self, words: str = "", look: str | None = None, href: str | None = None, each: Sequence[str] = ()
    ) -> str:
        """The id for artists that form one element, which shows `words` on hover; or `each` mark its own."""
        key = f"mark{len(self._marks)}"
        self._marks[key] = _Mark(words, look, href, each)
        return key

    def text(self, x: float, y: float, words: object, colour: str = "ink", **look: Any) -> None:
        """A line of text beside (x, y); `shift` is the distance in units."""
        shift = look.pop("shift", (0, 0))
        place = {"xytext": shift, "textcoords": "offset points", "annotation_clip": False}
        self.axes.annotate(_text(words), (x, y), color=PLACEHOLDER[colour], parse_math=False, **place, **look)

    def across(self, low: float, high: float, bounds: Bounds, count: int, form: Format) -> None:
        """Set the x axis: its ends, and about `count` round numbers with faint lines."""
        self._side(self.axes.xaxis, "x", limits(low, high, bounds), count, form)

    def up(self, low: float, high: float, bounds: Bounds, count: int, form: Format) -> None:
        """Set the y axis: its ends, and about `count` round numbers with faint lines."""
        self._side(self.axes.yaxis, "y", limits(low, high, bounds), count, form)

    def _side(self, axis: Any, name: str, ends: tuple[float, float], count: int, form: Format) -> None:
        from matplotlib.ticker import FuncFormatter, MaxNLocator

        (self.axes.set_xlim if name == "x" else self.axes.set_ylim)(*ends)
        axis.set_major_locator(MaxNLocator(count + count // 2, steps=[1, 2, 5, 10]))
        axis.set_major_formatter(FuncFormatter(lambda value, _: form(value)))
        self.axes.grid(axis=name, color=PLACEHOLDER["faint"], linewidth=1)

    def titles(self, across: str = "", up: str = "", below: float = 34, above: float = 13) -> None:
        """The titles of the axes: below the right end of x, and above the upper end of y."""
        look = {
            "xycoords": "axes fraction",
            "fontsize": 12,
            "parse_math": False,
            "color": PLACEHOLDER["muted"],
        }
        for words, at, shift, side in ((across, (1, 0), -below, "right"), (up, (0, 1), above, "left")):
            if words:
                place = {"xytext": (0, shift), "textcoords": "offset points", "ha": side}
                self.axes.annotate(_text(words), at, **place, **look, annotation_clip=False)

    def html(self, class_: str = "chart", **attributes: object) -> Html:
        """The drawing as an element."""
        stream = io.StringIO()
        self._figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
        whole = f"0 0 {self.size[0]:g} {self.size[1]:g}"
        shown = Html(_inline(stream.getvalue(), self._marks))
        return tag("svg", shown, viewBox=whole, role="img", aria_label=self.name, class_=class_, **attributes)

    def scrolled(self, class_: str, least: float, most: float) -> Html:
        """The drawing in a box that scrolls where the page is narrower than `least` of its size."""
        wide = self.size[0]
        style = f"min-width:{least * wide:.0f}px;max-width:{most * wide:.0f}px"
        return tag("div", self.html(class_, style=style), class_="scroll", tabindex=0)


@contextmanager
def drawing(name: str, wide: float, tall: float, room: Room, font: float = 11) -> Iterator[Drawing]:
    """Axes to draw on; `name` labels the chart. Text has the page's typeface, which is not known here."""
    import matplotlib as mpl

    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": name, "font.size": font, "path.simplify": True}
    with mpl.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font", UserWarning)
        yield Drawing(name, wide, tall, room)


def _text(words: object) -> str:
    """A line of text that XML can hold."""
    return on_a_line(words).replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")


def _inline(svg: str, marks: dict[str, _Mark]) -> str:
    """An SVG file's drawing as markup, without metadata, own style, size or unused ids."""
    svg = _UNUSED.sub("", svg[svg.index("<svg") :])
    svg = re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg).replace("xlink:href", "href")
    tree = fromstring(_OWN.sub("", svg))
    _gather(tree, marks)
    used = set(re.findall(r"#(\w+)\)?\"", tostring(tree, "unicode")))
    for element in tree.iter():
        element.text, element.tail = (element.text or "").strip(), None
        if element.get("id") not in used:
            element.attrib.pop("id", None)
    text = "".join(tostring(child, "unicode") for child in tree)
    text = re.sub(r"<[^>]*>", lambda element: _LONG.sub(r"\1", element[0]), text)
    for colour, placeholder in PLACEHOLDER.items():
        text = text.replace(placeholder, f"var(--{colour})")
    return text


def _gather(tree: Element, marks: dict[str, _Mark]) -> None:
    """Put the groups of one id, which may be followed by classes, into one element with its words."""
    parents = {child: parent for parent in tree.iter() for child in parent}
    homes = dict[str, Element]()
    for group in [one for one in tree.iter("g") if one.get("id", "").split(" ")[0] in marks]:
        key, *looks = group.attrib.pop("id").split(" ")
        if looks:
            group.set("class", " ".join(looks))
        if key not in homes:
            homes[key] = home = _home(marks[key])
            parents[group][list(parents[group]).index(group)] = home
        else:
            parents[group].remove(group)
        homes[key].append(group)
        _title_each(group, marks[key].each)


def _home(mark: _Mark) -> Element:
    known = {"href": mark.href, "class": mark.look}
    home = Element("a" if mark.href else "g", {key: value for key, value in known.items() if value})
    if mark.words:
        SubElement(home, "title").text = _text(mark.words)
    return home


def _title_each(group: Element, each: Sequence[str]) -> None:
    """Give each mark of a cloud of points its own words."""
    if not each:
        return
    kept = {id(part) for defs in group.iter("defs") for part in defs.iter()}
    parents = {child: parent for parent in group.iter() for child in parent}
    points = [part for part in group.iter() if part.tag in ("use", "path") and id(part) not in kept]
    for point, words in zip(points, each, strict=True):
        wrapped = Element("g")
        SubElement(wrapped, "title").text = _text(words)
        parents[point][list(parents[point]).index(point)] = wrapped
        wrapped.append(point)
