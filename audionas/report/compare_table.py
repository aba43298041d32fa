"""A comparison as tables: `compare.csv`, one row per run, and `compare.md`, one row per method."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

from audionas.core.files import write_text
from audionas.core.intervals import Interval
from audionas.core.reporter import Reporter, amount, say
from audionas.engine.metrics import over_seeds
from audionas.report.html import count
from audionas.report.markdown import code, text
from audionas.report.markdown import table as markdown_table

Form = Callable[[float], str]
Row = Mapping[str, Any]


class Column(NamedTuple):
    """A figure of a run: its key in rows, its title, its format, and its meaning."""

    key: str
    title: str
    form: Form
    what: str


class Comparison(NamedTuple):
    """All content of the tables and the page.

    `labels` are the methods in order, `rows` the last row of each run, `steps` the cost of a step by method,
    `noun` the word for examples, `facts` the conditions of the measurement; `clips` and `classes` are the
    numbers of those that networks were scored on, 0 where unknown.
    """

    folder: Path
    title: str
    labels: Sequence[str]
    rows: Sequence[Row]
    steps: Mapping[str, Mapping[str, Any]]
    noun: str
    tested: str
    facts: Mapping[str, str]
    clips: int = 0
    classes: int = 0

    @property
    def chance(self) -> float | None:
        """The accuracy of guessing among equally frequent classes."""
        return 1 / self.classes if self.classes else None

    def of(self, label: str) -> list[Row]:
        """A method's finished runs, by seed."""
        own = [row for row in self.rows if row["method"] == label and row["status"] == "done"]
        return sorted(own, key=lambda row: row["seed"])

    def values(self, label: str, key: str) -> list[float]:
        """A figure for each of a method's seeds, where it was measured."""
        return [row[key] for row in self.of(label) if row.get(key) is not None]

    def spread(self, label: str, key: str) -> Mapping[str, Any] | None:
        """Mean, deviation and interval over seeds."""
        values = self.values(label, key)
        return over_seeds(values, (0.0, 1.0) if key in _SHARES else (-inf, inf)) if values else None

    def columns(self, known: Sequence[Column]) -> list[Column]:
        """The columns of `known` that some run has."""
        return [c for c in known if any(self.values(label, c.key) for label in self.labels)]


def percent(value: float) -> str:
    """A share in percent, without the sign."""
    return f"{100 * value:.1f}"


def whole(value: float) -> str:
    """A number with all digits."""
    return f"{value:,.0f}"


def seconds(value: float) -> str:
    """Whole seconds, or tenths of a second below ten."""
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"


def few(value: float) -> str:
    """A mean of small counts."""
    return f"{value:.3g}"


