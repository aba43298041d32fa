"""`audionas table`: one table of finished runs, with paired differences on the same clips.

Folds are pooled first, by their clips or by the mean of their figures, then seeds. Seeds are a spread: mean,
standard deviation and t-interval. A run alone has the interval of its evaluation, over speakers.
"""

import csv
import glob
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple, cast

from audionas.core.errors import Faults, UserError, did_you_mean
from audionas.core.files import write_text
from audionas.core.intervals import Interval
from audionas.core.reporter import amount, say
from audionas.engine.metrics import paired, paired_macro_f1
from audionas.report.markdown import table as markdown_table
from audionas.report.markdown import text as escaped
from audionas.study.columns import Cell, Column, cell
from audionas.study.columns import columns as columns_of
from audionas.study.gather import POOLS, Clips, Pool, Row, Run, find
from audionas.study.gather import rows as gathered

METRICS = ("accuracy", "macro_f1")
FORMATS = ("md", "csv", "json")


class Asked(NamedTuple):
    """The options of the command, as typed."""

    name: str
    pool: Sequence[str]
    columns: Sequence[str]
    against: Sequence[str]
    metric: str
    margin: float | None
    evaluation: str
    form: str
    out: Path | None


def table(named: Sequence[str], asked: Asked) -> None:
    """Print or write the table of the run folders, given as paths or patterns.

    Raises UserError for an option without sense, and where no run fits.
    """
    faults = Faults()
    with faults:
        pools = _pools(asked)
    with faults:
        folders = _folders(named)
    faults.tell()
    runs = find(folders, asked.name, asked.evaluation)
    rows = gathered(runs, pools)
    lines = conditions(runs)
    lines = [
        line for base in asked.against for line in against(rows, base, asked.metric, asked.margin)
    ] + lines
    text = written(rows, columns_of(asked.columns, runs), pools, lines, asked.form)
    if asked.out is None:
        say(*text.splitlines())
    else:
        write_text(asked.out, text)
        say(f"{asked.out}: {amount(len(rows), 'row')} from {amount(len(runs), 'run')}")


def written(
    rows: Sequence[Row], columns: Sequence[Column], pools: Mapping[str, Pool], lines: Sequence[str], form: str
) -> str:
    """The table in a format; `lines` follow it in Markdown and JSON, and are left out of CSV."""
    head = [*rows[0].fields, *pools, *(column.title for column in columns)]
    cells = [[cell(column, row, pools) for column in columns] for row in rows]
    if form == "md":
        shown = [
            [*row.fields.values(), *_counts(row, pools), *(c.text for c in own)]
            for row, own in zip(rows, cells, strict=True)
        ]
        listed = [f"- {escaped(line)}" for line in lines]
        return "\n".join([markdown_table(head, shown), *(["", *listed] if listed else [])]) + "\n"
    plain = [
        {**row.fields, **dict(zip(pools, _counts(row, pools), strict=True)), **_values(columns, own)}
        for row, own in zip(rows, cells, strict=True)
    ]
    if form == "json":
        return json.dumps({"rows": plain, "notes": list(lines)}, indent=2, ensure_ascii=False) + "\n"
    out = io.StringIO()
    keys = list(dict.fromkeys(key for row in plain for key in row))
    writer = csv.DictWriter(out, keys, lineterminator="\n")
    writer.writeheader()
    writer.writerows(plain)
    return out.getvalue()


def against(rows: Sequence[Row], base: str, metric: str, margin: float | None = None) -> list[str]:
    """A line for each row with the difference from that of `base`, the first field, on the same clips.

    The rows' other fields are equal. Accuracies of seeds are averaged clip by clip, macro F1 as a whole; the
    interval is over speakers alone. With `margin`, in points, it says whether the row is not inferior, that
    is, whether the lower end lies above -margin.

    Raises UserError where there is no such row, or the clips differ.
    """
    first = next(iter(rows[0].fields))
    names = list(dict.fromkeys(row.fields[first] for row in rows))
    if base not in names:
        raise UserError(
            f"--against {base}: no such {first}.{did_you_mean(base, names)}",
            hint=f"there are {', '.join(names)}",
        )
    lines = []
    for row in rows:
        rest = {name: value for name, value in row.fields.items() if name != first}
        for other in rows:
            if other.fields == {first: base, **rest} and row is not other:
                lines.append(_difference(row, other, metric, margin, (row.fields[first], base, rest)))
    return lines


