"""Laws of thresholds: tables = loops, splits = brute force, targets are kept, too few hours are told."""

from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from audionas.core.intervals import Interval, exact, poisson
from audionas.data.kaldi import Item
from audionas.listen.bands import curve, rate_interval, rejected_interval
from audionas.listen.det import Groups, Thresholds, accepts, allot, groups_of, negatives_of, table
from audionas.listen.events import fired, levels
from audionas.listen.hear import Heard
from audionas.listen.measured import measured, note_of
from audionas.models.listener import Rule
from audionas.report import tune, tune_chart

HOP = 0.1
RULE = Rule(3, 1.0)
WORDS = ("hey", "stop")


def clips(many: int = 60, speakers: int = 10) -> Heard:
    """Clips whose word rises to anywhere between 0.3 and 1."""
    rng = np.random.default_rng(1)
    items, scores = [], []
    for number in range(many):
        who = f"s{number // 2 % speakers}"
        items.append(Item(f"{who}-{number}", "clip", WORDS[number % 2], 1.0, 0.0, who))
        rows = rng.uniform(0, 0.1, (15, 2))
        rows[6:12, number % 2] = rng.uniform(0.3, 1.0)
        scores.append(rows.astype(np.float32))
    return Heard(items, scores, HOP)


def long(recordings: int = 4, minutes: float = 15, bursts: int = 12) -> Heard:
    """Silence with short bursts of either word."""
    rng = np.random.default_rng(2)
    scores, hops = [], round(minutes * 600)
    for _ in range(recordings):
        rows = rng.uniform(0, 0.2, (hops, 2))
        for _ in range(bursts):
            at = rng.integers(0, hops - 10)
            rows[at : at + 6, rng.integers(0, 2)] = rng.uniform(0.2, 0.9)
        scores.append(rows.astype(np.float32))
    items = [Item(f"r{n}", f"r{n}", "", minutes * 60) for n in range(recordings)]
    return Heard(items, scores, HOP)


def tables(heard: Heard, quiet: Heard) -> list[Thresholds]:
    """Of both words."""
    negatives = negatives_of(quiet, RULE)
    rows = list(zip(heard.items, heard.scores, strict=True))
    return [
        table(np.array([levels(x, RULE)[:, k].max() for i, x in rows if i.label == word]), negatives, k)
        for k, word in enumerate(WORDS)
    ]


def figures(heard: Heard, quiet: Heard, target: float = 3.0, rule: Rule = RULE) -> dict[str, Any]:
    """All that is told of a file."""
    found: Any = SimpleNamespace(keywords=WORDS, file=Path("model.stream.onnx"))
    return measured(found, heard, quiet, rule, target)


def test_a_table_is_a_loop_over_thresholds() -> None:
    heard, quiet = clips(), long()
    for place, (word, each) in enumerate(zip(WORDS, tables(heard, quiet), strict=True)):
        level = [levels(x, RULE)[:, place] for x in quiet.scores]
        own = [levels(x, RULE)[:, place].max() for i, x in zip(heard.items, heard.scores, strict=True)
               if i.label == word]  # fmt: skip
        for j in range(0, len(each.thresholds), 5):
            threshold = each.thresholds[j]
            assert each.total[j] == sum(len(fired(x, threshold, 10)) for x in level)
            assert each.rejected[j] == np.mean([x < threshold for x in own])
        assert (np.diff(each.total) <= 0).all()
        assert (np.diff(each.rejected) >= 0).all()
        assert each.total[-1] == 0
        assert each.thresholds[-1] <= 1
        assert each.total[0] <= 60  # more than one a minute is of no interest


@pytest.mark.parametrize("budget", [0, 1, 3, 7])
def test_the_sum_of_false_accepts_is_split_as_well_as_can_be(budget: int) -> None:
    both = tables(clips(), long())
    best = min(
        float(both[0].rejected[i] + both[1].rejected[j])
        for i, j in product(*(range(len(each.thresholds)) for each in both))
        if both[0].total[i] + both[1].total[j] <= budget
    )
    split = allot(both, 7)[budget]
    assert split is not None
    assert sum(choice.rejected for choice in split) == pytest.approx(best)
    assert sum(choice.accepts for choice in split) <= budget
    for each, choice in zip(both, split, strict=True):
        at = int(np.searchsorted(each.thresholds, choice.threshold))
        assert (each.rejected[at], each.total[at]) == (choice.rejected, choice.accepts)


def test_more_false_accepts_never_cost_clips() -> None:
    costs = [sum(c.rejected for c in split or []) for split in allot(tables(clips(), long()), 12)]
    assert costs == sorted(costs, reverse=True)


