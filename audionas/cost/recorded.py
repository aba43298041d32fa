"""The operators of a network that listens, as the LiteRT writer would write them, recorded without a file.

Nothing is computed and no file is made: a pass of `Step` over one hop shows every operator with its shapes.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from audionas.core.arch import InputSpec
from audionas.cost.graph import Unnormed
from audionas.cost.operators import Program
from audionas.cost.operators import Tensor as Kept
from audionas.cost.written import Node, Recording, Span, numbers, program
from audionas.nn.edge import Edge
from audionas.nn.streaming import Step

_FUSING = ("CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "MUL")  # can include an activation
_VIEWS = (
    *("alias", "clone", "detach", "contiguous", "transpose", "permute", "view", "_unsafe_view", "reshape"),
    *("unsqueeze", "squeeze", "expand", "t", "dropout"),
)
_CONSTANTS = ("ones_like", "zeros_like", "new_zeros", "new_ones", "new_empty", "empty_like")
_NAMES = {
    **{"sigmoid": "LOGISTIC", "hardtanh": "RELU6", "add": "ADD", "mul": "MUL", "sub": "SUB", "rsub": "SUB"},
    **{"div": "DIV", "max_pool2d_with_indices": "MAX_POOL_2D"},
}


def recorded(net: nn.Module, io: InputSpec) -> Program:
    """The program of ESPHome's file for `net`: its states are variables, and the scores of two classes one.

    Raises UserError for a network that looks ahead.
    """
    return program(record(net, io), io.classes)


def record(net: nn.Module, io: InputSpec, mark: str = "") -> Recording:
    """One pass over a hop; `mark` begins the names of what is made, to tell several recordings apart."""
    with Unnormed():
        step = Step(net, io, squeeze="frames").float().to("meta")  # what files in int8 hold
    line = (1, step.hop, 1, io.freq)
    log = _Log(_normalized(io), {"given": (1, step.hop, io.freq), "lined": line, "scaled": line}, mark)
    spans = _watched(step.net, log)
    with torch.no_grad():
        given = [
            log.named(name, torch.empty(s, device="meta"))
            for name, s in zip(step.names, step.shapes, strict=True)
        ]
        frames = log.named("frames", torch.empty(1, io.channels, io.freq, step.hop, device="meta"))
        with log, _Norms(log):
            scores, *kept = step(frames, *given)
    states = {name: log.name(after) for name, after in zip(step.names, kept, strict=True)}
    return Recording(log.nodes, log.shapes, states, log.plain(log.name(scores)), spans)


def _watched(net: nn.Module, log: "_Log") -> list[Span]:
    """The spans of the network's edges, which fill once it runs."""
    spans: list[Span] = []
    begun: dict[str, tuple[int, str]] = {}

    def begin(path: str, given: Tensor) -> None:
        begun[path] = (len(log.nodes), log.name(given))

    def end(path: str, made: Tensor) -> None:
        first, given = begun[path]
        spans.append(Span(path, first, len(log.nodes), given, log.name(made)))

    for path, part in net.named_modules():
        if isinstance(part, Edge):
            part.register_forward_pre_hook(lambda _, args, path=path: begin(path, args[0]))
            part.register_forward_hook(lambda _, __, made, path=path: end(path, made))
    return spans


