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
    """The recordings to hear, the seconds and utterances left out of them, and the texts looked for."""

    items: list[Item]
    seconds: float = 0.0
    utterances: int = 0
    texts: tuple[str, ...] = ()


def without_words(
    items: Sequence[Item],
    place: Path,
    keywords: Sequence[str],
    reporter: Reporter,
    *,
    also: Sequence[str] = (),
    table: Path | None = None,
) -> Kept:
    """The recordings from `place` without their utterances that say a keyword, or a text of `also`.

    The table is transcripts.tsv in that folder, or the one given; without any, all is kept. A recording with
    such an utterance becomes the parts before and after it. Each is heard from silence, so what was left out
    leaves no trace in what the model remembers. Raises UserError where the table names none of the
    recordings, where nothing is left, and for `also` without a table.
    """
    if table is None:
        table = (place if place.is_dir() else place.parent) / transcripts.NAME
        if not table.is_file():
            if also:
                raise UserError(
                    f"--also {also[0]}: {table} does not exist, so nobody knows what is said",
                    hint="Give the table of what is said there with --transcripts.",
                )
            return Kept(list(items))
    texts = (*(word.replace("_", " ") for word in keywords), *also)
    spoken = transcripts.by_file(table, transcripts.read(table), [item.audio for item in items])
    spans = transcripts.with_words(spoken, texts)
    kept = [part for item in items for part in _parts(item, spans.get(item.audio, []))]
    said, words = sum(map(len, spans.values())), " or ".join(texts)
    if not kept:
        raise UserError(f"{table}: {words} is said in every utterance, so no negatives are left")
    lost = sum(item.seconds for item in items) - sum(item.seconds for item in kept)
    reporter.note(f"{table}: {amount(said, 'utterance')} with {words} left out, {lost:.1f} s")
    if silent := len({item.audio for item in items} - set(spoken)):
        reporter.note(f"{amount(silent, 'recording')} without a transcript: all of their time counts")
    return Kept(kept, lost, said, texts)


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
