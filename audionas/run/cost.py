"""`audionas cost`: the costs of a network, per layer and in total."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from audionas.core.arch import ArchSpec, InputSpec
from audionas.core.errors import Faults
from audionas.core.files import require_there
from audionas.core.reporter import Reporter, amount, say
from audionas.cost.graph import measure, unfolded
from audionas.cost.streams import streamed
from audionas.export.onnx import network_latency
from audionas.spaces._base import space_of
from audionas.spaces.tables.nas_bench_201 import PARTS, Nb201Table
from audionas.zoo.find import find


def cost(
    network: str,
    shape: str = "",
    classes: int = 0,
    *,
    timed: bool = False,
    sizes: Mapping[str, int] | None = None,
    table_file: Path | None = None,
) -> dict[str, Any]:
    """The cost of a zoo network or architecture, by default at its own input and size.

    `timed` adds ONNX Runtime's latency for one example on one thread, from features; a table of NAS-Bench-201
    adds its results for the cell.
    """
    faults = Faults()
    with faults:
        spec = find(network)
    if shape:
        with faults:
            io = InputSpec.parse(shape, classes or (1 if faults else spec.io.classes))
    with faults:
        require_there(table_file)
    faults.tell()
    io = io if shape else spec.io._replace(classes=classes or spec.io.classes)
    spec = replace(spec, io=io, scale={**spec.scale, **(sizes or {})})
    known = {} if table_file is None else {"table": looked_up(spec, table_file)}
    return {
        "network": network,
        **counted(spec),
        **({"latency_ms": network_latency(space_of(spec).build(spec), io)} if timed else {}),
        **known,
    }


def counted(spec: ArchSpec) -> dict[str, Any]:
    """The counts of an architecture at its input and size, per layer and in total, as `cost` returns them."""
    space, io = space_of(spec), spec.io
    with torch.device("meta"):  # counting needs no weights
        net = space.build(spec)
        found, before = measure(net, io), unfolded(net, io)
    return {
        "arch": spec.id,
        "input": io._asdict(),
        "params": found.params,
        "macs": found.macs,
        "peak_activation_bytes": found.peak_activation_bytes,
        "peak_layer": found.peak_layer,
        "weight_bytes": found.weight_bytes,
        "layers": [
            {"name": x.name, "kind": x.kind, "params": x.params, "macs": x.macs, "output": list(x.output)}
            for x in found.layers
        ],
        **({"in_training": before} if before else {}),
        **({"stream": streamed(net, io)} if space.features else {}),
    }


def looked_up(spec: ArchSpec, file: Path) -> dict[str, Any]:
    """The results of a table of NAS-Bench-201 for a cell: accuracies in percent with the rank among all cells
    and those of the best cell, which validation chooses, by data set, and milliseconds by device.
    """
    found = Nb201Table.load(file)
    row = found.row(spec)
    outcomes = {
        name: {
            **outcome._asdict(),
            "rank": {part: found.rank(row, name, part) for part in PARTS},
            "best": {part: getattr(found.best(name).outcomes[name], part) for part in PARTS},
        }
        for name, outcome in row.outcomes.items()
    }
    return {"cell": row.code, "cells": len(found.rows), "outcomes": outcomes, "devices_ms": row.devices}


def show(result: dict[str, Any]) -> None:
    """Print the costs as a table on standard output."""
    rows = [
        (x["name"], x["kind"], f"{x['params']:,}", f"{x['macs']:,}", "x".join(map(str, x["output"])))
        for x in result["layers"]
    ]
    Reporter(stdout=True).table(("layer", "kind", "parameters", "multiply-adds", "output"), rows)
    say(
        "",
        f"{result['network']} ({result['arch']}): "
        f"{result['params']:,} parameters, {result['macs']:,} multiply-adds",
        f"weights {result['weight_bytes']:,} bytes, peak activations {result['peak_activation_bytes']:,} "
        f"bytes (at {result['peak_layer']}), one example in float32",
    )
    if more := result.get("in_training"):
        say(f"in training: {more['params']:,} parameters, {more['macs']:,} multiply-adds, before the fold")
    if "stream" in result:
        say(_streaming(result["stream"]))
    if "latency_ms" in result:
        times = result["latency_ms"]
        say(f"ONNX Runtime, one thread: {times['p50_ms']:.3f} ms, 95 % under {times['p95_ms']:.3f} ms")
    if "table" in result:
        _show_table(result["table"])


def _streaming(told: dict[str, Any]) -> str:
    if "why_not" in told:
        return f"streaming: no, {told['why_not']}"
    each = f"every {told['hop']} frames" if told["hop"] > 1 else "every frame"
    states = f"{told['state_bytes']:,} bytes in {told['states']} states"
    return f"streaming: one score {each}, {told['hop_macs']:,} multiply-adds per score; remembers {states}"


def _show_table(known: dict[str, Any]) -> None:
    """Print accuracies and ranks; `--json` has the rest."""
    rows = [
        (name, part, f"{o[part]:.2f}", f"{o['rank'][part]:,}", f"{o['best'][part]:.2f}")
        for name, o in known["outcomes"].items()
        for part in PARTS
    ]
    many = amount(known["cells"], "cell")
    say("", known["cell"], f"one of {many} in the table, trained for 200 epochs:")
    Reporter(stdout=True).table(("data set", "part", "accuracy %", "rank", "best cell's %"), rows)
    say(f"the best cell is the best of {many} by validation accuracy")
