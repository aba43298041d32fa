"""The report's section about a front: an interactive plot, its networks, and the course of the search."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from audionas.core import records
from audionas.core.arch import ArchSpec
from audionas.core.records.run import ArchiveRecord
from audionas.core.reporter import amount
from audionas.cost.limits import excess
from audionas.report import charts, front_chart
from audionas.report.axes.drawn import Format
from audionas.report.axes.scale import POSITIVE, SHARE
from audionas.report.front_chart import NARROW, WIDE, Axis, Dot, FrontDots
from audionas.report.html import Html, join, section, tag
from audionas.report.paint import Paint, legend, paints
from audionas.searchers._base import DEAR, Direction, Score
from audionas.searchers._front import Scored, minimal, points
from audionas.searchers._fronts import Front
from audionas.spaces._base import space_of
from audionas.zoo.find import told as words_of

ASKED = "asked"  # the position in the archive, the axis against which a single objective is drawn


class Measure(NamedTuple):
    """A value's name with its unit, its format in words, and its format at an axis."""

    name: str
    form: Format
    tick: Format


def _share(value: float) -> str:
    return f"{100 * value:.2f}"


def _tick(value: float) -> str:
    return charts.short(value, 6)


def _tick_of_share(value: float) -> str:
    return f"{100 * value:.6g}"


def _whole(value: float) -> str:
    return f"{value:,.0f}"


MEASURES = {
    "accuracy": Measure("accuracy, %", _share, _tick_of_share),
    "macro_f1": Measure("macro F1, %", _share, _tick_of_share),
    "average_viable_recall": Measure("average viable recall, %", _share, _tick_of_share),
    "loss": Measure("loss", "{:.4f}".format, _tick),
    "macs": Measure("multiply-adds", _whole, _tick),
    "params": Measure("parameters", _whole, _tick),
    "weight_bytes": Measure("weights, bytes", _whole, _tick),
    "peak_bytes": Measure("activations, bytes", _whole, _tick),
    "state_bytes": Measure("state, bytes", _whole, _tick),
    "hop_macs": Measure("multiply-adds per hop", _whole, _tick),
    "arena_esp32": Measure("arena on an ESP32, bytes", _whole, _tick),
    "arena_esp32s3": Measure("arena on an ESP32-S3, bytes", _whole, _tick),
    "latency_ms": Measure("latency, ms", "{:.4g}".format, _tick),
    "synflow": Measure("SynFlow", "{:.4f}".format, _tick),
    "naswot": Measure("NASWOT", "{:.2f}".format, _tick),
    "swap": Measure("SWAP", _whole, _tick),
    ASKED: Measure("networks scored", _whole, _tick),
}


def _measure(name: str) -> Measure:
    """How a value is shown; one that this version does not know has its name."""
    return MEASURES.get(name, Measure(name, "{:.6g}".format, _tick))


class _Seen(NamedTuple):
    """All scored networks: candidates for the front, those above a limit, and those without a score."""

    good: Sequence[Scored]
    above: Sequence[Scored]
    faulty: int


def draw(front: Front, archive: Path) -> Html:
    """The section; `archive` is the file of all scored networks, and without it only the front is drawn."""
    seen = _seen(front, archive)
    plots = [_plot(front, seen, pair) for pair in _pairs(front.objectives)]
    parts = (
        tag("style", Html(_linked(len(front.members)))),
        tag("div", *plots, class_="pair" if len(plots) > 1 else None),
        tag("div", *_readings(front), class_="readings"),
        *_networks(front),
        *_growth(front),
    )
    return section("Front", tag("div", *parts, class_="front"), lead=" ".join(_sentences(front, seen)))


