"""`audionas tune`: thresholds for a target of false accepts per hour, measured on long audio."""

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from audionas.core.errors import Faults, UserError
from audionas.core.files import require_there, sweep, write_json
from audionas.core.hostile import command
from audionas.core.reporter import Reporter, amount, typed
from audionas.data.kaldi import Item
from audionas.export import esphome
from audionas.listen.exported import Exported, find, forget, keep, require_fit, rule_of
from audionas.listen.hear import hear
from audionas.listen.left_out import without_words
from audionas.listen.measured import measured, note_of
from audionas.listen.sounds import clips, recordings
from audionas.models.listener import Kind, Rule
from audionas.models.owned import enter, require_free
from audionas.report.card import card
from audionas.report.run import write as write_report
from audionas.report.tune import advice, rates_table, setting, words_table
from audionas.report.tune_chart import draw

_FILES = ("tune/tune.json", "tune/det.png")


def tune(
    folder: Path,
    positives: Path,
    negatives: Path,
    *,
    target: float = 0.5,
    files: Sequence[Path] = (),
    smooth: int | None = None,
    refractory: float | None = None,
    patience: str | None = None,
    rule: Kind | None = None,
    transcripts: Path | None = None,
    also: Sequence[str] = (),
    speaker_pattern: str = "",
) -> dict[str, Any]:
    """Choose a threshold for each keyword of each exported file. Returns the content of `tune/tune.json`.

    The rule is the default one with the given parts replaced. Each of several files gets its own thresholds,
    and all are reported side by side. Writes exp/NAME/tune/, the bundle's note and the report, and again
    everything made from them: model card and ESPHome manifest.

    Utterances of the negatives that say a keyword, or a text of `also`, are left out with their time, where
    there are `transcripts` (by default transcripts.tsv in `negatives`). A keyword that would never be heard
    at its threshold gets the highest one at which it is. A file that no threshold makes hear a keyword gets
    none, loses the one that it had, and is told in `deaf`.

    Raises UserError where a file, a clip or a recording cannot be used, and for a target that is not a rate.
    """
    faults, found = Faults(), list[Exported]()
    if not 0 < target < float("inf"):
        faults.problems.append(f"--target-fa-per-hour {target}: expected false accepts per hour, such as 0.5")
    with faults:
        require_there(positives, negatives, transcripts)
    for file in files or (None,):
        with faults:
            found.append(find(folder, file))
    with faults:
        if rule == "mlperf":
            raise UserError(
                "--rule mlperf: MLPerf counts the words of one labelled stream, and has no clips",
                hint="Tune with --rule plain; count with: audionas detect --rule mlperf --truth FILE",
            )
        plateau = found[0].plateau if found else 0.0
        how = rule_of(plateau, smooth=smooth, refractory=refractory, patience=patience, kind=rule)
        for each in found:
            require_fit(each, how)
    faults.tell()
    require_free(found[0].folder, (*_FILES, "report.html", "export/model_card.md"))
    reporter, store = Reporter(), found[0].folder / "tune" / "scores"
    sweep(store)
    _require_no_patience(found, how)
    words, others = clips(positives, found[0], pattern=speaker_pattern)
    long = _without_keywords(recordings(negatives), found[0], negatives, reporter)
    kept = without_words(long, negatives, found[0].keywords, reporter, also=also, table=transcripts)
    if others:
        reporter.note(f"{positives}: {amount(others, 'clip')} with other labels left out")
    rows, deaf = list[dict[str, Any]](), list[str]()
    for each in found:
        listen = partial(hear, each, store=store, reporter=reporter)
        heard = listen(words, name=f"clips, {each.file.name}")
        quiet = listen(kept.items, name=f"negatives, {each.file.name}")
        row = measured(each, heard, quiet, how, target)
        if dead := [word for word, own in row["words"].items() if own["rejected"] == 1]:
            deaf.append(
                f"{each.file.name}: no threshold makes it hear {' or '.join(dead)} in any of the clips"
            )
            forget(each)
            continue
        rows.append(row)
        keep(each, note_of(rows[-1]))
        if esphome.described(each.file):
            esphome.manifest(find(folder, each.file).bundle, each.file)
    result = {"positives": str(positives), "negatives": str(negatives), "target": target, "files": rows}
    if kept.utterances:
        result["left_out"] = {
            "utterances": kept.utterances,
            "seconds": kept.seconds,
            "words": list(kept.texts),
        }
    result |= {"deaf": deaf, "command": typed() or command("audionas", *sys.argv[1:])}
    _write(found[0].folder, result, reporter)
    return result


def show(result: Mapping[str, Any]) -> None:
    """Print the figures as tables, and advice in words."""
    reporter = Reporter(stdout=True)
    rows = result["files"]
    for row in rows:
        reporter.note(setting(row))
        reporter.table(*words_table(row))
        for line in advice(row):
            reporter.note(line)
    if rows:
        reporter.table(*rates_table(rows), title="Files side by side" if len(rows) > 1 else "")


def require_heard(result: Mapping[str, Any]) -> None:
    """Raise UserError for files that no threshold makes hear a keyword."""
    if result["deaf"]:
        raise UserError(
            result["deaf"],
            hint="No threshold was kept. Check that the clips are of the word, or train longer.",
        )


def _without_keywords(items: Sequence[Item], found: Exported, path: Path, reporter: Reporter) -> list[Item]:
    """The recordings without those labelled as keywords."""
    kept = [item for item in items if item.label not in found.keywords]
    if not kept:
        raise UserError(
            f"{path}: {amount(len(items), 'recording')}, all labelled as keywords",
            hint="Give hours of speech, noise and music in which no keyword is said.",
        )
    if len(kept) < len(items):
        reporter.note(f"{path}: {amount(len(items) - len(kept), 'recording')} of keywords left out")
    return kept


def _require_no_patience(found: Sequence[Exported], rule: Rule) -> None:
    """Refuse patience for ESPHome: a device averages scores and compares the mean, and nothing else."""
    for each in found:
        if esphome.described(each.file) and rule.patience[1] > 1:
            raise UserError(
                f"--patience: {each.file.name} is for ESPHome, which compares only the mean of scores",
                hint="Tune it without --patience; --smooth becomes its sliding_window_size.",
            )


def _write(folder: Path, result: Mapping[str, Any], reporter: Reporter) -> None:
    """Write the figures, their chart, and the files made from them: report, model card, ESPHome manifest."""
    enter(folder, _FILES)
    write_json(folder / "tune" / "tune.json", result)
    if result["files"]:
        draw(result["files"], folder / "tune" / "det.png")
        reporter.note(
            f"wrote {folder}/tune/tune.json, det.png, {folder}/report.html, and the bundle's thresholds"
        )
    write_report(folder)
    if (folder / "export" / "report.json").is_file():
        card(folder)
