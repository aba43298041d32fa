"""Writes `compare.html`: the quality, the collapses and the costs of all methods at one glance."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from audionas.core import records
from audionas.core.files import write_text
from audionas.core.intervals import Interval
from audionas.core.records.study import SearchEpochRecord
from audionas.core.reporter import amount, clock
from audionas.report import compare_charts as charts
from audionas.report import compare_table as table
from audionas.report.advice.box import Advice, box
from audionas.report.advice.identical import identical
from audionas.report.advice.intervals import of_seeds
from audionas.report.advice.undecided import undecided_methods
from audionas.report.axes.drawn import Format
from audionas.report.axes.scale import POINTS, SHARE
from audionas.report.compare_charts import Look, MethodDots, Plane, Seeds
from audionas.report.compare_table import Column, Comparison
from audionas.report.html import Html, bar, header, join, page, percent, section, tag
from audionas.report.html import count as short
from audionas.report.html import table as html_table

_LOG = "search/metrics.jsonl"
_BASE = "darts"  # the dashed lines show its mean, where it takes part
_KINDS = {"skips": "skips", "pools": "pools", "nones": "none"}
_ORDER = {
    "cifar10_test": "cifar10_val"
}  # figures whose order another one gives: the test set chooses nothing
_MEASURED = ("trained", "accuracy")  # on the comparison's own clips
_PERCENT = (table.percent, lambda share: f"{100 * share:.6g}")  # formats of values and of a scale's figures


def write(comparison: Comparison) -> None:
    """Write the page; equal rows give equal bytes."""
    body = join((_title(comparison), *(part for part in _sections(comparison) if part)))
    write_text(comparison.folder / "compare.html", page(comparison.title, body))


def _sections(c: Comparison) -> list[Html]:
    if not any(c.of(label) for label in c.labels):
        return [_lost(c), _facts(c)]
    return [
        box(_advice(c)),
        *_accuracies(c),
        _table(c),
        _signs(c),
        _costs(c),
        _entropies(c),
        _steps(c),
        _lost(c),
        _runs(c),
        _facts(c),
    ]


def _title(c: Comparison) -> Html:
    done = [row for row in c.rows if row["status"] == "done"]
    collapsed = sum(row["collapsed"] for row in done)
    trained = [row["examples"] for row in done if row["examples"]]
    drawn = short(max(trained)) if trained else "-"
    tiles = [
        _tile("Methods", str(len({row["method"] for row in done})), "with finished runs"),
        _tile("Runs", f"{len(done)}", _others(c.rows)),
        _tile("Budget", drawn, f"training {c.noun} per search"),
        _tile("Collapsed", f"{collapsed} of {len(done)}", "runs"),
        _tile("Searching", clock(sum(row["seconds"] for row in done)), "in total"),
    ]
    words = f"Every method with every seed, all else equal. Scored on {c.tested}."
    command = c.facts.get("command", "")
    return header("audionas comparison", c.title, words, [command], tag("dl", *tiles, class_="tiles"))


def _advice(c: Comparison) -> Iterator[Advice | None]:
    typed = c.facts.get("command", "")
    runs = {label: c.of(label) for label in c.labels}
    shares = {label: mean for label in c.labels if (mean := _mean(c.values(label, "undecided"))) is not None}
    yield identical([row for own in runs.values() for row in own], c.title, typed)
    epochs = max((round(row.get("epochs") or 0) for own in runs.values() for row in own), default=0)
    yield undecided_methods(shares, c.title, epochs, typed)
    yield of_seeds({label: len(own) for label, own in runs.items()}, typed)


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _others(rows: Sequence[Mapping[str, Any]]) -> str:
    counts = {word: sum(row["status"] == word for row in rows) for word in ("failed", "refused")}
    return ", ".join(f"{n} {word}" for word, n in counts.items() if n) or "none failed"


def _accuracies(c: Comparison) -> list[Html]:
    """One chart per measured accuracy, the most informative first."""
    wanted = {
        "cifar10_test": (
            "Accuracy by the table",
            f"CIFAR-10 test accuracy of the network found, looked up. {table.chosen(c)}".strip(),
        ),
        "trained": ("Accuracy, trained from scratch", "The network found, trained alone from fresh weights."),
        "accuracy": (
            "Accuracy, inherited weights",
            "The network found, with the supernet's weights and recalibrated batch norms.",
        ),
    }
    how = (
        " Small dots are seeds, the large dot is their mean, the line its 95 % t-interval; a line"
        " without an end mark extends beyond the scale."
    )
    dashes = " The dashed line is the mean of DARTS." if c.of(_BASE) else ""
    return [
        section(title, _accuracy(c, key, title), lead=lead + how + dashes + _chances(c, key))
        for key, (title, lead) in wanted.items()
        if _groups(c, key)
    ]


def _accuracy(c: Comparison, key: str, title: str) -> Html:
    """A chart of accuracies; those that a table holds were not measured on the comparison's clips."""
    own = key in _MEASURED
    look = Look("accuracy, %", SHARE, chance=c.chance if own else None, clips=c.clips if own else 0)
    return _forest(c, key, title, look)


