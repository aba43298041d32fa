"""The operators of a network that listens, as the LiteRT writer would write them, recorded without a file.

Nothing is computed and no file is made: a pass of `Step` over one hop shows every operator with its shapes.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from audionas.core.arch import InputSpec
from audionas.cost.graph import Unnormed
from audionas.cost.operators import Operator, Program, Subgraph
from audionas.cost.operators import Tensor as Kept
from audionas.nn.edge import Edge
from audionas.nn.streaming import Step

_FUSING = ("CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "MUL")  # can include an activation
_VIEWS = (
    *("alias", "clone", "detach", "contiguous", "transpose", "permute", "view", "_unsafe_view", "reshape"),
    *("unsqueeze", "squeeze", "expand", "t", "dropout"),
)
_CONSTANTS = ("ones_like", "zeros_like", "new_zeros", "new_ones", "new_empty", "empty_like")
_NAMES = {
    "sigmoid": "LOGISTIC",
    "hardtanh": "RELU6",
    "add": "ADD",
    "mul": "MUL",
    "sub": "SUB",
    "rsub": "SUB",
    "div": "DIV",
}


class Node(NamedTuple):
    """An operator on values by name; `known` are its constants."""

    kind: str
    reads: tuple[str, ...]
    makes: str
    known: tuple[Kept, ...] = ()
    options: Mapping[str, Any] = MappingProxyType({})


class Span(NamedTuple):
    """The operators `first` to `last` (not included) of one edge, with the names of what goes in and out."""

    edge: str
    first: int
    last: int
    given: str
    made: str


class Recording(NamedTuple):
    """A pass: operators, shapes by name, the next value of every state, the logits, and the edges' spans."""

    nodes: list[Node]
    shapes: dict[str, tuple[int, ...]]
    states: dict[str, str]
    logits: str
    spans: list[Span]


def recorded(net: nn.Module, io: InputSpec) -> Program:
    """The program of ESPHome's file for `net`: its states are variables, and the scores of two classes one.

    Raises UserError for a network that looks ahead.
    """
    return program(record(net, io), io.classes)


def record(net: nn.Module, io: InputSpec, mark: str = "") -> Recording:
    """One pass over a hop; `mark` begins the names of what is made, to tell several recordings apart."""
    with Unnormed():
        step = Step(net, io).float().to("meta")
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


def program(found: Recording, classes: int) -> Program:
    """The program of a recording, as the writer ends and prunes it."""
    states, shapes = dict(found.states), dict(found.shapes)
    nodes = _shared(list(found.nodes), states, shapes)
    nodes += _scored(nodes, found.logits, classes, shapes)
    return _written(_needed(nodes, states), states, shapes)


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
            known = (Kept((c_out, 1, 1, c_in), 1, True), _known(c_out))
            self._add("CONV_2D", [self._reshaped(source, (1, 1, 1, c_in))], made, known)
            self.shapes[self.name(made)] = (1, 1, 1, c_out)
        elif op == "hardtanh" and self.activates(args[0]):
            self.named(source, made)
        elif op in ("split", "split_with_sizes"):
            for part in made if isinstance(made, list) else [made]:
                self._add("STRIDED_SLICE", [source], part, (_known(4),) * 3)
        elif op == "slice":
            self._add("STRIDED_SLICE", [source], made, (_known(4),) * 3)
        elif op == "cat":
            self._add("CONCATENATION", reads, made)
        elif op == "mean" or (op == "avg_pool2d" and made[0, 0].numel() == 1):
            self._add("MEAN", [source], made, (_known(1),))
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
        known = (Kept(shape, 1, True), _known(c_out))
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
        self.nodes.append(Node("RESHAPE", (source,), name, (_known(len(shape)),)))
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
    known = (Kept((1, 1, 1, io.freq), 1, True), _known(io.freq))
    return [
        Node("RESHAPE", ("given",), "lined", (_known(4),)),
        Node("DEPTHWISE_CONV_2D", ("lined",), "scaled", known),
        Node("RESHAPE", ("scaled",), "frames", (_known(4),)),
    ]


def _needed(nodes: list[Node], states: dict[str, str]) -> list[Node]:
    """The operators without those that nothing reads."""
    needed, kept = {"score/uint8", *states.values()}, []
    for node in reversed(nodes):
        if node.makes in needed:
            kept.append(node)
            needed.update(node.reads)
    return kept[::-1]