OUTCOME = (
    Column("accuracy", "inherited %", percent, "accuracy of the derived network with the supernet's weights"),
    Column("relaxed", "relaxed %", percent, "accuracy of the supernet with its weights as trained"),
    Column("gap", "gap", percent, "discretisation gap: relaxed less inherited, in points"),
    Column("trained", "trained %", percent, "accuracy of the derived network trained from scratch"),
    Column("cifar10_val", "CIFAR-10 val %", percent, "validation accuracy of the cell found, from the table"),
    Column("cifar10_test", "CIFAR-10 %", percent, "test accuracy of the cell found, from the table"),
    Column("cifar10_rank", "CIFAR-10 rank", whole, "rank of the cell found in the table, by test accuracy"),
    Column("cifar100_test", "CIFAR-100 %", percent, "test accuracy of the cell found, from the table"),
    Column("imagenet16_120_test", "ImageNet16-120 %", percent, "the same for ImageNet16-120"),
    Column("free_share", "free %", percent, "kept operations without weights: skip, pool, none, noise"),
    Column("skips", "skips", few, "kept skips"),
    Column("pools", "pools", few, "kept pools"),
    Column("nones", "none", few, "kept operations `none`"),
    Column(
        "chance", "chance %", percent, "networks of the space that keep as large a share of free operations"
    ),
    Column("margin_least", "least margin", few, "least margin between the best two options of a choice"),
    Column("margin_most", "largest margin", few, "largest margin between the best two options of a choice"),
    Column("close_share", "close %", percent, "choices whose best two options are within 0.05"),
    Column("entropy_share", "entropy %", percent, "entropy of the options against its maximum, at the end"),
    Column(
        "undecided",
        "undecided %",
        percent,
        "searches with half of the choices close, or hardly less entropy than at the start",
    ),
)
COST = (
    Column("params", "parameters", count, "parameters of the derived network"),
    Column("macs", "multiply-adds", count, "multiply-adds of the derived network for one example"),
    Column("entropy", "entropy", lambda v: f"{v:.2f}", "entropy of the options in nats after the last epoch"),
)
GIVEN = (
    Column("epochs", "epochs", whole, "epochs per search"),
    Column("weight_steps", "weight steps", whole, "steps of the weights' optimiser per search"),
    Column("alpha_steps", "alpha steps", whole, "steps of alpha's optimiser per search"),
    Column(
        "alpha_reach", "steps × rate", few, "alpha's steps times its rate: the way that Adam can have gone"
    ),
    Column("examples", "examples", whole, "training examples drawn per search"),
    Column("seconds", "search s", seconds, "seconds per search, including derivation"),
)
COLLAPSED = (
    "runs whose share of skips, of pools, of none, or of free operations together is reached by at most 5 % "
    "of the networks of the space"
)
RATIOS = "seconds per step and bytes kept for backward, against DARTS with its defaults in the same minutes"
_DECIDED = ("close_share", "entropy_share", "undecided")
_SHARES = (
    "accuracy",
    "relaxed",
    "trained",
    "cifar10_val",
    "cifar10_test",
    "free_share",
    *_DECIDED,
)  # from 0 to 1
_SHOWN = ("accuracy", "trained", "cifar10_test", "free_share", "undecided")  # on the terminal
NAMES = ("method", "seed", "status", "reason", "arch", "network", "free", "kept", "collapsed")


def write(comparison: Comparison) -> None:
    """Write both files."""
    write_text(comparison.folder / "compare.csv", table(comparison.rows))
    write_text(comparison.folder / "compare.md", markdown(comparison))


def show(comparison: Comparison) -> None:
    """Print means and deviations on standard output, and the paths of the files."""
    columns = [column for column in comparison.columns(OUTCOME) if column.key in _SHOWN]
    rows = []
    for label in comparison.labels:
        if own := comparison.of(label):
            cells = [_brief(comparison.spread(label, column.key), column) for column in columns]
            rows.append((label, len(own), *cells, *_ratios(comparison, label).values()))
    head = ("method", "seeds", *(column.title for column in columns), "step time", "memory")
    Reporter(stdout=True).table(head, rows)
    given = comparison.columns(GIVEN)
    rows = [
        (label, *(_brief(comparison.spread(label, column.key), column) for column in given))
        for label in comparison.labels
        if comparison.of(label)
    ]
    Reporter(stdout=True).table(("given, on average", *(column.title for column in given)), rows)
    if words := alone(comparison):
        say(words.strip())
    say(*(str(comparison.folder / f"compare.{kind}") for kind in ("md", "csv", "html")))


def table(rows: Sequence[Row]) -> str:
    """The CSV text: every run with every figure, in full precision."""
    keys = [*NAMES, *(column.key for column in (*OUTCOME, *COST, *GIVEN))]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, keys, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def markdown(comparison: Comparison) -> str:
    """The Markdown text: outcome and cost, failures, and the conditions of the measurement."""
    lines = [f"# {text(comparison.title)}", ""]
    scored = f"Mean ± deviation (95 % t-interval) over seeds, scored on {comparison.tested}."
    lines += [text(f"{scored}{alone(comparison)}"), ""]
    lines += _block(comparison, comparison.columns(OUTCOME), _collapses)
    lines += _block(comparison, comparison.columns(COST), _ratios)
    lines += _block(comparison, comparison.columns(GIVEN), lambda *_: {})
    lines += [line for line in (chosen(comparison), "") if chosen(comparison)]
    shown = [c for known in (OUTCOME, COST, GIVEN) for c in comparison.columns(known)]
    lines += [f"- {column.title}: {column.what}" for column in shown]
    lines += [
        f"- collapsed: {COLLAPSED}",
        f"- step time, memory: {RATIOS}",
        "",
    ]
    if reasons := lost(comparison):
        lines += ["Not in the table:", ""]
        lines += [
            f"- {text(f'{label}, seeds {seeds} ({status}): {why}')}"
            for (label, status, why), seeds in reasons.items()
        ]
        lines += [""]
    lines += [f"- {text(f'{name}: {value}')}" for name, value in comparison.facts.items()]
    return "\n".join(lines) + "\n"


