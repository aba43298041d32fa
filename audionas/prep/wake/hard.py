"""Hard negatives of a wake word: its halves, a half said twice, words run together; never the whole word."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from audionas.core.rng import numpy_rng
from audionas.data.audio import Wave
from audionas.data.kaldi import Item
from audionas.data.labels import OTHER, RATE
from audionas.data.readers import slug
from audionas.prep.wake.clips import ClipJob, around, written
from audionas.prep.wake.sounds import FRAME, faded, loud, within
from audionas.prep.wake.sources import Recording, SplitName, plain, says

KINDS = ("first_half", "last_half", "half_twice", "halves_swapped", "with_another")
_MIDDLE = (0.35, 0.65)  # of the word: where it is cut, at the quietest 25 ms
Hard = tuple[str, Item]  # a kind and a clip


def halves(wave: Wave, most: float) -> tuple[Wave, Wave]:
    """The loud part of (N,), at most `most` seconds, before and after the quietest 25 ms of its middle."""
    first, last = loud(wave, most)
    low, high = (first + round(share * (last - first)) for share in _MIDDLE)
    starts = range(low, max(high - FRAME, low + 1), FRAME // 5)
    cut = min(starts, key=lambda at: float(np.square(wave[at : at + FRAME]).sum())) + FRAME // 2
    return wave[first:cut], wave[cut:last]


def pieces(first: Wave, last: Wave, other: Wave | None, rng: np.random.Generator) -> dict[str, Wave]:
    """The halves of a word, and what they make, (N,) by kind; only where there is another word its kind."""
    half = (first, last)[int(rng.integers(2))]
    found = {"first_half": [first], "last_half": [last], "half_twice": [half, half]}
    found["halves_swapped"] = [last, first]
    if other is not None:
        found["with_another"] = [first, other]
    return {kind: np.concatenate([faded(part) for part in parts]) for kind, parts in found.items()}


def spelt(word: str, other: str, rng: np.random.Generator) -> dict[str, str]:
    """The same of a written word, by kind; none of a word that is too short to be cut."""
    parts = word.split()
    if len(parts) > 1:
        middle = len(parts) // 2
        first, last = " ".join(parts[:middle]), " ".join(parts[middle:])
    else:
        first, last = word[: len(word) // 2], word[len(word) // 2 :]
    if min(len(plain(first)), len(plain(last))) < 2:
        return {}
    half = (first, last)[int(rng.integers(2))]
    found = {"first_half": first, "last_half": last, "half_twice": f"{half} {half}"}
    found |= {"halves_swapped": f"{last} {first}", "with_another": f"{first} {other}"}
    return {kind: text for kind, text in found.items() if plain(word) not in plain(text)}


def cut(
    job: ClipJob,
    split: SplitName,
    found: Sequence[Recording],
    long: Sequence[Item],
    copies: int,
    read: Callable[[Path], Wave],
) -> Iterator[Hard]:
    """Hard negatives from a split's recordings of the word alone; what is cut from one has its group.

    In training `copies` of each kind in other surroundings, elsewhere one as it is. `with_another` takes
    another word of the same split.
    """
    kinds = spelt(job.text, "", numpy_rng(job.seed, "kinds")) or KINDS  # halves that are alike make the word
    others = [r for r in found if r.word and not says(r, job.text)]
    most = job.seconds / 2 - 0.15  # two of them and their surroundings fill a clip
    mine = [r for r in found if plain(r.word) == plain(job.text)]
    for recording in job.reporter.progress(mine, f"{split}, hard negatives", len(mine)):
        name = slug(f"{recording.group}-{recording.path.stem}")
        parts = halves(read(recording.path), 2 * most)
        for copy in range(copies if split == "train" else 1):
            rng = numpy_rng(job.seed, "hard", name, copy)
            pick = others[int(rng.integers(len(others)))] if others else None
            other = _word(pick.cut(read(pick.path)), most) if pick else None
            for kind, wave in pieces(*parts, other, rng).items():
                if kind not in kinds:
                    continue
                whole = wave[: round(job.seconds * RATE)]
                made = within(wave, around(job, long, rng), rng) if split == "train" else whole
                yield kind, written(job, f"{name}-{kind}-{copy}", made, OTHER, recording.group, split)


def _word(wave: Wave, most: float) -> Wave:
    first, last = loud(wave, most)
    return wave[first:last]


def texts(word: str, others: Sequence[str], count: int, rng: np.random.Generator) -> list[tuple[str, str]]:
    """`count` texts for voices, (kind, text) each, every kind in turn; none where the word has no halves."""
    made: list[tuple[str, str]] = []
    while len(made) < count:
        other = str(rng.choice(others)) if others else ""
        more: Mapping[str, str] = spelt(word, other, rng)
        if not more:
            break
        made += [(kind, text) for kind, text in more.items() if other or kind != "with_another"]
    return made[:count]
