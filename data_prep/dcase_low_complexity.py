"""Prepare TAU Urban Acoustic Scenes 2022 Mobile: ten scenes in ten cities, recorded by nine devices."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from audionas.core.errors import Faults, UserError
from audionas.core.hostile import command, setting
from audionas.core.pool.ordered import cores
from audionas.core.reporter import Reporter, amount
from audionas.data import kaldi
from audionas.data.groups import write_groups
from audionas.data.kaldi import Item
from audionas.data.labels import write_labels
from audionas.prep import intake, tau2022, zips
from audionas.prep.tau2022 import SEEN, SUBSETS, UNSEEN, Clip

RATE = 32_000  # Hz, as in DCASE's baselines since 2024
URL = "https://zenodo.org/records/6337421/files/"
_CORPUS = "TAU-urban-acoustic-scenes-2022-mobile-development"
MD5 = {  # published with the archives
    f"{_CORPUS}.{part}.zip": digest
    for part, digest in (
        ("audio.1", "8be14bdbd844481dce059ab31fbd2239"),
        ("audio.2", "e821abda49b069248bb75eab39df7575"),
        ("audio.3", "9c7897f78bb42ca0008936daddf3f8f3"),
        ("audio.4", "53ec3e37c0fc0be75f53c5abbc5300b8"),
        ("audio.5", "528422c33c5d10263203d2c61cb1f3be"),
        ("audio.6", "4759a9465c903e13e57d5e82e791fc28"),
        ("audio.7", "6d545fc83a55a17856a9ccc1ac9aff6b"),
        ("audio.8", "3a2916a9b5d3f43cc7a22a62b180b0d9"),
        ("audio.9", "071f664c86639ad730f7be4e3c39d886"),
        ("audio.10", "e0839d019e9b77ecbcbb0eff85965530"),
        ("audio.11", "fc60f1c83726be3963ae14fbcb95eeb4"),
        ("audio.12", "02246547f86c0a814dc63ec65d7033bb"),
        ("audio.13", "88ae9ef884665140d1572d8061725e00"),
        ("audio.14", "c3f400d74ae90e5190dc518cde43de47"),
        ("audio.15", "85594c6fe4f91c10aa2a410f748103b8"),
        ("audio.16", "6e2df8438c69f6789414aeba8cbad9d8"),
        ("meta", "419b6ff6570f1030730352dc80cd8d15"),
    )
}
LICENCE = (
    "licence: TAU Urban Acoustic Scenes 2022 Mobile is free for non-commercial experiments; the "
    "licence is in its archives. Cite: T. Heittola, A. Mesaros, T. Virtanen, Acoustic Scene Classification "
    "in DCASE 2020 Challenge: Generalization across Devices and Low Complexity Solutions, DCASE Workshop 2020"
)


def main(
    out: Annotated[Path, typer.Argument(help="Folder to write test, split25, train25, dev25 and so on to.")],
    src: Annotated[Path, typer.Option(help="Unpacked development set, or a folder of its zip archives.")],
    lists: Annotated[
        Path | None, typer.Option(help="Folder of split5.csv to split100.csv and test.csv; default: SRC.")
    ] = None,
    subset: Annotated[
        list[int] | None, typer.Option(help="Percentage to prepare; may be repeated; default: all.")
    ] = None,
    dev: Annotated[float, typer.Option(help="Share of each scene's training places to hold out.")] = 0.1,
    download: Annotated[
        bool, typer.Option("--download", help="First download the archives that SRC lacks (27 GB in all).")
    ] = False,
    sums: Annotated[
        list[str] | None, typer.Option("--md5", help="Accept an archive with this checksum; may be repeated.")
    ] = None,
    on_bad: Annotated[str, typer.Option(help=intake.ON_BAD_HELP)] = "error",
    workers: Annotated[int | None, typer.Option(help="Processes that decode; default: one per core.")] = None,
) -> None:
    """Prepare TAU Urban Acoustic Scenes 2022 Mobile: OUT/test, and OUT/splitN, trainN, devN for N %.

    splitN is an official training list: devN has some of its places, trainN the others. The command checks
    that no place is both in training and in test. A clip's speaker is its place; utt2device lists its
    device and utt2city its city. All clips become copies of 32 kHz.

    Example: audionas prep dcase_low_complexity data --src TAU-urban-acoustic-scenes-2022-mobile-development
    """
    reporter, out = Reporter(), out.resolve()
    _check_options(on_bad, subset or (), dev)
    corpus = tau2022.find(_unpacked(src.resolve(), out, download, sums or (), reporter))
    clips = tau2022.read_meta(corpus / "meta.csv")
    found = tau2022.read_lists((lists or corpus).resolve(), clips, subset or ())
    parts = _parts(found, dev)
    groups = [f"{part}/utt2{name}" for part in parts for name in ("device", "city")]
    intake.reserve(out, parts, ("labels.txt", kaldi.LICENCE, *groups), out / "32k")
    every = {clip.id: clip for some in (*found.training.values(), found.test) for clip in some}
    taken = intake.take(
        {"audio": [_item(clip, corpus) for clip in every.values()]},
        rate=RATE,
        on_bad=on_bad,
        converted=out / "32k",
        reporter=reporter,
        log=out / intake.LOG,
        workers=workers,
    )
    items = {item.id: item for item in taken["audio"]}
    _store(out, parts, items)
    kaldi.write_licence(out, LICENCE.removeprefix("licence: "))
    _show(out, parts, reporter)


def _check_options(on_bad: str, subset: Sequence[int], dev: float) -> None:
    faults = Faults()
    with faults:
        intake.check_on_bad(on_bad)
    faults.problems += [
        f"--subset {n}: expected one of {', '.join(map(str, SUBSETS))}" for n in subset if n not in SUBSETS
    ]
    if not 0 < dev < 1:
        faults.problems.append(f"--dev {dev}: expected a share between 0 and 1")
    faults.tell()


def _unpacked(src: Path, out: Path, download: bool, sums: Sequence[str], reporter: Reporter) -> Path:
    """The folder itself, or the one into which its archives are unpacked, each checked first."""
    accept = [text.lower() for text in sums]
    if download:
        for name, digest in MD5.items():
            zips.fetch(f"{URL}{name}?download=1", src / name, reporter, official=digest, accept=accept)
    archives = [src / name for name in MD5 if (src / name).is_file()]
    if not archives:
        return src
    if missing := [name for name in MD5 if not (src / name).is_file()]:
        raise UserError(
            [f"{src / name}: missing" for name in missing],
            hint="Add --download, or fetch them from zenodo.org/records/6337421.",
        )
    jobs = min(4, cores())  # disks serve only a few readers well
    folder = out / "corpus"
    zips.merge(zips.verify(archives, MD5, reporter, accept=accept, jobs=jobs), folder, reporter, jobs=jobs)
    return folder


def _item(clip: Clip, corpus: Path) -> Item:
    return Item(clip.id, str(corpus / clip.file), clip.scene, 0.0, speaker=clip.place)


def _parts(found: tau2022.Lists, dev: float) -> dict[str, list[Clip]]:
    """The clips of each data directory."""
    parts = {"test": found.test}
    for percent, some in found.training.items():
        places = tau2022.held_out(some, dev)
        parts[f"split{percent}"] = some
        parts[f"train{percent}"] = [clip for clip in some if clip.place not in places]
        parts[f"dev{percent}"] = [clip for clip in some if clip.place in places]
    return parts


def _store(out: Path, parts: Mapping[str, Iterable[Clip]], items: Mapping[str, Item]) -> None:
    """Write data directories of the usable clips, with the groups by which scores are reported."""
    for part, some in parts.items():
        clips = [clip for clip in some if clip.id in items]
        kaldi.write(out / part, [items[clip.id] for clip in clips])
        write_groups(out / part, "device", {clip.id: clip.device for clip in clips})
        write_groups(out / part, "city", {clip.id: clip.city for clip in clips})
    write_labels(out, tau2022.SCENES)


def _show(out: Path, parts: Mapping[str, Sequence[Clip]], reporter: Reporter) -> None:
    """Show counts of clips by scene and by device, and of places."""
    scenes = {part: Counter(clip.scene for clip in clips) for part, clips in parts.items()}
    devices = {part: Counter(clip.device for clip in clips) for part, clips in parts.items()}
    rows: list[list[object]] = [[s, *(count[s] for count in scenes.values())] for s in tau2022.SCENES]
    rows += [[f"device {d}", *(count[d] for count in devices.values())] for d in (*SEEN, *UNSEEN)]
    rows.append(["all", *map(len, parts.values())])
    rows.append(["places", *(len({clip.place for clip in clips}) for clips in parts.values())])
    reporter.table(["clips", *parts], rows)
    for part, published in tau2022.COUNTS.items():
        if part in parts and len(parts[part]) != published:
            reporter.note(f"{part}: {amount(len(parts[part]), 'clip')}; the published list has {published:,}")
    reporter.note(LICENCE)
    first = next(part for part in parts if part.startswith("train"))
    changes = setting("data.train", out / first), setting("data.dev", out / first.replace("train", "dev"))
    reporter.note(f"next: {command('audionas', 'search', 'CONF', *changes)}")
