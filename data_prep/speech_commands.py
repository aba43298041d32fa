"""Prepare Google Speech Commands v0.01 or v0.02 under a named protocol, from a download or a local copy."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from audionas.core.archives import download
from audionas.core.errors import Faults, UserError
from audionas.core.files import require_there, sha256, write_json, write_text
from audionas.core.reporter import Reporter, amount
from audionas.data import audio, kaldi
from audionas.data.files import listing
from audionas.data.groups import write_groups
from audionas.data.kaldi import Item
from audionas.data.labels import NOISE, RATE, SILENCE, SPLITS, UNKNOWN
from audionas.prep import intake, speech_commands
from audionas.prep.speech_commands import LABELS_7, LABELS_12, WANTED, WANTED_7, Clip

ADDRESS = "https://storage.googleapis.com/download.tensorflow.org/data"
_WHOLE, _TEST = "speech_commands_{}.tar.gz", "speech_commands_test_set_{}.tar.gz"
OFFICIAL = {  # SHA-256, as in TensorFlow Datasets and SUPERB
    _WHOLE.format("v0.01"): "743935421bb51cccdb6bdd152e04c5c70274e935c82119ad7faeec31780d811d",
    _WHOLE.format("v0.02"): "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
    _TEST.format("v0.01"): "baa084f6b62c91de660ff0588ae4dfc4e4d534aa99ac0e5f406cba75836cbd00",
    _TEST.format("v0.02"): "cc2a00c1147c2254e9be3fa0f779d8c17421dc349b86366567a8edfa9acd51df",
}
BYTES = {
    _WHOLE.format("v0.01"): 1_489_096_277,
    _WHOLE.format("v0.02"): 2_428_923_189,
    _TEST.format("v0.01"): 71_271_436,
    _TEST.format("v0.02"): 112_563_277,
}
SILENCES = ("zeros", "noise")
LICENCE = "Speech Commands is CC BY 4.0: P. Warden, Speech Commands, arXiv:1804.03209"


@dataclass(frozen=True)
class Job:
    """The options of one preparation."""

    out: Path
    version: str
    protocol: str
    silence: str
    seed: int
    accept: tuple[str, ...]
    reporter: Reporter

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes of a protocol with `_unknown_`; empty where every word is a class."""
        return {"12": LABELS_12, "7": LABELS_7}.get(self.protocol, ())

    @property
    def wanted(self) -> tuple[str, ...]:
        """The commands of such a protocol."""
        return WANTED_7 if self.protocol == "7" else WANTED


def main(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="[SRC] OUT", help="Unpacked tree or .tar(.gz), and the folder to write to."),
    ],
    version: Annotated[str, typer.Option(help="Version of the corpus: v0.01 or v0.02.")] = "v0.02",
    classes: Annotated[
        str,
        typer.Option(
            "--protocol",
            help="Number of classes: 12; every word: 30 for v0.01, 35 for v0.02; 7 for a part of v0.01.",
        ),
    ] = "12",
    silence: Annotated[
        str, typer.Option(help="Clips of `_silence_` in dev and test: zeros, or noise at drawn volume.")
    ] = "zeros",
    part: Annotated[
        str, typer.Option(help="Folder inside SRC that holds the words, if it has several.")
    ] = "",
    fetch: Annotated[bool, typer.Option("--download", help="Download the archive to OUT/download.")] = False,
    test_archive: Annotated[
        str, typer.Option(help="Separate test set of 12 folders: its path, or the word download.")
    ] = "",
    test_part: Annotated[
        str, typer.Option(help="Folder of the test set's archive that holds it, if it has several.")
    ] = "",
    more: Annotated[
        str,
        typer.Option(help="Folder of that archive with more words for `_unknown_`, split by the hash rule."),
    ] = "",
    sums: Annotated[
        list[str] | None,
        typer.Option("--sha256", help="Accept an archive with this checksum; may be repeated."),
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Seed that draws `_unknown_` and `_silence_`; 59185 is the usual one.")
    ] = 59185,
    on_bad: Annotated[str, typer.Option(help=intake.ON_BAD_HELP)] = "error",
    resample: Annotated[
        bool,
        typer.Option("--resample", help="Convert other rates and channels: writes copies to OUT/resampled."),
    ] = False,
    workers: Annotated[int | None, typer.Option(help="Processes that decode; default: one per core.")] = None,
) -> None:
    """Prepare Google Speech Commands: official splits, 12 classes or all words.

    Example: audionas prep speech_commands data --download --version v0.02 --protocol 12
    """
    faults = Faults()
    with faults:
        source, out = _source_and_out(paths, fetch)
        require_there(source)
    with faults:
        _check(version, classes, silence, test_archive, more)
    with faults:
        intake.check_on_bad(on_bad)
    faults.tell()
    accept = tuple(text.lower() for text in sums or ())
    job = Job(out, version, classes, silence, seed, accept, Reporter())
    converted = out / "resampled" if resample else None
    intake.reserve(out, (*SPLITS, "noise", "test_archive"), _written(classes), converted)
    tree = _tree(_folder(source, _WHOLE.format(version), job), part, job)
    second = _second(test_archive, test_part, job)
    further = _tree(second.parent, more, job) if more and second else None
    noisy = further or tree
    groups, silences, labels = _plan(tree, noisy, further, job)
    if second:
        groups["test" if classes == "7" else "test_archive"] = _test_archive(second, job)
    items = {split: [_item(clip) for clip in group] for split, group in groups.items()}
    items["noise"] = [
        Item(f"noise-{f.stem}", str(f), "noise", 0.0)
        for f in speech_commands.noise_files(noisy, job.reporter.note)
    ]
    taken = intake.take(
        items,
        rate=RATE,
        on_bad=on_bad,
        converted=converted,
        reporter=job.reporter,
        log=out / intake.LOG,
        workers=workers,
    )
    noise = taken.pop("noise")
    for split, ids in silences.items():
        taken[split] += _silence(ids, split, noise, job)
    if silences:
        _write_sums(job)
    splits = {**taken, **({"noise": noise} if noise else {})}
    intake.store(out, splits, labels, job.reporter, on_bad=on_bad, conf="speech_commands/conf/tc_small.yaml")
    if classes == "7":
        write_groups(out / "test", "kind", _kinds(taken["train"], taken["test"]))
    kaldi.write_licence(out, LICENCE)
    _write_protocol(job, {split: len(part) for split, part in taken.items()})


