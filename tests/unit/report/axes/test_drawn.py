"""Drawings of matplotlib on a page: words on hover, colours of the style sheet, names of others as text."""

import re
from html import unescape

from audionas.core.hostile import on_a_line
from audionas.report.axes.drawn import PLACEHOLDER, Room, drawing
from audionas.report.axes.scale import POSITIVE
from tests._hostile import HOSTILE
from tests.unit.report._texts import texts
from tests.unit.report.test_report import Page

ROOM = Room(20, 10, 10, 20)


def cloud(count: int) -> str:
    """So many points with words of their own, and one artist of two parts."""
    with drawing("points", 200, 100, ROOM) as drawn:
        look = {"color": PLACEHOLDER["accent"], "s": 16}
        each = [f"point {n}" for n in range(count)]
        drawn.axes.scatter(range(count), range(count), gid=drawn.mark(each=each), **look)
        both = drawn.mark("one & both", "strong", "#row1")
        drawn.axes.scatter([1], [2], gid=f"{both} dot", **look)
        drawn.text(1, 2, "name", gid=both)
        return drawn.html()


def test_every_point_has_its_words_and_parts_of_one_are_together() -> None:
    for count in (1, 3, 400):  # matplotlib writes few and many points differently
        found = re.findall(r"<title>(point \d+)</title><(?:use|path)", cloud(count))
        assert found == [f"point {n}" for n in range(count)]
    both = re.search(r'<a href="#row1" class="strong">(.*?)</a>', cloud(1))
    assert both
    assert both[1].startswith("<title>one &amp; both</title>")
    assert 'class="dot"' in both[1]
    assert ">name<" in both[1]


def test_colours_are_those_of_the_page_and_bytes_are_equal() -> None:
    drawn = cloud(3)
    assert "var(--accent)" in drawn
    assert "#0102" not in drawn
    assert drawn == cloud(3)
    assert not {"metadata", "style"} & set(Page(f"<body>{drawn}</body>").tags)


def test_names_of_others_are_text() -> None:
    names = [*HOSTILE, "$x^2$", "안녕", "a\ufffeb\uffffc", "a\x00b\nc", "\u202egpj.wav", "sch\udcfcssel"]
    with drawing("names", 200, 100, ROOM) as drawn:
        drawn.across(0, 3, POSITIVE, 3, "{:g}".format)
        for name in names:
            drawn.text(1, 0, name, gid=drawn.mark(name))
        shown = drawn.html()
    assert len(list(texts(shown))) >= len(names)
    assert len(re.findall("<title>", shown)) == len(names)
    words = unescape(shown)
    assert all(on_a_line(name) in words for name in names if not {"\ufffe", "\uffff"} & set(name))
    assert not {"script", "img", "a"} & set(Page(f"<body>{shown}</body>").tags)
