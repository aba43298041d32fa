"""Figures against hand counts and SciPy; intervals against data whose mean is known."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import f1_score

from audionas.core.rng import numpy_rng
from audionas.engine.metrics import (
    area_under_tail,
    by_group,
    interval,
    macro_f1,
    macro_f1_interval,
    over_seeds,
    paired,
    paired_macro_f1,
    summary,
)

LABELS = ["_silence_", "yes", "no"]
# rows: truth yes yes yes yes no no _silence_ _silence_; answers as named
TARGETS = np.array([1, 1, 1, 1, 2, 2, 0, 0])
ANSWERS = np.array([1, 1, 1, 2, 2, 0, 0, 0])
SPEAKERS = ["a", "a", "b", "b", "a", "b", "c", "c"]


def scores(answers: np.ndarray, classes: int = 3, top: float = 0.8) -> np.ndarray:
    rest = (1 - top) / (classes - 1)
    table = np.full((len(answers), classes), rest)
    table[np.arange(len(answers)), answers] = top
    return table


def test_a_small_table_equals_counts_by_hand() -> None:
    found = summary(scores(ANSWERS), TARGETS, LABELS, SPEAKERS)
    assert found["accuracy"] == 6 / 8
    assert (found["n"], found["speakers"], found["labels"]) == (8, 3, LABELS)
    assert found["confusion"] == [[2, 0, 0], [0, 3, 1], [1, 0, 1]]  # rows are the truth
    assert found["balanced_accuracy"] == pytest.approx((1 + 3 / 4 + 1 / 2) / 3)
    assert found["per_class"] == {
        "_silence_": {
            "recall": 1.0,
            "precision": pytest.approx(2 / 3),
            "f1": pytest.approx(0.8),
            "aut": pytest.approx(1 / 12),
            "log_loss": pytest.approx(-np.log(0.8)),
            "n": 2,
        },
        "yes": {
            "recall": 0.75,
            "precision": 1.0,
            "f1": pytest.approx(6 / 7),
            "aut": pytest.approx(1 / 8),
            "log_loss": pytest.approx(-(3 * np.log(0.8) + np.log(0.1)) / 4),
            "n": 4,
        },
        "no": {
            "recall": 0.5,
            "precision": 0.5,
            "f1": 0.5,
            "aut": pytest.approx(1 / 3),
            "log_loss": pytest.approx(-(np.log(0.8) + np.log(0.1)) / 2),
            "n": 2,
        },
    }
    losses = {name: row["log_loss"] for name, row in found["per_class"].items()}
    assert found["macro_log_loss"] == pytest.approx(sum(losses.values()) / 3)
    assert found["log_loss"] == pytest.approx(
        (2 * losses["_silence_"] + 4 * losses["yes"] + 2 * losses["no"]) / 8
    )
    assert found["macro_f1"] == pytest.approx((0.8 + 6 / 7 + 0.5) / 3)
    assert macro_f1(ANSWERS, TARGETS) == pytest.approx(found["macro_f1"])
    assert (found["macro_f1_interval"], found["macro_f1_interval_why"]) == (None, "3 speakers, fewer than 10")
    assert found["log_loss"] == pytest.approx(-(6 * np.log(0.8) + 2 * np.log(0.1)) / 8)
    assert (found["interval"], found["interval_why"]) == (None, "3 speakers, fewer than 10")


def test_each_group_has_the_figures_that_it_would_have_alone() -> None:
    table = scores(ANSWERS)
    found = by_group(table, TARGETS, LABELS, SPEAKERS)
    assert list(found) == ["a", "b", "c"]
    for name, row in found.items():
        member = np.array([speaker == name for speaker in SPEAKERS])
        alone = summary(table[member], TARGETS[member], LABELS, ["x"] * int(member.sum()))
        assert row == {key: pytest.approx(alone[key]) for key in row}
    assert found["b"] == {
        "accuracy": 1 / 3,
        "balanced_accuracy": pytest.approx((1 / 2 + 0) / 2),
        "macro_f1": pytest.approx((2 / 3 + 0) / 2),
        "log_loss": pytest.approx(-(np.log(0.8) + 2 * np.log(0.1)) / 3),
        "n": 3,
    }


def test_classes_without_clips_and_classes_never_named() -> None:
    """A test set may lack a class that the model names, and a model may never name one."""
    targets, answers = np.array([1, 1, 1, 1]), np.array([1, 1, 2, 1])
    found = summary(scores(answers), targets, LABELS, ["a", "b", "c", "d"])
    assert found["accuracy"] == 0.75
    assert found["confusion"] == [[0, 0, 0], [0, 3, 1], [0, 0, 0]]
    assert found["per_class"]["no"] == {
        **{"recall": 0.0, "precision": 0.0, "f1": 0.0},
        **{"aut": None, "log_loss": None, "n": 0},
    }
    assert found["balanced_accuracy"] == 0.75
    assert found["macro_f1"] == pytest.approx(6 / 7)


def test_the_area_under_the_tail_is_the_share_of_pairs_in_wrong_order() -> None:
    rng = np.random.default_rng(0)
    own = rng.random(60) < 0.3
    found = np.round(rng.random(60) + 0.3 * own, 1)  # rounded: ties
    gaps = found[own][:, None] - found[~own][None]
    wrong = (gaps < 0).mean() + 0.5 * (gaps == 0).mean()
    assert area_under_tail(found, own) == pytest.approx(wrong)
    assert area_under_tail(own.astype(float), own) == 0
    assert area_under_tail(found, np.ones(60, bool)) is None


@pytest.mark.parametrize("right", [0, 1, 9, 17, 18])
def test_clips_of_unknown_speakers_have_clopper_and_pearsons_interval(right: int) -> None:
    """18 of 18 are no "100 % to 100 %"; the ends are quantiles of the beta distribution."""
    low, high = interval(np.arange(18) < right, [str(i) for i in range(18)]).ends
    assert low == pytest.approx(stats.beta.ppf(0.025, right, 19 - right) if right else 0)
    assert high == pytest.approx(stats.beta.ppf(0.975, right + 1, 18 - right) if right < 18 else 1)


def test_many_errors_are_left_to_the_bootstrap() -> None:
    low, high = interval(np.arange(200) < 100, [str(i) for i in range(200)]).ends
    exactly = stats.binomtest(100, 200).proportion_ci(0.95, "exact")
    assert high - low < exactly.high - exactly.low


def test_few_errors_of_known_speakers_leave_the_doubt_of_the_clips() -> None:
    """One wrong clip of 36, by 12 speakers: draws of speakers alone end at 0.917."""
    right, groups = np.arange(36) > 0, [f"s{i % 12}" for i in range(36)]
    low, high = interval(right, groups).ends
    clips = stats.binomtest(35, 36).proportion_ci(0.95, "exact")
    assert low == clips.low < 0.86
    assert high == 1.0
    many = np.arange(36) >= 12
    assert interval(many, groups).ends != interval(right, groups).ends


def test_speakers_who_are_all_right_count_one_try_each() -> None:
    groups = [f"s{i % 12}" for i in range(60)]
    assert interval(np.ones(60), groups).ends == pytest.approx((0.025 ** (1 / 12), 1.0))
    assert interval(np.zeros(60), groups).ends == pytest.approx((0.0, 1 - 0.025 ** (1 / 12)))
    found = summary(scores(np.tile([1, 2, 0], 20)), np.tile([1, 2, 0], 20), LABELS, groups)
    assert (found["macro_f1_interval"], found["macro_f1_interval_why"]) == (
        None,
        "all speakers give the same",
    )


@pytest.mark.parametrize("many", [1, 2, 9, 10])
def test_an_interval_takes_ten_speakers(many: int) -> None:
    groups = [f"s{i % many}" for i in range(60)]
    right = np.arange(60) % 7 > 1
    for found in (interval(right, groups), macro_f1_interval(right * 1, np.ones(60, int), groups)):
        assert (found.ends is None) == (many < 10)
        assert many == 10 or found.why == f"{many} speaker{'s' * (many > 1)}, fewer than 10"


def test_single_precision_scores_are_taken() -> None:
    logits = numpy_rng("metrics", "float32").normal(size=(40, 12)).astype(np.float32)
    soft = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    targets = numpy_rng("metrics", "targets").integers(0, 12, 40)
    assert 0 <= summary(soft, targets, [str(i) for i in range(12)], ["a"] * 40)["accuracy"] <= 1


def test_the_same_data_give_the_same_interval() -> None:
    values = numpy_rng("metrics", "again").random(50)
    groups = [f"s{i % 9}" for i in range(50)]
    first = interval(values, groups)
    np.random.default_rng().random(5)
    assert interval(values, groups) == first


def test_names_and_order_of_speakers_hardly_matter() -> None:
    values = numpy_rng("metrics", "names").random(60)
    groups = np.array([f"s{i % 12:02d}" for i in range(60)])
    turned = numpy_rng("metrics", "turned").permutation(60)
    first = interval(values, groups.tolist()).ends
    assert interval(values[turned], groups[turned].tolist()).ends == pytest.approx(first)
    renamed = [f"z{99 - int(g[1:])}" for g in groups]
    assert interval(values, renamed).ends == pytest.approx(first, abs=0.02)


@pytest.mark.laws
def test_the_interval_covers_a_known_mean_about_95_times_in_100() -> None:
    """300 data sets of 40 speakers with 5 clips each, true accuracy 0.8 with a spread between speakers.

    The number covered is binomial; a percentile bootstrap over 40 groups covers a little less than
    95 %. Below 90 % or above 99 % lies outside four standard deviations (1.3 points) of 94.5 %.
    """
    covered = 0
    for trial in range(300):
        rng = numpy_rng("coverage", trial)
        chances = rng.beta(8, 2, size=40)  # mean 0.8
        values = rng.random((40, 5)) < chances[:, None]
        low, high = interval(values.ravel(), np.repeat(np.arange(40), 5).astype(str).tolist()).ends
        covered += low <= 0.8 <= high
    assert 0.90 <= covered / 300 <= 0.99


def test_speakers_whose_clips_agree_widen_the_interval() -> None:
    rng = numpy_rng("metrics", "agree")
    values = np.repeat(rng.random(20) < 0.8, 10)
    by_speaker = interval(values, np.repeat(np.arange(20), 10).astype(str).tolist()).ends
    by_clip = interval(values, [str(i) for i in range(200)]).ends
    # ten equal clips carry the information of one: the width grows by about sqrt(10)
    assert by_speaker[1] - by_speaker[0] > 2 * (by_clip[1] - by_clip[0])


def test_without_groups_the_width_is_that_of_the_normal_law() -> None:
    values = numpy_rng("metrics", "normal").normal(3, 2, size=400)
    low, high = interval(values, [str(i) for i in range(400)]).ends
    expected = 2 * 1.96 * values.std() / 20
    assert high - low == pytest.approx(expected, rel=0.1)  # 2,000 draws: a few per cent
    assert (low + high) / 2 == pytest.approx(values.mean(), abs=0.1 * expected)


def test_a_paired_difference_is_sharper_than_two_intervals() -> None:
    rng = numpy_rng("metrics", "paired")
    a = rng.random(300) < 0.8
    b = a & (rng.random(300) > 0.05)  # b misses what a misses, and a little more
    groups = [f"s{i % 60}" for i in range(300)]
    found = paired(a, b, groups)
    assert found["difference"] == pytest.approx(a.mean() - b.mean())
    assert found["n"] == 300
    low, high = found["interval"]
    assert 0 < low < found["difference"] < high
    alone = interval(a, groups).ends
    assert high - low < 0.7 * (alone[1] - alone[0])


def test_a_pair_turned_round_changes_its_sign() -> None:
    rng = numpy_rng("metrics", "turn")
    a, b = rng.random(50), rng.random(50)
    groups = [str(i % 10) for i in range(50)]
    there, back = paired(a, b, groups), paired(b, a, groups)
    assert there["difference"] == pytest.approx(-back["difference"])
    assert there["interval"] == pytest.approx([-back["interval"][1], -back["interval"][0]])
    assert paired(a, a, groups)["interval_why"] == "all speakers give the same"


def answers_of(trial: int, speakers: int = 40) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Answers, truth and speakers of clips of 3 classes; some speakers are understood better than others."""
    rng = numpy_rng("metrics", "f1", trial)
    targets = rng.integers(0, 3, (speakers, 6))
    right = rng.random((speakers, 6)) < rng.beta(8, 3, size=(speakers, 1))
    answers = np.where(right, targets, (targets + rng.integers(1, 3, targets.shape)) % 3)
    return answers.ravel(), targets.ravel(), np.repeat(np.arange(speakers), 6).astype(str).tolist()


