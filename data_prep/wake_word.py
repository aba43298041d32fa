"""Prepare a wake word: clips of it and of other sounds, and continuous audio in which nobody says it."""

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from audionas.core import records
from audionas.core.archives import download
from audionas.core.errors import Faults, UserError
from audionas.core.files import read_text, require_there, write_json
from audionas.core.records import Record
from audionas.core.reporter import Reporter, amount
from audionas.core.rng import numpy_rng, seed_of
from audionas.data import audio, kaldi
from audionas.data.audio import Wave
from audionas.data.files import transcripts
from audionas.data.files.codec import difference, named, through
from audionas.data.files.transcripts import Utterance
from audionas.data.files.transcripts import says as says_text
from audionas.data.groups import write_groups
from audionas.data.kaldi import Item
from audionas.data.labels import OTHER, RATE
from audionas.data.readers import slug
from audionas.prep import intake
from audionas.prep.wake import origins, sources
from audionas.prep.wake.clips import ClipJob, around, windows, written
from audionas.prep.wake.folds import by_fold
from audionas.prep.wake.folds import named as fold_named
from audionas.prep.wake.hard import Hard
from audionas.prep.wake.hard import cut as cut_hard
from audionas.prep.wake.licences import licence
from audionas.prep.wake.near_words import WORDS, require_words
from audionas.prep.wake.sounds import Part, ending, joined, within, without
from audionas.prep.wake.sources import NOISE, Recording, SplitName, by_split, plain, says
from audionas.prep.wake.sources import named as counted
from audionas.prep.wake.spoken import SPLITS, Spoken

PIECE = 300.0  # seconds of one long recording
COPIES = 8  # copies of each training recording of the keyword, in other surroundings
MARKER = "wake_word.json"


