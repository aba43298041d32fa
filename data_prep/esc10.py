"""Prepare ESC-10, ten kinds of environmental sounds: its five official folds as data directories."""

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from audionas.core.archives import download
from audionas.core.errors import Faults, UserError
from audionas.core.files import read_text, require_there
from audionas.core.hostile import command, setting
from audionas.core.reporter import Reporter
from audionas.data import kaldi
from audionas.data.kaldi import Item
from audionas.data.labels import RATE, SPLITS, write_labels
from audionas.prep import intake

FOLDERS = {  # folders of the first repository, in class order, with the names in its tables
    "001 - Dog bark": "dog",
    "002 - Rain": "rain",
    "003 - Sea waves": "sea_waves",
    "004 - Baby cry": "crying_baby",
    "005 - Clock tick": "clock_tick",
    "006 - Person sneeze": "sneezing",
    "007 - Helicopter": "helicopter",
    "008 - Chainsaw": "chainsaw",
    "009 - Rooster": "rooster",
    "010 - Fire crackling": "crackling_fire",
}
LABELS = tuple(FOLDERS.values())
FOLDS = (1, 2, 3, 4, 5)
TABLES = ("esc10.csv", "esc50.csv")
COLUMNS = ("filename", "fold", "category", "src_file", "take")
NAME = re.compile(r"([1-5])-(\w+)-([A-Z])(-\d+)?\.(ogg|wav|flac)")  # fold, source recording, take
SAMPLING_PLUS = {("40730", "A"), ("96460", "A")}  # roosters whose licence is not a plain Creative Commons one
LICENCE = (
    "licence: ESC-10 is CC BY 3.0 as a set, clip by clip CC0 or CC BY, two roosters CC Sampling+ (--plain-cc "
    "leaves them out); the corpus' README names the authors. Cite: K. J. Piczak, ESC: Dataset for "
    "Environmental Sound Classification, ACM Multimedia 2015"
)


class Clip(NamedTuple):
    """One clip of a source recording; `where` is the line or file that lists it."""

    path: Path
    label: str
    fold: int
    source: str
    take: str
    where: str


def main(
    out: Annotated[Path, typer.Argument(help="Folder to write fold1 to fold5 to.")],
    src: Annotated[Path, typer.Option(help="ESC-10 or ESC-50: an unpacked tree or a .tar(.gz).")],
    plain_cc: Annotated[
        bool, typer.Option("--plain-cc", help="Leave out the two clips under CC Sampling+.")
    ] = False,
    sums: Annotated[
        list[str] | None,
        typer.Option("--sha256", help="Accept an archive with this checksum; may be repeated."),
    ] = None,
    on_bad: Annotated[str, typer.Option(help=intake.ON_BAD_HELP)] = "error",
    resample: Annotated[
        bool,
        typer.Option("--resample", help="Convert other rates and channels: writes copies to OUT/resampled."),
    ] = False,
    workers: Annotated[int | None, typer.Option(help="Processes that decode; default: one per core.")] = None,
) -> None:
    """Prepare ESC-10, or the ten classes of it in ESC-50: OUT/fold1 to OUT/fold5, each with train, dev, test.

    In OUT/foldN the official fold N is the test set, the next one (after 5 comes 1) is for development, the
    other three are for training. A clip's speaker is its source recording, all clips of which share a fold.

    Example: audionas prep esc10 data --src ESC-50 --resample
    """
    reporter, out = Reporter(), out.resolve()
    faults = Faults()
    with faults:
        intake.check_on_bad(on_bad)
    with faults:
        require_there(src)
    faults.tell()
    accept = tuple(text.lower() for text in sums or ())
    converted = out / "resampled" if resample else None
    places = [f"fold{n}/{split}" for n in FOLDS for split in SPLITS]
    intake.reserve(out, places, (kaldi.LICENCE, *(f"fold{n}/labels.txt" for n in FOLDS)), converted)
    clips = scan(download.opened(src.resolve(), out, reporter, accept=accept))
    if plain_cc:
        clips = [clip for clip in clips if (clip.source, clip.take) not in SAMPLING_PLUS]
    folds = {f"fold{n}": [_item(clip) for clip in clips if clip.fold == n] for n in FOLDS}
    taken = intake.take(
        folds,
        rate=RATE,
        on_bad=on_bad,
        converted=converted,
        reporter=reporter,
        log=out / intake.LOG,
        workers=workers,
    )
    if empty := [fold for fold, items in taken.items() if not items]:
        raise UserError([f"{src}: no clips of {fold} can be used" for fold in empty])
    _store(out, taken)
    kaldi.write_licence(out, LICENCE.removeprefix("licence: "))
    _show(out, taken, reporter)


