"""Prepare any folder-per-class tree: split it into train, dev and test, by speaker where known."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from audionas.core.errors import Faults, UserError
from audionas.core.files import require_there, write_json
from audionas.core.made import delete
from audionas.core.reporter import Reporter, amount
from audionas.data import kaldi, readers
from audionas.data.files import listing
from audionas.data.kaldi import Item
from audionas.data.labels import NOISE, SILENCE, UNKNOWN, is_background, other_of
from audionas.data.owned import drop
from audionas.data.readers import slug
from audionas.prep import intake, other_sound

HOURS, BOTH = "hours.json", ("known", "both")


def main(
    src: Annotated[Path, typer.Argument(help="Folder with one folder per class.")],
    out: Annotated[Path, typer.Argument(help="Folder to write train, dev, test and labels.txt to.")],
    speaker_pattern: Annotated[
        str,
        typer.Option(help="Regular expression with a group `(?P<speaker>...)`, searched in class/file.wav."),
    ] = "",
    dev: Annotated[float, typer.Option(help="Share of the clips for dev; 0 for none.")] = 0.1,
    test: Annotated[
        float, typer.Option(help="Share of the clips for test; 0 for none, 1 with --dev 0 for nothing else.")
    ] = 0.1,
    known: Annotated[
        float,
        typer.Option(
            help="Share of the clips of train and dev to set aside in known; both has all others, for a last "
            "training that hears the voices of train and dev. 0 for neither; not with --negatives."
        ),
    ] = 0.0,
    min_clips: Annotated[
        int, typer.Option(min=0, help="Leave out classes with fewer clips than this, with a note.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="Seed that draws the split.")] = 0,
    rate: Annotated[int, typer.Option(help="Sample rate in Hz that every clip must have.")] = 16_000,
    on_bad: Annotated[str, typer.Option(help=intake.ON_BAD_HELP)] = "error",
    resample: Annotated[
        bool,
        typer.Option("--resample", help="Convert other rates and channels: writes copies to OUT/resampled."),
    ] = False,
    noise_folder: Annotated[
        str, typer.Option(help="Folder in SRC with background noise for augmentation, which is no class.")
    ] = NOISE,
    negatives: Annotated[
        list[Path] | None,
        typer.Option(help="Folder of sound without the words, of any length; may be repeated."),
    ] = None,
    seconds: Annotated[float, typer.Option(help="Length in seconds of the clips of --negatives.")] = 1.0,
    workers: Annotated[int | None, typer.Option(help="Processes that decode; default: one per core.")] = None,
) -> None:
    """Prepare your own recordings, one folder per class.

    With --negatives, clips of that sound join the class `_unknown_` (`_other_` where SRC has that alone), as
    many in each split as the words have; OUT/train_long, dev_long and test_long hold all of it, for `audionas
    tune` and `mine`, and OUT/hours.json its hours.

    Example: `audionas prep folder my_words data --speaker-pattern '/(?P<speaker>[^_/]+)_[^/]*$'`
    """
    reporter = Reporter()
    faults = Faults()
    with faults:
        intake.check_on_bad(on_bad)
    with faults:
        shares = _shares(dev, test)
    with faults:
        _require_known(known, dev, test, bool(negatives))
    with faults:
        require_there(src, *(negatives or ()))
    if not 0.1 <= seconds <= 60:
        faults.problems.append(f"--seconds {seconds:g}: expected 0.1 to 60")
    faults.tell()
    out = out.resolve()
    say = reporter.note
    for name in readers.droppings(src) if src.is_dir() else ():
        say(f"left out: {src / name}, which an archiver or a file manager left there")
    items = readers.folder(src.resolve(), pattern=speaker_pattern, skip=(noise_folder,), say=say)
    noise = _noise(src.resolve() / noise_folder, say)
    labels = {item.label for item in items}
    words = [label.replace("_", " ") for label in labels if not is_background(label)]
    other, said = other_sound.found(negatives or (), words, other_of(labels), reporter)
    converted = out / "resampled" if resample else None
    long = [f"{split}_long" for split in shares if other]
    more = BOTH if known else ()
    intake.reserve(out, (*shares, *long, *more, "noise"), ("labels.txt", HOURS), converted=converted)
    taken = intake.take(
        {"clips": items, "noise": noise, "negatives": other},
        rate=rate,
        on_bad=on_bad,
        converted=converted,
        reporter=reporter,
        log=out / intake.LOG,
        workers=workers,
    )
    if negatives and not taken["negatives"]:
        raise UserError(
            "--negatives: no recording is left",
            hint="Give sound in which something is heard, in folders that no word is the name of.",
        )
    items, noise = _frequent(taken["clips"], min_clips, reporter), taken["noise"]
    if speaker_pattern:
        splits = by_speaker(items, shares, seed)
        speakers = {split: len({item.speaker for item in part}) for split, part in splits.items()}
        reporter.note(f"split by speaker: {speakers}")
    else:
        splits = _in_order(by_file(items, shares, seed))
        reporter.note(
            "split by file: without --speaker-pattern one voice may be in several splits, "
            "and accuracy on unseen voices stays unknown"
        )
    every: dict[str, list[Item]] = {}
    if taken["negatives"]:
        cut = other_sound.stretches(taken["negatives"], said, words, len(shares), seconds)
        every = by_speaker(cut, other_sound.shares_of(shares), seed)
        for split, part in every.items():
            splits[split] += other_sound.clips(split, part, splits[split], seconds, seed)
    order = _class_order({item.label for part in splits.values() for item in part})
    _note_gaps(splits, order, reporter)
    splits = {**splits, **({"noise": noise} if noise else {})}
    written = intake.store(out, splits, order, reporter, on_bad=on_bad, changes=intake.at_rate(rate))
    if known:
        for name, part in aside([*written["train"], *written["dev"]], known, seed).items():
            reporter.note(f"wrote {kaldi.write(out / name, part).path}: {amount(len(part), 'clip')}")
    if every:
        _store_long(out, every, reporter)
    others = [*(() if every else (f"{split}_long" for split in shares)), *(() if known else BOTH)]
    _drop_earlier(out, others, reporter)


def _drop_earlier(out: Path, names: Sequence[str], reporter: Reporter) -> None:
    """Delete what an earlier call wrote and this one does not: these data directories, and their hours."""
    for name in names:
        if drop(out / name):
            reporter.note(f"deleted {out / name}, which an earlier preparation wrote")
    if any(name.endswith("_long") for name in names):
        delete(out, [HOURS])


def _store_long(out: Path, splits: Mapping[str, Sequence[Item]], reporter: Reporter) -> None:
    """Write the continuous sound of each split, and its hours."""
    hours = {}
    for split, part in splits.items():
        kaldi.write(out / f"{split}_long", part)
        hours[f"{split}_long"] = {"negatives": sum(item.seconds for item in part) / 3600}
        told = hours[f"{split}_long"]["negatives"]
        reporter.note(f"wrote {out / f'{split}_long'}: {told:.2f} hours without the words")
    write_json(out / HOURS, hours)


def by_speaker(items: Sequence[Item], shares: dict[str, float], seed: int) -> dict[str, list[Item]]:
    """Fill the splits with whole speakers, in an order drawn by the seed; the last gets what is left.

    Raises UserError where there are fewer speakers than splits.
    """
    from audionas.core.rng import seed_of  # imports torch: only when something is drawn

    groups: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        groups[item.speaker].append(item)
    if len(groups) < len(shares):
        raise UserError(
            f"{amount(len(groups), 'speaker')} ({', '.join(sorted(groups))}) cannot fill "
            f"{len(shares)} splits",
            hint="Record more speakers, leave a split out with --dev 0 or --test 0, or omit "
            "--speaker-pattern to split by file.",
        )
    waiting = sorted(groups, key=lambda speaker: (seed_of("split", seed, speaker), speaker), reverse=True)
    *filled, last = shares
    splits: dict[str, list[Item]] = {}
    for done, split in enumerate(filled, 1):
        part = splits[split] = []
        others = len(shares) - done  # remaining splits: one speaker each
        while len(waiting) > others and len(part) < shares[split] * len(items):
            part += groups[waiting.pop()]
    return _in_order({**splits, last: [item for speaker in waiting for item in groups[speaker]]})


def by_file(items: Sequence[Item], shares: dict[str, float], seed: int) -> dict[str, list[Item]]:
    """Give each split a share of each class's files, at least one; the last gets the rest.

    Files with the same bytes stay together. Raises UserError naming the classes with fewer files than splits.
    """
    from audionas.core.rng import seed_of

    classes: dict[str, dict[str, list[Item]]] = defaultdict(lambda: defaultdict(list))
    for item in items:
        classes[item.label][item.sha256].append(item)
    if few := sorted(label for label, parts in classes.items() if len(parts) < len(shares)):
        raise UserError(
            [
                f"class '{label}': {amount(len(classes[label]), 'file')} cannot fill {len(shares)} splits"
                for label in few
            ],
            hint="Record more files, leave a split out with --dev 0 or --test 0, or leave these classes out "
            f"with --min-clips {len(shares)}.",
        )
    *filled, last = shares
    splits: dict[str, list[Item]] = {split: [] for split in shares}
    for parts in classes.values():
        count = sum(map(len, parts.values()))
        waiting = sorted(parts.values(), key=lambda part: (seed_of("split", seed, part[0].id), part[0].id))
        for split in filled:
            part: list[Item] = []
            least = len(waiting) - max(1, len(waiting) - len(filled))
            while len(part) < max(1, round(shares[split] * count)) and len(waiting) > least:
                part += waiting.pop(0)
            splits[split] += part
        splits[last] += [item for part in waiting for item in part]
    return splits


def aside(items: Sequence[Item], share: float, seed: int) -> dict[str, list[Item]]:
    """A share of each class's files as `known`, at least one of several, and all others as `both`."""
    several = Counter(label for label, _ in {(item.label, item.sha256) for item in items})
    drawn = [item for item in items if several[item.label] > 1]
    parts = by_file(drawn, {"known": share, "both": 1 - share}, seed)
    parts["both"] += [item for item in items if several[item.label] == 1]
    return parts