def main(
    out: Annotated[Path, typer.Argument(help="Folder to write train, dev, test and the long recordings to.")],
    word: Annotated[str, typer.Option(help="Wake word as it is spelt: computer, 'hey jarvis'.")],
    src: Annotated[
        list[Path] | None,
        typer.Option(help="Folder or archive of recordings, one folder per word; may be repeated."),
    ] = None,
    positives: Annotated[Path | None, typer.Option(help="Folder of recordings of the wake word.")] = None,
    negatives: Annotated[
        Path | None, typer.Option(help="Folder of recordings of anything else, of any length.")
    ] = None,
    speaker_pattern: Annotated[
        str,
        typer.Option(help="Regular expression with a group `(?P<speaker>...)`, searched in a file's path."),
    ] = "",
    say: Annotated[
        int, typer.Option(help="Number of clips of the word by synthetic voices (eSpeak NG).")
    ] = 0,
    near_words: Annotated[
        int,
        typer.Option("--near", help="Number of words that sound alike, said as often by the same voices."),
    ] = 40,
    sentences: Annotated[
        float, typer.Option(help="Hours of sentences without the word by the same voices (with --say).")
    ] = 1.0,
    words: Annotated[
        Path | None,
        typer.Option(
            help="List with one word per line, for sentences and near words; default: an included list."
        ),
    ] = None,
    espeak_hours: Annotated[
        float, typer.Option(help="Hours of synthetic sentences in each of train_, dev_ and test_espeak.")
    ] = 0.0,
    language: Annotated[
        str,
        typer.Option(help="Language of the voices, as eSpeak NG names it: de, fr-fr; en: any English."),
    ] = "en",
    seconds: Annotated[float, typer.Option(help="Length of a clip in seconds.")] = 1.5,
    codec: Annotated[
        str,
        typer.Option(
            help="Codec (opus, vorbis) through which each recording and voice goes; it then tells no label."
        ),
    ] = "",
    hard: Annotated[
        int,
        typer.Option(
            min=0,
            max=20,
            help="Number of hard negatives of each kind per training recording of the word (its halves, a "
            "half twice, halves swapped, a half and another word), and per clip by voices; 0: none.",
        ),
    ] = 0,
    fold: Annotated[
        str,
        typer.Option(help="Fold K/N (0/5): tests fold K of N, develops on the next and trains on the rest."),
    ] = "",
    on_bad: Annotated[str, typer.Option(help=intake.ON_BAD_HELP)] = "error",
    seed: Annotated[int, typer.Option(help="Seed that draws the split and the voices.")] = 0,
) -> None:
    """Prepare a wake word from your own recordings, from corpora of wake words, or from synthetic voices.

    OUT/train, dev and test hold clips of two labels, the word and `_other_`; OUT/dev_words and test_words
    hold whole recordings of the word; OUT/train_long, dev_long and test_long hold continuous audio without
    it; OUT/hours.json says how many hours come from where. No known speaker is in two splits. utt2source of
    train, dev and test names the source of each clip, for `train.sources`. With --hard, OUT/dev_hard and
    test_hard hold the hard negatives of dev and test, their kinds in utt2kind.

    A corpus with files.tsv (file, speaker) is split by its speakers, and with transcripts.tsv the utterances
    that say the word are left out of its continuous audio; the others' transcripts lie beside that.

    Example: audionas prep wake_word data --word "hey jarvis" --positives my_recordings --negatives radio
    """
    reporter = Reporter()
    faults, through_codec = Faults(), named("")
    with faults:
        through_codec = named(codec)
    job = ClipJob(out.resolve(), slug(word.lower()), word.lower(), seconds, seed, reporter, through_codec)
    with faults:
        _check(job, src, positives, negatives, say, (sentences, espeak_hours))
    with faults:
        intake.check_on_bad(on_bad)
    with faults:
        require_words(words, language, near_words if say else 0, sentences if say else 0.0, espeak_hours)
    with faults:
        require_there(*(src or ()), positives, negatives, words)
    with faults:
        part = fold_named(fold)
    faults.tell()
    settings = {
        **{"word": word, "src": [str(s) for s in src or ()], "say": say, "near": near_words, "seed": seed},
        **{"sentences": sentences, "language": language},
        **{"positives": str(positives or ""), "negatives": str(negatives or ""), "words": str(words or "")},
        **{"espeak_hours": espeak_hours, "seconds": seconds, "speaker_pattern": speaker_pattern},
    }
    settings |= {"on_bad": on_bad} if on_bad != "error" else {}
    settings |= {"codec": codec} if codec else {}
    settings |= ({"hard": hard} if hard else {}) | ({"fold": fold} if fold else {})
    if _finished(job.out, settings):
        reporter.note(f"{job.out}: already complete")
        return
    spelt = read_words(words)
    kinds = ("", "_words", "_long", "_espeak", "_hard")
    places = (*(f"{split}{kind}" for split in SPLITS for kind in kinds), "noise")
    intake.reserve(job.out, places, ("labels.txt", kaldi.LICENCE, "hours.json", MARKER))
    found = _recordings(job, src or (), positives, negatives, speaker_pattern)
    found = sources.usable(found, on_bad, reporter)
    splits = by_fold(found, job.text, seed, part) if part else by_split(found, job.text, seed)
    if found:
        _tell(job, splits)
    said: dict[str, Sequence[Utterance]] = {}  # by long recording
    long = {split: _long(job, split, splits[split], said) for split in SPLITS}
    clips = {split: _clips(job, split, splits[split], long[split]) for split in SPLITS}
    cut = {
        s: list(cut_hard(job, s, splits[s], long[s], hard, partial(_read, job))) if hard else []
        for s in SPLITS
    }
    spoken = Spoken(job, spelt, language) if say or espeak_hours else None
    if say and spoken is not None:
        free = _free_splits(clips, job.label)
        for split, items in spoken.clips(say, near_words, sentences, free, long).items():
            clips[split] += items
        for split, made in spoken.hard(say * hard, free, long) if hard else ():
            cut[split].append(made)
    for split in SPLITS:
        clips[split] += [item for _, item in cut[split]]
    hours = {f"{split}_long": _kept(job, f"{split}_long", long[split], said) for split in SPLITS}
    if espeak_hours and spoken is not None:
        for split in SPLITS:
            read = spoken.reading(split, espeak_hours)
            hours[f"{split}_espeak"] = _kept(job, f"{split}_espeak", read, {})
    _store(job, clips, splits, long)
    _store_hard(job, cut)
    write_json(job.out / "hours.json", hours)
    for name, by_source in hours.items():
        if not by_source:
            continue
        told = ", ".join(f"{source} {h:.2f} h" for source, h in by_source.items())
        reporter.note(f"{job.out / name}: {sum(by_source.values()):.2f} hours without the word ({told})")
    write_json(job.out / MARKER, settings)


def read_words(path: Path | None) -> Sequence[str]:
    """The words of a file, one per line, or the built-in ones. Raises UserError where it has none."""
    if path is None:
        return WORDS
    found = [line.strip() for line in read_text(path).splitlines() if line.strip()]
    if not found:
        raise UserError(f"--words {path}: holds no words")
    return found


