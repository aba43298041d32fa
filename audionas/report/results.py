"""The report's sections on the finished model: headline, network, answers, cost, export."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from audionas.core.arch import ArchSpec
from audionas.core.intervals import Interval
from audionas.core.reporter import amount
from audionas.data import heard
from audionas.engine.metrics import whose
from audionas.report import matrix
from audionas.report.html import Html, bar, count, join, percent, section, size, table, tag
from audionas.report.network import draw as draw_network
from audionas.spaces._base import space_of

_BESIDE = 14  # the most classes for which the matrix leaves room for the table beside it


def cost_of(spec: ArchSpec) -> Any:
    """The `Cost` of a spec's network; the global random state does not change."""
    from audionas.cost import graph

    with torch.random.fork_rng(devices=[]):
        net = space_of(spec).build(spec)
    return graph.measure(net, spec.io)


def headline(cost: Any | None, scores: Mapping[str, Any] | None, export: Mapping[str, Any] | None) -> Html:
    """The main numbers, as far as they are known, one tile each."""
    tiles = []
    if scores:
        interval = f"95\u00a0% interval {Interval.read(scores).words(percent)}"
        notes = (interval, whose(scores))
        tiles.append(_tile("Accuracy", percent(scores["accuracy"]), *notes, *heard.words(scores), wide=True))
    if cost:
        tiles.append(_tile("Parameters", count(cost.params), f"{size(cost.weight_bytes)} of weights"))
        tiles.append(_tile("Multiply-adds", count(cost.macs), "per clip"))
        tiles.append(
            _tile(
                "Peak activations", size(cost.peak_activation_bytes), f"at once, in {_part(cost.peak_layer)}"
            )
        )
    if export and "file" in export:  # the file that takes clips, if one was exported
        tiles.append(_tile("Exported file", size(export["bytes"]), export["file"]))
        if latency := export.get("latency_ms"):
            tiles.append(_tile("Latency", _time(latency["p50"]), f"95\u00a0% under {_time(latency['p95'])}"))
    return tag("dl", *tiles, class_="tiles") if tiles else Html()


def network(spec: ArchSpec) -> Html:
    """The drawing and the choices as text."""
    lead = (
        "Sound flows from left to right. A block's cells show its kernel's width in frames, SE marks "
        "squeeze-and-excitation; the stairs below show the frames that remain after each block."
    )
    chosen = tag("details", tag("summary", "As arch.json"), tag("pre", tag("code", spec.to_json())))
    return section("Network", draw_network(spec), chosen, lead=lead)


def answers(scores: Mapping[str, Any]) -> Html:
    """Confusion matrix, and recall and precision per class."""
    labels, confusion = scores["labels"], scores["confusion"]
    known = (("Balanced accuracy", "balanced_accuracy"), ("Macro F1", "macro_f1"))
    facts = [f"{name} {percent(scores[key])}." for name, key in known if key in scores]
    source = (
        f"Measured on {scores['data']} with {scores.get('engine', 'torch')}." if scores.get("data") else ""
    )
    rows = [
        _class_row(label, row, _mistaken(confusion[i], labels, i))
        for i, label in enumerate(labels)
        if (row := scores["per_class"].get(label))
    ]
    lead = " ".join([source, *facts, "Rows are the true classes, columns the model's answers."]).strip()
    head = ("Class", "Clips", "Recall", "Precision", "F1", "Confused with")
    side = "pair" if len(labels) <= _BESIDE else None
    both = tag("div", matrix.draw(confusion, labels), table(head, rows), class_=side)
    return section("Answers", both, lead=lead)


