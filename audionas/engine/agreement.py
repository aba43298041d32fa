"""Agreement of predictions with measurements: errors, correlations, regret, with their intervals."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from scipy import stats

from audionas.core.bootstrap import rows
from audionas.core.intervals import Interval, too_few
from audionas.core.intervals import drawn as interval_of
from audionas.core.reporter import amount
from audionas.core.rng import numpy_rng

_FEWEST = 3  # fewest networks for a correlation
_MANY = 300  # networks from which counting inversions is faster than comparing all pairs


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
    return {
        name: bootstrapped(lambda taken, _, figure=figure: figure(p[taken], m[taken]), len(p))  # type: ignore[misc]
        for name, figure in figures.items()
    }


def order(scores: np.ndarray, value: np.ndarray, choice: np.ndarray, top: Sequence[int]) -> dict[str, Any]:
    """Figures of the orders (supernets, n) of networks against their `value` (n,), the higher the better.

    `choice` (n,) are the values by which the best is chosen, such as those on validation data; `value` alone
    judges. `kendall` is tau-b, `kendall of half` that of the half that `choice` puts first. `regret@k` is the
    value of the best of all less that of the best of the k with the highest scores, both by `choice`. Each
    is the mean over supernets.
    """

    def half(taken: np.ndarray, supernet: int) -> float:
        kept = taken[choice[taken] >= np.median(choice[taken])]
        return kendall(scores[supernet, kept], value[kept])

    def lost(taken: np.ndarray, supernet: int, k: int) -> float:
        own = choice[taken]
        first = taken[np.lexsort((own, -scores[supernet, taken]))[:k]]  # among equals the worse: no luck
        return float(value[taken[own.argmax()]] - value[first[choice[first].argmax()]])

    figures: dict[str, Callable[[np.ndarray, int], float]] = {
        "kendall": lambda taken, s: kendall(scores[s, taken], value[taken]),
        "kendall of half": half,
        "spearman": lambda taken, s: _pearson(*map(stats.rankdata, (scores[s, taken], value[taken]))),
        **{f"regret@{k}": partial(lost, k=k) for k in top},
    }
    return {name: bootstrapped(figure, len(value), len(scores)) for name, figure in figures.items()}


def kendall(a: np.ndarray, b: np.ndarray) -> float:
    """Kendall's tau-b of two series (n,); NaN where one of them is constant."""
    if len(a) > _MANY:
        return float(stats.kendalltau(a, b).statistic)
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


def bootstrapped(
    figure: Callable[[np.ndarray, int], float], networks: int, supernets: int = 1
) -> dict[str, Any]:
    """The mean over supernets of `figure(rows of networks, supernet)`, and its 95 % interval by bootstrap.

    Networks are drawn, the same for all supernets, and supernets; draws without a value (all networks are
    equal) are left out. Of fewer than ten networks there is no interval. With several supernets there is also
    the figure of each.
    """
    rng, every = numpy_rng("agreement", networks), np.arange(networks)
    each = [figure(every, s) if networks >= _FEWEST else float("nan") for s in range(supernets)]
    value, own = float(np.mean(each)), {"supernets": each} if supernets > 1 else {}
    if not np.isfinite(value):
        few = networks < _FEWEST
        why = f"{amount(networks, 'network')}, fewer than {_FEWEST}" if few else "all networks are equal"
        return {"value": None, **Interval(None, why).plain(), **own}
    if why := too_few(networks, "network"):
        return {"value": value, **Interval(None, why).plain(), **own}
    drawn = np.array([[figure(taken, s) for s in range(supernets)] for taken in rows(networks, rng)])
    means = np.take_along_axis(drawn, rows(supernets, rng), axis=1).mean(axis=1)
    found = interval_of(means[np.isfinite(means)], networks, "network")
    return {"value": value, **found.plain(), **own}
