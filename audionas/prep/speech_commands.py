"""The Speech Commands protocol: hash split, official lists, the drawing of `_unknown_` and `_silence_`.

Facts after P. Warden, "Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition", 2018,
and its `which_set` rule. Draws order the candidates by a hash of seed and name, so they depend
neither on the order of a directory nor on the version of a random generator.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from audionas.core.errors import UserError
from audionas.core.files import read_text
from audionas.core.reporter import Reporter, amount
from audionas.data.files import listing
from audionas.data.labels import NOISE, RATE, SILENCE, SPLITS, UNKNOWN

WANTED = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
LABELS_12 = (SILENCE, UNKNOWN, *WANTED)
WANTED_7 = ("up", "down", "left", "right", "go")  # the commands of which a part of v0.01 has training clips
LABELS_7 = (SILENCE, UNKNOWN, *WANTED_7)
CLIPS = {"v0.01": 64_721, "v0.02": 105_829}  # in the complete archive
TEST_ARCHIVE_CLIPS = {"v0.01": 3_081, "v0.02": 4_890}  # in the separate archive of twelve folders
PROTOCOLS = {"v0.01": ("12", "30", "7"), "v0.02": ("12", "35")}
COUNTS = {  # (version, protocol) -> train, dev, test of the complete archive
    ("v0.01", "12"): (22_246, 3_093, 3_081),
    ("v0.01", "30"): (51_088, 6_798, 6_835),
    ("v0.02", "12"): (36_923, 4_445, 4_890),
    ("v0.02", "35"): (84_843, 9_981, 11_005),
}
_MODULUS = 2**27  # the rule's MAX_NUM_WAVS_PER_CLASS + 1
_LISTS = {"train": "training_list.txt", "dev": "validation_list.txt", "test": "testing_list.txt"}
_NAME = re.compile(r"(?:(?P<word>.+)_)?(?P<speaker>[0-9a-f]{8})_nohash_(?P<take>\d+)")


@dataclass(frozen=True)
class Clip:
    """A file in a Speech Commands tree; `name` is `folder/stem`, the same for wav and flac."""

    name: str
    path: str
    label: str  # the folder
    speaker: str
    id: str  # <speaker>-<word>-<take>


class Cut(NamedTuple):
    """A silence clip: one second of noise file number `file` from sample `offset`, times `volume`."""

    file: int
    offset: int
    volume: float


def name_of(version: str, protocol: str) -> str:
    """The name of a protocol in comparisons of figures: `v2-12`."""
    return f"v{version[-1]}-{protocol}"


def hash_percent(name: str) -> float:
    """The position of a file name on the official rule's scale of 0 to 100."""
    stem = re.sub(r"_nohash_.*$", "", Path(name).name)
    value = int(hashlib.sha1(stem.encode(), usedforsecurity=False).hexdigest(), 16) % _MODULUS
    return value * (100.0 / (_MODULUS - 1))


def which_set(name: str, dev: float = 10.0, test: float = 10.0) -> str:
    """The split of a file name; all takes of one speaker share it. `dev` and `test` in percent."""
    percent = hash_percent(name)
    if percent < dev:
        return "dev"
    return "test" if percent < dev + test else "train"


def scan(tree: Path, say: listing.Say | None = None) -> list[Clip]:
    """Every clip of a folder-per-word tree, sorted by name. `say` is told what else looks like sound.

    Raises UserError naming each file whose name does not follow Speech Commands.
    """
    clips, problems, beside = [], [], []
    tell = say or Reporter().note
    for file in listing.sounds(tree, tell, skip=(NOISE,)):
        clip = _clip(file.parent.name, file)
        if file.parent.parent != tree:
            beside.append(file)
        elif clip is None:
            problems.append(f"{file}: not named <speaker>_nohash_<take>")
        else:
            clips.append(clip)
    if beside:
        tell(f"{tree}: left out: {listing.told(beside, tree)}: not directly in a folder of a word")
    if problems:
        raise UserError(problems, hint="For your own tree: audionas prep folder SRC OUT")
    return clips


def word_folders(tree: Path) -> list[Path]:
    """The folders of a tree that hold clips, without `_background_noise_`."""
    return [f for f in tree.iterdir() if f.is_dir() and f.name != NOISE and listing.holds(f)]


def noise_files(tree: Path, say: listing.Say | None = None) -> list[Path]:
    """The long noise recordings of a tree, or of its parent folder, sorted; `say` as in `scan`."""
    for folder in (tree / NOISE, tree.parent / NOISE):
        if folder.is_dir():
            return listing.sounds(folder, say, deep=False)
    return []


