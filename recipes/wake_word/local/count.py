"""Counts the errors of a fold's test recordings: count.py RUN DATA FILE; writes RUN/counted.json.

RUN is a run folder with an exported FILE. Only the sources in SCORED have false accepts: continuous reading,
and ambience.
"""

import sys
from pathlib import Path
from typing import Any

from counted import counted

from audionas.core.files import read_json, sha256, write_json
from audionas.core.reporter import Reporter, script
from audionas.cost.limits import measured
from audionas.data.kaldi import Item
from audionas.export.esphome import memory
from audionas.listen.exported import Exported, find
from audionas.listen.left_out import without_words
from audionas.listen.sounds import clips, recordings
from audionas.spaces import space_of

SCORED = ("negatives_librispeech", "noise_ambient_freesound")


def quiet(place: Path, word: str) -> list[Item]:
    """The recordings of SCORED without the word."""
    kept = without_words(recordings(place), place, [word], Reporter()).items
    return [item for item in kept if item.speaker in SCORED]


def costs(found: Exported) -> dict[str, Any]:
    """Multiply-adds per score, and the arena of a device's file by chip."""
    spec = found.bundle.spec
    name = "hop_macs" if found.of_device else "macs"
    told: dict[str, Any] = measured(space_of(spec).build(spec), spec.io, [name])
    return {"macs": told[name], "arena": memory(found.file) if found.of_device else None}


def main(run: Path, data: Path, file: str) -> None:
    """Write counted.json: the errors, the costs, and what has been measured."""
    found = find(run, Path(file))
    words, _ = clips(data / "test_words", found)
    row = counted(found, words, quiet(data / "test_long", found.keywords[0]), run / "scores")
    about = {"fold": read_json(data / "wake_word.json").get("fold", ""), "file": found.file.name}
    write_json(run / "counted.json", {**about, "sha256": sha256(found.file), **costs(found), **row})


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: count.py RUN DATA FILE")
    with script():
        main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
