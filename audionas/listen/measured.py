"""Everything that `audionas tune` reports for one exported file: thresholds, rates, intervals and curves."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from audionas.listen.bands import band_why, curve, rate_interval, rejected_interval
from audionas.listen.det import (
    Groups,
    Negatives,
    OperatingPoint,
    Thresholds,
    accepts,
    allot,
    groups_of,
    negatives_of,
    table,
)
from audionas.listen.det import heard as strictest_heard
from audionas.listen.events import levels
from audionas.listen.exported import Exported
from audionas.listen.hear import Heard
from audionas.listen.picovoice import SHOWS, operating_point
from audionas.models.listener import Rule

START = 0.15  # seconds: nobody has said a word within these
SHOWN = (1.0, 0.5, 0.1)  # false accepts per hour at which the clips rejected are reported


class _Facts(NamedTuple):
    """Keywords with their tables and groups of clips, and the negatives."""

    keywords: Sequence[str]
    tables: Sequence[Thresholds]
    groups: Sequence[Groups]
    negatives: Negatives

    @property
    def hours(self) -> float:
        return float(self.negatives.hours.sum())


def measured(
    found: Exported, heard: Heard, quiet: Heard, rule: Rule, target: float, *, usable: bool = True
) -> dict[str, Any]:
    """The figures of one file in the form of tune.json; `target` covers the false accepts of all keywords.

    A threshold that rejects every clip of its keyword is of no use: with `usable` the keyword is `unheard`,
    and has the strictest threshold at which it is heard instead, if there is one.
    """
    facts = _facts(found, heard, quiet, rule)
    splits = allot(facts.tables, _budget(max(target, *SHOWN), facts.hours))
    chosen = splits[_budget(target, facts.hours)]
    choices = list(chosen or []) or [_strictest(each) for each in facts.tables]
    lost = [place for place, choice in enumerate(choices) if usable and choice.rejected == 1]
    for place in lost:
        choices[place] = strictest_heard(facts.tables[place]) or choices[place]
    rows = zip(facts.keywords, facts.tables, facts.groups, choices, strict=True)
    return {
        "file": found.file.name,
        "rule": rule.plain(),
        "hop_s": quiet.hop,
        "clips": len(heard.items),
        "clips_drawn_by": facts.groups[0].what,
        "hours": facts.hours,
        "recordings": len(quiet.items),
        "negatives_drawn_by": facts.negatives.what,
        "target": target,
        "met": chosen is not None and not lost,
        "unheard": [facts.keywords[place] for place in lost],
        "words": {
            word: {
                **_word(each, own, choice, facts.negatives, place),
                "at_start": _at_start(found, heard, rule, word, choice.threshold),
            }
            for place, (word, each, own, choice) in enumerate(rows)
        },
        "sum": _sum(facts, choices),
        "at": [_at_rate(rate, facts, splits) for rate in SHOWN],
        "picovoice": operating_point(facts.tables, facts.groups, facts.hours),
    }


def note_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a file's figures that the bundle keeps: enough to detect and to report the quality."""
    words = {
        word: {key: value for key, value in found.items() if key != "curve"}
        for word, found in row["words"].items()
    }
    facts = {key: row[key] for key in ("hours", "recordings", "clips", "clips_drawn_by", "target", "met")}
    told = {key: row[key] for key in ("sum", "at", "picovoice", "unheard")}
    return {**row["rule"], "words": words, **facts, **told}


def _facts(found: Exported, heard: Heard, quiet: Heard, rule: Rule) -> _Facts:
    negatives = negatives_of(quiet, rule)
    labels = np.array([item.label for item in heard.items])
    names = [item.speaker or item.id for item in heard.items]
    speakers = len(set(names)) < len(names)  # someone said more than one clip
    best = np.array(
        [
            levels(rows, rule)[:, found.keywords.index(item.label)].max(initial=0.0)
            for item, rows in zip(heard.items, heard.scores, strict=True)
        ]
    )
    tables, groups = [], []
    for place, word in enumerate(found.keywords):
        own = np.flatnonzero(labels == word)
        tables.append(table(best[own], negatives, place))
        groups.append(groups_of([item for item in heard.items if item.label == word], speakers))
    return _Facts(found.keywords, tables, groups, negatives)


def _budget(rate: float, hours: float) -> int:
    """The most false accepts in `hours` hours at a rate."""
    return int(rate * hours + 1e-9)


def _strictest(table: Thresholds) -> OperatingPoint:
    """The highest threshold, for use where none is strict enough."""
    return OperatingPoint(float(table.thresholds[-1]), float(table.rejected[-1]), int(table.total[-1]))


def _word(
    table: Thresholds, groups: Groups, choice: OperatingPoint, negatives: Negatives, place: int
) -> dict[str, Any]:
    fired = accepts(negatives, place, np.array([choice.threshold]))[:, 0]
    hours = negatives.hours
    return {
        "threshold": choice.threshold,
        "clips": len(table.missed),
        "speakers": groups.many if groups.what == "speakers" else None,
        "rejected": choice.rejected,
        **rejected_interval([table], [groups], [choice.threshold]).plain("rejected_interval"),
        "accepts": int(fired.sum()),
        "fa_per_hour": float(fired.sum() / hours.sum()),
        **rate_interval(fired, hours).plain("fa_interval"),
        "band_why": band_why(groups, negatives),
        "curve": [list(point) for point in curve(table, groups, negatives)],
    }


def _at_start(found: Exported, heard: Heard, rule: Rule, word: str, threshold: float) -> int:
    """The clips of a word that reach the threshold within START: by beginning, not by what is said."""
    place, hops = found.keywords.index(word), max(1, int(START / heard.hop))
    own = (rows for item, rows in zip(heard.items, heard.scores, strict=True) if item.label == word)
    return sum(bool(levels(rows, rule)[:hops, place].max(initial=0.0) >= threshold) for rows in own)


def _sum(facts: _Facts, choices: Sequence[OperatingPoint]) -> dict[str, Any]:
    """Figures over all keywords: the mean share of clips rejected, all false accepts."""
    at = [choice.threshold for choice in choices]
    fired = sum(accepts(facts.negatives, k, np.array([t]))[:, 0] for k, t in enumerate(at))
    assert isinstance(fired, np.ndarray)  # there is a keyword
    return {
        "rejected": float(np.mean([choice.rejected for choice in choices])),
        **rejected_interval(facts.tables, facts.groups, at).plain("rejected_interval"),
        "accepts": int(fired.sum()),
        "fa_per_hour": float(fired.sum() / facts.hours),
        **rate_interval(fired, facts.negatives.hours).plain("fa_interval"),
    }


def _at_rate(rate: float, facts: _Facts, splits: Sequence[Sequence[OperatingPoint] | None]) -> dict[str, Any]:
    """The mean share of clips rejected at a rate of false accepts, if the hours are enough to measure it."""
    row: dict[str, Any] = {"fa_per_hour": rate, "measurable": rate * facts.hours >= SHOWS}
    choices = splits[_budget(rate, facts.hours)]
    if not row["measurable"] or choices is None:
        return {**row, "rejected": None}
    at = [choice.threshold for choice in choices]
    mean = float(np.mean([choice.rejected for choice in choices]))
    return {
        **row,
        "rejected": mean,
        **rejected_interval(facts.tables, facts.groups, at).plain("rejected_interval"),
        "thresholds": dict(zip(facts.keywords, at, strict=True)),
    }