def _source_and_out(paths: Sequence[Path], fetch: bool) -> tuple[Path | None, Path]:
    if len(paths) not in (1, 2):
        raise UserError(f"expected [SRC] OUT, got {len(paths)} paths: {' '.join(map(str, paths))}")
    source = paths[0].resolve() if len(paths) == 2 else None
    if source is None and not fetch:
        raise UserError("no SRC was given", hint="Give a folder or an archive before OUT, or add --download.")
    if source is not None and fetch:
        raise UserError(f"both SRC ({paths[0]}) and --download were given", hint="Omit one of them.")
    return source, paths[-1].resolve()


def _check(version: str, classes: str, silence: str, test_archive: str, more: str) -> None:
    problems = []
    if version not in speech_commands.PROTOCOLS:
        problems.append(f"--version {version}: expected {' or '.join(speech_commands.PROTOCOLS)}")
    elif classes not in speech_commands.PROTOCOLS[version]:
        known = " or ".join(speech_commands.PROTOCOLS[version])
        problems.append(f"--protocol {classes}: {version} has {known}")
    if silence not in SILENCES:
        problems.append(f"--silence {silence}: expected {' or '.join(SILENCES)}")
    if test_archive and classes not in ("12", "7"):
        problems.append(f"--test-archive belongs to --protocol 12 or 7, not {classes}")
    if classes == "7" and not test_archive:
        problems.append("--protocol 7: has no test clips of its own, give --test-archive PATH")
    if more and classes != "7":
        problems.append(f"--more belongs to --protocol 7, not {classes}")
    if problems:
        raise UserError(problems)


def _folder(source: Path | None, name: str, job: Job) -> Path:
    """The unpacked corpus: `source` itself, or OUT/audio/<archive> from a local or a fetched archive."""
    if source is not None:
        return download.opened(source, job.out, job.reporter, official=OFFICIAL, accept=job.accept)
    archive = job.out / "download" / name
    if not archive.exists():
        job.reporter.note(f"{ADDRESS}/{name}: {BYTES[name]:,} bytes")
    digest = download.fetch(
        f"{ADDRESS}/{name}", archive, job.reporter, official=OFFICIAL[name], accept=job.accept
    )
    return download.unpacked(archive, job.out, digest, job.reporter)


def _tree(folder: Path, part: str, job: Job, option: str = "--part") -> Path:
    """The folder whose subfolders are words: `folder`, the only such folder in it, or the part by name."""
    inner = [
        f for f in sorted(folder.glob("*/")) + sorted(folder.glob("*/*/")) if speech_commands.word_folders(f)
    ]
    if part:
        found = [f for f in inner if f.name == part or str(f.relative_to(folder)) == part.strip("/")]
    else:
        found = [folder] if speech_commands.word_folders(folder) else inner
    if len(found) == 1:
        return found[0]
    if not inner:
        listing.sounds(folder, job.reporter.note)  # says what looks like sound and cannot be read
    parts = ", ".join(f.name for f in inner) or "none"
    if found or not part:
        raise UserError(
            f"{folder}: which part holds the words? Found: {parts}", hint=f"Choose with {option} NAME."
        )
    raise UserError(f"{folder}: has no part '{part}'. Found: {parts}")


