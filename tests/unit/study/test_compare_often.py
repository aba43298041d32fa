"""How often a comparison draws its page, by a clock that the test turns."""

from pathlib import Path

from audionas.report.compare_table import Comparison
from audionas.study.compare import Page


def test_a_page_is_drawn_anew_after_twenty_times_what_it_took(tmp_path: Path) -> None:
    now, took = [100.0], 3.0

    def clock() -> float:
        if page.exists():  # the second question of a drawing
            now[0] += took
        return now[0]

    page, drawn = tmp_path / "compare.html", []
    empty = Comparison(tmp_path, "duel", (), (), {}, "clips", "3 clips", {})
    pages = Page(clock)
    for second in (100, 101, 162, 163, 170, 223, 226):
        now[0] = float(second)
        pages.sometimes(empty)
        if page.exists():
            drawn.append(second)
            page.unlink()
    assert drawn == [100, 163, 226]
    now[0] = 227.0
    pages.draw(empty)
    assert page.exists()
