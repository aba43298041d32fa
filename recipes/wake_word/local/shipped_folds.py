"""Counts a shipped model's errors fold by fold: shipped_folds.py WORD N ROOT SRC...

It needs no prepared data: the folds are those of `audionas prep wake_word --fold K/N` with the same SRC, the
files are heard as they are. It writes ROOT/exp/WORD_shipped_K_0/counted.json for each of N folds.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from count import SCORED, costs
from counted import listened, tallied
from shipped import quiet, shipped

from audionas.core.files import sha256, write_json
from audionas.core.reporter import script
from audionas.data.kaldi import Item
from audionas.data.readers import slug
from audionas.listen.hear import Heard
from audionas.listen.sounds import timed
from audionas.prep.wake.folds import Fold, by_fold
from audionas.prep.wake.sources import Recording, says, scan

SEED = 0  # which draws the folds; the default of prep


def said(recordings: Sequence[Recording], word: str) -> list[Item]:
    """The recordings of the word, with the ids that prepared data give them."""
    items = []
    for one in recordings:
        if says(one, word):
            name = f"{slug(one.group)}-{slug(f'{one.group}-{one.path.stem}')}"
            items.append(Item(name, str(one.path), word, 0.0, speaker=one.group))
    return timed(items)


def silent(recordings: Sequence[Recording], places: Sequence[Path], word: str) -> list[Item]:
    """The recordings of SCORED without the word; each has its source as speaker."""
    sources = {str(one.path): one.source for one in recordings if one.source in SCORED}
    kept = [place for place in places if any(Path(path).is_relative_to(place) for path in sources)]
    return [replace(item, speaker=sources[item.audio]) for item in quiet(kept, word)]


def of(heard: Heard, files: set[str]) -> Heard:
    """The part of what was heard that comes from these files."""
    pairs = zip(heard.items, heard.scores, strict=True)
    mine = [(item, rows) for item, rows in pairs if item.audio in files]
    return Heard([item for item, _ in mine], [rows for _, rows in mine], heard.hop)


def main(word: str, many: int, root: Path, places: Sequence[Path]) -> None:
    """Hear everything once, and count each fold's part."""
    found, recordings = shipped(word), [one for place in places for one in scan(place)]
    words, others = said(recordings, word), silent(recordings, places, word)
    heard, other = listened(found, words, others, root / "exp" / f"{word}_shipped" / "scores")
    about = {"file": found.file.name, "sha256": sha256(found.file), **costs(found)}
    for number in range(many):
        test = by_fold(recordings, word, SEED, Fold(number, many))["test"]
        files = {str(one.path) for one in test}
        row = {"fold": f"{number}/{many}", **about, **tallied(found, of(heard, files), of(other, files))}
        write_json(root / "exp" / f"{word}_shipped_{number}_{SEED}" / "counted.json", row)


if __name__ == "__main__":
    if len(sys.argv) < 5:
        sys.exit("usage: shipped_folds.py WORD N ROOT SRC...")
    with script():
        main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), [Path(a).resolve() for a in sys.argv[4:]])