def _plan(
    tree: Path, noisy: Path, further: Path | None, job: Job
) -> tuple[dict[str, list[Clip]], dict[str, list[str]], list[str]]:
    """The clips of every split, the ids of silence clips to make, and the labels in class order."""
    clips = speech_commands.scan(tree, job.reporter.note)
    groups, rule = speech_commands.assign(tree, clips, test_elsewhere=job.protocol == "7")
    job.reporter.note(f"{tree}: {amount(len(clips), 'clip')}, {rule}")
    if {clip.label for clip in clips} & {SILENCE, UNKNOWN}:
        _check_drawn(tree, clips, job)
        job.reporter.note("the tree includes its own _silence_ and _unknown_: nothing is drawn")
        return groups, {}, list(LABELS_12)
    if further:
        others = _others(further, job)
        groups = {split: [*group, *others[split]] for split, group in groups.items()}
    silences: dict[str, list[str]] = {}
    labels = list(job.labels) or sorted({clip.label for clip in clips})
    if job.labels:
        groups, silences = _draw(tree, noisy, groups, job)
    counts = {split: len(groups[split]) + len(silences.get(split, ())) for split in SPLITS}
    job.reporter.note(speech_commands.check_counts(job.version, job.protocol, len(clips), counts))
    return groups, silences, labels


def _others(tree: Path, job: Job) -> dict[str, list[Clip]]:
    """The further clips of every split by the hash rule; those of its test are left out."""
    clips = speech_commands.scan(tree, job.reporter.note)
    if named := sorted({clip.label for clip in clips} & set(LABELS_12)):
        raise UserError(f"{tree}: --more is for other words, and it has {', '.join(named)}")
    groups, rule = speech_commands.assign(tree, clips)
    kept = f"{len(groups['train']):,} for training, {len(groups['dev']):,} for dev"
    job.reporter.note(f"{tree}: {amount(len(clips), 'clip')}, {rule}: {kept}")
    return {**groups, "test": []}


def _check_drawn(tree: Path, clips: Sequence[Clip], job: Job) -> None:
    """Check a tree with `_silence_` or `_unknown_`: it was drawn for 12 classes and needs lists to split."""
    problems = []
    if job.protocol != "12":
        problems.append(f"{tree}: was drawn for 12 classes, --protocol {job.protocol} cannot be made from it")
    if others := {clip.label for clip in clips} - set(LABELS_12):
        problems.append(
            f"{tree}: has {SILENCE} or {UNKNOWN}, and also the classes {', '.join(sorted(others))}"
        )
    if not (tree / "training_list.txt").is_file():
        problems.append(f"{tree}: a test archive without lists; give it with --test-archive")
    if problems:
        raise UserError(problems)


def _draw(
    tree: Path, noisy: Path, groups: dict[str, list[Clip]], job: Job
) -> tuple[dict[str, list[Clip]], dict[str, list[str]]]:
    """The wanted clips with drawn and listed `_unknown_`, and ids for `_silence_`.

    With seven classes training has all other words, since an epoch can draw equally many of each class
    (`data.balance`), and no test.
    """
    if job.silence == "noise" and not speech_commands.noise_files(noisy):
        raise UserError(f"--silence noise: {noisy} has no recordings in {NOISE}", hint="Use --silence zeros.")
    chosen: dict[str, list[Clip]] = {split: [] for split in SPLITS}
    silences: dict[str, list[str]] = {}
    first = 0  # silence clips are numbered across all splits, so that no two share an id
    for split in SPLITS[:2] if job.protocol == "7" else SPLITS:
        wanted = [clip for clip in groups[split] if clip.label in job.wanted]
        count = speech_commands.share(len(wanted), len(job.wanted))
        others = [clip for clip in groups[split] if clip.label not in WANTED]
        every = job.protocol == "7" and split == "train"
        unknown = speech_commands.draw(others, len(others) if every else count, job.seed, split)
        if not unknown:
            raise UserError(
                f"{tree}: '{split}' has {amount(len(wanted), 'clip')} of the {len(job.wanted)} commands, "
                f"{len(others)} of others",
                hint=f"The {job.protocol} classes need both. For the existing words: --protocol 30 or 35.",
            )
        if len(unknown) < count:
            job.reporter.note(f"{split}: only {len(unknown)} of {amount(count, 'clip')} for {UNKNOWN} exist")
        chosen[split] = [*wanted, *(replace(clip, label=UNKNOWN) for clip in unknown)]
        silences[split] = [f"silence-{number:06d}" for number in range(first, first + count)]
        first += count
        _write_list(
            job, f"unknown_{split}", [f"{clip.name}.wav" for clip in unknown]
        )  # in the form of the official lists
    return chosen, silences


