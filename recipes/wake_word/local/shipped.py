"""Measures a model that pymicro-wakeword ships: shipped.py WORD POSITIVES OUT NEGATIVES...

POSITIVES may be `-`: no recordings of the word. Each folder of NEGATIVES is a source of recordings without
it, and may have a transcripts.tsv. It writes OUT/counted.json and prints what is missed and what fires at
THRESHOLD.
"""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from counted import RULE, counted

from audionas import zoo
from audionas.core.errors import UserError
from audionas.core.extras import require
from audionas.core.files import sha256, write_json
from audionas.core.reporter import Reporter, script, stdout_json
from audionas.data.files import transcripts
from audionas.data.kaldi import Item
from audionas.export.esphome import memory
from audionas.features import Features
from audionas.listen.events import fired, levels
from audionas.listen.exported import Exported
from audionas.listen.hear import hear
from audionas.listen.left_out import without_words
from audionas.listen.sounds import clips, recordings
from audionas.models.bundle import ModelBundle

THRESHOLD = 0.8  # at which an earlier measurement counted 0 of 90 missed, and 4 false accepts


def shipped(word: str) -> Exported:
    """The package's file for a word, as ESPHome runs it. Raises UserError where there is none."""
    require("device")
    package = importlib.util.find_spec("pymicro_wakeword")
    assert package is not None
    assert package.origin is not None
    file = Path(package.origin).parent / "models" / f"{word}.tflite"
    if not file.is_file():
        known = ", ".join(sorted(other.stem for other in file.parent.glob("*.tflite")))
        raise UserError(f"pymicro-wakeword ships no model of '{word}', only {known}")
    spec = zoo.load(f"mixednet_{word}")
    frames, freq = spec.io.frames, spec.io.freq
    samples, rest = 480 + 160 * (frames - 1), (torch.zeros(freq), torch.ones(freq))
    labels = ("_other_", word)
    bundle = ModelBundle(spec, Features(name="micro", preset="esphome"), labels, samples, *rest, {}, {})
    return Exported(file.parent, bundle, file)


def quiet(places: list[Path], word: str) -> list[Item]:
    """The recordings of all folders without the word, each with its folder as speaker."""
    found = []
    for place in places:
        kept = without_words(recordings(place), place, [word], Reporter()).items
        found += [replace(item, speaker=place.name) for item in kept]
    return found


def alarms(found: Exported, items: list[Item], store: Path, places: list[Path]) -> list[dict[str, Any]]:
    """Alarms at THRESHOLD: the recording, its second, the level, and the utterance there."""
    heard = hear(found, items, store=store, reporter=Reporter(), name="alarms")
    gap, rows = RULE.gap(heard.hop), []
    for item, scores in zip(items, heard.scores, strict=True):
        level = levels(scores, RULE)[:, 0]
        for hop in fired(level, THRESHOLD, gap):
            second = item.start + (hop + 1) * heard.hop
            file = Path(item.audio)
            rows.append({"file": file.name, "second": round(second, 2), "level": float(level[hop])})
            rows[-1]["text"] = text_at(item, second, places)
    return rows


def text_at(item: Item, second: float, places: list[Path]) -> str:
    """The utterance that is read at a second of a recording; empty where nobody knows."""
    for place in places:
        table = place / transcripts.NAME
        if place.name == item.speaker and table.is_file():
            spoken = transcripts.by_file(table, transcripts.read(table), [item.audio])[item.audio]
            return " ".join(u.text for u in spoken if u.start <= second <= u.end + 0.5)
    return ""


def main(word: str, positives: str, out: Path, places: list[Path]) -> None:
    """Write counted.json."""
    found = shipped(word)
    words = [] if positives == "-" else clips(Path(positives), found)[0]
    others = quiet(places, word)
    row = counted(found, words, others, out / "scores")
    fires = alarms(found, others, out / "scores", places)
    row |= {"word": word, "network": "shipped", "file": found.file.name, "sha256": sha256(found.file)}
    row |= {"arena": memory(found.file), "threshold": THRESHOLD, "alarms": fires}
    write_json(out / "counted.json", row)
    missed = sum(level < THRESHOLD for level in row["clips"].values())
    told = {"missed": missed, "of": len(row["clips"]), "threshold": THRESHOLD, "hours": row["hours"]}
    stdout_json({**told, "arena": row["arena"], "alarms": fires}, indent=1)


if __name__ == "__main__":
    if len(sys.argv) < 5:
        sys.exit("usage: shipped.py WORD POSITIVES OUT NEGATIVES...")
    with script():
        main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), [Path(place) for place in sys.argv[4:]])
