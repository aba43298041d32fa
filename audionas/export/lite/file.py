"""A graph as the bytes of a LiteRT file, float or int8; its states are inputs and outputs, or variables."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from audionas.core.errors import UserError
from audionas.core.extras import install
from audionas.export.lite.graph import Graph, Memory, Node
from audionas.export.lite.int8 import FIXED, Int8, Quant

_ALIGN = 16  # bytes, which the schema requires for buffers
_VERSIONS = {  # versions of operators in int8; in float all have version 1
    **{"CONV_2D": 3, "DEPTHWISE_CONV_2D": 3},
    **dict.fromkeys(("ADD", "MUL", "SUB", "SOFTMAX", "LOGISTIC", "STRIDED_SLICE", "CONCATENATION"), 2),
    **dict.fromkeys(("PAD", "AVERAGE_POOL_2D", "MEAN", "TRANSPOSE", "RELU", "RELU6"), 2),
    **dict.fromkeys(("PADV2", "MIRROR_PAD", "MAX_POOL_2D", "LEAKY_RELU", "TANH", "MINIMUM"), 2),
}
_OPTIONS = {  # the option table of each operator, where it has one
    **{"CONV_2D": "Conv2D", "DEPTHWISE_CONV_2D": "DepthwiseConv2D"},
    **{"ADD": "Add", "MUL": "Mul", "SUB": "Sub", "DIV": "Div", "SOFTMAX": "Softmax", "MEAN": "Reducer"},
    **{"CONCATENATION": "Concatenation", "STRIDED_SLICE": "StridedSlice", "AVERAGE_POOL_2D": "Pool2D"},
    **{"PAD": "Pad", "TRANSPOSE": "Transpose", "RESHAPE": "Reshape", "CUMSUM": "Cumsum"},
    **{"HARD_SWISH": "HardSwish", "MINIMUM": "MaximumMinimum", "QUANTIZE": "Quantize"},
    **{"MAX_POOL_2D": "Pool2D", "PADV2": "PadV2", "MIRROR_PAD": "MirrorPad", "LEAKY_RELU": "LeakyRelu"},
    **{"CALL_ONCE": "CallOnce", "VAR_HANDLE": "VarHandle"},
    **{"READ_VARIABLE": "ReadVariable", "ASSIGN_VARIABLE": "AssignVariable"},
}
_PAIRS = {"stride": ("strideH", "strideW"), "filter": ("filterHeight", "filterWidth")}
_PAIRS["dilation"] = ("dilationHFactor", "dilationWFactor")


def pack(graph: Graph, int8: Int8 | None, *, internal: bool, about: str) -> bytes:
    """The bytes of the file. With `internal` its states are resource variables, which a subgraph that runs
    once sets to zero; else inputs `<state>` and outputs `<state>_next`. Input `frames`, output `scores`.
    """
    flatbuffers = imported("flatbuffers")
    file = _File(graph, int8)
    main = _Sub(file, "main", named=not internal)
    main.write(internal=internal)
    subs = [main]
    if internal and graph.states:
        once = _Sub(file, "start", named=False)
        for state in graph.states:
            once.assign(state, once.zeros(state))
        subs.append(once)
    model = file.s.ModelT(version=3, description=about)
    model.subgraphs = [sub.packed() for sub in subs]
    model.operatorCodes, model.buffers = file.codes, file.buffers
    model.signatureDefs = [main.signature()]
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def imported(name: str) -> Any:
    """Import a package of the extra `device`. Raises UserError where it is not installed."""
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        raise UserError(f"{name} is not installed", hint=install("device")) from error


class _File:
    """The parts that the subgraphs of a file share: the schema, operator codes and buffers."""

    def __init__(self, graph: Graph, int8: Int8 | None) -> None:
        self.s = imported("ai_edge_litert.schema_py_generated")
        self.graph, self.int8 = graph, int8
        self.codes: list[Any] = []
        self.buffers: list[Any] = [self.s.BufferT()]  # the first is empty: for everything but constants
        self._known: dict[bytes, int] = {}
        self._quants: dict[Quant, Any] = {}

    def code(self, op: str, dilated: bool) -> int:
        """The index of an operator's code."""
        version = _VERSIONS.get(op, 1) if self.int8 else 2 if dilated and op == "DEPTHWISE_CONV_2D" else 1
        number = getattr(self.s.BuiltinOperator, op)
        for index, code in enumerate(self.codes):
            if (code.builtinCode, code.version) == (number, version):
                return index
        self.codes.append(
            self.s.OperatorCodeT(deprecatedBuiltinCode=min(number, 127), builtinCode=number, version=version)
        )
        return len(self.codes) - 1

    def buffer(self, data: np.ndarray) -> int:
        """The index of a buffer; identical contents are stored once."""
        content = np.ascontiguousarray(data).tobytes()
        if content not in self._known:
            self._known[content] = len(self.buffers)
            self.buffers.append(_aligned(self.s, content))
        return self._known[content]

    def quantization(self, quant: Quant) -> Any:
        """The table of a quantiser; tensors with equal ones share one, which saves a tenth of the file."""
        if quant not in self._quants:
            table = _once(self.s.QuantizationParametersT)()
            table.scale, table.zeroPoint = list(quant.scale), [quant.zero] * len(quant.scale)
            table.quantizedDimension = quant.axis
            self._quants[quant] = table
        return self._quants[quant]


