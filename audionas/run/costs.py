"""`audionas cost`: what a network costs, per layer and in sum."""

from dataclasses import replace
from typing import Any

from audionas.core.arch import InputSpec
from audionas.core.report import Reporter
from audionas.cost.graph import measure
from audionas.run import _archs
from audionas.spaces._base import space_of


def cost(network: str, shape: str = "", classes: int = 0) -> dict[str, Any]:
    """The cost of a zoo network or architecture file, at its own input unless told otherwise."""
    spec = _archs.find(network)
    classes = classes or spec.io.classes
    io = InputSpec.parse(shape, classes) if shape else spec.io._replace(classes=classes)
    spec = replace(spec, io=io)
    found = measure(space_of(spec).build(spec), io)
    return {
        "network": network,
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
    }


def show(result: dict[str, Any]) -> None:
    """The same as a table on standard output."""
    rows = [
        (x["name"], x["kind"], f"{x['params']:,}", f"{x['macs']:,}", "x".join(map(str, x["output"])))
        for x in result["layers"]
    ]
    Reporter(stdout=True).table(("layer", "kind", "parameters", "multiply-adds", "output"), rows)
    print(
        f"\n{result['network']} ({result['arch']}): "
        f"{result['params']:,} parameters, {result['macs']:,} multiply-adds\n"
        f"weights {result['weight_bytes']:,} bytes, peak activations {result['peak_activation_bytes']:,} "
        f"bytes (at {result['peak_layer']}), one example in float32"
    )
