"""Recordings for wake words: known corpora by their layout, anything else by its folders."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from audionas.core.errors import UserError
from audionas.core.pool.ordered import ordered
from audionas.core.reporter import Reporter
from audionas.core.rng import numpy_rng
from audionas.data import audio
from audionas.data.audio import Wave
from audionas.data.files import listing
from audionas.data.files.transcripts import Utterance
from audionas.prep import intake
from audionas.prep.wake.described import Described, described

SplitName = Literal["train", "dev", "test"]
GROUP_SHARES: dict[SplitName, float] = {"train": 0.4, "dev": 0.2, "test": 0.4}  # shares of groups
PARTS = 10  # of a recording of other sound, where there are few
NOT_WORDS = "not-wake-words"
NOISE = "noise"
SILENCE_GROUP = (
    "noise-speech_commands-silence"  # goes to train: it was cut from noises that may be in other splits
)


class Recording(NamedTuple):
    """A file: its source, the word said in it ("" if unknown), and its group.

    A group is never in two splits: it is a speaker, or the donor of the recordings, or else the file alone.
    `whole` marks groups with recordings of several unnamed people; `said` is what is said when, if known.
    `part` says which part of its file it is, of how many equal ones.
    """

    path: Path
    source: str
    word: str
    group: str
    whole: bool = False
    said: tuple[Utterance, ...] = ()
    part: tuple[int, int] = (0, 1)

    def cut(self, wave: Wave) -> Wave:
        """The samples of its file (N,) that it is."""
        number, many = self.part
        return wave[len(wave) * number // many : len(wave) * (number + 1) // many]


def scan(folder: Path, *, pattern: str = "", say: listing.Say | None = None) -> list[Recording]:
    """Every audio file under `folder`, in the order of their paths.

    Picovoice's wake words, Mycroft's community wake words and Speech Commands are recognised by their
    layout, corpora with a files.tsv by that (`described`); elsewhere a file's word is its folder, and its
    group is the match of `pattern`, a regular expression with a group `speaker`, in its path. `say` is
    told what looks like sound and is left out. Raises UserError where there is no audio, or no such group.
    """
    files = listing.sounds(folder, say) if folder.is_dir() else []
    if not files:
        raise UserError(f"{folder}: no audio files here (known: {listing.known()})")
    expression = re.compile(pattern) if pattern else None
    if expression is not None and "speaker" not in expression.groupindex:
        raise UserError(f"--speaker-pattern '{pattern}': has no group called speaker")
    donors, tables = _donors(folder), described(folder)
    found, problems = [], []
    for file in files:
        known = (
            _described(file, tables) or _mycroft(file, donors) or _speech_commands(file) or _picovoice(file)
        )
        match = expression.search(file.relative_to(folder).as_posix()) if expression else None
        if known is None and expression is not None and match is None:
            problems.append(f"{file}: the speaker pattern '{pattern}' does not match its path")
        group = f"own-{match['speaker']}" if match else f"own-{file.relative_to(folder).as_posix()}"
        own = Recording(file, "own", file.parent.name if file.parent != folder else "", group)
        found.append(known or own)
    if problems:
        raise UserError(problems)
    return found


def usable(recordings: Sequence[Recording], on_bad: str, reporter: Reporter) -> list[Recording]:
    """The recordings that can be read, and those with a word that can be heard: all are decoded.

    `on_bad` treats the others as `intake.take` does. Raises one UserError for all of them.
    """
    answers = ordered(_peak, [str(r.path) for r in recordings])
    shown = reporter.progress(answers, "decoding", len(recordings))
    good, problems = [], []
    for recording, peak in zip(recordings, shown, strict=True):
        path, silent = str(recording.path), not recording.word
        odd = peak if isinstance(peak, str) else intake.doubt(path, peak, silent=silent)
        if odd and (isinstance(peak, str) or on_bad != "keep"):
            problems.append(odd)
            continue
        good.append(recording)
        if odd:
            reporter.note(f"kept: {odd}")
    intake.report(problems, bool(good), on_bad, True, reporter)
    return good


def _peak(path: str) -> float | str:
    """The largest sample of a file, or why it cannot be read."""
    try:
        return audio.probe(path).peak
    except UserError as error:
        return error.problems[0]


def parted(recordings: Sequence[Recording], keyword: str) -> list[Recording]:
    """The recordings; other sound in tenths, each a group, where it has fewer groups than splits.

    Recordings with transcripts stay whole.
    """
    if len({r.group for r in recordings if not says(r, keyword)}) >= len(GROUP_SHARES):
        return list(recordings)
    return [part for r in recordings for part in ([r] if r.said or says(r, keyword) else _parts(r, PARTS))]


def _parts(recording: Recording, many: int) -> list[Recording]:
    name = recording.group
    return [recording._replace(group=f"{name}-{part}", part=(part, many)) for part in range(many)]


def by_split(recordings: Sequence[Recording], keyword: str, seed: int) -> dict[SplitName, list[Recording]]:
    """Assign whole groups to splits by a draw per group; those of the keyword fill the shares exactly.

    Other sound is cut where there is too little of it (`parted`). A `whole` group with recordings of the
    keyword goes to train, so that tests use other people. A split that would have no other sound gets a group
    of it, if another split has two.
    """
    recordings = parted(recordings, keyword)
    mine = Counter(r.group for r in recordings if says(r, keyword))
    trained = {r.group for r in recordings if r.whole and r.group in mine}
    drawn = sorted((g for g in mine if g not in trained), key=lambda g: draw(seed, g))
    place: dict[str, SplitName] = dict.fromkeys((*trained, SILENCE_GROUP), "train")
    total, before = sum(mine[g] for g in drawn), 0
    for group in drawn:
        place[group] = _at(before / total)
        before += mine[group]
    splits: dict[SplitName, list[Recording]] = {"train": [], "dev": [], "test": []}
    for recording in recordings:
        group = recording.group
        splits[place.get(group) or _at(draw(seed, group))].append(recording)
    _fill(splits, keyword, seed, {*place})
    return splits


def _fill(splits: dict[SplitName, list[Recording]], keyword: str, seed: int, fixed: set[str]) -> None:
    """Move a group of other sound, but none of `fixed`, to each split that has none."""
    for split in [s for s, found in splits.items() if all(says(r, keyword) for r in found)]:
        free = {s: {r.group for r in found} - fixed for s, found in splits.items()}
        rich = max(free, key=lambda s: len(free[s]))
        if len(free[rich]) > 1:
            group = max(free[rich], key=lambda g: draw(seed, g))
            splits[split] += [r for r in splits[rich] if r.group == group]
            splits[rich] = [r for r in splits[rich] if r.group != group]


def says(recording: Recording, keyword: str) -> bool:
    """True where the keyword is said in it, perhaps after other words (hey computer)."""
    return bool(recording.word) and plain(keyword) in plain(recording.word)


def plain(word: str) -> str:
    """Only letters and digits, in lower case: `Hey Jarvis`, `hey_jarvis` and `heyjarvis` are one word."""
    return "".join(sign for sign in word.lower() if sign.isalnum())


def named(recordings: Iterable[Recording]) -> str:
    """The number of recordings per source, in words."""
    counts = Counter(r.source for r in recordings)
    return ", ".join(f"{source} {count}" for source, count in sorted(counts.items()))


def _at(share: float) -> SplitName:
    """The split that contains a share between 0 and 1."""
    share += 1e-9  # 0.4 + 0.2 is more than 0.6
    if share < GROUP_SHARES["train"]:
        return "train"
    return "dev" if share < GROUP_SHARES["train"] + GROUP_SHARES["dev"] else "test"


def draw(seed: int, group: str) -> float:
    """A number from 0 to 1 for a group, by the seed."""
    return float(numpy_rng(seed, "wake word", group).random())


def _donors(folder: Path) -> dict[Path, str]:
    """The donor of each file, from the tables `files.csv` that name its licence."""
    found = {}
    for table in sorted(folder.rglob("files.csv")):
        with table.open(encoding="utf-8", newline="") as rows:
            for row in csv.DictReader(rows):
                if row.get("path") and row.get("licence_file"):
                    donor = re.sub(r"^license-\d*-?", "", Path(row["licence_file"]).stem)
                    found[table.parent / row["path"]] = donor
    return found


def _described(file: Path, tables: dict[Path, Described]) -> Recording | None:
    if file not in tables:
        return None
    source, speaker, said = tables[file]
    if not speaker:
        return Recording(file, f"{NOISE}_{source}", "", f"{NOISE}-{source}-{file.stem}", said=said)
    source = f"speech_{source}" if source.startswith(NOISE) else source
    return Recording(file, source, "", f"{source}-{speaker}", said=said)


def _mycroft(file: Path, donors: dict[Path, str]) -> Recording | None:
    if file.parent.name.startswith("noises_bg"):
        return Recording(file, NOISE, "", f"noise-{file.stem}")
    if file not in donors:
        return None
    word = file.parent.parent.name
    said = "" if word == NOT_WORDS else word
    return Recording(file, "mycroft", said, f"mycroft-{donors[file]}", whole=True)


def _speech_commands(file: Path) -> Recording | None:
    folder = file.parent.name
    if folder == "_background_noise_":
        return Recording(file, NOISE, "", f"noise-{file.stem}")
    if folder == "_silence_":  # cuts of a few noises, of unknown origin among them
        return Recording(file, NOISE, "", SILENCE_GROUP)
    match = re.fullmatch(r"(?:(?P<word>[^_]+)_)?(?P<speaker>[0-9a-f]+)_nohash_\d+", file.stem)
    if match is None:
        return None
    return Recording(file, "speech_commands", match["word"] or folder, f"speech_commands-{match['speaker']}")


def _picovoice(file: Path) -> Recording | None:
    """A recording by Picovoice, whose speakers are unknown: each clip is its own group."""
    if not any("picovoice" in part for part in file.parts):
        return None
    return Recording(file, "picovoice", file.parent.name, f"picovoice-{file.parent.name}-{file.stem}")
