"""DCASE 2018 task 5 as published: reading its lists, checking folds and sessions against known counts.

Dekkers et al., arXiv:1807.11246; formats and counts from the corpora's own read-me files (Zenodo records
1247102 and 1964758). A segment is ten seconds of one node, an array of four microphones; a session is one
stretch of an activity, recorded by several nodes at once.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from audionas.core.errors import UserError
from audionas.core.reporter import amount
from audionas.core.rng import numpy_rng

LABELS = (
    "absence",
    "cooking",
    "dishwashing",
    "eating",
    "other",
    "social_activity",
    "vacuum_cleaner",
    "watching_tv",
    "working",
)
FOLDS = (1, 2, 3, 4)
RATE, CHANNELS, SECONDS = 16000, 4, 10.0
TOPS = {"dev": "DCASE2018-task5-dev", "eval": "DCASE2018-task5-eval"}
NODE = re.compile(r"[A-Za-z]*Node(\d+)_")  # DevNode1_ex1_1: node 1, session ex1, segment 1
KNOWN = frozenset({"1", "2", "3", "4"})  # nodes of the development set; the evaluation set adds others


class Count(NamedTuple):
    """Counts for a class: segments, and the sessions that they come from."""

    segments: int
    sessions: int


_SEGMENTS = {  # class by class, in the order of LABELS
    "dev": (18860, 5124, 1424, 2308, 2060, 4944, 972, 18648, 18644),
    "eval": (21112, 4221, 1477, 2100, 1960, 3815, 868, 21116, 16303),
}
_SESSIONS = {"dev": (42, 13, 10, 13, 118, 21, 9, 9, 33), "eval": (21, 6, 5, 6, 59, 10, 4, 4, 16)}
PUBLISHED = {
    name: {
        label: Count(segments, sessions)
        for label, segments, sessions in zip(LABELS, _SEGMENTS[name], _SESSIONS[name], strict=True)
    }
    for name in TOPS
}
FOLD_1 = (54964, 18020)  # segments for training and for testing


@dataclass(frozen=True)
class Segment:
    """One file: its name in the lists without folder, label, session, and node ("" if unknown)."""

    file: str
    label: str
    session: str
    node: str = ""


@dataclass(frozen=True)
class Corpus:
    """A set of segments by file name, below `folder`; for the development set also the folds' test files."""

    folder: Path
    segments: Mapping[str, Segment]
    tests: Mapping[int, frozenset[str]]

    def path(self, segment: Segment) -> Path:
        """The path of a segment's audio."""
        return self.folder / "audio" / segment.file

    def training(self, fold: int) -> list[Segment]:
        """The segments of a fold's training part."""
        return [segment for file, segment in self.segments.items() if file not in self.tests[fold]]

    def test(self, fold: int) -> list[Segment]:
        """The segments of a fold's test part."""
        return [segment for file, segment in self.segments.items() if file in self.tests[fold]]


def development(folder: Path) -> Corpus:
    """The development set below `folder`, with its four folds checked.

    Raises UserError naming all problems: lists that are missing or contradict each other, a
    file in both or neither part of a fold, tested twice or never, a session in both parts of a fold.
    """
    segments, problems = _meta(folder / "meta.txt")
    setup = folder / "evaluation_setup"
    tests: dict[int, frozenset[str]] = {}
    for fold in FOLDS:
        train, more = _listed(setup / f"fold{fold}_train.txt", segments)
        test, others = _listed(setup / f"fold{fold}_test.txt", segments)
        truth = _either(setup, f"fold{fold}_evaluat")
        told, last = _listed(truth, segments) if truth else (test, [])
        problems += more + others + last + _parts(fold, train, test, told, segments)
        tests[fold] = frozenset(test)
    counts = Counter(file for files in tests.values() for file in files)
    problems += _several(
        (file for file in segments if counts[file] != 1),
        "tested {} times over the four folds, expected once",
        counts,
    )
    if problems:
        raise UserError(problems)
    return Corpus(folder, segments, tests)


