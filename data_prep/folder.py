"""Prepare any folder-per-class tree: split it into train, dev and test, by speaker where known."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from audionas.core.errors import UserError
from audionas.core.reporter import Reporter
from audionas.data import listing, readers
from audionas.data.kaldi import Item
from audionas.data.labels import NOISE, SILENCE, UNKNOWN
from audionas.data.readers import slug
from audionas.prep import intake


def main(
    src: Annotated[Path, typer.Argument(help="Folder with one folder per class.")],
    out: Annotated[Path, typer.Argument(help="Folder to write train, dev, test and labels.txt to.")],
    speaker_pattern: Annotated[
        str,
        typer.Option(help="Regular expression with a group `(?P<speaker>...)`, searched in class/file.wav."),
    ] = "",
    dev: Annotated[float, typer.Option(help="Share of the clips for dev; 0 for none.")] = 0.1,
    test: Annotated[float, typer.Option(help="Share of the clips for test; 0 for none.")] = 0.1,
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
    workers: Annotated[int | None, typer.Option(help="Processes that decode; default: one per core.")] = None,
) -> None:
    """Prepare your own recordings, one folder per class.

    Example: `audionas prep folder my_words data --speaker-pattern '/(?P<speaker>[^_/]+)_[^/]*$'`
    """
    reporter = Reporter()
    intake.check_on_bad(on_bad)
    _check_shares(dev, test)
    out = out.resolve()
    say = reporter.note
    items = readers.folder(src.resolve(), pattern=speaker_pattern, skip=(noise_folder,), say=say)
    noise = _noise(src.resolve() / noise_folder, say)
    converted = out / "resampled" if resample else None
    taken = intake.take(
        {"clips": items, "noise": noise},
        rate=rate,
        on_bad=on_bad,
        converted=converted,
        reporter=reporter,
        log=out / intake.LOG,
        workers=workers,
    )
    items, noise = taken["clips"], taken["noise"]
    shares = {split: share for split, share in (("test", test), ("dev", dev)) if share > 0}
    if speaker_pattern:
        splits = by_speaker(items, shares, seed)
        speakers = {split: len({item.speaker for item in part}) for split, part in splits.items()}
        reporter.note(f"split by speaker: {speakers}")
    else:
        splits = by_file(items, shares, seed)
        reporter.note(
            "split by file: without --speaker-pattern one voice may be in several splits, "
            "and accuracy on unseen voices stays unknown"
        )
    labels = _class_order({item.label for item in items})
    _note_gaps(splits, labels, reporter)
    intake.store(out, {**splits, **({"noise": noise} if noise else {})}, labels, reporter)


def by_speaker(items: Sequence[Item], shares: dict[str, float], seed: int) -> dict[str, list[Item]]:
    """Fill test and dev with whole speakers, in an order drawn by the seed, to their share; the rest trains.

    Raises UserError where there are fewer speakers than splits.
    """
    from audionas.core.rng import seed_of  # imports torch: only when something is drawn

    groups: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        groups[item.speaker].append(item)
    if len(groups) <= len(shares):
        raise UserError(
            f"{len(groups)} speakers ({', '.join(sorted(groups))}) cannot fill {len(shares) + 1} splits",
            hint="Record more speakers, leave a split out with --dev 0 or --test 0, or omit "
            "--speaker-pattern to split by file.",
        )
    waiting = sorted(groups, key=lambda speaker: (seed_of("split", seed, speaker), speaker), reverse=True)
    splits: dict[str, list[Item]] = {}
    for done, (split, share) in enumerate(shares.items(), 1):
        part = splits[split] = []
        others = len(shares) - done + 1  # remaining splits, including training: one speaker each
        while len(waiting) > others and len(part) < share * len(items):
            part += groups[waiting.pop()]
    return _in_order({**splits, "train": [item for speaker in waiting for item in groups[speaker]]})


def by_file(items: Sequence[Item], shares: dict[str, float], seed: int) -> dict[str, list[Item]]:
    """Give a share of each class's files, at least one, to test and dev; the rest trains.

    Raises UserError naming the classes with fewer files than splits.
    """
    from audionas.core.rng import seed_of

    classes: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        classes[item.label].append(item)
    if few := sorted(label for label, part in classes.items() if len(part) <= len(shares)):
        raise UserError(
            [
                f"class '{label}': {len(classes[label])} files cannot fill {len(shares) + 1} splits"
                for label in few
            ],
            hint="Record more files, or leave a split out with --dev 0 or --test 0.",
        )
    splits: dict[str, list[Item]] = {split: [] for split in (*shares, "train")}
    for part in classes.values():
        waiting = sorted(part, key=lambda item: (seed_of("split", seed, item.id), item.id))
        for split, share in shares.items():
            take = max(1, min(round(share * len(part)), len(waiting) - len(shares)))
            splits[split] += waiting[:take]
            waiting = waiting[take:]
        splits["train"] += waiting
    return _in_order(splits)


def _in_order(splits: dict[str, list[Item]]) -> dict[str, list[Item]]:
    return {split: splits[split] for split in ("train", "dev", "test") if split in splits}


def _check_shares(dev: float, test: float) -> None:
    if dev < 0 or test < 0 or dev + test >= 1:
        raise UserError(f"--dev {dev} --test {test}: shares of the clips, 0 or more, together below 1")


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
