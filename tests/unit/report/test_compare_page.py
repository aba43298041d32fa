"""The page and the charts of a comparison: all is shown, nothing loaded, any figures drawn, equal bytes."""

import re
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from audionas.core.hostile import on_a_line
from audionas.core.rng import numpy_rng
from audionas.report import compare, compare_table
from audionas.report import compare_charts as charts
from audionas.report.axes.scale import SHARE
from audionas.report.compare_charts import Look, MethodDots, Plane, Seeds
from audionas.report.compare_table import Comparison
from tests._hostile import HOSTILE, unseen
from tests.unit.report._texts import figures, texts

METHODS = ("darts", "gdas", "fair_darts", "rome", "random_nas", "p_darts", "snas", "merge_nas")


def row(method: str, seed: int, **changes: Any) -> dict[str, Any]:
    """A finished run with figures that depend on its name."""
    rng = numpy_rng("compare page", method, seed)
    free = int(rng.integers(0, 9))
    accuracy = float(rng.uniform(0.5, 0.95))
    found = {
        "accuracy": accuracy,
        "relaxed": accuracy + 0.03,
        "gap": 0.03,
        "params": int(rng.integers(2e4, 9e4)),
        "macs": int(rng.integers(1e6, 5e6)),
        "free": free,
        "kept": 8,
        "free_share": free / 8,
        "collapsed": free >= 5,
        "entropy": 1.1,
        "examples": 51_200,
        "epochs": 30,
        "weight_steps": 400,
        "alpha_steps": 77,
        "alpha_reach": 0.0231,
        "seconds": 300.0,
        "arch": f"{seed:012d}",
        "network": "tc_k3 skip",
    }
    return {"method": method, "seed": seed, "status": "done", "reason": "", **found, **changes}


def comparison(folder: Path, rows: list[dict[str, Any]], **changes: Any) -> Comparison:
    labels = list(dict.fromkeys(r["method"] for r in rows))
    steps = {
        label: {"seconds": 0.3, "saved_bytes": 2**20, "time_ratio": 1.5, "memory_ratio": 0.5}
        for label in labels
    }
    plain = {"title": "duel", "labels": labels, "rows": rows, "steps": steps, "noun": "clips"}
    return Comparison(folder=folder, tested="620 clips", facts={"space": "kws"}, **{**plain, **changes})


def test_a_run_of_an_earlier_version_has_no_words_for_its_network(tmp_path: Path) -> None:
    old = row("darts", 0)
    del old["network"]
    assert '<code class="wrap">-</code>' in written(comparison(tmp_path, [old]))


def written(made: Comparison) -> str:
    compare.write(made)
    return (made.folder / "compare.html").read_text()


def test_every_method_and_figure_is_shown(tmp_path: Path) -> None:
    rows = [row(m, s, trained=0.9 + s / 100, cifar10_test=0.93) for m in METHODS for s in range(3)]
    page = written(comparison(tmp_path, rows))
    heads = re.findall(r"<h2>(.*?)</h2>", page)
    assert heads == [
        "Before you believe the figures",
        "Accuracy by the table",
        "Accuracy, trained from scratch",
        "Accuracy, inherited weights",
        "Figures",
        "Signs of a collapse",
        "Cost against accuracy",
        "Cost per step",
        "Runs",
        "How it was measured",
    ]
    for method in METHODS:
        assert page.count(method) > 8
    assert "91.0 ± 1.0" in page
    given = page[page.index("What each search was given") :].partition("</table>")[0]
    for words in ("weight steps", "alpha steps", "steps × rate", "<td>77</td>", "<td>0.0231</td>"):
        assert words in given
    assert "of 24" in page
    assert page == written(comparison(tmp_path, rows))


def test_the_page_loads_nothing_and_runs_nothing(tmp_path: Path) -> None:
    page = written(comparison(tmp_path, [row("darts", 0)]))
    assert "default-src &#x27;none&#x27;" in page
    assert not re.search(r"<(script|link|iframe|img)\b|https?://(?!www\.w3\.org)|url\((?!#)", page)