def _check(
    job: ClipJob,
    src: Sequence[Path] | None,
    positives: Path | None,
    negatives: Path | None,
    say: int,
    hours: tuple[float, float],
) -> None:
    """Raise one UserError with all settings that cannot make data."""
    problems = [] if plain(job.text) else [f"--word '{job.text}': holds no letters"]
    if not (src or positives or say):
        problems.append("nothing to learn the word from: give --positives, --src or --say")
    if not (src or negatives or say):
        problems.append("nothing other than the word: give --negatives, --src or --say")
    if not 0.5 <= job.seconds <= 10:
        problems.append(f"--seconds {job.seconds:g}: expected 0.5 to 10")
    if say < 0:
        problems.append(f"--say {say}: expected 0 or more clips")
    for option, given in zip(("--sentences", "--espeak-hours"), hours, strict=True):
        if not 0 <= given <= 1000:
            problems.append(f"{option} {given:g}: expected 0 to 1000 hours")
    if problems:
        raise UserError(problems)


def _finished(out: Path, settings: Mapping[str, object]) -> bool:
    """True where `out` holds all of this. Raises UserError where it holds something else."""
    if (out / MARKER).exists():
        before = records.plain(Record, out / MARKER, f"Delete {out} or give a new folder.")
        if before == dict(settings):
            return True
        changed = [f"{key}={before.get(key)!r}" for key in settings if before.get(key) != settings[key]]
        raise UserError(
            f"{out}: holds data made with {', '.join(changed)}", hint="Delete that folder or give a new one."
        )
    if (out / "labels.txt").exists():
        raise UserError(f"{out}: holds other data, or was not finished", hint="Delete it or give a new one.")
    return False


def _recordings(
    job: ClipJob, src: Sequence[Path], positives: Path | None, negatives: Path | None, pattern: str
) -> list[Recording]:
    """All given recordings; those in --positives say the word, those in --negatives do not."""
    scan = partial(sources.scan, say=job.reporter.note)
    found = [r for place in src for r in scan(download.opened(place.resolve(), job.out, job.reporter))]
    if positives is not None:
        found += [r._replace(word=job.text) for r in scan(positives.resolve(), pattern=pattern)]
    if negatives is not None:
        found += [r._replace(word="") for r in scan(negatives.resolve(), pattern=pattern)]
    if found and not any(says(r, job.text) for r in found) and positives is None:
        known = sorted({r.word for r in found if r.word})
        job.reporter.note(f"no recordings of '{job.text}': the folders hold {', '.join(known[:40])}")
    return found


def _tell(job: ClipJob, splits: Mapping[SplitName, Sequence[Recording]]) -> None:
    for split, found in splits.items():
        mine = [r for r in found if says(r, job.text)]
        rest = [r for r in found if not says(r, job.text)]
        job.reporter.note(
            f"{split}: {amount(len(mine), 'recording')} of '{job.text}' ({counted(mine)}); {counted(rest)}"
        )
    if odd := "" if job.codec else _codecs(job, [r for found in splits.values() for r in found]):
        job.reporter.note(f"attention: {odd}. --codec opus passes all recordings through the same one")
    if any(r.source == "picovoice" for found in splits.values() for r in found):
        job.reporter.note(
            "Picovoice's recordings name no speakers and are split clip by clip, so a voice may be in "
            "several splits"
        )


def _codecs(job: ClipJob, found: Sequence[Recording]) -> str:
    """The codecs of the word's recordings and of the others in words, where they differ."""
    mine, rest = ([r.path for r in found if says(r, job.text) == own] for own in (True, False))
    return difference({job.text: mine, OTHER: rest}) if mine and rest else ""


def _long(
    job: ClipJob, split: SplitName, found: Sequence[Recording], said: dict[str, Sequence[Utterance]]
) -> list[Item]:
    """Continuous recordings without the word, joined source by source; `said` receives what they say."""
    sources: dict[str, list[Recording]] = defaultdict(list)
    for recording in found:
        if not says(recording, job.text):
            sources[recording.source].append(recording)
    items = []
    for source, part in sorted(sources.items()):
        order = sorted(part, key=partial(_place, job))
        shown = job.reporter.progress(order, f"{split}, {source}", len(order))
        parts = (p for r in shown for p in without(Part(r.cut(_read(job, r.path)), r.said), job.text))
        for number, piece in enumerate(joined(parts, PIECE)):
            items.append(written(job, f"{source}-{split}-{number:03d}", piece.wave, OTHER, source, "long"))
            if piece.said:
                said[items[-1].audio] = piece.said
        if lost := sum(says_text(u.text, job.text) for r in part for u in r.said):
            told = amount(lost, "utterance")
            job.reporter.note(f"{split}, {source}: {told} with '{job.text}' left out, by the transcripts")
    return items