def _frequent(items: Sequence[Item], least: int, reporter: Reporter) -> list[Item]:
    """The clips of classes with at least this many different recordings."""
    counts = Counter(label for label, _ in {(item.label, item.sha256) for item in items})
    for label in sorted(label for label, count in counts.items() if count < least):
        reporter.note(f"left out: class '{label}', {amount(counts[label], 'clip')} (--min-clips {least})")
    return [item for item in items if counts[item.label] >= least]


def _in_order(splits: dict[str, list[Item]]) -> dict[str, list[Item]]:
    return {split: splits[split] for split in ("train", "dev", "test") if split in splits}


def _shares(dev: float, test: float) -> dict[str, float]:
    """The share of each split that has one; the last of them takes the rest."""
    if not (dev >= 0 and test >= 0 and dev + test <= 1):
        raise UserError(f"--dev {dev} --test {test}: shares of the clips, 0 or more, together at most 1")
    every = {"test": test, "dev": dev, "train": 1 - dev - test}
    return {split: share for split, share in every.items() if share > 0}


def _require_known(known: float, dev: float, test: float, negatives: bool) -> None:
    """Raise UserError where no share can be set aside, or there are no train and dev to take it from."""
    if known and negatives:
        raise UserError(
            f"--known {known}: not with --negatives, whose thresholds need voices of dev that are not learnt",
            hint="Leave one of them out.",
        )
    if not 0 <= known < 1:
        raise UserError(f"--known {known}: expected a share from 0 to below 1, such as 0.05")
    if known and not (dev > 0 and dev + test < 1):
        raise UserError(f"--known {known}: needs train and dev: give --dev, and shares below 1 together")


def _noise(folder: Path, say: listing.Say) -> list[Item]:
    if not folder.is_dir():
        return []
    files = listing.sounds(folder, say)
    if not files:
        raise UserError(f"{folder}: no audio file of noise (known: {listing.known()})")
    takes = ["-".join(file.relative_to(folder).with_suffix("").parts) for file in files]
    names = [f"noise-{slug(folder.name)}-{slug(take)}" for take in takes]
    return [Item(name, str(file), "noise", 0.0) for name, file in zip(names, files, strict=True)]


def _class_order(labels: set[str]) -> list[str]:
    """The classes with `_silence_` and `_unknown_` first, as in Speech Commands, then by name."""
    return [*(label for label in (SILENCE, UNKNOWN) if label in labels), *sorted(labels - {SILENCE, UNKNOWN})]


def _note_gaps(splits: dict[str, list[Item]], labels: Sequence[str], reporter: Reporter) -> None:
    for split, part in splits.items():
        if absent := sorted(set(labels) - {item.label for item in part}):
            reporter.note(f"attention: {split} has no clips of {', '.join(absent)}; try another --seed")
