"""The clips and speakers that a model was trained on, as short sums, so that a test on them is noticed."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from audionas.core.errors import UserError
from audionas.core.files import read_json, sha256_text
from audionas.core.reporter import amount
from audionas.data.kaldi import DataDir, Item
from audionas.data.overlap import Span, meet, zeros

FILE = "trained_on.json"  # in a model's folder
_DIGITS = 16  # of a SHA-256: of ten million clips, two have the same with a probability of 3 in a million


class Heard(NamedTuple):
    """By the sum of each file the spans that were heard, none for the whole file; the sums of speakers."""

    clips: dict[str, list[Span]]
    speakers: set[str]


def plain(heard: Heard) -> dict[str, Any]:
    """The same to write down, as `read` expects it: small, sorted, and without names."""
    clips = {
        content + span
        for content, spans in heard.clips.items()
        for span in [f" {start:.3f} {end:.3f}" for start, end in spans] or [""]
    }
    return {"clips": sorted(clips), "speakers": sorted(heard.speakers)}


def together(several: Iterable[Heard]) -> Heard:
    """All that several have heard."""
    found = Heard({}, set())
    for one in several:
        for content, spans in one.clips.items():
            known = found.clips.get(content, spans)
            found.clips[content] = sorted({*known, *spans}) if known and spans else []  # none: the whole file
        found.speakers.update(one.speakers)
    return found


def read(file: Path) -> Heard:
    """The sums in a file that holds what `plain` gave. Raises UserError where the file is damaged."""
    plain, clips = read_json(file), dict[str, list[Span]]()
    try:
        for line in plain["clips"]:
            content, *span = line.split()
            spans = clips.setdefault(content, [])
            spans += [(float(span[0]), float(span[1]))] if span else []
        return Heard(clips, {str(speaker) for speaker in plain["speakers"]})
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise UserError(f"{file}: damaged", hint="Delete it, or train again with --overwrite.") from error


def of(data: DataDir) -> Heard:
    """The facts of training data."""
    partial, clips = data.partial, dict[str, list[Span]]()
    for item in _clips(data):
        spans = clips.setdefault(data.content(item)[:_DIGITS], [])
        spans += [(item.start, item.start + item.seconds)] if partial else []
    return Heard(clips, _speakers(data))


def again(heard: Heard, data: DataDir) -> dict[str, int]:
    """How many clips and speakers of `data` were heard in training."""
    clips = sum(_known(heard.clips.get(data.content(item)[:_DIGITS]), item) for item in _clips(data))
    return {"clips": clips, "speakers": len(heard.speakers & _speakers(data))}


def words(result: Mapping[str, Any]) -> list[str]:
    """The warnings about an evaluation of `n` clips, of which `trained_on` counts those heard in training."""
    known, found = result.get("trained_on", {"clips": 0, "speakers": 0}), []
    if known["clips"]:
        found.append(
            f"ATTENTION: the model was trained on {known['clips']:,} of these {amount(result['n'], 'clip')}: "
            "its accuracy on new recordings is lower"
        )
    if known["speakers"]:
        found.append(
            f"attention: {amount(known['speakers'], 'speaker')} of these spoke in training: "
            "accuracy on voices never heard may be lower"
        )
    return found


def _known(spans: list[Span] | None, item: Item) -> bool:
    if not spans:
        return spans is not None
    return any(meet(span, (item.start, item.start + item.seconds)) for span in spans)


def _clips(data: DataDir) -> Iterator[Item]:
    """The utterances, without the zeros that stand for silence in every set."""
    silent: dict[str, bool] = {}
    for item in data:
        if item.audio not in silent:
            silent[item.audio] = zeros(item)
        if not silent[item.audio]:
            yield item


def _speakers(items: Iterable[Item]) -> set[str]:
    """The sums of known speakers."""
    names = {item.speaker for item in items if item.speaker not in ("", item.id)}
    return {sha256_text(name)[:_DIGITS] for name in names}
