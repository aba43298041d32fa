"""`audionas check DIR`: whether data directories are valid, what they share, and how to repair them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from audionas.core.errors import UserError, grouped
from audionas.core.files import write_text
from audionas.core.made import claim
from audionas.core.reporter import Reporter, amount, say
from audionas.data import kaldi
from audionas.data.kaldi import DataDir
from audionas.data.labels import SPLITS, doubts
from audionas.data.overlap import compare

LIST = "fix.txt"  # every fault and change, in the directory that was repaired


def check(folder: Path, *, fix: bool = False) -> dict[str, Any]:
    """The size of a data directory, or of those in a folder (train, dev, test, noise, ...).

    Train, dev and test are compared, too. With `fix`, faulty directories are repaired first; each change is
    told, and the files as they were are kept. Raises UserError with every fault.
    """
    reporter = Reporter()
    places = _places(folder)
    faults = {place: found for place in places if (found := kaldi.repair(place)) is not None}
    if fix:
        for place in faults:
            _fix(place, reporter)
    elif faults:
        for place, found in faults.items():
            reporter.note(
                f"{place}: --fix would keep {amount(len(found.items), 'utterance')} and drop "
                f"{found.dropped:,}"
            )
        raise UserError(
            [problem for found in faults.values() for problem in found.changes],
            hint="Repair them with --fix; the files as they are will be kept in before_fix.",
        )
    read = {place.name: kaldi.read(place) for place in places}
    shared = compare({name: read[name] for name in SPLITS if name in read} or read)
    if shared.problems:
        raise UserError(
            shared.problems,
            hint="Prepare the data again with --on-bad skip, or train with data.on_bad=skip: "
            "both leave them out.",
        )
    return {
        "directories": {name: _size(data) for name, data in read.items()},
        "notes": [*shared.notes, *_doubts(read)],
    }


def show(result: Mapping[str, Any]) -> None:
    """Print the result for people on standard output."""
    heads = ("directory", "clips", "hours", "classes", "speakers")
    rows = [
        (name, row["clips"], f"{row['hours']:.2f}", len(row["labels"]), row["speakers"] or "unknown")
        for name, row in result["directories"].items()
    ]
    Reporter(stdout=True).table(heads, rows)
    say(*result["notes"])


def _places(folder: Path) -> list[Path]:
    """The data directories: the folder itself, or those in it, training first."""
    if (folder / "wav.scp").exists():
        return [folder]
    found = {file.parent.name: file.parent for file in sorted(folder.glob("*/wav.scp"))}
    if not found:
        raise UserError(
            f"{folder}: holds no wav.scp, nor does a folder in it", hint="See: audionas prep --help"
        )
    return [found.pop(name) for name in SPLITS if name in found] + list(found.values())


def _fix(place: Path, reporter: Reporter) -> None:
    claim(place, (LIST,), earlier=lambda: (LIST,) if (place / "before_fix").is_dir() else ())
    done = kaldi.fix(place)
    assert done is not None, place  # it has faults
    for line in grouped(done.changes):
        reporter.note(line)
    write_text(place / LIST, "".join(f"{change}\n" for change in done.changes))
    reporter.note(
        f"{place}: repaired; {amount(len(done.items), 'utterance')} stay, {done.dropped:,} dropped; "
        f"every change: {place / LIST}; the files as they were: {done.before}"
    )


def _size(data: DataDir) -> dict[str, Any]:
    speakers = {item.speaker for item in data if item.speaker != item.id}
    return {
        "clips": len(data),
        "hours": sum(item.seconds for item in data) / 3600,
        "labels": data.labels,
        "speakers": len(speakers),
    }


def _doubts(read: Mapping[str, DataDir]) -> list[str]:
    labels = {label for name, data in read.items() if name != "noise" for label in data.labels}
    return [f"attention: {doubt}" for doubt in doubts(labels)]