def test_names_and_reasons_are_escaped(tmp_path: Path) -> None:
    rows = [row("a&b", 0), {"method": "<i>", "seed": 0, "status": "failed", "reason": "<script>"}]
    page = written(comparison(tmp_path, rows, title="<b>"))
    assert "<script>" not in page
    assert "<i>" not in page
    assert "<b>" not in page.replace("<b></b>", "")
    assert "&lt;script&gt;" in page


def test_hostile_names_are_text_in_both(tmp_path: Path) -> None:
    """No markup in the Markdown, and no character in either that a reader does not see."""
    title, tested = " ".join(HOSTILE), "".join(HOSTILE)
    rows = [row("darts", 0, cifar10_val=0.9, cifar10_test=0.9) | {"method": label} for label in HOSTILE]
    rows += [{"method": label, "seed": 1, "status": "failed", "reason": title} for label in HOSTILE]
    made = comparison(tmp_path, rows, title=title)._replace(tested=tested, facts={"command": title})
    page, text = written(made), compare_table.markdown(made)
    assert set(unseen(page)) <= {"\t"}
    assert not unseen(text)
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    leaves = [leaf for token in tokens for leaf in token.children or ()]
    assert {leaf.type for leaf in leaves} == {"text", "code_inline"}
    words = "".join(leaf.content for leaf in leaves)
    assert words.count(on_a_line(title)) == 2  # as the title and as a fact; a reason joins its lines
    assert all(words.count(on_a_line(label)) >= 4 for label in HOSTILE)


@pytest.mark.parametrize("seeds", [1, 2])
@pytest.mark.parametrize(
    "changes", [{}, {"accuracy": 0.5, "gap": 0.0, "relaxed": 0.5, "macs": 7}, {"accuracy": 0.0}]
)
def test_any_figures_are_drawn(tmp_path: Path, seeds: int, changes: dict[str, Any]) -> None:
    """One seed, one method, equal values, zeros: no figure is missing and none is no number."""
    page = written(comparison(tmp_path, [row("darts", seed, **changes) for seed in range(seeds)]))
    assert "nan" not in page.lower().replace("random_nas", "").replace("finance", "")
    assert "inf" not in re.sub(r"[a-z]*inf[a-z]+", "", page.lower())


def test_without_a_finished_run_the_page_says_what_was_lost(tmp_path: Path) -> None:
    rows = [{"method": "rome", "seed": 0, "status": "refused", "reason": "it needs cells"}]
    made = comparison(tmp_path, rows, steps={})
    page = written(made)
    assert "it needs cells" in page
    text = compare_table.markdown(made)
    assert "No run has finished." in text
    assert "- rome, seeds 0 (refused): it needs cells" in text


def test_a_method_without_a_supernet_has_no_inherited_accuracy(tmp_path: Path) -> None:
    rows = [
        row("darts", 0),
        {k: v for k, v in row("random", 0).items() if k not in ("accuracy", "relaxed", "gap")},
    ]
    line = next(x for x in compare_table.markdown(comparison(tmp_path, rows)).splitlines() if "| random" in x)
    assert line.startswith("| random | 1 | - | - | - |")
    assert "random" in written(comparison(tmp_path, rows))


def test_an_interval_without_bounds_has_no_end_marks() -> None:
    """Two seeds give wide intervals: the scale follows the values, and open lines say so."""
    wide = Seeds("a", (0.4, 0.6), 0.5, (-0.77, 1.77))
    narrow = Seeds("b", (0.5, 0.52), 0.51, (0.49, 0.53))
    form = (str, str)
    drawn = [charts.forest([g, narrow], form, "x", Look(bounds=SHARE)) for g in (wide, narrow)]
    ends = [re.findall(r'<g class="ends">(.*?)</g>', one) for one in drawn]
    assert [[one.count("<path") for one in each] for each in ends] == [[2], [2, 2]]