def test_units_of_the_bootstrap() -> None:
    few, many = negatives_of(long(4, 1.5), RULE), negatives_of(long(20, 1.5), RULE)
    assert (few.what, len(few.hours)) == ("one-minute blocks", 8)
    assert (many.what, len(many.hours)) == ("recordings", 20)
    assert few.hours.sum() == pytest.approx(0.1)
    assert many.hours.sum() == pytest.approx(0.5)
    thresholds = np.linspace(0, 1, 30)
    whole = np.stack([[len(fired(x[:, 1], t, 10)) for t in thresholds] for x in few.levels])
    assert accepts(few, 1, thresholds).reshape(4, 2, -1).sum(1).tolist() == whole.tolist()


def test_intervals() -> None:
    heard = clips(120, speakers=6)
    both = tables(heard, long())
    split = allot(both, 3)[3]
    assert split is not None
    at = [choice.threshold for choice in split]
    own = [[i for i in heard.items if i.label == word] for word in WORDS]
    by_clip = rejected_interval(both, [groups_of(items, speakers=False) for items in own], at)
    mean = np.mean([choice.rejected for choice in split])
    assert by_clip.ends is not None
    assert by_clip.ends[0] < mean < by_clip.ends[1]
    assert by_clip == rejected_interval(both, [groups_of(items, speakers=False) for items in own], at)
    none = [each.thresholds[0] for each in both]
    few = rejected_interval(both, [groups_of(i, speakers=True) for i in own], none)
    assert few == Interval(None, "6 speakers, fewer than 10")
    least = rejected_interval(both, [groups_of(i, speakers=False) for i in own], none)
    assert least == exact(0, sum(map(len, own)))
    every = [np.nextafter(1.0, 0), np.nextafter(1.0, 0)]
    assert rejected_interval(both, [groups_of(i, speakers=False) for i in own], every) == exact(120, 120)
    alone = rejected_interval(both[:1], [groups_of(own[0], speakers=False)], none[:1])
    assert alone == exact(0, len(own[0]))


def test_of_eighteen_clips_all_rejected_is_not_certainty() -> None:
    missed, accepts = np.ones((18, 1), bool), np.zeros((20, 1), np.int64)
    each = Thresholds(np.array([0.9]), missed, accepts)
    for what in ("clips", "speakers"):  # each by another speaker
        found = rejected_interval([each], [Groups(np.arange(18), what)], [0.9])
        assert found.words("{:.1%}".format) == "81.5% to 100.0%", what
    some = Thresholds(np.array([0.9]), np.arange(36)[:, None] < 12, accepts)  # no bootstrap, however many
    assert rejected_interval([some], [Groups(np.arange(36), "clips")], [0.9]) == exact(12, 36)


def test_the_band_of_a_curve_holds_the_exact_interval() -> None:
    """A bootstrap of clips that are all heard cannot leave 0."""
    heard, quiet = clips(40), long(24, 2)
    for rows in heard.scores:
        rows[6:12] = 0.95
    each, negatives = tables(heard, quiet)[0], negatives_of(quiet, RULE)
    for what, speakers in (("clips", False), ("speakers", True)):
        groups = groups_of([i for i in heard.items if i.label == "hey"], speakers=speakers)
        points = [p for p in curve(each, groups, negatives) if p.rejected == 0]
        assert points
        assert all(p.high >= exact(0, groups.many).ends[1] for p in points), what


def test_rates_of_few_events_are_known_badly() -> None:
    hours = np.full(120, 1 / 60)
    assert rate_interval(np.zeros(120), hours).ends == pytest.approx(poisson(0, 2.0).ends)
    assert rate_interval(np.ones(120), hours).ends == pytest.approx(
        poisson(120, 2.0).ends
    )  # evenly: a bootstrap sees no doubt
    one = np.eye(1, 120)[0]
    assert rate_interval(one, hours).ends[1] == pytest.approx(5.572 / 2, abs=0.001)  # Poisson, exact
    clustered = np.zeros(120)
    clustered[0] = 50
    low, high = rate_interval(clustered, hours).ends
    assert low == 0  # all came in one minute
    assert high > 60


def test_a_curve_is_the_best_at_each_rate() -> None:
    heard, quiet = clips(), long()
    each, negatives = tables(heard, quiet)[0], negatives_of(quiet, RULE)
    groups = groups_of([i for i in heard.items if i.label == "hey"], speakers=True)
    points = curve(each, groups, negatives)
    for point in points:
        best = each.rejected[each.total <= point.per_hour + 1e-9].min()
        assert point.rejected == best
        assert 0 <= point.low <= point.high <= 1
    assert points[0].per_hour == 1.0
    assert [p.rejected for p in points] == sorted((p.rejected for p in points), reverse=True)
    inside = [point.low <= point.rejected <= point.high for point in points]
    assert np.mean(inside) > 0.8