def _written(protocol: str) -> list[str]:
    """The files of OUT beside the data directories and labels.txt."""
    drawn = [f"lists/{kind}_{split}.txt" for kind in ("unknown", "silence") for split in SPLITS]
    lists = [*drawn, "lists/SHA256SUMS"] if protocol in ("12", "7") else []
    return ["labels.txt", kaldi.LICENCE, "protocol.json", *lists]


def _silence(ids: Sequence[str], split: str, noise: Sequence[Item], job: Job) -> list[Item]:
    """The silence items of a split; in training always zeros, since augmentation adds the noise."""
    folder = job.out / "silence"
    if split == "train" or job.silence == "zeros":
        path = folder / "zeros.wav"
        audio.write(path, np.zeros(RATE, np.float32), RATE)
        _write_list(job, f"silence_{split}", [f"{name} zeros" for name in ids])
        return [Item(name, str(path), SILENCE, 1.0) for name in ids]
    cuts = speech_commands.draw_cuts(
        [round(item.seconds * RATE) for item in noise], len(ids), job.seed, split
    )
    items, lines = [], []
    for name, cut in zip(ids, job.reporter.progress(cuts, f"{split}: silence"), strict=True):
        source = noise[cut.file]
        wave = audio.read(source.audio, rate=RATE, seconds=1.0, start=cut.offset / RATE)
        path = folder / split / f"{name}.wav"
        audio.write(path, wave * cut.volume, RATE)
        items.append(Item(name, str(path), SILENCE, 1.0))
        lines.append(f"{name} {Path(source.audio).stem} {cut.offset} {cut.volume}")
    _write_list(job, f"silence_{split}", lines)
    return items


def _write_list(job: Job, name: str, lines: Sequence[str]) -> None:
    write_text(job.out / "lists" / f"{name}.txt", "".join(f"{line}\n" for line in lines))


def _write_sums(job: Job) -> None:
    """Write SHA256SUMS: two preparations drew the same clips where these agree."""
    folder = job.out / "lists"
    lists = sorted(folder.glob("*_*.txt"))
    write_text(folder / "SHA256SUMS", "".join(f"{sha256(file)}  {file.name}\n" for file in lists))
    job.reporter.note(f"wrote {folder}: the drawn clips, and SHA256SUMS for comparison with others")


def _second(given: str, part: str, job: Job) -> Path | None:
    """The folder of the separate test set, if one is asked for."""
    if not given:
        return None
    name = _TEST.format(job.version)
    folder = _folder(None if given == "download" else Path(given).resolve(), name, job)
    return _tree(folder, part, job, "--test-part")


def _test_archive(tree: Path, job: Job) -> list[Clip]:
    """The clips of the separate 12-folder test set, of the protocol's classes."""
    clips = speech_commands.scan(tree, job.reporter.note)
    if strange := sorted({clip.label for clip in clips} ^ set(LABELS_12)):
        raise UserError(f"{tree}: a test archive has exactly the 12 classes; not so: {', '.join(strange)}")
    version = "v0.02" if job.protocol == "7" else job.version
    job.reporter.note(speech_commands.check_test_archive(version, len(clips)))
    return [clip for clip in clips if clip.label in job.labels]


def _kinds(train: Sequence[Item], test: Sequence[Item]) -> dict[str, str]:
    """The kind of each test clip: command, silence, or a word that training had, or had not."""
    words = {item.id.split("-")[1] for item in train if item.label == UNKNOWN}
    other = {item.id: "known_word" if item.id.split("-")[1] in words else "new_word" for item in test}
    plain = {SILENCE: "silence", **dict.fromkeys(WANTED, "command")}
    return {item.id: plain.get(item.label, other[item.id]) for item in test}


def _write_protocol(job: Job, counts: dict[str, int]) -> None:
    """Write the protocol that must be stated with figures on these clips, for tables of results."""
    facts = {
        "name": speech_commands.name_of(job.version, job.protocol),
        "version": job.version,
        "silence": job.silence,
        "seed": job.seed,
        "clips": counts,
    }
    write_json(job.out / "protocol.json", facts)


def _item(clip: Clip) -> Item:
    return Item(clip.id, clip.path, clip.label, 0.0, speaker=clip.speaker)
