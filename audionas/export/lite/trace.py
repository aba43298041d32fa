"""A streaming step, recorded by torch and written operator by operator as a graph."""

import copy
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from audionas.core.errors import UserError
from audionas.export.lite.call import called
from audionas.export.lite.graph import LAST, Builder, Graph, Memory, Shape, Value
from audionas.export.lite.layout import as_value
from audionas.nn.streaming import Step


def build(step: Step, mean: Tensor, std: Tensor, *, keyword: int | None = None) -> Graph:
    """The graph of `(frames - mean) / std`, the step over one hop, and softmax.

    With `keyword`, one of two classes, the scores are (1, 1): the logistic function of the difference of the
    two logits, which is that class's softmax. Raises UserError for an operator that is not covered, naming it
    and its layer.
    """
    freq, hop = len(mean), step.hop
    step = copy.deepcopy(step).float().eval()
    graph = Graph("frames")
    b = Builder(graph)
    frames = b.value((1, hop, freq), name="frames")
    given = [b.value(_last(s), name=n) for n, s in zip(step.names, step.shapes, strict=True)]
    logits, *kept = _traced(b, step, [_normalized(b, frames, mean, std), *given])
    graph.states = tuple(Memory(n, g.name, k.name) for n, g, k in zip(step.names, given, kept, strict=True))
    graph.scores = _scores(b, logits, keyword).name
    graph.prune()
    return graph


def _last(shape: Sequence[int]) -> Shape:
    return tuple(shape[axis] for axis in LAST)


def _normalized(b: Builder, frames: Value, mean: Tensor, std: Tensor) -> Value:
    """Normalise (1, n, F) to (1, n, F, 1) by a depthwise convolution, one weight and one bias per frequency.

    Scale and shift then cost one rounding in int8, with one scale per frequency.
    """
    b.where = "normalize"
    _, n, freq = frames.shape
    weight = b.constant((1 / std).reshape(1, 1, 1, freq).numpy(), "normalize.weight")
    bias = b.constant((-mean / std).reshape(freq).numpy(), "normalize.bias")
    line = b.reshape(frames, (1, n, 1, freq))
    options = {"stride": (1, 1), "dilation": (1, 1), "padding": "VALID", "depthMultiplier": 1}
    scaled = b.add("DEPTHWISE_CONV_2D", [line, weight, bias], line.shape, **options, act="NONE")
    return b.reshape(scaled, (1, n, freq, 1))


def _scores(b: Builder, logits: Value, keyword: int | None) -> Value:
    b.where = "scores"
    classes = logits.shape[-1]
    if keyword is None:
        logits = b.reshape(logits, (1, classes))
        return b.add("SOFTMAX", [logits], logits.shape, beta=1.0)
    assert classes == 2, "one keyword and one class for everything else"
    sign = np.where(np.arange(2) == keyword, 1, -1).astype(np.float32)
    x = b.reshape(logits, (1, 1, 1, classes))
    maker = b.graph.maker(x.name)
    options = {"stride": (1, 1), "dilation": (1, 1), "padding": "VALID", "act": "NONE"}
    kernel, shift = sign.reshape(1, 1, 1, classes), np.zeros(1, np.float32)
    if maker is not None and maker.op == "CONV_2D" and maker.options["act"] == "NONE":
        given, *parts = (b.graph.values[name] for name in maker.inputs)  # the difference of its two kernels
        kernel, shift = (np.tensordot(sign, part.data, 1)[None] for part in parts if part.data is not None)
        x, options = given, maker.options
    difference = b.add("CONV_2D", [x, b.constant(kernel), b.constant(shift)], (1, 1, 1, 1), **options)
    return b.reshape(b.add("LOGISTIC", [difference], difference.shape), (1, 1))


def _traced(b: Builder, step: Step, inputs: list[Value]) -> list[Value]:
    """Translate the step as torch records it, operator by operator; constant parts are computed here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.export's own deprecations
        x = torch.zeros(1, 1, inputs[0].shape[2], step.hop)
        try:
            program = torch.export.export(step, (x, *step.start()))
        except RuntimeError as error:  # torch's own for what depends on the data, and for shapes
            reason = str(error).strip().partition("\n")[0]
            raise UserError(f"torch.export cannot record the network: {reason}") from error
    known: dict[str, Any] = dict(zip(program.graph_signature.user_inputs, inputs, strict=True))
    for node in program.graph.nodes:
        if node.op == "placeholder":
            if node.name not in known:
                known[node.name] = _stored(program, node.name)
        elif node.op == "call_function":
            known[node.name] = called(b, node, known)
        elif node.op == "output":
            b.where = "the result"
            return [as_value(b, known[given.name]) for given in node.args[0]]
        else:
            raise b.refuse(f"torch's node {node.target}")
    raise AssertionError("a graph ends in its output")


def _stored(program: Any, name: str) -> Tensor:
    signature = program.graph_signature
    target = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}.get(name)
    if target is None:
        return torch.as_tensor(program.constants[signature.inputs_to_lifted_tensor_constants[name]])
    found = program.state_dict.get(target, program.constants.get(target))
    return torch.as_tensor(found).detach()