def scan(folder: Path) -> list[Clip]:
    """Every clip of ESC-10 in `folder`, or in the only folder in it.

    Raises UserError naming all problems: no such corpus, a foreign table, names that contradict it, a
    recording in two folds.
    """
    places = [folder, *sorted(f for f in folder.glob("*/"))]
    tables = [table for place in places for name in TABLES if (table := place / "meta" / name).is_file()]
    trees = [place for place in places if (place / next(iter(FOLDERS))).is_dir()]
    if not tables and not trees:
        raise UserError(
            f"{folder}: no ESC-10 here, neither meta/{' nor meta/'.join(TABLES)} nor '{next(iter(FOLDERS))}'",
            hint="Give the folder of ESC-10 or ESC-50, or its archive.",
        )
    clips, problems = _from_table(tables[0]) if tables else _from_folders(trees[0])
    problems += _contradictions(clips)
    if problems:
        raise UserError(problems)
    return clips


def _from_table(table: Path) -> tuple[list[Clip], list[str]]:
    """The clips of a table, in ESC-50 those marked as ESC-10's, and the problems in it."""
    try:
        reader = csv.DictReader(read_text(table).splitlines())
    except UserError as error:
        return [], error.problems
    needed = (*COLUMNS, *(["esc10"] if table.name == "esc50.csv" else []))
    if missing := [name for name in needed if name not in (reader.fieldnames or ())]:
        return [], [f"{table}:1: no column {', '.join(missing)}"]
    clips, problems = [], []
    for number, row in enumerate(reader, 2):
        where = f"{table}:{number}"
        if row.get("esc10", "True") == "True":
            found = _from_row(table.parent.parent / "audio", where, row)
            problems += [found] if isinstance(found, str) else []
            clips += [found] if isinstance(found, Clip) else []
    return clips, problems


def _from_row(folder: Path, where: str, row: Mapping[str, str]) -> Clip | str:
    """The clip of a row, or the problem with the row."""
    file, fold, label, source, take = (row[name] or "" for name in COLUMNS)
    if label not in LABELS:
        return f"{where}: '{label}' is not a class of ESC-10 ({', '.join(LABELS)})"
    match = NAME.fullmatch(file)
    if match is None:
        return f"{where}: '{file}', expected FOLD-SOURCE-TAKE-TARGET.ogg, such as 1-100032-A-0.ogg"
    if match.groups()[:3] != (fold, source, take):
        return f"{where}: {file} contradicts fold {fold}, src_file {source}, take {take}"
    return Clip(folder / file, label, int(fold), source, take, where)


def _from_folders(root: Path) -> tuple[list[Clip], list[str]]:
    """The clips of the layout without a table, one folder per class, and the problems in it."""
    clips, problems = [], []
    for name, label in FOLDERS.items():
        files = sorted(f for f in (root / name).glob("*") if not f.name.startswith("."))
        problems += [] if files else [f"{root / name}: no clips"]
        for file in files:
            if match := NAME.fullmatch(file.name):
                clips.append(Clip(file, label, int(match[1]), match[2], match[3], str(file)))
            else:
                problems.append(f"{file}: expected FOLD-SOURCE-TAKE.ogg, such as 1-100032-A.ogg")
    return clips, problems


def _contradictions(clips: Iterable[Clip]) -> list[str]:
    """Problems that would spoil a test: clips that appear twice, source recordings in several folds."""
    folds: dict[str, set[int]] = defaultdict(set)
    seen: dict[str, str] = {}
    problems = []
    for clip in clips:
        folds[clip.source].add(clip.fold)
        if (first := seen.setdefault(_id(clip), clip.where)) != clip.where:
            problems.append(f"{clip.where}: clip {_id(clip)} already appears at {first}")
    split = {source: sorted(some) for source, some in folds.items() if len(some) > 1}
    return problems + [
        f"recording {source} is in folds {some}, expected one" for source, some in split.items()
    ]


def _item(clip: Clip) -> Item:
    return Item(_id(clip), str(clip.path), clip.label, 0.0, speaker=clip.source)


def _id(clip: Clip) -> str:
    return f"{clip.source}-{clip.label}-{clip.take}"


def _store(out: Path, folds: Mapping[str, Sequence[Item]]) -> None:
    for n in FOLDS:
        dev = n % len(FOLDS) + 1
        train = [item for m in FOLDS if m not in (n, dev) for item in folds[f"fold{m}"]]
        for split, items in (("train", train), ("dev", folds[f"fold{dev}"]), ("test", folds[f"fold{n}"])):
            kaldi.write(out / f"fold{n}" / split, items)
        write_labels(out / f"fold{n}", LABELS)


def _show(out: Path, folds: Mapping[str, Sequence[Item]], reporter: Reporter) -> None:
    """Show counts of clips per class and of source recordings, by fold."""
    counts = {fold: Counter(item.label for item in items) for fold, items in folds.items()}
    rows = [[label, *(count[label] for count in counts.values())] for label in LABELS]
    rows.append(["all", *(count.total() for count in counts.values())])
    rows.append(["recordings", *(len({item.speaker for item in items}) for items in folds.values())])
    reporter.table(["label", *folds], rows)
    reporter.note(f"wrote {out}/fold1 to fold5: train is three folds, dev one, test the fold of that number")
    reporter.note(LICENCE)
    first = out / "fold1"
    changes = (setting(f"data.{part}", first / part) for part in ("train", "dev"))
    reporter.note(f"next: {command('audionas', 'search', 'CONF', *changes)}")
