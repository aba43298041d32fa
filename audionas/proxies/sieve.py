"""The filter of a searcher: keeps networks that a proxy puts high among all that were requested so far."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from audionas.core.arch import ArchSpec
from audionas.proxies.az_nas import ranked

Values = Mapping[str, float]


def merits(by: str, pool: Sequence[Values]) -> np.ndarray:
    """The merit (n,) of each network of a pool by a proxy, `params` or `macs`: the higher the better."""
    return ranked(pool) if by == "az_nas" else np.array([row[by] for row in pool], dtype=float)


class Sieve:
    """Measures `parts` of proxies of networks, and judges them by a proxy or cost, `by`, unless it is `none`.

    A network is judged once, among all so far and those that were requested with it: it is kept if it is
    among the best `keep` of them, a share; equal networks (`Space.canonical`) share the verdict. `measure`
    returns the parts of an architecture.
    """

    def __init__(
        self, measure: Callable[[ArchSpec], Values], parts: Sequence[str], by: str, keep: float
    ) -> None:
        self.measure, self.parts, self.by, self.keep = measure, parts, by, keep
        self.values: dict[str, Values] = {}  # by canonical form, with the costs
        self.behind: dict[str, float] = {}  # how far below the last one kept: 0.0 if kept

    def remember(self, form: str, values: Values, behind: float) -> None:
        """Take over a network that was judged before an interruption."""
        self.values.setdefault(form, values)
        self.behind.setdefault(form, behind)

    def judge(self, asked: Mapping[str, tuple[ArchSpec, Values]]) -> None:
        """Measure and judge the networks, by canonical form with their costs, that are not yet known."""
        fresh = {form: one for form, one in asked.items() if form not in self.values}
        self.values |= {form: {**costs, **self.measure(spec)} for form, (spec, costs) in fresh.items()}
        verdicts = self._verdicts() if self.by != "none" else dict.fromkeys(fresh, 0.0)
        self.behind |= {form: verdicts[form] for form in fresh}

    def own(self, form: str) -> dict[str, float]:
        """The parts of a network that was judged."""
        return {part: self.values[form][part] for part in self.parts}

    def _verdicts(self) -> dict[str, float]:
        """For each network the share of the pool by which it misses the best `keep`, at least one network."""
        merit = merits(self.by, list(self.values.values()))
        better = len(merit) - np.searchsorted(np.sort(merit), merit, side="right")
        kept = max(1, round(self.keep * len(merit)))
        missed = np.maximum(0, better + 1 - kept) / len(merit)
        return dict(zip(self.values, missed.tolist(), strict=True))
