"""How long a stream remembers: the sound on which a score depends, in seconds, or how fast the past fades."""

import math
from typing import Any, NamedTuple

from audionas.features import FrontEnd

LEFT = 0.01  # the share of a difference at which a fading past is called forgotten


class Fade(NamedTuple):
    """A part whose memory of the past falls by `factor` every `seconds`."""

    part: str
    factor: float
    seconds: float

    @property
    def to_left(self) -> float:
        """Seconds until `LEFT` of a difference remains."""
        return self.seconds * math.ceil(math.log(LEFT) / math.log(self.factor))


class Memory(NamedTuple):
    """Two streams that heard different pasts of one length agree after `field` seconds of the same sound:
    exactly where nothing fades, else but for what is left of `fades`. None: the past is never forgotten.
    """

    field: float | None
    fades: tuple[Fade, ...] = ()

    @property
    def to_left(self) -> float | None:
        """Seconds until at most `LEFT` of what a fading part remembers remains; None: never."""
        return None if self.field is None else self.field + sum(fade.to_left for fade in self.fades)

    def words(self) -> str:
        """The memory as a sentence without its full stop."""
        if self.field is None:
            return "a score depends on everything since the start, because squeeze-and-excitation averages it"
        if not self.fades:
            return f"a score depends on the last {self.field:.2f} s of sound, exactly"
        parts = " and ".join(f"{f.part} by {f.factor:.4g} every {1000 * f.seconds:g} ms" for f in self.fades)
        return (
            f"a score depends on the last {self.field:.2f} s of sound; what is older fades in {parts}, "
            f"to 1 % after {self.to_left:.2f} s"
        )

    def plain(self) -> dict[str, Any]:
        """The memory as JSON."""
        fades = [{"part": f.part, "factor": f.factor, "seconds": f.seconds} for f in self.fades]
        return {"field_s": self.field, "fades": fades, "to_1_percent_s": self.to_left}


def memory(field: int | None, fades: float, hop: int, ears: FrontEnd) -> Memory:
    """The memory of a network with the front-end `ears`, from `Step`'s `field` in frames and factor `fades`
    per hop of `hop` frames.
    """
    if field is None:
        return Memory(None)
    found = []
    if ears.fades:
        found.append(Fade("the front-end's noise estimate", ears.fades, ears.hop / ears.sample_rate))
    if fades:
        found.append(Fade("the mean at the end", fades, hop * ears.hop / ears.sample_rate))
    return Memory((field * ears.hop + ears.tail) / ears.sample_rate, tuple(found))
