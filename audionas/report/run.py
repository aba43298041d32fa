"""Writes exp/<name>/report.html: the network found, its quality, its cost, and the course of the run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from audionas.core import records
from audionas.core.arch import ArchSpec
from audionas.core.errors import UserError
from audionas.core.files import read_json, read_text, write_text
from audionas.core.records import Record
from audionas.core.records.decided import DecidedRecord
from audionas.core.records.run import (
    AlphasRecord,
    EpochRecord,
    EvaluationRecord,
    ExportedRecord,
    TunedRecord,
)
from audionas.models.owned import enter
from audionas.report import progress, results, tune
from audionas.report.advice.box import box
from audionas.report.advice.of_run import Run, advice
from audionas.report.clips.examples import Example
from audionas.report.clips.examples import examples as draw_examples
from audionas.report.front import draw as draw_front
from audionas.report.html import Html, header, join, page, section, tag
from audionas.searchers import _fronts

__all__ = ["Example", "evaluation", "write"]

_STEPS = {
    "search": "search/metrics.jsonl",
    "train": "train/metrics.jsonl",
    "eval": "eval.json",
    "export": "export/report.json",
}
_TUNED = "tune/tune.json"  # for models that listen
_SIGNS = (
    "arch.json",
    "front.json",
    *_STEPS.values(),
    "search/alphas.jsonl",
    "search/env.json",
    "train/env.json",
)


def write(folder: Path, examples: Sequence[Example] = (), *, reload: int = 0) -> Path:
    """Write `folder`/report.html from the files that the run has written so far. Returns its path.

    `examples` are recordings to show with the model's answers; with `reload` a browser loads the page again
    after so many seconds. Equal files give equal bytes.
    Raises UserError where the folder holds no run, or a file of it cannot be read.
    """
    folder = Path(folder)
    if not any((folder / sign).is_file() for sign in _SIGNS):
        raise UserError(
            f"{folder}: no run here (none of {', '.join(_SIGNS)})",
            hint="Start one first: audionas search CONF, or audionas train CONF arch=NAME",
        )
    arch = folder / "arch.json"
    spec = ArchSpec.from_json(read_text(arch), str(arch)) if arch.is_file() else None
    body = join((_title(folder, spec), *_sections(folder, spec, examples)))
    enter(folder, ("report.html",))
    write_text(folder / "report.html", page(folder.resolve().name, body, reload))
    return folder / "report.html"


def _sections(folder: Path, spec: ArchSpec | None, examples: Sequence[Example]) -> list[Html]:
    """Every section whose file exists, in the order of interest."""
    cost = results.cost_of(spec) if spec else None
    scores, export = evaluation(folder), _optional(folder / "export" / "report.json", ExportedRecord)
    alphas, tuned = probabilities(folder), _optional(folder / _TUNED, TunedRecord)
    file = folder / "front.json"
    front = _fronts.read(file) if file.is_file() else None
    run = Run(folder, spec, scores, export, tuned, front, scores["labels"] if scores else ())
    parts = [box(advice(run)), results.headline(cost, scores, export)]
    if front:
        parts.append(draw_front(front, folder / "select" / "archive.jsonl"))
    if spec:
        parts.append(results.network(spec))
    if alphas and not front:  # in a supernet its paths were drawn with these
        parts.append(progress.history(alphas, spec))
    if spec and "decided" in spec.note:
        told = records.check(DecidedRecord, spec.note["decided"], str(folder / "arch.json"))
        parts.append(progress.decided(told))
    known = run.development.development
    for title, step in (("Search", "search"), ("Training", "train")):
        if rows := records.rows(EpochRecord, folder / step / "metrics.jsonl"):
            clips = known.clips if known and step == "train" else 0
            parts.append(progress.curves(title, rows, classes=spec.io.classes if spec else 0, clips=clips))
    if scores:
        parts.append(results.answers(scores))
    if tuned:
        parts.append(tune.draw(tuned))
    if examples:
        parts.append(draw_examples(examples))
    if cost:
        parts.append(results.cost_table(cost))
    if export:
        parts.append(results.exported(export))
    return [*parts, _provenance(folder)]


def _provenance(folder: Path) -> Html:
    parts = []
    for title, step in (("Search", "search"), ("Training", "train")):
        env = _optional(folder / step / "env.json", Record) or {}
        config = folder / step / "config.yaml"
        text = read_text(config) if config.is_file() else ""
        if env or text:
            parts.append(progress.provenance(title, env, text))
    return section("How it was run", tag("div", *parts, class_="pair top")) if parts else Html()


def _title(folder: Path, spec: ArchSpec | None) -> Html:
    facts: list[object] = []
    if spec:
        facts = ["Architecture ", tag("code", spec.id), f" in {spec.space}"]
        facts += [
            f", {key} {value}" for key, value in spec.note.items() if key in ("method", "seed", "stopped")
        ]
    steps = (
        tag("li", f"{'✓ ' * done}{step}", class_="done" if done else None)
        for step, file in {**_STEPS, **({"tune": _TUNED} if (folder / _TUNED).is_file() else {})}.items()
        for done in [(folder / file).is_file()]
    )
    typed = dict.fromkeys(
        filter(None, (_typed(folder, step) for step in ("search", "select", "train", "tune")))
    )
    shown = tag("ul", *steps, class_="steps")
    return header("audionas report", folder.resolve().name, join(facts), typed, shown)


def _typed(folder: Path, step: str) -> str:
    """The command that was typed for a step, as far as it was kept."""
    file = folder / step / ("tune.json" if step == "tune" else "env.json")
    return str((_optional(file, Record) or {}).get("command", ""))


def evaluation(folder: Path) -> Mapping[str, Any] | None:
    """The last evaluation of a run folder, `eval.json`; None where there is none.

    Copies of an included model from earlier versions have a few figures of it under that name: no evaluation.
    """
    path = folder / "eval.json"
    found = read_json(path) if path.is_file() else None
    if found is None or (isinstance(found, dict) and not {"confusion", "data"} <= found.keys()):
        return None
    records.check(EvaluationRecord, found, str(path))
    evaluated: Mapping[str, Any] = found
    return evaluated


def probabilities(folder: Path) -> list[dict[str, Any]]:
    """The rows of `search/alphas.jsonl`, of which all have the options of the last."""
    path = folder / "search" / "alphas.jsonl"
    rows = records.rows(AlphasRecord, path)
    last = rows[-1]["probabilities"] if rows else {}
    for number, row in enumerate(rows, 1):
        known = row["probabilities"]
        if lost := [name for name, shares in last.items() if not shares.keys() <= known.get(name, {}).keys()]:
            raise UserError(f"{path}:{number}: no probabilities of {lost[0][:60]!r}, which the last row has")
    return rows


def _optional(path: Path, model: type[Record]) -> Mapping[str, Any] | None:
    return records.plain(model, path) if path.is_file() else None
