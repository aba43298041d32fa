"""Negatives without the utterances in which a keyword is said, by their transcripts."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from audionas.core.errors import UserError
from audionas.core.reporter import Reporter, amount
from audionas.data.files import transcripts
from audionas.data.kaldi import Item
from audionas.data.sound import FRAME

PART = "-part"  # and a number, at the end of the id of a part of a recording


class Kept(NamedTuple):
    """The recordings to hear; the seconds that were left out of them, in how many utterances."""

    items: list[Item]
    seconds: float = 0.0
    utterances: int = 0


def without_words(
    items: Sequence[Item],
    place: Path,
    phrases: Sequence[str],
    reporter: Reporter,
    *,
    table: Path | None = None,
) -> Kept:
    """The recordings from `place` without their utterances that say one of the `phrases`, nor their time.

    The table is transcripts.tsv in that folder, or the one given; without any, all is kept. A recording with
    such an utterance becomes the parts before and after it. Each is heard from silence, so what was left out
    leaves no trace in what the model remembers. Raises UserError where the table names none of the
    recordings, and where nothing is left.
    """
    if table is None:
        table = (place if place.is_dir() else place.parent) / transcripts.NAME
        if not table.is_file():
            return Kept(list(items))
    spoken = transcripts.by_file(table, transcripts.read(table), [item.audio for item in items])
    spans = transcripts.with_words(spoken, phrases)
    kept = [part for item in items for part in _parts(item, spans.get(item.audio, []))]
    said = sum(map(len, spans.values()))
    if not kept:
        raise UserError(
            f"{table}: {' or '.join(phrases)} is said in every utterance, so no negatives are left"
        )
    lost = sum(item.seconds for item in items) - sum(item.seconds for item in kept)
    reporter.note(f"{table}: {amount(said, 'utterance')} with {' or '.join(phrases)} left out, {lost:.1f} s")
    if silent := len({item.audio for item in items} - set(spoken)):
        reporter.note(f"{amount(silent, 'recording')} without a transcript: all of their time counts")
    return Kept(kept, lost, said)


def phrases_of(keywords: Sequence[str], also: Sequence[str]) -> list[str]:
    """The texts looked for in transcripts: the keywords, and others that count as them."""
    return [*(word.replace("_", " ") for word in keywords), *also]


def _parts(item: Item, spans: Sequence[tuple[float, float]]) -> list[Item]:
    """The parts of a recording that none of the spans covers, each at least one frame long."""
    if not spans:
        return [item]
    parts = transcripts.rest(item.start, item.start + item.seconds, spans)
    return [
        replace(item, id=f"{item.id}{PART}{number}", start=start, seconds=end - start)
        for number, (start, end) in enumerate(parts)
        if end - start >= FRAME
    ]