def test_labels_of_a_scatter_do_not_overlap() -> None:
    rng = numpy_rng("scatter")
    clouds = [MethodDots(name, [tuple(rng.normal(size=2))]) for name in METHODS]
    svg = charts.scatter(clouds, Plane((str, str), ("a", "b")), "x", Look())
    labels = [text for text in texts(svg) if text.words in METHODS]
    boxes = [(text.left, text.y, text.right, text.y + 14) for text in labels]
    assert len(boxes) == len(METHODS)
    pairs = [(a, b) for i, a in enumerate(boxes) for b in boxes[:i]]
    assert not any(a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3] for a, b in pairs)


def numbers(page: str) -> list[float]:
    """The figures on the axes."""
    return [float(text.words) for text in figures(page)]


def test_an_axis_of_percent_does_not_leave_percent() -> None:
    """Figures that are all zero once had an axis from -40 to 40."""
    zero = [Seeds("a", (0.0,), 0.0, None)]
    drawn = charts.forest(zero, (str, lambda share: f"{100 * share:.6g}"), "x", Look(bounds=SHARE))
    assert min(numbers(drawn)) == 0
    assert max(numbers(drawn)) <= 5


def test_one_clip_of_63_does_not_span_the_page() -> None:
    """The scale holds the band of so few clips, which is drawn behind each mean."""
    groups = [Seeds(name, (right / 63,), right / 63, None) for name, right in (("a", 41), ("b", 42))]
    form = (str, lambda share: f"{100 * share:.6g}")
    alone, banded = (charts.forest(groups, form, "x", Look(bounds=SHARE, clips=n)) for n in (0, 63))
    assert alone.count('class="band"') == 0
    assert banded.count('class="band"') == 2
    assert max(numbers(banded)) - min(numbers(banded)) >= 20
    assert "by the draw of 63 clips" in banded


def test_chance_is_a_line_where_the_scale_reaches_it() -> None:
    groups = [Seeds("a", (0.05, 0.2), 0.12, None)]
    near, far = (
        charts.forest(groups, (str, str), "x", Look(bounds=SHARE, chance=share)) for share in (0.1, 0.9)
    )
    assert "stroke-dasharray: 1,4" in near
    assert "stroke-dasharray: 1,4" not in far


@pytest.mark.parametrize("name", ["darts", "a_method_with_a_long_name", "안녕하세요안녕하세요"])
def test_no_label_is_cut(name: str) -> None:
    """Every text begins and ends inside the picture, by the mean width of its letters."""
    dots = [charts.Spot(0.11, 0.8, "n"), charts.Spot(0.12, 0.9, "n")]
    look, form = Look(chance=0.1), (lambda share: f"{100 * share:.1f} %",) * 2
    pictures = [
        charts.spots(dots, Plane(form, ("across, %", "up, %"), SHARE), "x", look),
        charts.forest([Seeds(name, (0.1, 0.2), 0.15, None)], form, "x", Look("accuracy, %", SHARE)),
        charts.scatter(
            [MethodDots(name, [(1e6, 0.5)])], Plane((lambda n: f"{n:,.0f}", form[1]), ("a", "b")), "x", look
        ),
    ]
    for picture in pictures:
        wide = float(re.search(r'viewBox="0 0 ([\d.]+)', picture)[1])
        found = list(texts(picture))
        assert len(found) > 4
        assert all(text.left >= 0 and text.right <= wide for text in found)


def test_the_command_stands_in_the_head_and_advice_below(tmp_path: Path) -> None:
    typed = "audionas compare 'a b.yaml' x=<i>"
    made = comparison(tmp_path, [row("darts", 0), row("gdas", 0)])._replace(facts={"command": typed})
    page = written(made)
    head = page.partition("<header>")[2].partition("</header>")[0]
    assert "audionas compare &#x27;a b.yaml&#x27; x=&lt;i&gt;" in head
    assert "2 of 2 runs found the same network" in page
    assert "2 methods ran with one seed (darts, gdas)" in page
