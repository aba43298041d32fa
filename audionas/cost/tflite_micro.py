"""The part of the arena that TFLite-Micro keeps while a network is loaded, by the layouts of its structs.

Source: espressif/esp-tflite-micro 1.4.0, built as ESPHome builds it (TF_LITE_STATIC_MEMORY, no compression).
A layout has a letter per field: P pointer or size, i int or float, d double, H short, b byte or bool.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from audionas.cost.operators import Operator, Program
from audionas.cost.planner import ALIGN

_BYTES = {"i": 4, "d": 8, "H": 2, "b": 1}
_CONV = "i" * 9 + "PP" + "i" * 4  # with the index of ESP-NN's scratch
_POSITIONS = "b" + "i" * 5
BUILTIN = {  # the options of an operator as they are parsed; others have none
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D"), "i" * 7),
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D"), "i" * 10),
    **dict.fromkeys(("ADD", "SUB"), "ib"),
    **dict.fromkeys(("MUL", "SOFTMAX", "SPLIT_V", "CALL_ONCE"), "i"),
    **dict.fromkeys(("CONCATENATION", "PACK"), "ii"),
    **{"FULLY_CONNECTED": "iibbi", "RESHAPE": "i" * 9, "MEAN": "b", "STRIDED_SLICE": "iiiiib"},
    **{"VAR_HANDLE": "PP"},
}
KEPT = {  # what a kernel keeps for each of its operators; others keep nothing
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D"), _CONV),
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D"), "i" * 8),
    **dict.fromkeys(("ADD", "SUB"), "b" + "i" * 14),
    **{
        "MUL": "i" * 9,
        "MEAN": "i" * 12,
        "LOGISTIC": "iiii",
        "QUANTIZE": "idiii",
        "PAD": 2 * _POSITIONS + "bi",
    },
    **{
        "STRIDED_SLICE": 3 * _POSITIONS + "HHHHHb",
        "CONCATENATION": "iPPiii",
        "SOFTMAX": "d" + "i" * 7 + "PPPPPi",
    },
    **{"FULLY_CONNECTED": "i" * 9 + "PPb", "CALL_ONCE": "ib", "VAR_HANDLE": "i"},
}
KNOWN = frozenset((*BUILTIN, *KEPT, "READ_VARIABLE", "ASSIGN_VARIABLE"))
_ALLOCATORS = ("PPPPPPPi", "PiiPPPPiiPb", "PPPPPbPPP", "PP")  # arena, planner, model, options
_REQUESTS = 12  # scratch requests for which there is room before an operator is prepared
_PER_PLANNED = 40  # bytes in which the planner works, for each buffer


@dataclass(frozen=True)
class Runtime:
    """The sizes of a build: bytes of a pointer, and the layouts of what kernels keep."""

    pointer: int = 4
    kept: Mapping[str, str] = field(default_factory=lambda: KEPT)

    def size(self, layout: str) -> tuple[int, int]:
        """The bytes of a struct and its alignment."""
        end, align = 0, 1
        for letter in layout:
            part = _BYTES.get(letter, self.pointer)
            align = max(align, part)
            end = _up(end, part) + part
        return _up(end, align), align


class _Tail:
    """The end of the arena, which grows towards its beginning."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime, self.bytes = runtime, 0

    def add(self, layout: str, count: int = 1) -> None:
        """Add an array of structs."""
        size, align = self.runtime.size(layout)
        self.bytes = _up(self.bytes + size * count, align)

    def aligned(self, size: int) -> None:
        """Add bytes that a kernel or the interpreter keeps."""
        self.bytes = _up(self.bytes + size, ALIGN)


def persistent(program: Program, scratches: int, runtime: Runtime) -> tuple[int, int]:
    """The bytes kept when the plan is made, and those kept once all is ready; `scratches` counts requests."""
    tail = _Tail(runtime)
    for layout in _ALLOCATORS:
        tail.add(layout)
    tail.add("PP", len(program))
    for graph in program:
        tail.add("PPi", len(graph.tensors))
    for graph in program:
        tail.add("PPPPPPiP", len(graph.operators))
    every = [node for graph in program for node in graph.operators]
    for node in every:
        tail.add(BUILTIN.get(node.kind, ""))
    for node in every:
        if node.kind in runtime.kept:
            tail.aligned(runtime.size(runtime.kept[node.kind])[0])
    _prepared(program, tail)
    tail.add("P", scratches)
    planned = tail.bytes
    for ends in (program[0].inputs, program[0].outputs):
        tail.aligned(runtime.pointer * len(ends))
        for _ in ends:
            for layout in ("iPiiPPPiib", "PPi", "ii"):  # the tensor, its quantiser, its zero
                tail.add(layout)
    return planned, tail.bytes


def planning(program: Program, scratches: int, planned: int, runtime: Runtime) -> int:
    """The bytes in which the plan is made, beside those kept: it must find room where tensors will lie."""
    tensors = sum(len(graph.tensors) for graph in program)
    size = runtime.size("Pii")[0] * (scratches + _REQUESTS)
    size = _up(size, runtime.pointer) + runtime.pointer * len(program)
    size = _up(size, runtime.pointer) + runtime.size("PPiiib")[0] * (tensors + scratches)
    return _up(size, ALIGN) + _PER_PLANNED * planned


def _prepared(program: Program, tail: _Tail) -> None:
    """Add what kernels keep once they know shapes: factors by channel, and the contents of variables."""
    known: set[str] = set()
    for graph in program:
        handles = {node.outputs[0]: node.variable for node in graph.operators if node.kind == "VAR_HANDLE"}
        for node in graph.operators:
            if node.kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
                channels = graph.tensors[node.outputs[0]].shape[-1]
                tail.aligned(4 * channels)
                tail.aligned(4 * channels)
            if node.kind == "ASSIGN_VARIABLE" and handles[node.inputs[0]] not in known:
                known.add(handles[node.inputs[0]])
                tail.aligned(graph.tensors[node.inputs[1]].bytes)


def asked(node: Operator, program: Program, which: int) -> list[int]:
    """The scratch that TFLite-Micro's own kernels ask for: a mean's sums and positions."""
    if node.kind != "MEAN":
        return []
    tensors = program[which].tensors
    x, axes = (tensors[i] for i in node.inputs)
    made = tensors[node.outputs[0]]
    return [4 * (made.bytes // made.item), 4 * len(x.shape), 4 * (axes.bytes // axes.item)]


def _up(number: int, step: int) -> int:
    return -(-number // step) * step
