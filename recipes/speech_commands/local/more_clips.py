"""Further training clips for twelve classes, and nested parts of all of them for a learning curve.

python local/more_clips.py data TREE [TREE ...]

Each TREE is a folder of Speech Commands with one folder per word. Its clips join those of data/train: words
among the ten keep their label, others are `_unknown_`. Speakers in data/dev or data/test are left out, and
what is there already by its content or its name (speaker, word and take). Written are data/all/train_100,
train_50 and train_25: whole speakers, each part within the next.
"""

import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from audionas.core.reporter import say, script
from audionas.core.rng import seed_of
from audionas.data import kaldi
from audionas.data.kaldi import Item
from audionas.data.labels import UNKNOWN, read_labels, write_labels
from audionas.prep.speech_commands import LABELS_12, WANTED, scan

PARTS = (100, 50, 25)  # percent of the speakers


def main(data: Path, trees: Iterable[Path]) -> None:
    """Write the training data of each part below data/all."""
    own, kept_out = kaldi.read(data / "train"), [kaldi.read(data / split) for split in ("dev", "test")]
    heard = {item.speaker for held in kept_out for item in held}
    sums = {held.content(item) for held in kept_out for item in held}
    clips = list(own)
    there = {known for item in own for known in (item.id, own.content(item))}
    for tree in trees:
        told: Counter[str] = Counter()
        for clip in scan(tree, say):
            label = clip.label if clip.label in WANTED else UNKNOWN
            item = Item(clip.id, clip.path, label, 0.0, speaker=clip.speaker)
            known = {item.id, own.content(item)}
            if clip.speaker in heard or known & sums:
                told["of a speaker in dev or test"] += 1
            elif known & there:
                told["there already"] += 1
            else:
                clips.append(item)
                there |= known
                told["taken"] += 1
        say(f"{tree.name}: {', '.join(f'{count:,} {what}' for what, count in sorted(told.items()))}")
    write_labels(data / "all", read_labels(data / "train") or LABELS_12)
    for part in PARTS:
        inside = [item for item in clips if seed_of("part", item.speaker) % 100 < part]
        written = kaldi.write(data / "all" / f"train_{part}", inside)
        counts = Counter(item.label for item in written)
        say(f"train_{part}: {len(written):,} clips; " + ", ".join(f"{k} {counts[k]}" for k in LABELS_12))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: more_clips.py data TREE [TREE ...]")
    with script():
        main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