def spread(value: Mapping[str, Any] | None, form: Form) -> str:
    """`91.2 ± 1.1 (88.4 to 94.0)`; with one seed, or seeds that agree, `91.2`; without any `-`."""
    if value is None:
        return "-"
    if not value["sd"]:
        return form(value["mean"])
    return f"{form(value['mean'])} ± {form(value['sd'])} ({Interval.read(value).words(form)})"


def alone(comparison: Comparison) -> str:
    """A sentence on methods with one seed, whose spread cannot be measured; empty without any."""
    single = [label for label in comparison.labels if len(comparison.of(label)) == 1]
    return f" Spread and interval not measurable: 1 seed ({', '.join(single)})." if single else ""


def _brief(value: Mapping[str, Any] | None, column: Column) -> str:
    """`91.2 ± 1.1` for accuracies, else the mean alone."""
    return spread(value, column.form).partition(" ±" if column.key == "free_share" else " (")[0]


def collapses(comparison: Comparison, label: str) -> str:
    """`1 of 3`."""
    flags = [row["collapsed"] for row in comparison.of(label)]
    return f"{sum(flags)} of {len(flags)}" if flags else "-"


def chosen(comparison: Comparison) -> str:
    """A sentence on the method that validation chooses, with its test accuracy; empty without a table."""
    found = {label: comparison.spread(label, "cifar10_val") for label in comparison.labels}
    means = {label: value["mean"] for label, value in found.items() if value}
    if not means:
        return ""
    best = max(means, key=means.__getitem__)
    test = comparison.spread(best, "cifar10_test")
    assert test is not None
    runs = sum(len(comparison.of(label)) for label in means)
    return (
        f"By validation accuracy on CIFAR-10, {code(best)} is the best of {len(means)} methods "
        f"({amount(runs, 'run')}): {percent(means[best])} %, on the test set {percent(test['mean'])} %. "
        "The test set chooses nothing."
    )


def ratio(comparison: Comparison, label: str, key: str) -> str:
    """`1.32 ×`, against DARTS."""
    value = comparison.steps.get(label, {}).get(key)
    return "-" if value is None else f"{value:.2f} ×"


def _collapses(comparison: Comparison, label: str) -> dict[str, str]:
    return {"collapsed": collapses(comparison, label)}


def _ratios(comparison: Comparison, label: str) -> dict[str, str]:
    return {
        "step time": ratio(comparison, label, "time_ratio"),
        "memory": ratio(comparison, label, "memory_ratio"),
    }


def _block(
    comparison: Comparison, columns: Sequence[Column], more: Callable[[Comparison, str], dict[str, str]]
) -> list[str]:
    """A Markdown table, one row per method with finished runs."""
    rows = []
    for label in comparison.labels:
        if own := comparison.of(label):
            cells = [spread(comparison.spread(label, column.key), column.form) for column in columns]
            rows.append([label, str(len(own)), *cells, *more(comparison, label).values()])
    if not rows:
        return ["No run has finished.", ""]
    head = ["method", "seeds", *(column.title for column in columns), *more(comparison, comparison.labels[0])]
    return [markdown_table(head, rows, numbers=True), ""]


def in_a_line(reason: str) -> str:
    """The lines of a message joined into one."""
    return "; ".join(line.strip().rstrip(".") for line in reason.splitlines() if line.strip())


def lost(comparison: Comparison) -> dict[tuple[str, str, str], str]:
    """Seeds of the runs that have no figures, by method, status and reason."""
    found: dict[tuple[str, str, str], str] = {}
    for row in comparison.rows:
        if row["status"] != "done":
            key = (row["method"], row["status"], in_a_line(row["reason"]))
            found[key] = f"{found.get(key, '')} {row['seed']}".strip()
    return found