def evaluation(folder: Path) -> Corpus:
    """The evaluation set below `folder`, with nodes taken from `map.txt`.

    Its labels are in `meta.txt` or, in older copies, only in `evaluation_setup/evaluat{e,ion}.txt`.

    Raises UserError naming all problems, as `development` does.
    """
    setup = folder / "evaluation_setup"
    truth = _either(setup, "evaluat")
    meta = folder / "meta.txt"
    segments, problems = _meta(meta if meta.is_file() or truth is None else truth)
    if truth is not None:
        problems += _listed(truth, segments)[1]
    listed, more = _listed(setup / "test.txt", segments)
    problems += more + _several(segments.keys() - listed, f"not in {setup / 'test.txt'}")
    nodes, more = _nodes(setup / "map.txt", segments)
    if problems := problems + more:
        raise UserError(problems)
    with_nodes = {
        file: Segment(file, segment.label, segment.session, nodes[file]) for file, segment in segments.items()
    }
    return Corpus(folder, with_nodes, {})


def check_counts(name: str, corpus: Corpus) -> None:
    """Raise UserError unless a set has exactly the published segments and sessions of each class."""
    segments = Counter(segment.label for segment in corpus.segments.values())
    sessions = Counter(label for label, _ in {(s.label, s.session) for s in corpus.segments.values()})
    problems = [
        f"{corpus.folder}: {label}: {amount(segments[label], 'segment')} from "
        f"{amount(sessions[label], 'session')}, "
        f"expected {want.segments:,} from {want.sessions}"
        for label, want in PUBLISHED[name].items()
        if (segments[label], sessions[label]) != want
    ]
    if corpus.tests and (found := (len(corpus.training(1)), len(corpus.test(1)))) != FOLD_1:
        problems.append(
            f"{corpus.folder}: fold 1 has {amount(found[0], 'segment')} for training and "
            f"{found[1]:,} for testing, "
            f"expected {FOLD_1[0]:,} and {FOLD_1[1]:,}"
        )
    if problems:
        raise UserError(
            problems,
            hint="This is not the complete published set, or its first, faulty release. To use it anyway: "
            "--counts any",
        )


def held_out(segments: Sequence[Segment], share: float, seed: int) -> frozenset[str]:
    """The sessions to validate on: about a `share` of each class's segments, with whole sessions.

    In each class sessions are drawn in a seeded order and taken as long as that brings the share nearer; at
    least one is taken and one left. Raises UserError where a class has a single session.
    """
    sizes: dict[str, Counter[str]] = defaultdict(Counter)
    for segment in segments:
        sizes[segment.label][segment.session] += 1
    if single := [label for label, count in sizes.items() if len(count) < 2]:
        raise UserError([f"'{label}' has a single session, which cannot be split" for label in single])
    return frozenset(
        session for label in sorted(sizes) for session in _drawn(label, sizes[label], share, seed)
    )


def _drawn(label: str, sizes: Mapping[str, int], share: float, seed: int) -> list[str]:
    order = numpy_rng(seed, "held out", label).permutation(sorted(sizes)).tolist()
    wanted, taken = share * sum(sizes.values()), 0
    chosen: list[str] = []
    for session in order:
        nearer = abs(taken + sizes[session] - wanted) < abs(taken - wanted)
        if nearer and len(chosen) < len(sizes) - 1:
            chosen.append(session)
            taken += sizes[session]
    return chosen or [min(order, key=lambda session: sizes[session])]


