"""What a front's values are called in the report, and what writes them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from audionas.report import charts as _charts
from audionas.report.compare_charts import Format
from audionas.searchers._fronts import Front

ASKED = "asked"  # the place in the archive, which a single objective is drawn over


class Measure(NamedTuple):
    """A value's name with its unit, what writes it in words, and what at an axis."""

    name: str
    form: Format
    tick: Format


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _share(value: float) -> str:
    return f"{100 * value:.2f}"


def _tick(value: float) -> str:
    return _charts.short(value, 6)


def _tick_of_share(value: float) -> str:
    return f"{100 * value:.6g}"


MEASURES = {
    "accuracy": Measure("accuracy, %", _share, _tick_of_share),
    "macro_f1": Measure("macro F1, %", _share, _tick_of_share),
    "loss": Measure("loss", "{:.4f}".format, _tick),
    "macs": Measure("multiply-adds", _whole, _tick),
    "params": Measure("parameters", _whole, _tick),
    "weight_bytes": Measure("weights, bytes", _whole, _tick),
    "peak_bytes": Measure("activations, bytes", _whole, _tick),
    "state_bytes": Measure("state, bytes", _whole, _tick),
    "hop_macs": Measure("multiply-adds a hop", _whole, _tick),
    "latency_ms": Measure("latency, ms", "{:.4g}".format, _tick),
    ASKED: Measure("networks scored", _whole, _tick),
}


def names(front: Front) -> list[str]:
    """The values that its networks have, objectives first."""
    return list(dict.fromkeys([*front.objectives, *front.limits, *front.members[0].score.values]))


def told(values: Mapping[str, float], wanted: Sequence[str]) -> str:
    """Values in a line, as far as they are known: `accuracy 12.85 %, multiply-adds 602,952`."""
    parts = []
    for name in wanted:
        if name in values:
            words, _, unit = MEASURES[name].name.partition(", ")
            parts.append(" ".join(part for part in (words, MEASURES[name].form(values[name]), unit) if part))
    return ", ".join(parts)