class _Sub:
    """One subgraph while it is written. In a file for a device only inputs and outputs have names."""

    def __init__(self, file: _File, name: str, *, named: bool) -> None:
        self.file, self.name, self.named = file, name, named
        self.tensors: list[Any] = []
        self.operators: list[Any] = []
        self.index: dict[str, int] = {}
        self.inputs: list[str] = []
        self.outputs: list[str] = []
        graph = file.graph
        self.labels = {state.kept: f"{state.name}_next" for state in graph.states} | {graph.scores: "scores"}

    def write(self, *, internal: bool) -> None:
        """Write all operators of the graph; variables are read just before use and stored once known."""
        graph = self.file.graph
        names = [] if internal else [state.given for state in graph.states]
        self.inputs = [graph.frames, *names]
        self.outputs = [graph.scores, *([] if internal else (state.kept for state in graph.states))]
        if internal and graph.states:
            self.operator("CALL_ONCE", [], [], {"initSubgraphIndex": 1})
        for name in self.inputs:
            self.tensor(name)
        for node in graph.nodes:
            if internal:
                self._read(node)
            self._computed(node)
            for state in graph.states if internal else ():
                if state.kept == node.output:
                    self.assign(state, self.tensor(node.output))

    def _computed(self, node: Node) -> None:
        """An operator. Behind one whose scale is fixed QUANTIZE makes another, where copies need it."""
        made, inputs = self.tensor(node.output), [self.tensor(name) for name in node.inputs]
        int8, quant = self.file.int8, FIXED.get(node.op)
        if int8 is None or quant in (None, int8.quants[node.output]):
            self.operator(node.op, inputs, [made], node.options)
            return
        shape = self.file.graph.values[node.output].shape
        first = self._tensor(f"{node.output}/fixed", shape, None, quant)
        self.operator(node.op, inputs, [first], node.options)
        self.operator("QUANTIZE", [first], [made], {})

    def _read(self, node: Node) -> None:
        for state in self.file.graph.states:
            if state.given in node.inputs and state.given not in self.index:
                self.operator("READ_VARIABLE", [self.handle(state)], [self.tensor(state.given)], {})

    def assign(self, state: Memory, value: int) -> None:
        """Store a value as a state."""
        self.operator("ASSIGN_VARIABLE", [self.handle(state), value], [], {})

    def handle(self, state: Memory) -> int:
        """The tensor that represents a variable."""
        name = f"{state.name}/variable"
        if name not in self.index:
            kind = self.file.s.TensorType.RESOURCE
            self._add(name, self.file.s.TensorT(shape=[], type=kind, hasRank=True))
            options = {"container": "", "sharedName": state.name}
            self.operator("VAR_HANDLE", [], [self.index[name]], options)
        return self.index[name]

    def zeros(self, state: Memory) -> int:
        """A constant with the value of a state at the start."""
        int8 = self.file.int8
        value = self.file.graph.values[state.given]
        quant = int8.quants[state.given] if int8 else None
        data = np.zeros(value.shape, np.float32)
        return self._tensor(f"{state.name}/zeros", value.shape, quant.whole(data) if quant else data, quant)

    def tensor(self, name: str) -> int:
        """The index of a value, which is added if it is new."""
        if name in self.index:
            return self.index[name]
        int8, value = self.file.int8, self.file.graph.values[name]
        data = int8.data.get(name) if int8 else value.data
        return self._tensor(name, value.shape, data, int8.quants.get(name) if int8 else None)

    def _tensor(self, name: str, shape: Sequence[int], data: np.ndarray | None, quant: Quant | None) -> int:
        s = self.file.s
        dtype = quant.dtype if quant else str(data.dtype) if data is not None else "float32"
        tensor = s.TensorT(shape=list(shape), type=getattr(s.TensorType, dtype.upper()), hasRank=True)
        if self.named or name in (*self.inputs, *self.outputs):
            tensor.name = self.labels.get(name, name).encode()
        tensor.buffer = 0 if data is None else self.file.buffer(data)
        if quant:
            tensor.quantization = self.file.quantization(quant)
        return self._add(name, tensor)

    def _add(self, name: str, tensor: Any) -> int:
        self.index[name] = len(self.tensors)
        self.tensors.append(tensor)
        return self.index[name]

    def operator(self, op: str, inputs: list[int], outputs: list[int], options: dict[str, Any]) -> None:
        """Append an operator."""
        s = self.file.s
        dilated = max(options.get("dilation", (1,))) > 1
        written = s.OperatorT(opcodeIndex=self.file.code(op, dilated), inputs=inputs, outputs=outputs)
        if op in _OPTIONS:
            written.builtinOptionsType = getattr(s.BuiltinOptions, f"{_OPTIONS[op]}Options")
            written.builtinOptions = _options(s, op, options)
        self.operators.append(written)

    def packed(self) -> Any:
        """The subgraph in the form of the schema."""
        ends = ([self.index[name] for name in names] for names in (self.inputs, self.outputs))
        inputs, outputs = ends
        return self.file.s.SubGraphT(
            tensors=self.tensors,
            inputs=inputs,
            outputs=outputs,
            operators=self.operators,
            name=self.name.encode(),
        )

    def signature(self) -> Any:
        """Names for the inputs and outputs, by which runtimes find them."""
        s = self.file.s
        maps = (
            [s.TensorMapT(name=self.labels.get(n, n).encode(), tensorIndex=self.index[n]) for n in names]
            for names in (self.inputs, self.outputs)
        )
        inputs, outputs = maps
        return s.SignatureDefT(inputs=inputs, outputs=outputs, signatureKey=b"serving_default")