def _place(job: ClipJob, recording: Recording) -> tuple[int, int]:
    """The sort key of a recording among those joined, independent of paths: each group stays together."""
    name = f"{recording.path.parent.name}/{recording.path.name}"
    return seed_of(job.seed, "join", recording.group), seed_of(job.seed, "join", name)


def _clips(job: ClipJob, split: SplitName, found: Sequence[Recording], long: Sequence[Item]) -> list[Item]:
    """Clips with the word at the end, in training also in other surroundings; windows of everything else."""
    items: list[Item] = []
    mine = [r for r in found if says(r, job.text)]
    for recording in job.reporter.progress(mine, f"{split}, '{job.text}'", len(mine)):
        wave = _read(job, recording.path)
        start, length = ending(wave, job.seconds)
        name = slug(f"{recording.group}-{recording.path.stem}")
        cut = wave[round(start * RATE) : round((start + length) * RATE)]
        items.append(written(job, name, cut, job.label, recording.group, split))
        for copy in range(COPIES if split == "train" and long else 0):
            rng = numpy_rng(job.seed, "copy", name, copy)
            made = within(wave, around(job, long, rng), rng)
            items.append(written(job, f"{name}-{copy}", made, job.label, recording.group, split))
    for item in long:
        items += windows(job, item, item.id)  # its speakers are unknown, so it is never divided
    return items


def _free_splits(clips: Mapping[SplitName, Sequence[Item]], label: str) -> tuple[SplitName, ...]:
    """The splits of synthetic clips: only training where real recordings serve as test, else every split."""
    tested = all(any(item.label == label for item in clips[split]) for split in ("dev", "test"))
    return ("train",) if tested else SPLITS


def _read(job: ClipJob, path: Path) -> Wave:
    wave = audio.read(path, rate=RATE, seconds=None, resample=True, channel="mix", loud=True)
    return through(wave, RATE, job.codec)


def _kept(
    job: ClipJob, name: str, items: Sequence[Item], said: Mapping[str, Sequence[Utterance]]
) -> dict[str, float]:
    """Write long recordings, if any, as a data directory with transcripts. Returns hours by source."""
    hours: dict[str, float] = defaultdict(float)
    for item in items:
        hours[item.speaker] += item.seconds / 3600
    if items:
        kaldi.write(job.out / name, items)
    if any(item.audio in said for item in items):
        names = {item.audio: os.path.relpath(item.audio, job.out / name) for item in items}
        rows = [u._replace(file=names[item.audio]) for item in items for u in said.get(item.audio, ())]
        transcripts.write(job.out / name / transcripts.NAME, rows)
    return dict(hours)


def _store(
    job: ClipJob,
    clips: Mapping[SplitName, Sequence[Item]],
    splits: Mapping[SplitName, Sequence[Recording]],
    long: Mapping[SplitName, Sequence[Item]],
) -> None:
    """Write data directories of clips, of whole recordings of the word, and of noise for augmentation."""
    for split in ("dev", "test"):
        whole = [r for r in splits[split] if says(r, job.text)]
        made = [item for item in clips[split] if item.label == job.label]
        names = {item.id: item for item in made if not whole}
        rows = [
            written(
                job,
                slug(f"{r.group}-{r.path.stem}"),
                _read(job, r.path),
                job.label,
                r.group,
                f"{split}_words",
            )
            for r in whole
        ]
        if rows or names:
            kaldi.write(job.out / f"{split}_words", rows or list(names.values()))
    noise = [item for item in long["train"] if item.speaker.startswith(NOISE)]
    parts: dict[str, Sequence[Item]] = dict(clips.items())
    if noise:
        parts["noise"] = [Item(f"noise-{n.id}", n.audio, "noise", n.seconds, speaker=NOISE) for n in noise]
    stored = intake.store(
        job.out, parts, [OTHER, job.label], job.reporter, conf="wake_word/conf/searched.yaml"
    )
    for split in SPLITS:
        write_groups(job.out / split, origins.NAME, {item.id: origins.origin(item) for item in stored[split]})
    used = {r.source for found in splits.values() for r in found}
    used |= {"espeak" for items in clips.values() for item in items if item.speaker.startswith("espeak-")}
    kaldi.write_licence(job.out, "\n".join(map(licence, sorted(used))))


def _store_hard(job: ClipJob, cut: Mapping[SplitName, Sequence[Hard]]) -> None:
    """Write the hard negatives of dev and test once more, as data directories with their kinds."""
    for split in ("dev", "test"):
        if cut[split]:
            kaldi.write(job.out / f"{split}_hard", [item for _, item in cut[split]])
            write_groups(job.out / f"{split}_hard", "kind", {item.id: kind for kind, item in cut[split]})
