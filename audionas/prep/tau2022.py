"""TAU Urban Acoustic Scenes 2022 Mobile: its table, its lists of training and test clips, and their checks.

The layout is that of the development set (Heittola et al., Zenodo record 6337421), with the lists of DCASE
2024 task 1 beside it: nested training lists of 5 to 100 %. File names consist of scene, city, location,
segment, second and device, separated by dashes.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from audionas.core.errors import UserError
from audionas.core.reporter import amount
from audionas.core.rng import seed_of

RATE = 44_100  # Hz of the published clips
SCENES = (
    *("airport", "bus", "metro", "metro_station", "park"),
    *("public_square", "shopping_mall", "street_pedestrian", "street_traffic", "tram"),
)
SEEN, UNSEEN = ("a", "b", "c", "s1", "s2", "s3"), ("s4", "s5", "s6")  # devices in training; only in test
SUBSETS = (5, 10, 25, 50, 100)  # percent of the training clips
COUNTS = {"split100": 139_620, "test": 29_680}  # published
_META = ("filename", "scene_label", "identifier", "source_label")
_TEST = ("test.csv", "fold1_evaluate.csv")
_WHOLE = ("split100.csv", "fold1_train.csv")
_PLACES = (".", "split_setup", "evaluation_setup")
_NAME = re.compile(
    r"audio/(?P<scene>[a-z_]+)-(?P<place>[a-z]+-\d+)-(?P<segment>\d+)-(?P<second>\d+)-(?P<device>\w+)\.wav"
)
_SHOWN = 10  # problems of one kind that a message lists


@dataclass(frozen=True)
class Clip:
    """One second; `place` is city and location, `identifier` the table's name for the recording location."""

    file: str  # as in the tables: audio/NAME.wav
    scene: str
    place: str
    identifier: str
    device: str
    rest: str  # segment and second

    @property
    def id(self) -> str:
        """A unique id that begins with the place."""
        return f"{self.place}-{self.scene}-{self.rest}-{self.device}"

    @property
    def city(self) -> str:
        """The city of the place."""
        return self.place.partition("-")[0]


class Lists(NamedTuple):
    """The clips of each training list, by percentage, and of the test list."""

    training: dict[int, list[Clip]]
    test: list[Clip]


def find(folder: Path) -> Path:
    """The folder with `meta.csv`: this one or one inside it. Raises UserError where there is none."""
    for place in (folder, *sorted(folder.glob("*/"))):
        if (place / "meta.csv").is_file():
            return place
    raise UserError(
        f"{folder}: no meta.csv here",
        hint="Give the folder of TAU-urban-acoustic-scenes-2022-mobile-development, or of its zip archives.",
    )


def read_meta(table: Path) -> dict[str, Clip]:
    """The clips of `meta.csv` by file. Raises UserError for lines that contradict themselves or others."""
    clips: dict[str, Clip] = {}
    problems = []
    for number, row in enumerate(_rows(table, _META), 2):
        clip = _clip(row)
        if isinstance(clip, str):
            problems.append(f"{table}:{number}: {clip}")
        elif clip.file in clips:
            problems.append(f"{table}:{number}: {clip.file} appears twice")
        else:
            clips[clip.file] = clip
    _refuse(problems)
    return clips


def read_lists(folder: Path, clips: Mapping[str, Clip], subsets: Sequence[int]) -> Lists:
    """The training lists in `subsets` (empty: all that exist) and the test list.

    They are looked for in the folder and in its `split_setup` and `evaluation_setup`; the set's own lists of
    its one fold serve as split100.csv and test.csv. Raises UserError where one is missing or names a clip
    that is not in the table, and for everything that `contradictions` finds.
    """
    files = {n: _first(folder, _WHOLE if n == 100 else (f"split{n}.csv",)) for n in SUBSETS}
    test = _first(folder, _TEST)
    wanted = list(subsets) or [n for n, file in files.items() if file]
    missing = [f"split{n}.csv" for n in wanted if not files.get(n)] + ([] if test else ["test.csv"])
    if missing or not wanted:
        raise UserError(
            [f"{folder}: no {name} in it or in its {' or '.join(_PLACES[1:])}" for name in missing]
            or f"{folder}: no training list such as split25.csv",
            hint="DCASE 2024's lists are the release 'files' of github.com/CPJKU/dcase2024_task1_baseline.",
        )
    training = {n: _listed(file, clips) for n, file in files.items() if n in wanted and file}
    found = Lists(training, _listed(test, clips) if test else [])
    _refuse(contradictions(found))
    return found