def _meta(file: Path) -> tuple[dict[str, Segment], list[str]]:
    """The segments of a table of file, label and session, and the problems in it."""
    segments: dict[str, Segment] = {}
    problems = []
    for where, row in _rows(file):
        if len(row) < 3:
            problems.append(f"{where}: expected file, label and session, found {amount(len(row), 'column')}")
        elif row[1] not in LABELS:
            problems.append(f"{where}: '{row[1]}' is not a class of this task ({', '.join(LABELS)})")
        elif row[0] in segments:
            problems.append(f"{where}: {row[0]} appears twice")
        else:
            node = NODE.match(row[0])
            segments[row[0]] = Segment(row[0], row[1], row[2], node[1] if node else "")
    if not segments and not problems:
        problems.append(f"{file}: lists no segments")
    labels: dict[str, set[str]] = defaultdict(set)
    for segment in segments.values():
        labels[segment.session].add(segment.label)
    problems += [
        f"{file}: session {session} has several labels: {', '.join(sorted(some))}"
        for session, some in labels.items()
        if len(some) > 1
    ]
    return segments, problems


def _listed(file: Path, segments: Mapping[str, Segment]) -> tuple[set[str], list[str]]:
    """The files of a list, and its contradictions to the table; label and session are optional in it."""
    found: set[str] = set()
    problems = []
    for where, row in _rows(file):
        segment = segments.get(row[0])
        if segment is None:
            problems.append(f"{where}: {row[0]} is not in meta.txt")
        elif row[0] in found:
            problems.append(f"{where}: {row[0]} appears twice")
        elif row[1:] != [segment.label, segment.session][: len(row) - 1]:
            problems.append(f"{where}: says {' '.join(row[1:])}, meta.txt {segment.label} {segment.session}")
        found.add(row[0])
    return found & segments.keys(), problems


def _parts(
    fold: int, train: set[str], test: set[str], told: set[str], segments: Mapping[str, Segment]
) -> list[str]:
    """The reasons why two lists are not the parts of one fold."""
    problems = _several(train & test, f"in both parts of fold {fold}")
    problems += _several(segments.keys() - train - test, f"in no part of fold {fold}")
    problems += _several(test ^ told, f"in only one of the test list and the ground truth of fold {fold}")
    sessions = {segments[file].session for file in train} & {segments[file].session for file in test}
    return problems + [f"session {session} is in both parts of fold {fold}" for session in sorted(sessions)]


def _nodes(file: Path, segments: Mapping[str, Segment]) -> tuple[dict[str, str], list[str]]:
    """The node of each file, from pairs of its own name and one that names the node, in either order."""
    nodes: dict[str, str] = {}
    problems = []
    for where, row in _rows(file):
        name = next((column for column in row[:2] if column in segments), None)
        node = next((match[1] for column in row[:2] if (match := NODE.match(column))), None)
        if name is None or node is None or len(row) < 2:
            problems.append(f"{where}: expected a file of the set and one named after its node, found {row}")
        else:
            nodes[name] = node
    return nodes, problems + _several(segments.keys() - nodes.keys(), f"not in {file}")


def _rows(file: Path) -> list[tuple[str, list[str]]]:
    """The position of each line and its columns, with names without the prefix `audio/`."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{file}: cannot be read ({error})", hint="Unpack the archive *.meta.zip beside those of audio."
        ) from error
    table = [(f"{file}:{number}", line.split()) for number, line in enumerate(lines, 1) if line.strip()]
    return [(where, [Path(cell).name if "." in cell else cell for cell in row]) for where, row in table]


def _either(folder: Path, start: str) -> Path | None:
    """The ground truth, whose name ends in `evaluate.txt` or, in other copies, in `evaluation.txt`."""
    return next((file for end in ("e", "ion") if (file := folder / f"{start}{end}.txt").is_file()), None)


def _several(files: Iterable[str], what: str, counts: Mapping[str, int] | None = None) -> list[str]:
    """One line per file for the first few files, and the number of the rest."""
    some = sorted(files)
    lines = [f"{file}: {what.format((counts or {}).get(file, 0))}" for file in some[:5]]
    return lines + (
        [f"... and {len(some) - 5:,} more files {what.format('a wrong number of')}"] if len(some) > 5 else []
    )
