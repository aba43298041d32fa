"""A count held against the figure that a paper prints."""

from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal


def agrees(count: int, printed: float) -> bool:
    """Whether a table may print `count` as `printed` millions: within 1 %, or by its digits.

    Papers round, and some cut off: 4.651 million is 4.7 in one and 4.6 in another.
    """
    ours, theirs = Decimal(count).scaleb(-6), Decimal(str(printed))
    as_printed = (ours.quantize(theirs, rounding) for rounding in (ROUND_HALF_UP, ROUND_DOWN))
    return abs(ours - theirs) <= theirs / 100 or theirs in as_printed