@pytest.mark.story
def test_figures_keep_the_target_and_say_what_hours_cannot_tell() -> None:
    row = figures(clips(), long(), target=3.0)
    assert row["met"]
    assert row["hours"] == pytest.approx(1.0)
    assert row["sum"]["accepts"] == sum(word["accepts"] for word in row["words"].values()) <= 3
    assert [at["measurable"] for at in row["at"]] == [False, False, False]
    said = " ".join(tune.advice(row))
    assert "at least" not in said
    row = figures(clips(), long(), target=0.5)
    assert "1 h of negatives cannot show 0.5 false accepts per hour: give at least 6 h" in " ".join(
        tune.advice(row)
    )
    assert "not measurable with 1 h" in tune.rates_table([row])[1][0]
    assert "at most 3 per hour" in " ".join(tune.advice(row))
    assert tune.words_table(row)[1][-1][0] == "all"
    assert "drawn by speakers" in tune.setting(row)
    ten = figures(clips(), long(40), target=0.5)
    assert [at["measurable"] for at in ten["at"]] == [True, True, False]
    assert ten["at"][0]["rejected"] <= ten["at"][1]["rejected"] == ten["sum"]["rejected"]
    assert "curve" not in note_of(ten)["words"]["hey"]


def test_a_target_out_of_reach() -> None:
    heard, quiet = clips(), long()
    for rows in quiet.scores:
        rows[:, 1] = 1.0
    row = figures(heard, quiet, target=1.0)
    assert not row["met"]
    assert row["unheard"] == ["hey", "stop"]  # only silence is strict enough
    assert 0 < row["words"]["stop"]["rejected"] < 1
    for rows in heard.scores:
        rows[6:12] = 1.0
    row = figures(heard, quiet, target=1.0)
    assert (row["met"], row["unheard"], row["words"]["stop"]["threshold"]) == (False, [], 1.0)
    assert "no threshold reaches 1 false accept per hour" in tune.advice(row)[0]


def test_a_word_that_its_threshold_silences_gets_the_strictest_that_hears_it() -> None:
    heard, quiet = clips(), long(bursts=0)
    for rows in heard.scores:
        rows[:, 0] *= 0.5
    for rows in quiet.scores:
        rows[100:2000:100, 0] = rows[101:2000:100, 0] = rows[102:2000:100, 0] = 0.9
    row = figures(heard, quiet, target=3.0)
    word = row["words"]["hey"]
    assert (row["met"], row["unheard"]) == (False, ["hey"])
    assert word["accepts"] == 4 * 19  # as few as it takes, beyond the 60 per hour that a table holds else
    assert 0 < word["threshold"] < 0.5
    assert word["rejected"] < 1
    (said,) = tune.advice(row)
    assert "TARGET NOT MET. With 3 false accepts per hour or fewer, hey would never be heard" in said
    raw: Any = SimpleNamespace(keywords=WORDS, file=Path("a"))
    assert measured(raw, heard, quiet, RULE, 3.0, usable=False)["words"]["hey"]["rejected"] == 1
    assert "unheard" in note_of(row)


def test_a_word_without_any_score_stays_unheard() -> None:
    heard, quiet = clips(), long()
    for rows in heard.scores:
        rows[:, 0] = 0
    assert figures(heard, quiet)["words"]["hey"]["rejected"] == 1


@pytest.mark.story
def test_pictures(tmp_path: Path) -> None:
    row = figures(clips(), long())
    tune_chart.draw([row], tmp_path / "det.png")
    assert (tmp_path / "det.png").read_bytes().startswith(b"\x89PNG")
    page = tune.draw({"files": [row, {**row, "file": "<int8>"}]})
    assert page.count("<title>") == 4
    assert "hey, model.stream.onnx" in page
    assert "&lt;int8&gt;" in page
    assert page == tune.draw({"files": [row, {**row, "file": "<int8>"}]})


def test_clips_that_begin_over_the_threshold_are_counted() -> None:
    heard, quiet = clips(), long()
    loud = [np.concatenate((np.ones((5, 2), np.float32), rows)) for rows in heard.scores]
    for scores, share in ((heard.scores, 0), (loud, 1)):
        words = figures(heard._replace(scores=scores), quiet)["words"]
        assert [found["at_start"] for found in words.values()] == [share * w["clips"] for w in words.values()]