def test_macro_f1_is_that_of_scikit_learn() -> None:
    answers, targets, _ = answers_of(0)
    assert macro_f1(answers, targets) == pytest.approx(f1_score(targets, answers, average="macro"))
    some = targets < 2  # class 2 is named, but there is none of it
    expected = f1_score(targets[some], answers[some], average="macro", labels=[0, 1])
    assert macro_f1(answers[some], targets[some]) == pytest.approx(expected)


def test_a_draw_of_macro_f1_is_the_macro_f1_of_the_clips_drawn() -> None:
    """The percentiles of macro F1 over clips that are drawn, speaker by speaker, one draw at a time."""
    answers, targets, speakers = answers_of(1, speakers=10)
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(2000):
        clips = np.concatenate([np.arange(6 * who, 6 * who + 6) for who in rng.integers(0, 10, 10)])
        drawn.append(macro_f1(answers[clips], targets[clips]))
    found = macro_f1_interval(answers, targets, speakers).ends
    assert found == pytest.approx(np.percentile(drawn, [2.5, 97.5]), abs=0.02)


@pytest.mark.laws
def test_the_interval_of_macro_f1_covers_the_true_one_about_95_times_in_100() -> None:
    """200 data sets; the truth from a million clips. Four standard deviations of the count are 6 points."""
    answers, targets, _ = answers_of(-1, speakers=160_000)
    true = macro_f1(answers, targets)
    covered = 0
    for trial in range(200):
        low, high = macro_f1_interval(*answers_of(trial)).ends
        covered += low <= true <= high
    assert 0.88 <= covered / 200 <= 0.99