def _chances(c: Comparison, key: str) -> str:
    """Sentences on what drawing other clips changes, and on guessing."""
    if key not in _MEASURED:
        return ""
    band = (
        f" The band behind it is what the draw of {c.clips:,} {c.noun} alone allows (95 %)."
        if c.clips
        else ""
    )
    guess = f" Guessing is right in {table.percent(c.chance)} % (dotted, where in reach)." if c.chance else ""
    return band + guess


def _groups(c: Comparison, key: str) -> list[Seeds]:
    """The methods that have this figure, the largest mean first; by validation where that is known, too."""
    groups = []
    for label in c.labels:
        if spread := c.spread(label, key):
            interval = tuple(spread["interval"]) if spread["interval"] else None
            groups.append(Seeds(label, c.values(label, key), spread["mean"], interval))
    by = {group.name: c.spread(group.name, _ORDER.get(key, key)) for group in groups}
    return sorted(groups, key=lambda group: -(by[group.name] or {"mean": group.mean})["mean"])


def _forest(c: Comparison, key: str, name: str, look: Look, plot: int = charts.WIDE) -> Html:
    groups = _groups(c, key)
    base = next((group.mean for group in groups if group.name == _BASE), None)
    look = look if look.against is not None else look._replace(against=base)
    return charts.forest(groups, _PERCENT, name, look, plot)


def _table(c: Comparison) -> Html:
    """All figures with their spread, in two tables."""
    outcome, cost, given = (c.columns(known) for known in (table.OUTCOME, table.COST, table.GIVEN))
    lead = f"Mean ± standard deviation over seeds, with the 95 % t-interval below.{table.alone(c)}"
    first = _block(c, outcome, {"collapsed": table.collapses})
    ratios = {
        "step time": lambda c, label: table.ratio(c, label, "time_ratio"),
        "memory": lambda c, label: table.ratio(c, label, "memory_ratio"),
    }
    words = [(column.title, column.what) for column in (*outcome, *cost, *given)]
    words += [("collapsed", table.COLLAPSED), ("step time, memory", table.RATIOS)]
    key = tag("dl", *(join((tag("dt", a), tag("dd", b))) for a, b in words), class_="facts")
    return section(
        "Figures",
        first,
        tag("h3", "Cost"),
        _block(c, cost, ratios),
        tag("h3", "What each search was given"),
        _block(c, given, {}),
        tag("details", tag("summary", "Meaning of the columns"), key),
        lead=lead,
    )


def _block(c: Comparison, columns: Sequence[Column], more: Mapping[str, Any]) -> Html:
    rows = []
    for label in c.labels:
        if own := c.of(label):
            cells: list[object] = [_cell(c.spread(label, column.key), column.form) for column in columns]
            rows.append((label, len(own), *cells, *(words(c, label) for words in more.values())))
    return html_table(("method", "seeds", *(column.title for column in columns), *more), rows)


def _cell(spread: Mapping[str, Any] | None, form: Format) -> Html:
    if spread is None:
        return Html("–")
    if not spread["sd"]:
        return join((form(spread["mean"]),))
    below = tag("small", Interval.read(spread).words(form), class_="quiet")
    return join((f"{form(spread['mean'])} ± {form(spread['sd'])}", tag("br"), below))


def _signs(c: Comparison) -> Html:
    """The collapse statistic and the discretisation gap, side by side."""
    half = charts.NARROW
    look = Look("operations without weights, %", SHARE)
    free = _forest(c, "free_share", "Share of operations without weights", look, half)
    parts = [tag("div", tag("h3", "Kept operations without weights, in percent"), free)]
    if _groups(c, "gap"):
        gap = _forest(c, "gap", "Discretisation gap", Look("gap, points", POINTS, against=0.0), half)
        parts.append(tag("div", tag("h3", "Discretisation gap, in points"), gap))
    lead = (
        "A search collapses when it keeps skips and pools, which help the supernet, not the network found: "
        "more of them than random networks of the space. "
        "The gap is the accuracy that the supernet loses when it is cut down to that network; for methods "
        "that sample networks, the supernet's accuracy is the mean over samples, and the gap may be negative."
    )
    return section("Signs of a collapse", tag("div", *parts, class_="pair top"), lead=lead)