def _options(s: Any, op: str, options: dict[str, Any]) -> Any:
    table = getattr(s, f"{_OPTIONS[op]}OptionsT")()
    for name, given in options.items():
        if name in _PAIRS:
            for key, part in zip(_PAIRS[name], given, strict=True):
                setattr(table, key, part)
        elif name == "act":
            table.fusedActivationFunction = getattr(s.ActivationFunctionType, given)
        else:
            assert hasattr(table, name), (op, name)
            setattr(table, name, getattr(s.Padding, given) if name == "padding" else given)
    return table


def _once(table: Any) -> Any:
    """A kind of table that is written only once, however often it is used."""

    class Once(table):  # type: ignore[misc]
        at: int | None = None

        def Pack(self, builder: Any) -> int:
            if self.at is None:
                self.at = super().Pack(builder)
            return self.at

    return Once


def _aligned(s: Any, content: bytes) -> Any:
    """A buffer whose content begins at a multiple of 16 bytes, which the Python package does not ensure."""

    class Aligned(s.BufferT):  # type: ignore[misc]
        def Pack(self, builder: Any) -> int:
            builder.StartVector(1, len(content), _ALIGN)
            builder.head -= len(content)
            builder.Bytes[builder.head : builder.head + len(content)] = content
            data = builder.EndVector()
            s.BufferStart(builder)
            s.BufferAddData(builder, data)
            return int(s.BufferEnd(builder))

    return Aligned()
