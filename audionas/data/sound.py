"""A sound file as a model hears it: converted to its rate and channels, with words for what was converted.

Every command that hears a file reads it here.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from audionas.core.errors import UserError
from audionas.core.reporter import amount
from audionas.data import audio
from audionas.data.audio import Channel, Wave

BLOCK = 10.0  # seconds of audio decoded per block
FRAME = 0.01  # seconds, about a hop of the front-ends: what is less gives no feature


def blocks(
    path: str, rate: int, *, start: float = 0.0, seconds: float | None = None, promised: float = 0.0
) -> Iterator[Wave]:
    """A recording at `rate` Hz in one channel, in pieces (n,) of about BLOCK seconds.

    Raises UserError where it cannot be read, for errors in the header before the first piece.
    """
    return audio.blocks(
        path,
        rate=rate,
        start=start,
        seconds=seconds,
        block=BLOCK,
        resample=True,
        channel="mix",
        promised=promised,
    )


def channels(path: str, rate: int, number: int) -> Iterator[Wave]:
    """The same for a model of several channels, (number, n). Raises UserError for another number of them."""
    found = audio.header(path).channels
    if found != number:
        raise UserError(f"{path}: has {amount(found, 'channel')}, and the model hears {number}")
    each = [
        audio.blocks(path, rate=rate, block=BLOCK, resample=True, channel=place) for place in range(number)
    ]
    return (np.stack(pieces) for pieces in zip(*each, strict=True))


def clip(
    path: str,
    rate: int,
    *,
    start: float,
    seconds: float,
    channel: Channel = "mix",
    promised: float = 0.0,
    loud: bool = False,
) -> Wave:
    """A part of a recording, (n,) in one channel, its end padded with zeros. Raises UserError as `blocks`."""
    return audio.read(
        path,
        rate=rate,
        start=start,
        seconds=seconds,
        resample=True,
        channel=channel,
        promised=promised,
        loud=loud,
    )


class Conversion(NamedTuple):
    """The recordings that do not have the model's form; `rates` and `mixed` count them."""

    files: int
    rates: Counter[int]
    mixed: Counter[int]

    def words(self, rate: int) -> str:
        """A line that says what is converted; empty where nothing is."""
        done = [f"{source:,} Hz to {rate:,} Hz{_of(many)}" for source, many in self.rates.most_common()]
        done += [f"{number} channels mixed down{_of(many)}" for number, many in self.mixed.most_common()]
        changed = max(self.rates.total(), self.mixed.total())
        return f"converted: {', '.join(done)}, of {amount(self.files, 'recording')}" if changed else ""


def conversion(paths: Iterable[str], rate: int, number: int = 1) -> Conversion:
    """Count what has to be converted, by the headers; files that cannot be read are left to their readers."""
    files, rates, mixed = 0, Counter[int](), Counter[int]()
    for path in dict.fromkeys(paths):
        files += 1
        try:
            found = audio.header(path)
        except UserError:
            continue
        rates.update([found.rate] if found.rate != rate else [])
        mixed.update([found.channels] if number == 1 and found.channels > 1 else [])
    return Conversion(files, rates, mixed)


def _of(many: int) -> str:
    return f" ({many:,})"


def cuts(seconds: Sequence[float], clip: float, *, noun: str = "clip", remedy: str = "") -> str:
    """Count in words what clips of `clip` seconds leave unheard of recordings; `remedy` is added to it.

    Empty where nothing is cut or padded; differences below FRAME do not count.
    """
    times = np.asarray(seconds, dtype=float)
    many, said = amount(len(times), noun), []
    longer, shorter = times[times > clip + FRAME], times[times < clip - FRAME]
    if len(longer):
        lost, whose = 1 - clip * len(longer) / longer.sum(), _words(len(longer), many, "longer", clip)
        said.append(f"{whose}: {100 * lost:.0f} % of their sound is not heard{remedy and f' ({remedy})'}")
    if len(shorter):
        zeros, whose = 1 - shorter.sum() / (clip * len(shorter)), _words(len(shorter), many, "shorter", clip)
        said.append(f"{whose}: padded with zeros, {100 * zeros:.0f} % of what is heard of them")
    return "; ".join(said)


def _words(number: int, many: str, how: str, clip: float) -> str:
    return f"{number:,} of {many} {'is' if number == 1 else 'are'} {how} than {clip:g} s"
