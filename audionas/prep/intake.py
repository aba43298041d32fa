"""Intake of recordings: decode and hash every file once, report all faults, write data directories."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from math import log10
from pathlib import Path

import numpy as np

from audionas.core.errors import Problem, UserError, grouped, located
from audionas.core.files import sweep, write_text
from audionas.core.hostile import command, on_a_line, setting
from audionas.core.made import claim
from audionas.core.reporter import Reporter, amount
from audionas.data import audio, kaldi
from audionas.data.audio import LOUDEST, QUIETEST, TOLERANCE
from audionas.data.files.codec import difference
from audionas.data.kaldi import DataDir, Item
from audionas.data.labels import NOISE, RATE, SILENCE, doubts, require_several, write_labels
from audionas.data.overlap import compare
from audionas.data.owned import SUMS, require_own
from audionas.prep.examined import Found, Task, examine

ON_BAD = ("error", "skip", "keep")
ON_BAD_HELP = (
    "Action for unusable files: error (list them and stop), skip, or keep what is only loud or silent."
)
QUIET = (SILENCE, NOISE, "noise", "silence")  # labels, and splits, of which silence is no fault
LOG = Path("cache", "examined.jsonl")  # inside a folder while it is prepared


def take(
    splits: Mapping[str, Sequence[Item]],
    *,
    rate: int,
    on_bad: str,
    converted: Path | None,
    reporter: Reporter,
    log: Path | None = None,
    workers: int | None = None,
) -> dict[str, list[Item]]:
    """The items with seconds and SHA-256 filled in, all mono at `rate` Hz.

    A file with another rate or several channels becomes a mono copy in the folder `converted`, if given.
    `on_bad="skip"` leaves bad files out and lists them. Bad are also recordings that are far too loud (with
    samples above audio.LOUDEST) and those in which nothing can be heard (no sample above audio.QUIETEST;
    silence and noise may be silent); `on_bad="keep"` keeps these two, with a note.

    Files are decoded by `workers` processes (default: all cores); their number does not change the result.
    Until the preparation succeeds, results are kept in the file `log`: an interrupted or refused preparation
    resumes from there.

    Raises:
        UserError: with `on_bad="error"`, naming every bad file, and every recording that has two labels or is
            in two splits; or where no item is left.
    """
    copies = {
        item.audio: str(converted / split / f"{item.id}.wav") if converted else ""
        for split, items in splits.items()
        for item in items
    }
    tasks = [Task(*pair) for pair in copies.items()]
    place = {path: number for number, path in enumerate(copies)}
    found = examine(tasks, rate, log=log, workers=workers, reporter=reporter)
    unfit = _unfit(splits, tasks, place, found)
    problems: list[str] = [located(tasks[at].path, why) for at, why in found.problems.items()]
    problems += [] if on_bad == "keep" else unfit.values()
    good: dict[str, list[Item]] = {split: [] for split in splits}
    for split, items in splits.items():
        for item in items:
            if on_bad != "keep" and item.audio in unfit:
                continue
            whole = _completed(item, tasks[place[item.audio]], place[item.audio], found)
            if isinstance(whole, Item):
                good[split].append(whole)
            elif whole:
                problems.append(whole)
    if found.copied.any():
        copies_made = amount(int(found.copied.sum()), "mono copy", "mono copies")
        reporter.note(f"made {copies_made} at {rate} Hz, see {converted}")
    if on_bad == "keep":
        _keep(unfit, found, reporter)
    _tell(found, tasks, reporter)
    if odd := _codecs(good):
        reporter.note(f"attention: {odd}")
    report(problems, any(good.values()), on_bad, converted is not None, reporter, log)
    good = _apart(good, on_bad, reporter, log)
    if log is not None:
        log.unlink()
    return good


def _codecs(splits: Mapping[str, Sequence[Item]]) -> str:
    """The codecs by label in words, where they differ; without the labels of which silence is no fault."""
    paths = defaultdict[str, list[str]](list)
    for item in (item for items in splits.values() for item in items):
        if item.label not in QUIET:
            paths[item.label].append(item.audio)
    return difference(paths)


def store(
    out: Path,
    splits: Mapping[str, Sequence[Item]],
    labels: Sequence[str],
    reporter: Reporter,
    *,
    on_bad: str = "error",
    conf: str = "mini/conf/mini.yaml",
    changes: Sequence[str] = (),
) -> dict[str, DataDir]:
    """Write one data directory per split and `labels.txt` into `out`, and show the counts.

    The splits may include `noise`, whose clips have no class. A recording with two labels or in two splits is
    dropped with `on_bad="skip"`: what training shares with another split is dropped from training. The next
    command is told with `conf`, a config among the recipes, and `changes` to it. Raises UserError for such a
    recording otherwise, where a split is empty, and for a single class to train on.
    """
    if "train" in splits:
        require_several(labels, out)
    for odd in doubts(labels):
        reporter.note(f"attention: {odd}")
    splits = _apart(splits, on_bad, reporter, out / LOG, notes=True)
    if empty := [split for split, items in splits.items() if not items]:
        raise UserError([f"{out}: no clips in '{split}'" for split in empty])
    written = {split: kaldi.write(out / split, items) for split, items in splits.items()}
    write_labels(out, labels)
    counts = {
        split: Counter(item.label for item in data) for split, data in written.items() if split != "noise"
    }
    rows = [[label, *(count[label] for count in counts.values())] for label in labels]
    rows.append(["all", *(count.total() for count in counts.values())])
    reporter.table(["label", *counts], rows)
    for data in written.values():
        hours = sum(item.seconds for item in data) / 3600
        reporter.note(f"wrote {data.path}: {amount(len(data), 'clip')}, {hours:.2f} hours")
    for step in following(out, written, conf, changes):
        reporter.note(f"next: {step}")
    return written


def reserve(
    out: Path,
    splits: Iterable[str],
    names: Iterable[str] = ("labels.txt",),
    converted: Path | None = None,
) -> None:
    """Enter what a preparation writes to `out` in its list: `names`, and the folder of copies.

    Drafts that a killed preparation has left are swept. Raises UserError, before anything is decoded, with
    the files that would be replaced and are not ours, those of the data directories `splits` included.
    """
    places, problems = [out / split for split in splits], []
    for place in places:
        try:
            require_own(place)
        except UserError as error:
            problems += error.problems
    ours = any((place / SUMS).is_file() for place in places) or (out / LOG).is_file()
    claimed = [*names, *([converted.name] if converted else [])]
    try:
        claim(out, claimed, earlier=lambda: claimed if ours else ())
    except UserError as error:
        problems += error.problems
    if problems:
        raise UserError(problems, hint="Move them away, or give a new folder.")
    for folder in converted.glob("*") if converted else ():
        sweep(folder)


def following(out: Path, splits: Collection[str], conf: str, changes: Sequence[str] = ()) -> list[str]:
    """The commands that work with the splits that were written, ready to be pasted."""
    if {"train", "dev"} <= {*splits}:
        recipe, _, file = conf.partition("/")
        words = [
            f"my_recipe/{file}",
            setting("data.train", out / "train"),
            setting("data.dev", out / "dev"),
            *changes,
        ]
        copy = command("audionas", "recipe", "copy", recipe, "my_recipe")
        return [copy, command("audionas", "search", *words)]
    if "test" in splits:
        return [command("audionas", "eval", "exp/NAME", "--data", out / "test")]
    return ["prepare a dev set as well (--dev): a search and a training need it"]


def at_rate(rate: int) -> list[str]:
    """The changes that a shipped config needs for recordings of this sample rate."""
    return [] if rate == RATE else ["data.resample=true"]


def doubt(path: str, peak: float, *, silent: bool) -> Problem | None:
    """The doubt about a recording whose largest sample is `peak`, if any; `silent` ones may be silent."""
    if peak > LOUDEST:
        return audio.too_loud(path, peak)
    if silent or peak >= QUIETEST:
        return None
    level = f"its peak is {20 * log10(peak):.0f} dBFS" if peak else "all samples are 0"
    return Problem(path, "nothing can be heard, {}", level)


def check_on_bad(value: str) -> None:
    """Raise UserError unless `value` is a way to treat bad files."""
    if value not in ON_BAD:
        raise UserError(f"--on-bad {value}: expected one of {', '.join(ON_BAD)}")


def report(
    problems: Sequence[str],
    good: bool,
    on_bad: str,
    converting: bool,
    reporter: Reporter,
    log: Path | None = None,
) -> None:
    """Raise a UserError for problems; with `on_bad="skip"`, name what is left out, if something is left."""
    if problems and on_bad != "skip":
        advice = "" if converting else ", or convert other rates and channels with --resample"
        keep = "" if on_bad == "keep" else ", or keep loud and silent ones with --on-bad keep"
        hint = f"Repair these files, or skip them with --on-bad skip{keep}{advice}."
        raise UserError(problems, hint=hint, listed=_listed(problems, log))
    reporter.problems(problems, _beside(log, "left_out.txt"))
    if problems and not good:
        raise UserError(problems, hint="No recordings are left.", listed=_listed(problems, log))


def _unfit(
    splits: Mapping[str, Sequence[Item]], tasks: Sequence[Task], place: Mapping[str, int], found: Found
) -> dict[str, Problem]:
    """By path, what is odd with recordings that can be read."""
    unfit = {}
    for split, items in splits.items():
        for item in items:
            silent = split in QUIET or item.label in QUIET
            if odd := doubt(item.audio, float(found.peaks[place[item.audio]]), silent=silent):
                unfit[item.audio] = odd
    return unfit


def _keep(unfit: Mapping[str, Problem], found: Found, reporter: Reporter) -> None:
    """Say what is kept, and what training needs for it."""
    for line in grouped([*unfit.values()]):
        reporter.note(f"kept: {line}")
    if ((found.peaks > LOUDEST) & ~found.copied).any():
        reporter.note("to train on samples beyond full scale, cut there: data.on_bad=keep")


def _tell(found: Found, tasks: Sequence[Task], reporter: Reporter) -> None:
    """Say what is cut at full scale, and what was read although its header does not state its length."""
    over = np.flatnonzero((found.peaks > 1) & (found.peaks <= LOUDEST))
    if len(over):
        most = 20 * log10(float(found.peaks[over].max()))
        many, first = amount(len(over), "file"), tasks[over[0]].path
        reporter.note(f"{many} with samples up to {most:.1f} dB over full scale, cut there: {first}")
    if len(unstated := np.flatnonzero(found.open)):
        row = unstated[0]
        many, first = amount(len(unstated), "file"), f"{tasks[row].path}, {found.seconds[row]:.3f} s"
        reporter.note(f"{many} without a stated length, read to the end: {first}")


def _completed(item: Item, task: Task, place: int, found: Found) -> Item | str:
    """The item with times from its file; the reason where it ends after the file; "" for a bad file."""
    if place in found.problems:
        return ""
    seconds = float(found.seconds[place])
    rest = seconds - item.start
    if item.start + item.seconds > seconds + TOLERANCE or rest <= 0:
        end = item.start + item.seconds
        return Problem(item.audio, "utterance '{}' ends at {} s, the file at {:.3f} s", item.id, end, seconds)
    to_the_end = item.seconds <= 0 or abs(item.seconds - rest) <= TOLERANCE
    return replace(
        item,
        audio=task.copy if found.copied[place] else item.audio,
        seconds=rest if to_the_end else item.seconds,
        sha256=found.sha256(place),
    )


def _apart(
    splits: Mapping[str, Sequence[Item]],
    on_bad: str,
    reporter: Reporter,
    log: Path | None,
    notes: bool = False,
) -> dict[str, list[Item]]:
    """The splits without recordings under two labels or in two splits; `noise` is not looked at."""
    found = compare({name: items for name, items in splits.items() if name != "noise"})
    if found.problems and on_bad != "skip":
        raise UserError(
            found.problems,
            hint="Keep one of each, or skip them with --on-bad skip: all of those under two labels; those in "
            "two sets stay in the last of train, dev and test.",
            listed=_listed(found.problems, log),
        )
    reporter.problems(found.problems, _beside(log, "overlap.txt"))
    for name, rows in found.drop.items():
        reporter.note(f"{name}: {amount(len(rows), 'clip')} left out")
    for note in found.notes if notes else ():
        reporter.note(note)
    return {
        name: [item for row, item in enumerate(items) if row not in found.drop.get(name, ())]
        for name, items in splits.items()
    }


def _listed(problems: Sequence[str], log: Path | None) -> Path | str:
    """A file with all problems, where a message shortens them."""
    if log is None or len(grouped(problems)) == len(problems):
        return ""
    file = log.with_name("bad.txt")
    write_text(file, "".join(f"{on_a_line(problem)}\n" for problem in problems))
    return file


def _beside(log: Path | None, name: str) -> Path | None:
    return None if log is None else log.with_name(name)
