"""Taking recordings in: every file decoded and hashed once, every fault said, data directories written."""

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from audionas.core.errors import UserError
from audionas.core.report import Reporter
from audionas.data import audio, kaldi
from audionas.data._tables import TOLERANCE
from audionas.data.kaldi import DataDir, Item

ON_BAD = ("error", "skip")
_THREADS = 2  # decoding releases the interpreter; more threads only help where more disks do


def take(
    splits: Mapping[str, Sequence[Item]],
    *,
    rate: int,
    on_bad: str,
    converted: Path | None,
    reporter: Reporter,
) -> dict[str, list[Item]]:
    """The items with seconds and SHA-256 filled in, all of them mono at `rate` Hz.

    A file of another rate or with several channels becomes a mono copy in the folder `converted`
    where one is given. `on_bad="skip"` leaves bad files out and says which.

    Raises:
        UserError: with `on_bad="error"`, naming every bad file; or no item is left.
    """
    copies = {
        item.audio: converted / split / f"{item.id}.wav" if converted else None
        for split, items in splits.items()
        for item in items
    }

    def examine(path: str) -> "tuple[str, audio.Probe] | str":
        try:
            return _examine(path, rate, copies[path])
        except UserError as error:
            return error.problems[0]

    with ThreadPoolExecutor(_THREADS) as pool:
        results = reporter.progress(pool.map(examine, copies), "decoding", len(copies))
        found = dict(zip(copies, results, strict=True))
    problems = [result for result in found.values() if isinstance(result, str)]
    good: dict[str, list[Item]] = {split: [] for split in splits}
    for split, items in splits.items():
        for item in items:
            result = found[item.audio]
            whole = None if isinstance(result, str) else _completed(item, *result)
            if isinstance(whole, Item):
                good[split].append(whole)
            elif whole:
                problems.append(whole)
    made = sum(not isinstance(result, str) and result[0] != path for path, result in found.items())
    if made:
        reporter.note(f"{made} files were converted to mono at {rate} Hz, see {converted}")
    _report(problems, any(good.values()), on_bad, converted is not None, reporter)
    return good


def store(
    out: Path, splits: Mapping[str, Sequence[Item]], labels: Sequence[str], reporter: Reporter
) -> dict[str, DataDir]:
    """Write one data directory a split and `labels.txt` into `out`, and show the counts.

    `noise`, whose clips carry no class, may be among the splits. Raises UserError where a split is empty.
    """
    if empty := [split for split, items in splits.items() if not items]:
        raise UserError([f"{out}: no clip falls into '{split}'" for split in empty])
    written = {split: kaldi.write(out / split, items) for split, items in splits.items()}
    kaldi.write_labels(out, labels)
    counts = {
        split: Counter(item.label for item in data) for split, data in written.items() if split != "noise"
    }
    rows = [[label, *(count[label] for count in counts.values())] for label in labels]
    rows.append(["all", *(count.total() for count in counts.values())])
    reporter.table(["label", *counts], rows)
    for data in written.values():
        hours = sum(item.seconds for item in data) / 3600
        reporter.note(f"wrote {data.path}: {len(data)} clips, {hours:.2f} hours")
    reporter.note(f"next: audionas search CONF data.train={out / 'train'} data.dev={out / 'dev'}")
    return written


def check_on_bad(value: str) -> None:
    """Raises UserError unless `value` is a way to treat bad files."""
    if value not in ON_BAD:
        raise UserError(f"--on-bad {value}: expected one of {', '.join(ON_BAD)}")


def _examine(path: str, rate: int, copy: Path | None) -> tuple[str, audio.Probe]:
    """The file to use, this one or its copy, and what it holds."""
    probe = audio.probe(path)
    if probe.rate == rate and probe.channels == 1:
        return path, probe
    if copy is None:
        raise UserError(_mismatch(path, probe, rate))
    wave = audio.read(path, rate=rate, seconds=None, resample=True, channel="mix")
    audio.write(copy, wave, rate)
    return str(copy), audio.probe(copy)


def _mismatch(path: str, probe: audio.Probe, rate: int) -> str:
    if probe.rate != rate:
        return f"{path}: its sample rate is {probe.rate} Hz, expected {rate} Hz"
    return f"{path}: has {probe.channels} channels, expected one"


def _completed(item: Item, path: str, probe: audio.Probe) -> Item | str:
    """The item with times taken from its file; the reason where it reaches beyond the end."""
    rest = probe.seconds - item.start
    if item.start + item.seconds > probe.seconds + TOLERANCE or rest <= 0:
        end = item.start + item.seconds
        return f"{item.audio}: utterance '{item.id}' ends at {end} s, the file at {probe.seconds:.3f} s"
    to_the_end = item.seconds <= 0 or abs(item.seconds - rest) <= TOLERANCE
    return replace(item, audio=path, seconds=rest if to_the_end else item.seconds, sha256=probe.sha256)


def _report(problems: list[str], good: bool, on_bad: str, converting: bool, reporter: Reporter) -> None:
    if problems and on_bad == "error":
        advice = "" if converting else ", or convert other rates and channels with --resample"
        raise UserError(problems, hint=f"Mend them, leave them out with --on-bad skip{advice}.")
    for problem in problems:
        reporter.note(f"left out: {problem}")
    if problems and not good:
        raise UserError(problems, hint="No recording is left.")
