"""The operators of a LiteRT file with their shapes, whoever wrote it: what a runtime will allocate for."""

from pathlib import Path
from typing import Any

from audionas.core.errors import UserError
from audionas.cost.operators import Operator, Program, Subgraph, Tensor
from audionas.export.lite.file import imported

_BYTES = {"FLOAT32": 4, "INT32": 4, "INT64": 8, "INT8": 1, "UINT8": 1, "BOOL": 1, "INT16": 2, "FLOAT16": 2}


def program(file: Path) -> Program:
    """The subgraphs of a file. Raises UserError where it is none, or has tensors of another kind."""
    s = imported("ai_edge_litert.schema_py_generated")
    if not file.is_file():
        raise UserError(f"{file}: no such file", hint="Give a file that audionas export wrote.")
    content = file.read_bytes()
    if not s.Model.ModelBufferHasIdentifier(content, 0):
        raise UserError(f"{file}: not a LiteRT file", hint="Give a file that audionas export wrote.")
    model = s.ModelT.InitFromPackedBuf(content, 0)
    kinds = {number: name for name, number in vars(s.BuiltinOperator).items() if isinstance(number, int)}
    types = {number: name for name, number in vars(s.TensorType).items() if isinstance(number, int)}
    names = [kinds[max(code.builtinCode, code.deprecatedBuiltinCode)] for code in model.operatorCodes]
    return tuple(_subgraph(s, model, graph, names, types) for graph in model.subgraphs)


def _subgraph(s: Any, model: Any, graph: Any, names: list[str], types: dict[int, str]) -> Subgraph:
    tensors = []
    for tensor in graph.tensors:
        data, kind = model.buffers[tensor.buffer].data, types[tensor.type]
        if kind not in (*_BYTES, "RESOURCE"):
            raise UserError(f"a tensor of type {kind}, whose working memory is not known")
        stored = kind == "RESOURCE" or (data is not None and len(data) > 0)
        tensors.append(Tensor(_whole(tensor.shape), _BYTES.get(kind, 4), stored))
    return Subgraph(
        tuple(tensors),
        tuple(_operator(s, node, names[node.opcodeIndex]) for node in graph.operators),
        _whole(graph.inputs),
        _whole(graph.outputs),
    )


def _operator(s: Any, node: Any, kind: str) -> Operator:
    inputs = tuple(index for index in _whole(node.inputs) if index >= 0)
    found, given = Operator(kind, inputs, _whole(node.outputs)), node.builtinOptions
    if kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        return found._replace(
            stride=(given.strideH, given.strideW),
            dilation=(given.dilationHFactor, given.dilationWFactor),
            same=given.padding == s.Padding.SAME,
            multiplier=given.depthMultiplier if kind == "DEPTHWISE_CONV_2D" else 1,
        )
    if kind == "VAR_HANDLE":
        return found._replace(variable=(given.sharedName or b"").decode(errors="replace"))
    return found._replace(graph=given.initSubgraphIndex) if kind == "CALL_ONCE" else found


def _whole(given: Any) -> tuple[int, ...]:
    return () if given is None else tuple(int(number) for number in given)
