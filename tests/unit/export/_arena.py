"""The arena of TFLite-Micro's Python package, by the model of `cost.arena`."""

import importlib.util
import json
from pathlib import Path

from audionas.cost.planner import Scratch, buffers, height
from audionas.cost.tflite_micro import KEPT, Runtime, asked, persistent
from audionas.export import litert
from audionas.export.lite.read import program

# The package can hold compressed weights, so its structs are larger.
WHEEL = Runtime(
    8,
    {
        **KEPT,
        **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D"), "i" * 9 + "PP" + "i" * 5),
        **{
            "CONCATENATION": "iPPiii" + "i" * 10,
            "ASSIGN_VARIABLE": "i",
            "FULLY_CONNECTED": "i" * 9 + "PPbii",
        },
    },
)


def left(file: Path) -> int:
    """The measured bytes less the model's: 8-byte pointers, reference kernels, a table of variables."""
    found = program(file)
    wanted = [
        Scratch(which, place, size)
        for which, graph in enumerate(found)
        for place, node in enumerate(graph.operators)
        for size in asked(node, found, which)
    ]
    names = {node.variable for graph in found for node in graph.operators if node.kind == "VAR_HANDLE"}
    table = -(-40 * len(names) // 16) * 16
    kept = persistent(found, len(wanted), WHEEL)[1]
    return litert.arena(file) - kept - height(buffers(found, wanted)) - table


def shipped(name: str) -> tuple[Path, int]:
    """A file of pymicro-wakeword 2.5.0 and the arena in its manifest."""
    found = importlib.util.find_spec("pymicro_wakeword")
    assert found is not None
    assert found.origin is not None
    file = Path(found.origin).parent / "models" / f"{name}.tflite"
    return file, json.loads(file.with_suffix(".json").read_text())["micro"]["tensor_arena_size"]