def test_a_paired_difference_of_macro_f1() -> None:
    a, targets, speakers = answers_of(3)
    b = np.where(numpy_rng("metrics", "spoilt").random(len(a)) < 0.1, (a + 1) % 3, a)
    found, back = paired_macro_f1(a, b, targets, speakers), paired_macro_f1(b, a, targets, speakers)
    assert found["difference"] == pytest.approx(macro_f1(a, targets) - macro_f1(b, targets))
    assert found["difference"] == pytest.approx(-back["difference"])
    assert found["interval"] == pytest.approx([-back["interval"][1], -back["interval"][0]])
    low, high = found["interval"]
    assert low < found["difference"] < high
    alone = macro_f1_interval(a, targets, speakers).ends
    assert high - low < alone[1] - alone[0]
    assert paired_macro_f1(a, a, targets, speakers)["interval"] is None


def test_seeds_of_a_paired_macro_f1_are_averaged_on_the_same_draws() -> None:
    """Their numbers may differ; one seed is that seed, and equal seeds are one."""
    a, targets, speakers = answers_of(3)
    spoilt = [
        np.where(numpy_rng("metrics", "spoilt", n).random(len(a)) < 0.1, (a + 1) % 3, a) for n in range(3)
    ]
    found = paired_macro_f1(np.array([a, spoilt[0]]), np.array(spoilt), targets, speakers)
    mine, theirs = ([macro_f1(each, targets) for each in some] for some in ((a, spoilt[0]), spoilt))
    assert found["difference"] == pytest.approx(np.mean(mine) - np.mean(theirs))
    low, high = found["interval"]
    assert low < found["difference"] < high
    one = paired_macro_f1(a, spoilt[0], targets, speakers)
    twice = paired_macro_f1(np.array([a, a]), spoilt[0][None], targets, speakers)
    assert twice["difference"] == pytest.approx(one["difference"])
    assert twice["interval"] == pytest.approx(one["interval"])


@pytest.mark.parametrize("n", [2, 3, 10])
def test_over_seeds_is_the_t_interval(n: int) -> None:
    values = numpy_rng("metrics", "seeds", n).normal(0.9, 0.01, n)
    found = over_seeds(values.tolist())
    low, high = stats.t.interval(0.95, n - 1, loc=values.mean(), scale=stats.sem(values))
    assert found["interval"] == pytest.approx([low, high])
    assert found["mean"] == pytest.approx(values.mean())
    assert found["sd"] == pytest.approx(values.std(ddof=1))
    assert found["n"] == n


def test_one_seed_has_no_spread() -> None:
    expected = {"mean": 0.875, "sd": None, "interval": None, "interval_why": "1 seed", "n": 1}
    assert over_seeds([0.875]) == expected


def test_seeds_that_agree_and_shares_above_one_have_no_impossible_interval() -> None:
    assert over_seeds([0.9, 0.9])["interval_why"] == "all seeds give the same"
    assert over_seeds([0.95, 0.99])["interval"][1] > 1
    assert over_seeds([0.95, 0.99], (0.0, 1.0))["interval"][1] == 1