def assign(
    tree: Path, clips: Sequence[Clip], *, test_elsewhere: bool = False
) -> tuple[dict[str, list[Clip]], str]:
    """The clips of each split, and the rule in words.

    A tree with all three lists uses them (a clip on no list is left out); with the official two,
    training is the rest; without lists the hash rule decides. With `test_elsewhere` a list for testing may be
    missing beside the two others.

    Raises UserError where lists contradict each other or name files that their own tree lacks.
    """
    present = [split for split, file in _LISTS.items() if (tree / file).is_file()]
    if not present:
        splits = {clip.name: which_set(f"{clip.speaker}_nohash_0") for clip in clips}
        return _grouped(clips, splits), "split by the official hash rule"
    untested = test_elsewhere and {"train", "dev"} <= set(present)
    if not ({"dev", "test"} <= set(present) or untested):
        raise UserError(f"{tree}: has {_LISTS[present[0]]}, but not both of the lists for dev and test")
    listed = _read_lists(tree, present)
    if "train" not in present:
        splits = {clip.name: listed.get(clip.name, "train") for clip in clips}
        return _grouped(clips, splits), "split by validation_list.txt and testing_list.txt"
    if absent := sorted(set(listed) - {clip.name for clip in clips}):
        raise UserError([f"{tree}: {name} is on a list, but the clip does not exist" for name in absent])
    rest = len(clips) - len(listed)
    own = "three lists" if len(present) == len(_LISTS) else "lists, which name no test"
    return _grouped(clips, listed), f"split by the tree's own {own}" + (
        f"; {amount(rest, 'clip')} are on none and left out" if rest else ""
    )


def share(wanted: int, words: int = len(WANTED)) -> int:
    """The number of `_unknown_`, and of `_silence_`, for `wanted` wanted clips, rounded up.

    It is what one of the `words` has on average: 10 % with the usual ten.
    """
    return -(-wanted // words)


def draw(clips: Iterable[Clip], count: int, *words: object) -> list[Clip]:
    """Choose `count` clips (all, if there are fewer) by seed words such as (seed, split), sorted by name."""
    from audionas.core.rng import seed_of  # imports torch: only when something is drawn

    ordered = sorted(clips, key=lambda clip: (seed_of("draw", *words, clip.name), clip.name))
    return sorted(ordered[:count], key=lambda clip: clip.name)


def draw_cuts(samples: Sequence[int], count: int, *words: object) -> list[Cut]:
    """Draw `count` one-second cuts from noise files of these `samples`, volume uniform in 0..1."""
    from audionas.core.rng import seed_of

    def pick(below: int, *more: object) -> int:
        return seed_of("cut", *words, *more) % below

    cuts = []
    for index in range(count):
        file = pick(len(samples), index, "file")
        offset = pick(max(1, samples[file] - RATE + 1), index, "offset")
        cuts.append(Cut(file, offset, pick(1_000_001, index, "volume") / 1_000_000))
    return cuts


def check_counts(version: str, protocol: str, clips: int, counts: Mapping[str, int]) -> str:
    """One sentence on the counts per split; a complete archive must have the published counts.

    Raises UserError where it does not.
    """
    got = tuple(counts[split] for split in SPLITS)
    told = f"{name_of(version, protocol)}: train, dev, test hold {_told(got)} clips"
    if clips != CLIPS[version]:
        return (
            f"{told}. {clips:,} of the {amount(CLIPS[version], 'clip')} of {version}: a part, not comparable"
        )
    expected = COUNTS.get((version, protocol))
    if expected is None:
        return f"{told}; no counts are published"
    if got != expected:
        raise UserError(
            f"{told}, but the published counts are {_told(expected)}",
            hint="The lists in the tree were changed: unpack the archive again.",
        )
    return f"{told}, as published; all {amount(clips, 'clip')} of {version}"


def check_test_archive(version: str, clips: int) -> str:
    """One sentence on the number of clips in a separate test set."""
    whole = TEST_ARCHIVE_CLIPS[version]
    if clips == whole:
        return f"test_archive: {amount(clips, 'clip')}, as published"
    return f"test_archive: {clips:,} of the {amount(whole, 'clip')} of the published archive"


def _told(counts: Iterable[int]) -> str:
    return ", ".join(f"{count:,}" for count in counts)


def _clip(folder: str, file: Path) -> Clip | None:
    name = f"{folder}/{file.stem}"
    if folder == SILENCE:  # cuts of noise have no speaker: each counts as its own
        number = f"{int(file.stem):06d}" if re.fullmatch(r"\d+", file.stem) else file.stem
        return Clip(name, str(file), folder, f"silence-{number}", f"silence-{number}")
    match = _NAME.fullmatch(file.stem)
    if match is None:
        return None
    word = match["word"] or folder.strip("_")
    return Clip(name, str(file), folder, match["speaker"], f"{match['speaker']}-{word}-{match['take']}")


def _read_lists(tree: Path, splits: Iterable[str]) -> dict[str, str]:
    """A mapping from clip name to split."""
    found: dict[str, str] = {}
    problems = []
    for split in splits:
        lines = read_text(tree / _LISTS[split]).splitlines()
        for number, line in enumerate(lines, 1):
            name = line.strip().rpartition(".")[0] or line.strip()
            if name and found.setdefault(name, split) != split:
                problems.append(f"{tree / _LISTS[split]}:{number}: {name} is on {_LISTS[found[name]]}, too")
    if problems:
        raise UserError(problems)
    return found


def _grouped(clips: Iterable[Clip], splits: Mapping[str, str]) -> dict[str, list[Clip]]:
    groups: dict[str, list[Clip]] = {split: [] for split in SPLITS}
    for clip in clips:
        if clip.name in splits:
            groups[splits[clip.name]].append(clip)
    return groups