def _shared(nodes: list[Node], states: dict[str, str], shapes: dict[str, tuple[int, ...]]) -> list[Node]:
    """Branches that keep the same signal share the longest state; the others read its end."""
    heard: dict[str, list[Node]] = {}
    for node in nodes:
        if node.kind == "CONCATENATION" and len(node.reads) == 2 and node.reads[0] in states:
            heard.setdefault(node.reads[1], []).append(node)
    for branches in heard.values():
        longest, *others = sorted(branches, key=lambda node: -shapes[node.makes][1])
        if others:
            first = min(nodes.index(node) for node in branches)
            nodes.remove(longest)
            nodes.insert(first, longest)
        for node in others:
            gone = states.pop(node.reads[0])
            nodes[nodes.index(node)] = Node("STRIDED_SLICE", (longest.makes,), node.makes, (_known(4),) * 3)
            nodes[:] = [other for other in nodes if other.makes != gone]
    return nodes


def _scored(nodes: list[Node], last: str, classes: int, shapes: dict[str, tuple[int, ...]]) -> list[Node]:
    """The logits as scores in uint8: for two classes the last layer computes their difference."""
    shapes["score"] = shapes["score/uint8"] = (1, classes if classes > 2 else 1)
    if classes > 2:
        shapes["line"] = (1, classes)
        ends = [Node("RESHAPE", (last,), "line", (_known(2),)), Node("SOFTMAX", ("line",), "score")]
    else:
        index = next(i for i, node in enumerate(nodes) if node.makes == last)
        (weight, _), shapes[last] = nodes[index].known, (1, 1, 1, 1)
        one = (Kept((1, *weight.shape[1:]), 1, True), _known(1))
        nodes[index] = nodes[index]._replace(known=one)
        shapes["odds"] = (1, 1, 1, 1)
        ends = [Node("LOGISTIC", (last,), "odds"), Node("RESHAPE", ("odds",), "score", (_known(2),))]
    return [*ends, Node("QUANTIZE", ("score",), "score/uint8")]


class _Writer:
    """A subgraph while its tensors get numbers, in the writer's order."""

    def __init__(self, shapes: dict[str, tuple[int, ...]]) -> None:
        self.shapes = shapes
        self.tensors: list[Kept] = []
        self.operators: list[Operator] = []
        self.index: dict[str, int] = {}

    def tensor(self, name: str, kept: Kept | None = None) -> int:
        """The number of a value, which is new unless it is known."""
        if name not in self.index:
            self.index[name] = len(self.tensors)
            self.tensors.append(kept or Kept(self.shapes[name]))
        return self.index[name]

    def constant(self, kept: Kept) -> int:
        """A constant of its own."""
        return self.tensor(f"constant {len(self.tensors)}", kept)

    def handle(self, state: str) -> int:
        """The number of a variable's handle."""
        name = f"handle of {state}"
        if name not in self.index:
            made = self.tensor(name, Kept((), 4, True))
            self.operators.append(Operator("VAR_HANDLE", (), (made,), variable=state))
        return self.index[name]

    def assign(self, state: str, value: int) -> None:
        """Store a value in a variable."""
        self.operators.append(Operator("ASSIGN_VARIABLE", (self.handle(state), value), ()))


def _written(nodes: list[Node], states: dict[str, str], shapes: dict[str, tuple[int, ...]]) -> Program:
    main, start = _Writer(shapes), _Writer(shapes)
    if states:
        main.operators.append(Operator("CALL_ONCE", (), (), graph=1))
    main.tensor("given")
    for node in nodes:
        for name in node.reads:
            if name in states and name not in main.index:
                handle = main.handle(name)
                main.operators.append(Operator("READ_VARIABLE", (handle,), (main.tensor(name),)))
        made = main.tensor(node.makes)
        reads = (*map(main.tensor, node.reads), *map(main.constant, node.known))
        options = {name: value for name, value in node.options.items() if name != "act"}
        main.operators.append(Operator(node.kind, reads, (made,), **options))
        for state, kept in states.items():
            if kept == node.makes:
                main.assign(state, made)
    for state in states:
        start.assign(state, start.constant(Kept(shapes[state], 1, True)))
    ends = ((main.index["given"],), (main.index["score/uint8"],))
    every = [Subgraph(tuple(main.tensors), tuple(main.operators), *ends)]
    if states:
        every.append(Subgraph(tuple(start.tensors), tuple(start.operators), (), ()))
    return tuple(every)


def _known(count: int) -> Kept:
    """Constants of four bytes: positions, shapes or biases."""
    return Kept((count,), 4, True)


def _last(value: Tensor) -> tuple[int, ...]:
    """The shape with channels last."""
    if value.ndim != 4:
        return tuple(value.shape)
    return tuple(value.shape[axis] for axis in (0, 3, 2, 1))