def _costs(c: Comparison) -> Html:
    """Multiply-adds against the most informative accuracy."""
    known = (
        ("cifar10_test", "accuracy by the table"),
        ("trained", "accuracy when trained from scratch"),
        ("accuracy", "accuracy with inherited weights"),
    )
    key, words = next(((k, w) for k, w in known if _groups(c, k)), ("", ""))
    if not key:
        return Html()
    clouds = [
        MethodDots(label, [(row["macs"], row[key]) for row in c.of(label) if row.get(key) is not None])
        for label in c.labels
        if c.values(label, key)
    ]
    own = key in _MEASURED
    look = Look(chance=c.chance if own else None, clips=c.clips if own else 0)
    plane = Plane((short, _PERCENT[1]), ("multiply-adds of the network found", f"{words}, %"))
    picture = charts.scatter(clouds, plane, "Multiply-adds against accuracy", look)
    lead = "Grey dots are runs, blue dots are means of methods." + _beside(own and c.clips, c.noun)
    return section("Cost against accuracy", picture, lead=lead)


def _beside(clips: int, noun: str) -> str:
    """A sentence on the bar at the right edge of a chart of points."""
    return f" The bar at the right is what the draw of {clips:,} {noun} alone allows (95 %)." if clips else ""


def _entropies(c: Comparison) -> Html:
    """The entropy of the architecture parameters over epochs, one chart per method on one scale."""
    curves = {
        label: [
            [(row["epoch"] + 1.0, row["alpha_entropy"]) for row in log]
            for run in c.of(label)
            if (log := records.rows(SearchEpochRecord, c.folder / label / str(run["seed"]) / _LOG))
        ]
        for label in c.labels
    }
    points = [point for lines in curves.values() for line in lines for point in line]
    if not points:
        return Html()
    top = max(y for _, y in points)
    ranges = ((1.0, max(x for x, _ in points)), (0.0, top))
    figures = [
        tag(
            "figure",
            tag("figcaption", tag("b", label), _ends(lines)),
            charts.lines(lines, ranges, lambda v: f"{v:g}", f"Entropy of {label} over epochs"),
        )
        for label, lines in curves.items()
        if lines
    ]
    lead = (
        "Vertical: the mean entropy of a search's options in nats, over the epochs, a measure of how "
        "undecided it still is: one line per seed, all on one scale. It falls to 0 where one option is "
        "certain."
    )
    return section("Entropy of the options", tag("div", *figures, class_="grid"), lead=lead)


def _ends(lines: Sequence[Sequence[tuple[float, float]]]) -> str:
    last = sum(line[-1][1] for line in lines) / len(lines)
    return f"{last:.2f} at the end"


def _steps(c: Comparison) -> Html:
    """Seconds and memory per step, with bars for the ratios."""
    shown = {label: c.steps[label] for label in c.labels if label in c.steps}
    if not shown:
        return Html()
    longest, largest = (max(s[key] for s in shown.values()) for key in ("time_ratio", "memory_ratio"))
    rows = [
        (
            label,
            f"{1000 * s['seconds']:,.0f} ms",
            join((f"{s['time_ratio']:.2f} ×", bar(s["time_ratio"] / longest))),
            f"{s['saved_bytes'] / 2**20:,.1f} MiB",
            join((f"{s['memory_ratio']:.2f} ×", bar(s["memory_ratio"] / largest, "second"))),
        )
        for label, s in shown.items()
    ]
    lead = (
        "One step, on one batch of each half, against a step of DARTS with its defaults, measured in turns; "
        "memory is that kept for the backward pass. How many steps a search takes stands above."
    )
    head = ("method", "time per step", "against DARTS", "kept for backward", "against DARTS")
    return section("Cost per step", html_table(head, rows), lead=lead)


def _lost(c: Comparison) -> Html:
    lost = [
        (label, seeds, status, tag("span", why, class_="wrap"))
        for (label, status, why), seeds in table.lost(c).items()
    ]
    return section("Not included", html_table(("method", "seeds", "", "reason"), lost)) if lost else Html()


def _runs(c: Comparison) -> Html:
    """Every finished run with the network that it found, in a folded list."""
    rows = []
    for label in c.labels:
        for row in c.of(label):
            accuracy = row.get("accuracy")
            rows.append(
                (
                    f"{label}, seed {row['seed']}",
                    "-" if accuracy is None else percent(accuracy),
                    _kept(row),
                    clock(row["seconds"]),
                    row["arch"],
                    tag("code", row.get("network") or "-", class_="wrap"),
                )
            )
    head = ("run", "inherited", "free", "search", "architecture", "network")
    every = html_table(head, rows)
    return section(
        "Runs", tag("details", tag("summary", f"All {amount(len(rows), 'run')} and their networks"), every)
    )


def _facts(c: Comparison) -> Html:
    named = (join((tag("dt", name), tag("dd", value))) for name, value in c.facts.items())
    return section("How it was measured", tag("dl", *named, class_="facts"))


def _tile(name: str, value: str, note: str) -> Html:
    return tag("div", tag("dt", name), tag("dd", value, class_="value"), tag("dd", note))


def _kept(row: Mapping[str, Any]) -> str:
    """`5 of 6: 3 skips, 2 pools`."""
    kinds = ", ".join(f"{row[name]} {word}" for name, word in _KINDS.items() if row.get(name))
    return f"{row['free']} of {row['kept']}{': ' * bool(kinds)}{kinds}"