def _seen(front: Front, archive: Path) -> _Seen:
    """The archive's networks; all have the space and the input of the front's networks."""
    plain = replace(front.members[0].spec, note={})
    every = [
        Scored(
            replace(plain, choices={name: tuple(options) for name, options in row["choices"].items()}),
            Score({**row["values"], ASKED: number}, row["violation"]),
        )
        for number, row in enumerate(records.rows(ArchiveRecord, archive), 1)
    ] or [Scored(m.spec, Score({**m.score.values, ASKED: n})) for n, m in enumerate(front.members, 1)]
    finite = np.isfinite(points([one.score for one in every], front.objectives)).all(1)
    good = [one for one, fine in zip(every, finite, strict=True) if fine]
    above = [one for one in every if one.score.violation]
    return _Seen(good, above, len(every) - len(good) - len(above))


def _pairs(objectives: Mapping[str, Direction]) -> list[dict[str, Direction]]:
    """The axes of each plot: the first objective over each other one."""
    first, *others = objectives
    across: dict[str, Direction] = {name: objectives[name] for name in others} or {ASKED: "min"}
    return [{name: better, first: objectives[first]} for name, better in across.items()]


def _plot(front: Front, seen: _Seen, pair: Mapping[str, Direction]) -> Html:
    """The first objective over another one."""
    across, up = pair
    numbers = {m.spec.id: number for number, m in enumerate(front.members, 1)}
    edge = minimal(points([one.score for one in seen.good], pair))
    cloud = FrontDots(
        front={numbers[one.spec.id]: _dot(one, pair, front) for one in seen.good if one.spec.id in numbers},
        knee=front.knee,
        others=[_dot(one, pair, front) for one in seen.good if one.spec.id not in numbers],
        above=[_dot(one, pair, front) for one in _placed(seen.above, pair)],
        line=[(values[across], values[up]) for values in (seen.good[i].score.values for i in edge)],
        limit=front.limits.get(across),
    )
    x, y = (_axis(name, better) for name, better in pair.items())
    return front_chart.scatter(cloud, (x, y), WIDE if len(front.objectives) <= 2 else NARROW)


def _axis(name: str, better: Direction) -> Axis:
    hint = {"max": " (higher is better)", "min": " (lower is better)"}[better] if name != ASKED else ""
    bounds = SHARE if name in ("accuracy", "macro_f1", "average_viable_recall") else POSITIVE
    return Axis(_measure(name).name + hint, _measure(name).tick, better, bounds)


def _placed(above: Sequence[Scored], pair: Mapping[str, Direction]) -> list[Scored]:
    """The networks that have both values: above a limit the supernet scores nothing."""
    return [one for one in above if set(pair) <= set(one.score.values)]


def _dot(one: Scored, pair: Mapping[str, Direction], front: Front) -> Dot:
    """A network's dot, with its place in the search, all values and the architecture in words."""
    values = one.score.values
    x, y = (values[name] for name in pair)
    place = f"{values[ASKED]:.0f} of {front.scored} scored" + (
        f", {_out(one, front)}" if one.score.violation else ""
    )
    return Dot(x, y, "\n".join((place, told(values, names(front)), words_of(one.spec))))


def _out(one: Scored, front: Front) -> str:
    """Why a network was not scored."""
    return "above a limit" if excess(one.score.values, front.limits) else "refused by the filter"


def _sentences(front: Front, seen: _Seen) -> Iterator[str]:
    """Sentences on how to read the section, and on networks that are not drawn."""
    count = len(front.members)
    dots = "the strong dot is" if count == 1 else f"the {count} strong dots are"
    yield (
        f"{amount(front.scored, 'network')} were scored; {dots} the front: no other network is better in one"
    )
    yield f"objective and at least as good in the rest. Number {front.knee}, ringed, is the knee, the best"
    yield "compromise. Point at a dot to see its network; click it to go to its row."
    if set(DEAR) & set(names(front)):
        yield "Accuracy, F1 and loss are measured with the supernet's weights, before training."
    if max(front.alike) > 1:
        yield "Architectures that are one network were scored and are shown once; alike is their number."
    if front.limits:
        yield f"Limits: {told(front.limits, list(front.limits))} at most."
    if seen.above:
        drawn = any(_placed(seen.above, pair) for pair in _pairs(front.objectives))
        look = "hollow" if drawn else "not drawn: the supernet did not score them"
        whys = Counter(_out(one, front) for one in seen.above)
        yield " ".join(f"{count:,} {why} are {look}." for why, count in whys.items())
    if seen.faulty:
        yield f"{seen.faulty:,} without a finite score are not drawn."


