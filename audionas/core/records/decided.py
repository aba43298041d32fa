"""The model of `decided` in the note of `arch.json`: how far a search has decided, choice by choice."""

from typing import Annotated

from pydantic import Field

from audionas.core.records import Record, Share
from audionas.core.reporter import amount

CLOSE = 0.05  # a margin below it may be chance: one more epoch could turn the choice

_FULL = 0.98  # of the largest entropy


class DecidedRecord(Record):
    """`margins` are those between what was taken and the next best, by choice; `entropy` is its share of the
    maximum. A search is `undecided` where half of its choices or more have a margin below 0.05, or where the
    entropy has hardly fallen: sigmoids that have not moved are far from any threshold.
    """

    margins: Annotated[dict[str, Annotated[float, Field(ge=0, le=1e300)]], Field(min_length=1)]
    entropy: Share
    advice: str = ""

    @property
    def least(self) -> float:
        """The smallest margin."""
        return min(self.margins.values())

    @property
    def most(self) -> float:
        """The largest margin."""
        return max(self.margins.values())

    @property
    def close(self) -> int:
        """The number of choices with a margin below 0.05."""
        return sum(margin < CLOSE for margin in self.margins.values())

    @property
    def undecided(self) -> bool:
        """True where half of the choices or more are close, or the entropy is above 98 %."""
        return 2 * self.close >= len(self.margins) or self.entropy > _FULL

    @property
    def words(self) -> str:
        """One line for a reader."""
        verdict = "undecided" if self.undecided else "decided"
        count = len(self.margins)
        return (
            f"{verdict}: the margins between the best two are {self.least:.2g} to {self.most:.2g}, "
            f"{self.close} of {amount(count, 'choice')} below {CLOSE:g}; "
            f"entropy {100 * self.entropy:.0f} % of its maximum"
        )

    def plain(self) -> dict[str, object]:
        """For the note, with the figures that follow from the margins."""
        told = {"undecided": self.undecided, "least": self.least, "most": self.most, "close": self.close}
        return {**told, **self.model_dump()}