class _Log(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes the operators on values that depend on the input, each with the name of what it makes."""

    def __init__(self, first: list[Node], shapes: dict[str, tuple[int, ...]], mark: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.mark = mark
        self.nodes = first
        self.shapes = shapes
        self._names: dict[int, str] = {}
        self._alive: list[Tensor] = []  # so that no identity is used twice

    def named(self, name: str, value: Tensor) -> Tensor:
        """Give a value a name."""
        self._names[id(value)] = name
        self._alive.append(value)
        self.shapes.setdefault(name, _last(value))
        return value

    def name(self, value: object) -> str:
        """The name of a value; "" where it does not depend on the input."""
        return self._names.get(id(value), "")

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        flat = torch.utils._pytree.tree_leaves((args, kwargs or {}))
        reads = [self.name(part) for part in flat if isinstance(part, Tensor)]
        if any(reads):
            op = str(func).removeprefix("aten.").partition(".")[0].removesuffix("_")
            first = made[0] if isinstance(made, tuple) else made
            self._noted(op, args, [r for r in reads if r], first)
        return made

    def _noted(self, op: str, args: Sequence[Any], reads: list[str], made: Any) -> None:
        source = reads[0]
        if op in _CONSTANTS:
            return
        if op in _VIEWS or (op in ("slice", "mean") and made.shape == args[0].shape):
            self.named(self._reshaped(source, _last(made)), made)
        elif op == "convolution":
            self._convolution(args, source, made)
        elif op == "addmm":
            c_in, c_out = args[2].shape
            known = (Kept((c_out, 1, 1, c_in), 1, True), numbers(c_out))
            self._add("CONV_2D", [self._reshaped(source, (1, 1, 1, c_in))], made, known)
            self.shapes[self.name(made)] = (1, 1, 1, c_out)
        elif op == "hardtanh" and self.activates(args[0]):
            self.named(source, made)
        elif op in ("split", "split_with_sizes"):
            for part in made if isinstance(made, list) else [made]:
                self._add("STRIDED_SLICE", [source], part, (numbers(4),) * 3)
        elif op == "slice":
            self._add("STRIDED_SLICE", [source], made, (numbers(4),) * 3)
        elif op == "cat":
            self._add("CONCATENATION", reads, made)
        elif op == "mean" or (op == "avg_pool2d" and made[0, 0].numel() == 1):
            self._add("MEAN", [source], made, (numbers(1),))
        elif op == "avg_pool2d":
            self._add("AVERAGE_POOL_2D", [source], made)
        elif op == "silu":
            self._add("LOGISTIC", [source], made)
            self._add("MUL", [source, self.name(made)], made)
        else:
            constants = 2 - len(reads) if op in ("add", "mul", "sub", "rsub", "div") else 0
            shape = (Kept((1, 1, 1, made.shape[1]), 1, True),) * constants if made.ndim == 4 else ()
            self._add(_NAMES.get(op, op.upper()), reads, made, shape)

    def _add(
        self, kind: str, reads: Sequence[str], made: Tensor, known: tuple[Kept, ...] = (), **options: Any
    ) -> None:
        name = f"{self.mark}{kind}/{len(self.nodes)}"
        self.shapes[name] = _last(made)
        self.named(name, made)
        self.nodes.append(Node(kind, tuple(reads), name, known, options))

    def _convolution(self, args: Sequence[Any], source: str, made: Tensor) -> None:
        x, weight, _, stride, padding, dilation = args[:6]
        c_out, per_group, *kernel = weight.shape
        deep = per_group == 1 and x.shape[1] > 1
        pads, step, spread = (tuple(int(n) for n in pair[::-1]) for pair in (padding, stride, dilation))
        reach = tuple(d * (k - 1) for d, k in zip(spread, kernel[::-1], strict=True))
        same = step == (1, 1) and any(pads) and all(2 * p == r for p, r in zip(pads, reach, strict=True))
        if any(pads) and not same:
            padded = x.new_empty(
                *x.shape[:2], *(n + 2 * int(p) for n, p in zip(x.shape[2:], padding, strict=True))
            )
            self._add("PAD", [source], padded, (Kept((4, 2), 4, True),))
            source = self.name(padded)
        shape = (1, kernel[1], kernel[0], c_out) if deep else (c_out, kernel[1], kernel[0], per_group)
        known = (Kept(shape, 1, True), numbers(c_out))
        times = c_out // x.shape[1] if deep else 1
        kind = "DEPTHWISE_CONV_2D" if deep else "CONV_2D"
        self._add(kind, [source], made, known, stride=step, dilation=spread, same=same, multiplier=times)

    def plain(self, name: str) -> str:
        """The value before all reshapes."""
        maker = self._maker(name)
        while maker is not None and maker.kind == "RESHAPE" and maker.makes != "lined":
            name = maker.reads[0]
            maker = self._maker(name)
        return name

    def _reshaped(self, source: str, shape: tuple[int, ...]) -> str:
        """The same numbers in another shape: several reshapes in a row become one, or none."""
        if self.shapes[source] == shape:
            return source
        source = self.plain(source)
        if self.shapes.get(source) == shape:
            return source
        name = f"{self.mark}RESHAPE/{len(self.nodes)}"
        self.shapes[name] = shape
        self.nodes.append(Node("RESHAPE", (source,), name, (numbers(len(shape)),)))
        return name

    def _maker(self, name: str) -> Node | None:
        return next((node for node in reversed(self.nodes) if node.makes == name), None)

    def folds(self, value: Tensor) -> bool:
        """True where a norm of this value becomes part of the convolution that makes it."""
        maker = self._maker(self.name(value))
        return maker is not None and maker.kind in _FUSING[:2] and not maker.options.get("act")

    def activates(self, value: Tensor) -> bool:
        """Note an activation as part of the operator that makes `value`; False where that cannot take one."""
        maker = self._maker(self.name(value))
        if maker is None or maker.kind not in _FUSING or maker.options.get("act"):
            return False
        self.nodes[self.nodes.index(maker)] = maker._replace(options={**maker.options, "act": True})
        return True


class _Norms(TorchFunctionMode):
    """Batch norms and ReLUs as in a file: part of the operator before them where that can take them."""

    def __init__(self, log: _Log) -> None:
        super().__init__()
        self.log = log

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        x: Any = args[0] if args else None
        if func is functional.batch_norm and not self.log.folds(x):
            column = torch.empty(1, x.shape[1], 1, 1, device="meta")
            return x * column + column
        if func is functional.batch_norm or (func is functional.relu and self.log.activates(x)):
            return x
        return func(*args, **(kwargs or {}))


def _normalized(io: InputSpec) -> list[Node]:
    """The front-end's mean and scale, a depthwise convolution between reshapes, which makes `frames`."""
    known = (Kept((1, 1, 1, io.freq), 1, True), numbers(io.freq))
    return [
        Node("RESHAPE", ("given",), "lined", (numbers(4),)),
        Node("DEPTHWISE_CONV_2D", ("lined",), "scaled", known),
        Node("RESHAPE", ("scaled",), "frames", (numbers(4),)),
    ]


def _last(value: Tensor) -> tuple[int, ...]:
    """The shape with channels last."""
    if value.ndim != 4:
        return tuple(value.shape)
    return tuple(value.shape[axis] for axis in (0, 3, 2, 1))
