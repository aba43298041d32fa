"""The source of each clip of a wake word's data, by which a training may weigh it: `utt2source`."""

import re
from pathlib import Path

from audionas.data.kaldi import Item
from audionas.data.labels import OTHER

NAME = "source"


def origin(item: Item) -> str:
    """`word-` and the corpus for a clip of the word, `near-` for one that sounds like it; else the corpus.

    What is cut from a long recording has its corpus in that recording's name; other clips in their speaker's.
    """
    file = Path(item.audio)
    if file.parent.name == "long" and (found := re.match(r"(.+?)-(?:train|dev|test)-", file.stem)):
        return found[1]
    kind = "near" if item.label == OTHER else "word"
    return f"{kind}-{item.speaker.partition('-')[0]}"
