"""Agreement of predictions with measurements: errors, correlations, regret, with their intervals."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from audionas.core.bootstrap import rows
from audionas.core.intervals import Interval
from audionas.core.intervals import drawn as interval_of
from audionas.core.reporter import amount
from audionas.core.rng import numpy_rng

_FEWEST = 3  # fewest networks for a correlation


def agreement(predicted: Sequence[float], measured: Sequence[float]) -> dict[str, Any]:
    """Figures by name, each with its value and 95 % interval by bootstrap over networks, of ten or more.

    `rmse` and `bias` (predicted minus measured, on average) are in the unit of the times, `relative_rmse` is
    a share of the mean measured time, `r2` the share of the variance that the prediction explains: 1 minus
    the mean squared error over the variance. The correlation of values that are all equal is None.
    """
    p, m = np.asarray(predicted, dtype=float), np.asarray(measured, dtype=float)
    figures: Mapping[str, Callable[[np.ndarray, np.ndarray], float]] = {
        "rmse": lambda a, b: float(np.sqrt(np.mean((a - b) ** 2))),
        "relative_rmse": lambda a, b: float(np.sqrt(np.mean((a - b) ** 2)) / np.mean(b)),
        "bias": lambda a, b: float(np.mean(a - b)),
        "r2": _explained,
        "pearson": _pearson,
        "spearman": lambda a, b: _pearson(stats.rankdata(a), stats.rankdata(b)),
        "kendall": kendall,
    }
    return {name: _with_interval(figure, p, m) for name, figure in figures.items()}


def regret(score: np.ndarray, value: np.ndarray, k: int) -> dict[str, Any]:
    """The best of all values minus the best among the k highest scores, with its interval as above."""

    def lost(a: np.ndarray, b: np.ndarray) -> float:
        first = np.lexsort((b, -a))[:k]  # among equal scores the worse value first: no luck from the order
        return float(b.max() - b[first].max())

    return _with_interval(lost, np.asarray(score, dtype=float), np.asarray(value, dtype=float))


def kendall(a: np.ndarray, b: np.ndarray) -> float:
    """Kendall's tau-b of two series (n,); NaN where one of them is constant."""
    above, right = (np.sign(x[:, None] - x[None, :]) for x in (a, b))
    scale = np.sqrt((above**2).sum() * (right**2).sum())
    return float((above * right).sum() / scale) if scale else float("nan")


def _explained(a: np.ndarray, b: np.ndarray) -> float:
    spread = float(np.var(b))
    return 1 - float(np.mean((a - b) ** 2)) / spread if spread else float("nan")


def _pearson(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum()) / scale if scale else float("nan")


def _with_interval(
    figure: Callable[[np.ndarray, np.ndarray], float], a: np.ndarray, b: np.ndarray
) -> dict[str, Any]:
    """A figure and its interval, without draws in which it has no value (all networks equal)."""
    rng = numpy_rng("agreement", len(a))
    value = figure(a, b) if len(a) >= _FEWEST else float("nan")
    if not np.isfinite(value):
        few = len(a) < _FEWEST
        why = f"{amount(len(a), 'network')}, fewer than {_FEWEST}" if few else "all networks are equal"
        return {"value": None, **Interval(None, why).plain()}
    drawn = np.array([figure(a[taken], b[taken]) for taken in rows(len(a), rng)])
    return {"value": value, **interval_of(drawn[np.isfinite(drawn)], len(a), "network").plain()}
