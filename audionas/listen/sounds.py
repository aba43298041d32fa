"""The recordings for an exported file: found, checked, and read in pieces."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from audionas.core.errors import UserError, did_you_mean
from audionas.core.reporter import Reporter, amount
from audionas.data import audio, kaldi, readers, sound
from audionas.data.files import listing, sums
from audionas.data.kaldi import DataDir, Item
from audionas.data.labels import is_background
from audionas.listen.exported import Exported


def recordings(path: Path) -> list[Item]:
    """The utterances of a Kaldi data directory, all audio files of any other folder, or the file itself.

    Raises one UserError for all files that are not audio, and one where there are none.
    """
    if (path / "wav.scp").is_file():
        return list(_prepared(path))
    if not path.exists():
        raise UserError(f"{path}: no such folder or file")
    files = [path] if path.is_file() else listing.sounds(path)
    if not files:
        raise UserError(
            f"{path}: no audio files here (known: {listing.known()})",
            hint="Give a folder of recordings, or a Kaldi data directory.",
        )
    root = path.parent if path.is_file() else path
    names = unlike([readers.slug("-".join(file.relative_to(root).with_suffix("").parts)) for file in files])
    found = timed([Item(name, str(file), "", 0.0) for name, file in zip(names, files, strict=True)])
    if unstated := [item for item in found if audio.is_open(item.audio)]:
        many, first = amount(len(unstated), "recording"), unstated[0]
        Reporter().note(
            f"{many} without a stated length, read to the end: {first.audio}, {first.seconds:.3f} s"
        )
    return found


def clips(path: Path, found: Exported, *, pattern: str = "") -> tuple[list[Item], int]:
    """Keyword clips in a Kaldi data directory, or in one folder per keyword; the number of other clips.

    A model with one keyword also takes a folder of its clips. `pattern` finds a folder's speakers, as in
    `audionas prep folder`. Raises UserError for a label that the model does not know, and for a keyword
    without clips.
    """
    prepared = (path / "wav.scp").is_file()
    if (
        len(found.keywords) == 1
        and path.is_dir()
        and not prepared
        and not any(f.is_dir() for f in path.iterdir())
    ):
        return [replace(item, label=found.keywords[0]) for item in recordings(path)], 0
    items = list(_prepared(path)) if prepared else readers.folder(path, pattern=pattern)
    labels, known = {item.label for item in items}, found.bundle.labels
    if unknown := sorted(label for label in labels - set(known) if not is_background(label)):
        raise UserError(
            [f"{path}: '{label}' is not a model label.{did_you_mean(label, known)}" for label in unknown],
            hint=f"Its keywords: {' '.join(found.keywords)}",
        )
    if missing := [keyword for keyword in found.keywords if keyword not in labels]:
        raise UserError(
            f"{path}: no clips of {', '.join(missing)}",
            hint="Give clips of every keyword: one folder per keyword, or a Kaldi data directory.",
        )
    kept = [item for item in items if item.label in found.keywords]
    return (kept if prepared else timed(kept)), len(items) - len(kept)


def timed(items: Sequence[Item]) -> list[Item]:
    """The items with their seconds from the files' headers. Raises one UserError for all unreadable files."""
    done, problems = [], []
    for item in items:
        try:
            done.append(replace(item, seconds=audio.length(item.audio)))
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError(problems)
    return done


def blocks(item: Item, rate: int) -> Iterator[audio.Wave]:
    """A recording of any form in pieces (n,) at `rate` Hz."""
    return sound.blocks(item.audio, rate, start=item.start, seconds=item.seconds, promised=item.seconds)


def _prepared(path: Path) -> DataDir:
    """The utterances of a data directory; a recording is refused that is not what was recorded of it."""
    return sums.require_unchanged(kaldi.read(path), path.parent / "cache", Reporter())


def require_readable(items: Sequence[Item], rate: int, reporter: Reporter) -> None:
    """Raise one UserError for all recordings that `blocks` would refuse, before hours are spent.

    A note says what will be converted.
    """
    problems: dict[str, None] = {}
    for item in items:
        try:
            blocks(item, rate)
        except UserError as error:
            problems |= dict.fromkeys(error.problems)
    if problems:
        raise UserError(problems)
    if words := sound.conversion((item.audio for item in items), rate).words(rate):
        reporter.note(words)


def unlike(names: Sequence[str]) -> list[str]:
    """The names, made unique by a number behind each repeated one."""
    found: dict[str, None] = {}
    for name in names:
        own, count = name, 1
        while own in found:
            count += 1
            own = f"{name}-{count}"
        found[own] = None
    return list(found)
