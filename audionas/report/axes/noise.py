"""The band that chance alone gives an accuracy: clips are drawn, and with few of them it is wide."""

from functools import lru_cache

from audionas.core.intervals import exact


@lru_cache(maxsize=4096)
def band(share: float, clips: int) -> tuple[float, float] | None:
    """The exact 95 % binomial interval of `share` on `clips` clips; None where their number is not known.

    Clips of one voice resemble each other, so the truth is wider still.
    """
    if not clips:
        return None
    ends = exact(round(share * clips), clips).ends
    return ends
