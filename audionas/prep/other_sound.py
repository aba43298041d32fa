"""Sound without a word, beside recordings of words: cut into stretches, of which clips are drawn."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from audionas.core.errors import UserError
from audionas.core.reporter import Reporter, amount
from audionas.data.files.transcripts import Utterance, rest, with_words
from audionas.data.files.transcripts import says as says_text
from audionas.data.kaldi import Item
from audionas.data.labels import is_background
from audionas.data.readers import slug
from audionas.prep.wake.sources import GROUP_SHARES, PARTS, plain, scan

STRETCH = 60.0  # seconds at most: a split takes whole stretches
Said = Mapping[str, Sequence[Utterance]]  # by item


def shares_of(splits: Iterable[str]) -> dict[str, float]:
    """The shares of the splits: larger for dev and test than those of clips, since hours measure rates."""
    return {split: share for split, share in GROUP_SHARES.items() if split in {*splits}}


def found(
    places: Sequence[Path], words: Sequence[str], label: str, reporter: Reporter
) -> tuple[list[Item], Said]:
    """The recordings below these folders under one label, and what is said in them, where that is known.

    Left out are those in folders in whose name a whole word is one of these. Raises UserError for a folder
    without audio.
    """
    items, said = list[Item](), dict[str, Sequence[Utterance]]()
    for place in places:
        every = scan(place.resolve(), say=reporter.note)
        kept = [each for each in every if not any(_named(each.word, word) for word in words)]
        if len(kept) < len(every):
            reporter.note(f"{place}: {amount(len(every) - len(kept), 'recording')} of the words left out")
        for each in kept:
            speaker = slug(f"{place.resolve().name}-{each.group}")
            items.append(Item(f"{speaker}-{len(items):05d}", str(each.path), label, 0.0, speaker=speaker))
            said[items[-1].id] = each.said
    return items, said


def stretches(
    items: Sequence[Item], said: Said, words: Sequence[str], splits: int, seconds: float
) -> list[Item]:
    """The recordings in stretches of a minute at most, or a clip of `seconds`, without the utterances that
    say a word.

    A split gets whole groups, and files with the same bytes are one recording. Where there are fewer groups
    than splits, each stretch is a group of its own, a tenth of its recording or a clip. Raises UserError
    where there are fewer stretches than splits.
    """
    first: dict[str, Item] = {}
    spoken: dict[str, list[Utterance]] = defaultdict(list)
    for item in items:
        first.setdefault(_content(item), item)
        spoken[_content(item)] += said[item.id]
    few = len({item.speaker for item in first.values()}) < splits
    cut = []
    for item in items:
        longest = min(STRETCH, item.seconds / PARTS) if few else STRETCH
        own, utterances = first[_content(item)], spoken[_content(item)]
        quiet = rest(0.0, item.seconds, with_words({"": utterances}, words)[""])
        for number, (start, end) in enumerate(_pieces(quiet, longest, seconds)):
            group = f"{own.id}-{number:04d}" if few else own.speaker
            name = f"{item.id}-{number:04d}"
            part = replace(item, id=name, start=item.start + start, seconds=end - start, speaker=group)
            cut.append(part)
    if len({item.speaker for item in cut}) < splits:
        raise UserError(
            f"--negatives: {amount(len(cut), 'stretch', 'stretches')} of sound cannot fill {splits} splits",
            hint="Give a folder with longer recordings, or with more of them.",
        )
    return cut


def clips(split: str, items: Sequence[Item], words: Sequence[Item], seconds: float, seed: int) -> list[Item]:
    """Clips of the stretches of a split, drawn evenly: as many as it has `words` at most.

    Raises UserError where no stretch is as long as a clip.
    """
    from audionas.core.rng import numpy_rng  # imports torch: only when something is drawn

    every = [
        replace(item, id=f"{item.id}-{number:03d}", start=item.start + number * seconds, seconds=seconds)
        for item in items
        for number in range(int(item.seconds / seconds + 1e-6))
    ]
    if not every:
        raise UserError(
            f"--negatives: no stretch of {split} is as long as --seconds {seconds:g}",
            hint="Give longer recordings.",
        )
    most = sum(not is_background(item.label) for item in words) or len(words)
    drawn = numpy_rng(seed, "negatives").permutation(len(every))[:most]
    return [every[row] for row in sorted(drawn)]


def _named(folder: str, word: str) -> bool:
    """True where the name of a folder has the word, whole, as `hey_you` and `heyyou` have `hey you`."""
    return says_text(folder, word) or plain(folder) == plain(word) != ""


def _content(item: Item) -> str:
    """The key of the file of an item, the same for its copies."""
    return item.sha256 or item.audio


def _pieces(
    spans: Iterable[tuple[float, float]], longest: float, least: float
) -> Iterator[tuple[float, float]]:
    """The spans in pieces of at most `longest` seconds, or where these are shorter than `least`, in fewer."""
    for start, end in spans:
        many = math.ceil((end - start) / longest - 1e-6)
        many = max(1, min(many, int((end - start) / least + 1e-6)))
        width = (end - start) / many
        yield from ((start + number * width, start + (number + 1) * width) for number in range(many))