def conditions(runs: Sequence[Run]) -> list[str]:
    """Where, when and with what the runs were made; what they were tested on."""
    lines = []
    tested = {(run.scores.get("data", "?"), run.scores["n"]) for run in runs}
    lines.append("tested on " + "; ".join(f"{data} ({amount(n, 'clip')})" for data, n in sorted(tested)))
    for key, word in (("git", "commit"), ("torch", "torch"), ("machine", "machine")):
        found = sorted({str(run.env[key]) for run in runs if run.env.get(key)})
        if found:
            lines.append(f"{word}{'s' if len(found) > 1 and key != 'torch' else ''} {'; '.join(found)}")
    return lines


def _difference(
    row: Row, base: Row, metric: str, margin: float | None, names: tuple[str, str, Mapping[str, str]]
) -> str:
    title, other, rest = names
    title = f"{title} - {other}" + "".join(f", {name} {value}" for name, value in rest.items())
    if not (row.whole and base.whole):
        return f"{title}: not measurable, as runs are missing"
    mine, theirs = Clips(row), Clips(base)
    if mine.ids != theirs.ids:
        raise UserError(
            f"{row.runs[0].folder} and {base.runs[0].folder} were tested on different clips",
            hint="evaluate both on the same data, or give only runs that were",
        )
    if metric == "accuracy":
        found = paired(mine.right.mean(0), theirs.right.mean(0), mine.speakers)
    else:
        labels = sorted({*mine.labels, *theirs.labels})
        (a, truth), (b, _) = mine.indices(labels), theirs.indices(labels)
        found = paired_macro_f1(a, b, truth, mine.speakers)
    ends = Interval.read(found)
    interval = ends.words(lambda end: f"{100 * end:+.1f}")
    return (
        f"{title}: {'accuracy' if metric == 'accuracy' else 'macro F1'} "
        f"{100 * found['difference']:+.1f} points (95 % interval {interval}){_saved(row, base)}"
        f"{_verdict(ends, margin)}"
    )


def _verdict(interval: Interval, margin: float | None) -> str:
    """Whether a difference is shown to be no loss of `margin` points or more."""
    if margin is None:
        return ""
    if interval.ends is None:
        return f"; within {margin:g} points: not measurable"
    shown = 100 * interval.ends[0] > -margin
    return (
        f"; {'not inferior' if shown else 'not shown to be non-inferior'} with a margin of {margin:g} points"
    )


def _saved(row: Row, base: Row) -> str:
    """The difference of multiply-adds, where both were counted."""
    macs = [[_macs(run) for run in each.runs] for each in (row, base)]
    if not all(all(own) for own in macs):
        return ""
    return f", multiply-adds {100 * (mean(macs[0]) / mean(macs[1]) - 1):+.1f} %"


def _macs(run: Run) -> float:
    found = run.cost.get("macs")
    return found if isinstance(found, int | float) else 0


def _counts(row: Row, pools: Mapping[str, Pool]) -> list[int]:
    return [len({run.fields[name] for run in row.runs}) for name in pools]


def _values(columns: Sequence[Column], cells: Sequence[Cell]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for column, each in zip(columns, cells, strict=True):
        found[column.title] = each.value
        if each.interval is not None:
            ends = each.interval.ends or (None, None)
            found |= {f"{column.title} low": ends[0], f"{column.title} high": ends[1]}
    return found


def _pools(asked: Asked) -> dict[str, Pool]:
    """The pools by field, after a look at all options with a few words."""
    found: dict[str, Pool] = {}
    problems = []
    for text in asked.pool:
        name, _, how = text.partition("=")
        if how not in POOLS:
            problems.append(f"--pool {text}: expected FIELD={', FIELD='.join(POOLS)}")
        found[name] = cast("Pool", how)
    if asked.margin is not None and not 0 < asked.margin < 100:
        problems.append(f"--margin {asked.margin:g}: expected points of the metric, such as 3")
    for option, given, known in (("--metric", asked.metric, METRICS), ("--format", asked.form, FORMATS)):
        if given not in known:
            problems.append(f"{option} {given}: expected {', '.join(known)}.{did_you_mean(given, known)}")
    if problems:
        raise UserError(problems, hint="\n".join(f"{name}: {what}" for name, what in POOLS.items()))
    return found


def _folders(named: Sequence[str]) -> list[Path]:
    """The folders of all patterns. Raises UserError for one that finds nothing."""
    found, missing = [], []
    for text in named:
        matched = [text] if Path(text).exists() else sorted(glob.glob(text))
        paths = [path for each in matched if (path := Path(each)).is_dir()]
        missing += [] if paths else [f"{text}: no such folder"]
        found += paths
    if missing:
        raise UserError(missing, hint="Give run folders, such as 'exp/*'")
    return found
