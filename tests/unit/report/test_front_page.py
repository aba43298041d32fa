"""The report's section about a front: every network is there, any front is drawn, dots lead to their rows."""

import re
from html import unescape
from pathlib import Path

import pytest

from audionas.report.front import ASKED, MEASURES, draw
from audionas.report.run import write as write_report
from audionas.searchers import CHEAP, DEAR, PROXIES, fronts
from audionas.zoo.find import told
from tests.unit.report.test_report import Page
from tests.unit.searchers._front_folder import ONE, THREE, TWO, archived, filled, rising, scored


def drawn(folder: Path) -> str:
    """The section of a folder's front."""
    return draw(fronts.read(folder / "front.json"), folder / "select" / "archive.jsonl")


def numbers(page: str, pattern: str) -> list[int]:
    return sorted(map(int, re.findall(pattern, page)))


@pytest.mark.parametrize("objectives", [ONE, TWO, THREE], ids=len)
def test_every_network_can_be_pointed_at(objectives, tmp_path: Path) -> None:
    front = filled(tmp_path, 50, objectives)
    page = drawn(tmp_path)
    titles = unescape(page).split("<title>")[1:]
    assert len(titles) == 50 * max(1, len(objectives) - 1)
    for number, one in enumerate(scored(50), 1):
        title = next(t for t in titles if t.startswith(f"{number} of 50 scored"))
        assert told(one.spec) in title
        assert f"multiply-adds {one.score.values['macs']:,}," in title
        assert f"accuracy {100 * one.score.values['accuracy']:.2f} %" in title
    everyone = list(range(1, len(front.members) + 1))
    assert numbers(page, r'<tr id="network(\d+)"') == everyone
    plots = max(1, len(objectives) - 1)
    assert numbers(page, r'href="#network(\d+)"') == sorted(everyone * plots)
    assert numbers(page, r"(\d+), the knee</text>") == [front.knee] * plots
    assert numbers(page, r"Number (\d+)[^<]*</b>") == everyone
    assert f"Number {front.knee}, the knee</b>" in page


@pytest.mark.story
def test_the_page_has_the_section_exactly_when_there_is_a_front(tmp_path: Path) -> None:
    filled(tmp_path)
    text = write_report(tmp_path).read_text(encoding="utf-8")
    page = Page(text)
    assert page.titles[:3] == ["Before you believe the figures", "Front", "Network"]
    assert all(target.startswith("#") for target in page.loads)
    assert "script" not in page.tags
    assert text == write_report(tmp_path).read_text(encoding="utf-8")
    (tmp_path / "front.json").unlink()
    assert "Front" not in Page(write_report(tmp_path).read_text(encoding="utf-8")).titles


@pytest.mark.parametrize("count", [1, 2, 60])
@pytest.mark.parametrize("objectives", [ONE, TWO, THREE], ids=len)
@pytest.mark.parametrize("values", [{}, {"accuracy": 0.5, "macs": 7, "params": 3}, {"accuracy": 0.0}])
def test_any_front_is_drawn(count, objectives, values, tmp_path: Path) -> None:
    """Few networks, one objective, equal values, zeros: all places are finite numbers inside the picture."""
    front = filled(tmp_path, count, objectives, lambda size, luck: {**rising(size, luck), **values})
    page = drawn(tmp_path)
    Page(page)  # what is opened is closed
    assert page.count('class="strong') == len(front.members) * max(1, len(objectives) - 1)
    places = re.findall(r'<(?:use|text)[^>]* x="([^"]*)" y="([^"]*)"', page)
    assert len(places) > 10
    assert all(0 <= float(place) < 1000 for pair in places for place in pair)
    assert bool(front.volumes) == ("Hypervolume over networks scored" in page)


def test_a_front_of_sixty_hides_the_numbers_that_have_no_room(tmp_path: Path) -> None:
    """Equal luck: every network is on the front, so its dots stand close."""
    front = filled(tmp_path, 60, formula=lambda size, _: rising(size, 0.5))
    assert len(front.members) == 60
    page = drawn(tmp_path)
    late = page.count('class="halo late"')
    assert 0 < late < 59
    assert ">61<" not in page


def test_networks_above_a_limit_are_hollow_or_left_out(tmp_path: Path) -> None:
    above = [one for one in scored(50, most=3e6) if one.score.violation]
    filled(tmp_path / "dear", 50, most=3e6)
    page = drawn(tmp_path / "dear")
    assert f"{len(above)} above a limit are not drawn: the supernet did not score them." in page
    assert page.count("<title>") == 50 - len(above)
    filled(tmp_path / "cheap", 50, {"params": "max", "macs": "min"}, most=3e6)
    page = drawn(tmp_path / "cheap")
    assert f"{len(above)} above a limit are hollow." in page
    assert page.count("<title>") == 50
    assert page.count("scored, above a limit") == len(above)
    assert 'class="limit"' in page
    assert "multiply-adds 3,000,000 at most" in page


def test_networks_without_a_finite_score_are_told(tmp_path: Path) -> None:
    filled(tmp_path, 9)
    networks = scored(12)
    broken = [one._replace(score=one.score._replace(values={**one.score.values, "accuracy": float("nan")}))
              for one in networks[9:]]  # fmt: skip
    archived(tmp_path / "select" / "archive.jsonl", [*scored(9), *broken])
    page = drawn(tmp_path)
    assert "3 without a finite score are not drawn." in page
    assert "nan" not in page


def test_without_its_archive_the_front_is_drawn(tmp_path: Path) -> None:
    front = filled(tmp_path)
    (tmp_path / "select" / "archive.jsonl").unlink()
    assert drawn(tmp_path).count("<title>") == len(front.members)


def test_every_value_that_can_be_asked_for_has_words() -> None:
    assert MEASURES.keys() == {*DEAR, *CHEAP, *PROXIES, ASKED}
