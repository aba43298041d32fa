"""What a list of scores is worth: accuracy with its interval, per-class figures, comparisons.

An interval is 95 %, by bootstrap over speakers with 2,000 seeded draws: clips of one voice are not
independent, so whole voices are drawn. Where speakers are not known each clip is its own.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats
from sklearn.metrics import confusion_matrix, log_loss, precision_recall_fscore_support

from audionas.core.rng import numpy_rng

DRAWS = 2000
_TAILS = (2.5, 97.5)  # percentiles


def summary(
    scores: np.ndarray, targets: np.ndarray, labels: Sequence[str], speakers: Sequence[str]
) -> dict[str, Any]:
    """Everything `audionas eval` says of (n, classes) probabilities and (n,) class indices."""
    predicted = scores.argmax(1)
    index = np.arange(len(labels))
    precision, recall, f1, support = precision_recall_fscore_support(
        targets, predicted, labels=index, zero_division=0
    )
    present = support > 0
    return {
        "accuracy": float((predicted == targets).mean()),
        "interval": list(interval(predicted == targets, speakers)),
        "balanced_accuracy": float(recall[present].mean()),
        "macro_f1": float(f1[present].mean()),
        "log_loss": float(log_loss(targets, scores, labels=index)),
        "n": len(targets),
        "speakers": len(set(speakers)),
        "per_class": {
            label: {
                "recall": float(recall[i]),
                "precision": float(precision[i]),
                "f1": float(f1[i]),
                "n": int(support[i]),
            }
            for i, label in enumerate(labels)
        },
        "confusion": confusion_matrix(targets, predicted, labels=index).tolist(),
        "labels": list(labels),
    }


def interval(values: np.ndarray, groups: Sequence[str]) -> tuple[float, float]:
    """95 % interval of the mean of `values` (n,), by bootstrap over groups."""
    return _percentiles(_means(values, groups))


def paired(a: np.ndarray, b: np.ndarray, groups: Sequence[str]) -> dict[str, Any]:
    """Mean of a - b over the same clips, with its interval by bootstrap over groups.

    `a` and `b` say for each clip whether a network was right (or give any other per-clip figure).
    """
    difference = np.asarray(a, dtype=float) - np.asarray(b, dtype=float)
    low, high = interval(difference, groups)
    return {"difference": float(difference.mean()), "interval": [low, high], "n": len(difference)}


def over_seeds(values: Sequence[float]) -> Mapping[str, Any]:
    """Mean, standard deviation and 95 % t-interval over seeds; with one seed only the mean."""
    n, mean = len(values), float(np.mean(values))
    if n < 2:
        return {"mean": mean, "sd": None, "interval": None, "n": n}
    sd = float(np.std(values, ddof=1))
    half = float(stats.t.ppf(0.975, n - 1)) * sd / math.sqrt(n)
    return {"mean": mean, "sd": sd, "interval": [mean - half, mean + half], "n": n}


def _means(values: np.ndarray, groups: Sequence[str]) -> np.ndarray:
    """The bootstrap means (DRAWS,): groups are drawn with replacement, each brings all its values."""
    _, member = np.unique(np.asarray(groups), return_inverse=True)
    total = np.bincount(member, weights=np.asarray(values, dtype=float))
    size = np.bincount(member)
    rng = numpy_rng("bootstrap", len(size))
    # a draw of G groups with replacement is a multinomial count a group
    counts = rng.multinomial(len(size), np.full(len(size), 1 / len(size)), size=DRAWS)  # (DRAWS, G)
    return (counts @ total) / (counts @ size)


def _percentiles(means: np.ndarray) -> tuple[float, float]:
    low, high = np.percentile(means, _TAILS)
    return float(low), float(high)