def contradictions(lists: Lists) -> list[str]:
    """Problems that would spoil a test: its places or devices in training, and lists that are not nested."""
    problems = []
    test_places = {key for clip in lists.test for key in (clip.place, clip.identifier)}
    inner: set[str] = set()
    for percent, clips in sorted(lists.training.items()):
        shared = sorted({c.place for c in clips if c.place in test_places or c.identifier in test_places})
        problems += [
            f"split{percent}: place {place} is in the test list as well" for place in shared[:_SHOWN]
        ]
        unseen = sorted({clip.device for clip in clips} - set(SEEN))
        problems += [f"split{percent}: device {d} belongs only in the test list" for d in unseen]
        files = {clip.file for clip in clips}
        if left := inner - files:
            problems.append(
                f"split{percent}: lacks {amount(len(left), 'clip')} of a smaller list, such as {min(left)}"
            )
        inner = files
    return problems


def held_out(clips: Iterable[Clip], share: float) -> set[str]:
    """Places for development: a `share` of each scene's places, at least one unless there is only one.

    The choice depends only on their names, so that the parts of nested lists are similar.
    """
    places: dict[str, set[str]] = defaultdict(set)
    for clip in clips:
        places[clip.scene].add(clip.place)
    found: set[str] = set()
    for some in places.values():
        ordered = sorted(some, key=lambda place: seed_of("development place", place))
        found.update(ordered[: min(max(1, round(share * len(some))), len(some) - 1)])
    return found


def _clip(row: Mapping[str, str]) -> Clip | str:
    """The clip of a row, or the problem with the row."""
    file, scene, identifier, device = (row[name] or "" for name in _META)
    match = _NAME.fullmatch(file)
    if match is None:
        return f"'{file}', expected audio/SCENE-CITY-LOCATION-SEGMENT-SECOND-DEVICE.wav"
    if scene not in SCENES:
        return f"'{scene}' is not a scene of this set ({', '.join(SCENES)})"
    if device not in (*SEEN, *UNSEEN):
        return f"'{device}' is not a device of this set ({', '.join((*SEEN, *UNSEEN))})"
    place = match["place"]
    if (match["scene"], match["device"]) != (scene, device) or not f"{identifier}-".startswith(f"{place}-"):
        return f"{file} contradicts scene {scene}, identifier {identifier}, device {device}"
    return Clip(file, scene, place, identifier, device, f"{match['segment']}-{match['second']}")


def _listed(file: Path, clips: Mapping[str, Clip]) -> list[Clip]:
    """The clips of a list; any scenes in it must equal those of the table."""
    found: dict[str, Clip] = {}
    problems = []
    for number, row in enumerate(_rows(file, _META[:1]), 2):
        clip, scene = clips.get(row["filename"]), row.get("scene_label")
        if clip is None:
            problems.append(f"{file}:{number}: {row['filename']} is not in meta.csv")
        elif scene and scene != clip.scene:
            problems.append(f"{file}:{number}: {clip.file} is {clip.scene} in meta.csv, not {scene}")
        elif clip.file in found:
            problems.append(f"{file}:{number}: {clip.file} appears twice")
        else:
            found[clip.file] = clip
    _refuse(problems)
    return list(found.values())


def _rows(file: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a tab-separated table. Raises UserError where one of `columns` is missing."""
    try:
        reader = csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines(), delimiter="\t")
    except UnicodeDecodeError as error:
        raise UserError(f"{file}: not a text table ({error})") from error
    if missing := [name for name in columns if name not in (reader.fieldnames or ())]:
        raise UserError(f"{file}:1: no column {', '.join(missing)} (columns are separated by tabs)")
    return list(reader)


def _first(folder: Path, names: Sequence[str]) -> Path | None:
    """The first of these files that exists."""
    files = (folder / place / name for name in names for place in _PLACES)
    return next((file for file in files if file.is_file()), None)


def _refuse(problems: Sequence[str]) -> None:
    if problems:
        more = len(problems) - _SHOWN
        raise UserError([*problems[:_SHOWN], *([f"and {more} more of this kind"] if more > 0 else [])])
