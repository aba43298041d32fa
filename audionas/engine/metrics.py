"""The quality of scores: accuracy and macro F1 with intervals, per-class figures, comparisons.

Intervals are 95 %, by bootstrap over speakers with 2,000 seeded draws: clips of one voice are not
independent, so whole voices are drawn. If speakers are unknown, each clip is its own. Where the bootstrap
cannot say anything, they are exact or carry the reason (`core/intervals.py`).

Macro F1 is the mean of the classes' F1 over the classes that have clips: in the data, or
in a bootstrap's draw.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats
from sklearn.metrics import confusion_matrix, log_loss, precision_recall_fscore_support, roc_auc_score

from audionas.core.bootstrap import counts
from audionas.core.intervals import FEWEST, Interval, drawn, exact, hull
from audionas.core.reporter import amount
from audionas.core.rng import numpy_rng


def summary(
    scores: np.ndarray, targets: np.ndarray, labels: Sequence[str], speakers: Sequence[str]
) -> dict[str, Any]:
    """Every figure that `audionas eval` reports for (n, classes) probabilities and (n,) class indices.

    `macro_log_loss` is the mean of the classes' log losses, in nats: DCASE's class-wise log loss.
    """
    predicted = scores.argmax(1)
    index = np.arange(len(labels))
    precision, recall, f1, support = precision_recall_fscore_support(
        targets, predicted, labels=index, zero_division=0
    )
    present = support > 0
    losses = [_log_loss(scores, targets, targets == i) for i in index]
    return {
        "accuracy": float((predicted == targets).mean()),
        **interval(predicted == targets, speakers).plain(),
        "balanced_accuracy": float(recall[present].mean()),
        "macro_f1": float(f1[present].mean()),
        **macro_f1_interval(predicted, targets, speakers).plain("macro_f1_interval"),
        "log_loss": _log_loss(scores, targets, targets >= 0),
        "macro_log_loss": float(np.mean([loss for loss in losses if loss is not None])),
        "n": len(targets),
        "speakers": len(set(speakers)),
        "per_class": {
            label: {
                "recall": float(recall[i]),
                "precision": float(precision[i]),
                "f1": float(f1[i]),
                "aut": area_under_tail(scores[:, i], targets == i),
                "log_loss": losses[i],
                "n": int(support[i]),
            }
            for i, label in enumerate(labels)
        },
        "confusion": confusion_matrix(targets, predicted, labels=index).tolist(),
        "labels": list(labels),
    }


def area_under_tail(scores: np.ndarray, own: np.ndarray) -> float | None:
    """Area under the curve of misses against false alarms over all thresholds, clip by clip (AUT).

    `scores` (n,) are those of a class, and `own` (n,) bool marks its clips. 0 is perfect and 0.5 is chance:
    it is the share of pairs of a clip of the class and another clip in which the other scores higher, with
    ties as half. None if all clips or none are of the class.
    """
    return float(1 - roc_auc_score(own, scores)) if 0 < own.sum() < len(own) else None


def by_group(
    scores: np.ndarray, targets: np.ndarray, labels: Sequence[str], groups: Sequence[str]
) -> dict[str, dict[str, float | int]]:
    """The figures of each group of clips (such as devices), by its name, in alphabetical order.

    `scores` (n, classes) are probabilities, `groups` names the group of each clip. Balanced accuracy (the
    DCASE challenge's macro-averaged accuracy) and macro F1 are means over the classes in the group.
    """
    named = np.asarray(groups)
    found = {}
    for name in sorted(set(groups)):
        own, truth = scores[named == name], targets[named == name]
        predicted = own.argmax(1)
        right = predicted == truth
        found[name] = {
            "accuracy": float(right.mean()),
            "balanced_accuracy": float(np.mean([right[truth == c].mean() for c in np.unique(truth)])),
            "macro_f1": macro_f1(predicted, truth),
            "log_loss": float(log_loss(truth, own, labels=np.arange(len(labels)))),
            "n": len(truth),
        }
    return found


def interval(values: np.ndarray, groups: Sequence[str]) -> Interval:
    """95 % interval of the mean of `values` (n,), by bootstrap over groups.

    For answers that are right (1) or wrong (0) it is exact where the bootstrap sees too little: of clips
    without known speakers, fewer than `FEWEST` are right or wrong, or all groups are right or all wrong. Of
    those with speakers, fewer than `FEWEST` right or wrong: it holds the exact interval of the clips, too.
    """
    many = len(set(groups))
    right = int(np.count_nonzero(values))
    least = min(right, len(values) - right)
    if np.isin(values, (0, 1)).all():
        if many == len(values) and least < FEWEST:
            return exact(right, many)
        if many >= FEWEST and not least:
            return exact(many if right else 0, many)
        if many >= FEWEST and least < FEWEST:
            return hull(drawn(_means(values, groups), many, _noun(groups)), exact(right, len(values)))
    return drawn(_means(values, groups), many, _noun(groups))


def paired(a: np.ndarray, b: np.ndarray, groups: Sequence[str]) -> dict[str, Any]:
    """Mean of a - b over the same clips, with its interval by bootstrap over groups.

    `a` and `b` are 1 for each clip that a network got right, else 0 (or any other figure per clip).
    """
    difference = np.asarray(a, dtype=float) - np.asarray(b, dtype=float)
    found = drawn(_means(difference, groups), len(set(groups)), _noun(groups))
    return {"difference": float(difference.mean()), **found.plain(), "n": len(difference)}


def macro_f1(predicted: np.ndarray, targets: np.ndarray) -> float:
    """Macro F1 of (n,) class indices, 0 to 1; n is at least 1."""
    one_group = np.zeros(len(targets), dtype=int)
    return float(_f1(*_counts(predicted, targets, one_group))[0])


def macro_f1_interval(predicted: np.ndarray, targets: np.ndarray, groups: Sequence[str]) -> Interval:
    """95 % interval of the macro F1 of (n,) class indices, by bootstrap over groups."""
    return drawn(_drawn_f1(predicted, targets, groups), len(set(groups)), _noun(groups))


def paired_macro_f1(
    a: np.ndarray, b: np.ndarray, targets: np.ndarray, groups: Sequence[str]
) -> dict[str, Any]:
    """Macro F1 of the answers `a` minus that of `b` to the same clips, as `paired` does for accuracies.

    Answers are (n,), or (seeds, n): then it is the mean macro F1 of the seeds. All are computed on the same
    draws, so the difficulty of a draw cancels.
    """
    each = [np.atleast_2d(answers) for answers in (a, b)]
    mine, theirs = (np.mean([_drawn_f1(seed, targets, groups) for seed in seeds], 0) for seeds in each)
    first, second = (float(np.mean([macro_f1(seed, targets) for seed in seeds])) for seeds in each)
    found = drawn(mine - theirs, len(set(groups)), _noun(groups))
    return {"difference": first - second, **found.plain(), "n": len(targets)}


def over_seeds(
    values: Sequence[float], within: tuple[float, float] = (-math.inf, math.inf)
) -> Mapping[str, Any]:
    """Mean, standard deviation and 95 % t-interval over seeds; `within` holds the values that can be.

    There is no interval for one seed, nor where all seeds agree.
    """
    n, mean = len(values), float(np.mean(values))
    if n < 2:
        return {"mean": mean, "sd": None, **Interval(None, "1 seed").plain(), "n": n}
    sd = float(np.std(values, ddof=1))
    half = float(stats.t.ppf(0.975, n - 1)) * sd / math.sqrt(n)
    found = Interval((mean - half, mean + half)) if half else Interval(None, "all seeds give the same")
    return {"mean": mean, "sd": sd, **found.within(*within).plain(), "n": n}


def _log_loss(scores: np.ndarray, targets: np.ndarray, own: np.ndarray) -> float | None:
    """Mean of -log of the truth's probability over the clips that `own` (n,) marks; None without any."""
    if not own.any():
        return None
    return float(log_loss(targets[own], scores[own], labels=np.arange(scores.shape[1])))


def _means(values: np.ndarray, groups: Sequence[str]) -> np.ndarray:
    """The bootstrap means (DRAWS,): groups are drawn with replacement, each with all its values."""
    member = _members(groups)
    total = np.bincount(member, weights=np.asarray(values, dtype=float))
    size = np.bincount(member)
    taken = counts(len(size), numpy_rng("bootstrap", len(size)))
    return (taken @ total) / (taken @ size)


def _drawn_f1(predicted: np.ndarray, targets: np.ndarray, groups: Sequence[str]) -> np.ndarray:
    """The bootstrap's macro F1 (DRAWS,)."""
    named = _counts(predicted, targets, _members(groups))
    many = len(named[0])
    taken = counts(many, numpy_rng("bootstrap", many))
    return _f1(*(taken @ each for each in named))


def _counts(predicted: np.ndarray, targets: np.ndarray, member: np.ndarray) -> list[np.ndarray]:
    """Per group and class (G, C): clips named correctly, clips given this name, clips of this class."""
    classes = 1 + int(max(predicted.max(), targets.max()))
    shape = (int(member.max()) + 1, classes)
    right = predicted == targets
    found = []
    for rows, names in ((member[right], targets[right]), (member, predicted), (member, targets)):
        table = np.zeros(shape)
        np.add.at(table, (rows, names), 1)
        found.append(table)
    return found


def _f1(right: np.ndarray, named: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Macro F1 over the last axis, the classes; F1 is 2 TP / (2 TP + FP + FN)."""
    present = true > 0
    f1 = 2 * right / np.where(present, named + true, 1)
    return np.asarray((f1 * present).sum(-1) / present.sum(-1))


def _members(groups: Sequence[str]) -> np.ndarray:
    """The number of each clip's group (n,)."""
    return np.unique(np.asarray(groups), return_inverse=True)[1]


def whose(row: Mapping[str, Any], speaker: str = "speaker") -> str:
    """The count of what a `summary` is over; speakers are unknown where there are as many as clips."""
    if "speakers" not in row:
        return amount(row["n"], "image")
    if row["speakers"] == row["n"]:
        return f"{amount(row['n'], 'clip')} of unknown speakers"
    return f"{amount(row['speakers'], speaker)}, {amount(row['n'], 'clip')}"


def _noun(groups: Sequence[str]) -> str:
    """The word for a group: speakers are unknown where every example is its own."""
    return "speaker" if len(set(groups)) < len(groups) else "example"
