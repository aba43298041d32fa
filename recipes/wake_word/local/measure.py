"""Measures exported files on the test recordings: measure.py EXP DATA FILE...; writes EXP/test.json.

A file that is missing because the export refused it is noted as such, and so is one for which `audionas tune`
found no threshold. Utterances of the word are left out of the recordings, by their transcripts.tsv.

It measures clips rejected at rates of false accepts on the test recordings, and both errors at the thresholds
that `audionas tune` chose on the development recordings. DATA/test_long holds recordings, DATA/test_espeak
sentences by synthetic voices, if there are any: they are counted separately. Of the hard negatives in
DATA/test_hard those are counted that reach dev's threshold, by kind.
"""

import sys
from pathlib import Path
from typing import Any

from audionas.core.files import read_json, write_json
from audionas.core.intervals import exact, poisson
from audionas.core.reporter import Reporter, script, stdout_json
from audionas.data import kaldi
from audionas.data.groups import read_groups
from audionas.listen.det import MOST
from audionas.listen.events import fired, levels
from audionas.listen.exported import Exported, find, resolve
from audionas.listen.hear import Heard, hear
from audionas.listen.left_out import without_words
from audionas.listen.measured import SHOWN, measured
from audionas.listen.sounds import clips, recordings
from audionas.models.listener import Rule

HARD = "test_hard"
KINDS = {"recorded": "test_long", "espeak": "test_espeak"}


def main(exp: Path, data: Path, names: list[str]) -> None:
    """Write one entry per file and kind of negatives."""
    rows, hours = list[dict[str, Any]](), read_json(data / "hours.json")
    kinds = {kind: folder for kind, folder in KINDS.items() if (data / folder).is_dir()}
    for name in names:
        if not (exp / "export" / name).is_file():
            rows += [{"kind": kind, "file": name, "gap": "refused by the export"} for kind in kinds]
            continue
        found = find(exp, Path(name))
        if name not in found.bundle.note.get("detect", {}):
            rows += [
                {"kind": kind, "file": name, "gap": "no threshold makes it hear the word"} for kind in kinds
            ]
            continue
        for kind, folder in kinds.items():
            rows.append({"kind": kind, "sources": hours[folder], **measure(found, data, data / folder)})
        if (data / HARD).is_dir():
            rows.append({"kind": "hard", "file": name, "accepted": accepted(found, data / HARD)})
    write_json(exp / "test.json", rows)
    stdout_json([{k: v for k, v in row.items() if k not in ("sources", "levels")} for row in rows], indent=1)


def measure(found: Exported, data: Path, negatives: Path) -> dict[str, Any]:
    """The figures of one file on one folder of negatives."""
    store, reporter = found.folder / "tune" / "scores", Reporter()
    words, _ = clips(data / "test_words", found)
    name = found.file.name
    heard = hear(found, words, store=store, reporter=reporter, name=f"clips, {name}")
    kept = without_words(recordings(negatives), negatives, found.keywords, reporter)
    quiet = hear(found, kept.items, store=store, reporter=reporter, name=f"{negatives.name}, {name}")
    thresholds, rule, _ = resolve(found, ())
    hours = sum(item.seconds for item in quiet.items) / 3600
    least = max(3 / hours, min(SHOWN))  # the lowest rate that these hours can measure
    row = measured(found, heard, quiet, rule, min(least, MOST), usable=False)
    (word, figures), (threshold,) = next(iter(row["words"].items())), thresholds.values()
    return {
        "file": name,
        "word": word,
        "rule": row["rule"],
        "hours": row["hours"],
        "clips": row["clips"],
        "at": row["at"],
        "picovoice": row["picovoice"],
        "levels": highest(heard, rule),
        "least": {key: value for key, value in figures.items() if key != "curve"} | {"asked": least},
        "tuned": {"threshold": threshold, **at_threshold(heard, quiet, rule, threshold, hours)},
    }


def accepted(found: Exported, negatives: Path) -> dict[str, list[int]]:
    """Hard negatives that reach the tuned threshold, and all of them, by kind."""
    clips, reporter = list(kaldi.read(negatives)), Reporter()
    name = f"hard negatives, {found.file.name}"
    heard = hear(found, clips, store=found.folder / "tune" / "scores", reporter=reporter, name=name)
    thresholds, rule, _ = resolve(found, ())
    (threshold,) = thresholds.values()
    kinds = read_groups(negatives, "kind", [item.id for item in clips])
    counts = {kind: [0, 0] for kind in dict.fromkeys(kinds)}
    for kind, level in zip(kinds, highest(heard, rule).values(), strict=True):
        counts[kind][0] += level >= threshold
        counts[kind][1] += 1
    return counts


def at_threshold(heard: Heard, quiet: Heard, rule: Rule, threshold: float, hours: float) -> dict[str, Any]:
    """Share of clips rejected, false accepts and their rate per hour at a threshold chosen elsewhere."""
    best = highest(heard, rule).values()
    gap = rule.gap(quiet.hop)
    accepts = sum(len(fired(levels(rows, rule)[:, 0], threshold, gap)) for rows in quiet.scores)
    missed = sum(level < threshold for level in best)
    return {
        "rejected": missed / len(best),
        **exact(missed, len(best)).plain("rejected_interval"),
        "accepts": accepts,
        "fa_per_hour": accepts / hours,
        **poisson(accepts, hours).plain("fa_interval"),
    }


def highest(heard: Heard, rule: Rule) -> dict[str, float]:
    """The highest level in each clip, by its id: a clip is accepted where that reaches the threshold."""
    best = [float(levels(rows, rule).max(initial=0.0)) for rows in heard.scores]
    return dict(zip((item.id for item in heard.items), best, strict=True))


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit("usage: measure.py EXP DATA FILE...")
    with script():
        main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
