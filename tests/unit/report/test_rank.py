"""The page of a ranking study: its command and advice on top, no figure of an axis cut, names as text."""

from audionas.report.rank import Ranking, page
from tests._hostile import HOSTILE
from tests.unit.report._texts import figures
from tests.unit.report.test_report import Page

WHY = {"value": 0.1, "interval": None, "interval_why": "3 networks, fewer than 10"}


def ranking(**changes: object) -> Ranking:
    rows = [
        {"network": f"n{n}", "macs": n, "alone": 0.11 + n / 100, "recalibrated": 0.2, "running": 0.1 + n / 99}
        for n in range(3)
    ]
    told = {"kendall": WHY, "mean": 0.2, "sd": 0.01}
    agreement = {"recalibrated": told, "running": told, "by parameters": {"kendall": {**WHY, "value": 0.9}}}
    facts = {"command": "audionas rank c.yaml", "supernet epochs": 4}
    return Ranking("study", rows, agreement, facts)._replace(**changes)


def test_command_and_advice_stand_on_top() -> None:
    words = " ".join(Page(page(ranking())).words)
    top = words.partition("Agreement")[0]
    assert "audionas rank c.yaml" in top
    assert "tau-b 0.10" in top
    assert "audionas rank c.yaml name=study_longer search.epochs=8" in top
    assert "rank.networks=30" in top


def test_figures_of_the_side_axis_lie_inside() -> None:
    """`11.0 %` once read `.1.0 %`."""
    found = [text for text in figures(page(ranking())) if text.anchor == "end"]
    assert len(found) > 4
    assert all(text.words.endswith("%") and text.left >= 0 for text in found)


def test_clips_give_a_band_and_classes_a_line_of_chance() -> None:
    assert 'class="band"' not in page(ranking())
    known = page(ranking(clips=63, classes=10))
    assert known.count('class="band"') == 2
    assert "stroke-dasharray: 1,4" in known


def test_hostile_names_are_text() -> None:
    title = " ".join(HOSTILE)
    found = Page(
        page(ranking(title=title, facts={"command": f"audionas rank {title}", "supernet epochs": 1}))
    )
    assert not {"script", "img", "i", "a"} & set(found.tags)