def _linked(count: int) -> str:
    """The style by which pointing at a network of the front, a dot or a row, highlights it everywhere."""
    rules = (f".front:has(.n{n}:is(:hover,:focus-visible)) .n{n}" for n in range(1, count + 1))
    return f"{','.join(rules)}{{--dot:var(--second);--row:var(--faint);--reading:visible}}"


def _readings(front: Front) -> Iterator[Html]:
    """The text below the plot about the network that is pointed at, by default the knee."""
    for number, m in enumerate(front.members, 1):
        knee = number == front.knee
        title = tag("b", f"Number {number}{', the knee' if knee else ''}")
        words = (
            title,
            f": {told(m.score.values, names(front))}",
            tag("br"),
            tag("code", words_of(m.spec)),
        )
        yield tag("p", *words, class_=f"n{number} knee" if knee else f"n{number}")


def _networks(front: Front) -> Iterator[Html]:
    """The front as a table, one row per network, linked from the plot's dots."""
    first = front.members[0].spec
    colours = paints(list(dict.fromkeys(o for c in space_of(first).choices() for o in c.options)))
    wanted = names(front)
    several = max(front.alike) > 1
    heads = ("Number", *(_measure(name).name for name in wanted), *["alike"] * several, "Network")
    head = tag(
        "thead", tag("tr", *(tag("th", words[:1].upper() + words[1:], scope="col") for words in heads))
    )
    rows = []
    for number, m in enumerate(front.members, 1):
        cells = [tag("td", _measure(name).form(m.score.values[name])) for name in wanted]
        cells += [tag("td", front.alike[number - 1])] * several
        words = join((number, tag("small", " knee") if number == front.knee else ""))
        network = tag("td", _cells(m.spec, colours), tag("code", words_of(m.spec)))
        rows.append(
            tag(
                "tr",
                tag("th", words, scope="row"),
                *cells,
                network,
                id=f"network{number}",
                class_=f"n{number}",
            )
        )
    yield tag("h3", "Networks on the front")
    yield legend(colours.items())
    yield tag("div", tag("table", head, tag("tbody", *rows)), class_="scroll rows", tabindex=0)


def _cells(spec: ArchSpec, colours: Mapping[str, Paint]) -> Html:
    """A miniature of the network: one coloured cell per option, in the order of the choices."""
    cells = (
        tag("i", style=colours[option].style, title=f"{choice}: {option}")
        for choice, options in spec.choices.items()
        for option in options
    )
    return tag("span", *cells, class_="cells")


def _growth(front: Front) -> Iterator[Html]:
    """The hypervolume over networks scored; nothing where all scores are equal."""
    if front.volumes:
        last, share = front.volumes[-1]
        yield tag("h3", "Hypervolume over networks scored")
        yield tag(
            "p",
            f"The share of the box between the worst and the best values seen that the front dominates: "
            f"{100 * share:.1f} % at the end. It last grew with network {last:,} of {front.scored:,}.",
            class_="lead",
        )
        yield front_chart.growth(front.volumes, front.scored, NARROW + 130)


def names(front: Front) -> list[str]:
    """The names of the values that the front's networks have, objectives first."""
    return list(dict.fromkeys([*front.objectives, *front.limits, *front.members[0].score.values]))


def told(values: Mapping[str, float], wanted: Sequence[str]) -> str:
    """The known values in one line: `accuracy 12.85 %, multiply-adds 602,952`."""
    parts = []
    for name in wanted:
        if name in values:
            words, _, unit = _measure(name).name.partition(", ")
            parts.append(" ".join(part for part in (words, _measure(name).form(values[name]), unit) if part))
    return ", ".join(parts)
