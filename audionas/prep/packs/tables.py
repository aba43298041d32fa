"""Tables that describe a pack to the preparation: the files with their speakers, and what they say when."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from audionas.core.errors import UserError
from audionas.core.files import read_text, write_text
from audionas.data import audio
from audionas.data.files import listing, transcripts
from audionas.data.files.transcripts import Utterance
from audionas.prep.packs.known import Layout
from audionas.prep.wake.described import TABLE


def describe(folder: Path, layout: Layout) -> None:
    """Write the tables of a pack that lies in `folder`. Raises UserError where it holds no sound."""
    if layout:
        _LAYOUTS[layout](folder)


def _librispeech(folder: Path) -> None:
    """SPEAKER/CHAPTER/SPEAKER-CHAPTER-UTTERANCE.flac, and a table of texts in each chapter."""
    files = listing.sounds(folder)
    _write(folder, files, {file: file.parent.parent.name for file in files})
    said = {name: text for table in sorted(folder.rglob("*.trans.txt")) for name, text in _texts(table)}
    if missing := [f"{file}: its chapter's table has no text" for file in files if file.stem not in said]:
        raise UserError(missing, hint="Fetch it again: delete its folder, and repeat the command.")
    rows = (
        Utterance(file.relative_to(folder).as_posix(), 0.0, audio.length(str(file)), said[file.stem])
        for file in files
    )
    transcripts.write(folder / transcripts.NAME, rows)


def _musan(folder: Path) -> None:
    """Folders speech, music and noise; each recording of speech is taken for a speaker of its own."""
    for kind in ("speech", "music", "noise"):
        place = folder / "musan" / kind
        files = listing.sounds(place)
        _write(place, files, {file: file.stem for file in files} if kind == "speech" else {})


def _noise(folder: Path) -> None:
    files = listing.sounds(folder)
    _write(files[0].parent, files, {})


_LAYOUTS: Mapping[str, Callable[[Path], None]] = {
    "librispeech": _librispeech,
    "musan": _musan,
    "noise": _noise,
}


def _write(place: Path, files: Sequence[Path], speakers: Mapping[Path, str]) -> None:
    """The table of the files in a folder, with their speakers where these are known."""
    lines = ["file\tspeaker" if speakers else "file"]
    for file in files:
        lines.append("\t".join((file.relative_to(place).as_posix(), *filter(None, [speakers.get(file)]))))
    write_text(place / TABLE, "\n".join(lines) + "\n")


def _texts(table: Path) -> Iterator[tuple[str, str]]:
    """Utterance and text of each line."""
    for line in read_text(table).splitlines():
        name, _, text = line.partition(" ")
        yield name, text