def cost_table(cost: Any) -> Html:
    """Parameters and multiply-adds of each part of the network; every layer in a folded list."""
    parts: dict[str, list[Any]] = defaultdict(list)
    for layer in cost.layers:
        parts[_part(layer.name)].append(layer)
    sums = [(name, sum(x.params for x in own), sum(x.macs for x in own)) for name, own in parts.items()]
    rows = [
        (name, f"{params:,}", _share(params, cost.params), f"{macs:,}", _share(macs, cost.macs, "second"))
        for name, params, macs in sums
    ]
    foot = ("sum", f"{cost.params:,}", "", f"{cost.macs:,}", "")
    layers = [
        (x.name, x.kind, " × ".join(str(n) for n in x.output), f"{x.params:,}", f"{x.macs:,}")
        for x in cost.layers
    ]
    every = table(("Layer", "Kind", "Output", "Parameters", "Multiply-adds"), layers)
    return section(
        "Cost",
        table(("Part", "Parameters", "Share", "Multiply-adds", "Share"), rows, foot),
        tag("details", tag("summary", f"All {len(layers)} layers"), every),
        lead="Parameters include batch norm; multiply-adds are for one clip.",
    )


def exported(report: Mapping[str, Any]) -> Html:
    """The agreement of the exported files with the trained network, and their accuracy and speed."""
    rows = []
    if "file" in report:
        rows += [("File", report["file"]), ("Size", f"{report['bytes']:,} bytes")]
    if "opset" in report:
        rows.append(("ONNX opset", report["opset"]))
    if "max_difference" in report:
        rows.append(("Largest difference of a score", f"{report['max_difference']:.2g}"))
    if "accuracy_torch" in report:
        rows.append(("Accuracy, torch", percent(report["accuracy_torch"], 2)))
        rows.append(("Accuracy, ONNX Runtime", percent(report["accuracy_onnx"], 2)))
    if latency := report.get("latency_ms"):
        rows.append(("Latency", f"{_time(latency['p50'])} median, {_time(latency['p95'])} at 95 %"))
    lead = (
        f"Torch and the exported file were compared on {amount(report['clips'], 'clip')}."
        if "clips" in report
        else ""
    )
    parts = [_facts(rows)] if rows else []
    if files := report.get("files"):
        head = ("File", "Bytes", "Largest difference", "Same label", "Accuracy", "Median", "95 %", "Arena")
        parts.append(table(head, [_file_row(name, row) for name, row in files.items()]))
    return section("Export", *parts, lead=lead)


def _file_row(name: str, row: Mapping[str, Any]) -> tuple[str, ...]:
    times, right = row["latency_ms"], row["accuracy"]
    return (
        name,
        f"{row['bytes']:,}",
        f"{row['max_difference']:.2g}",
        percent(row["same_label"]),
        percent(right["accuracy"], 2) if right else "",
        f"{_time(times['p50'])} per {times['per']}",
        _time(times["p95"]),
        f"{row['arena_bytes']:,}" if "arena_bytes" in row else "",
    )


def _facts(rows: Sequence[tuple[str, object]]) -> Html:
    return tag("dl", *(join((tag("dt", name), tag("dd", value))) for name, value in rows), class_="facts")


def _time(milliseconds: float) -> str:
    return f"{milliseconds:.3g}\u00a0ms" if milliseconds >= 1 else f"{1000 * milliseconds:.0f}\u00a0µs"


def _tile(name: str, value: str, *notes: str, wide: bool = False) -> Html:
    lines = (tag("dd", note) for note in notes)
    return tag(
        "div", tag("dt", name), tag("dd", value, class_="value"), *lines, class_="wide" if wide else None
    )


def _class_row(label: str, row: Mapping[str, Any], mistaken: str) -> tuple[object, ...]:
    recall = join((percent(row["recall"]), bar(row["recall"])))
    return label, f"{row['n']:,}", recall, percent(row["precision"]), percent(row["f1"]), mistaken


def _mistaken(row: Sequence[int], labels: Sequence[str], own: int) -> str:
    n, j = max(((n, j) for j, n in enumerate(row) if j != own), default=(0, 0), key=lambda pair: pair[0])
    return f"{labels[j]} ({n})" if n else "none"


def _part(name: str) -> str:
    """The part of the network that a layer belongs to: `edges.block1.ops...` is block1's."""
    first, _, rest = name.partition(".")
    return rest.partition(".")[0] if first == "edges" and rest else first


def _share(part: float, whole: float, colour: str = "accent") -> Html:
    share = part / whole if whole else 0.0
    return join((percent(share), bar(share, colour)))
