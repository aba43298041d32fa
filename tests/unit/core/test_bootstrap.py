"""The bootstrap: draws are whole, seeded, and their percentiles are those of the formula."""

import numpy as np

from audionas.core.bootstrap import DRAWS, counts, percentiles, rows
from audionas.core.rng import numpy_rng


def test_every_draw_takes_as_many_groups_as_there_are() -> None:
    drawn = counts(7, numpy_rng("a"))
    assert drawn.shape == (DRAWS, 7)
    assert (drawn.sum(1) == 7).all()
    assert np.array_equal(drawn, counts(7, numpy_rng("a")))
    assert not np.array_equal(drawn, counts(7, numpy_rng("b")))


def test_rows_and_counts_have_the_law_of_drawing_with_replacement() -> None:
    """How often one of 5 is drawn is binomial: mean 1, variance 4/5."""
    taken = rows(5, numpy_rng("rows"), 20_000)
    by_rows = (taken == 2).sum(1)
    by_counts = counts(5, numpy_rng("counts"), 20_000)[:, 2]
    for drawn in (by_rows, by_counts):
        assert abs(drawn.mean() - 1) < 5 * np.sqrt(0.8 / 20_000)
        assert abs(drawn.var() - 0.8) < 0.05


def test_the_interval_holds_the_middle_95_percent() -> None:
    assert percentiles(np.arange(1001.0)) == (25.0, 975.0)
