"""The exact cost of a network, layer by layer, without computing anything: it is traced, not run.

A MAC is one multiply-add of a convolution or a linear layer; biases, norms and activations are free,
as in the tables of the papers on keyword spotting. What others call FLOPs is twice the MACs.
"""

import copy
import operator
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

from audionas.core.arch import InputSpec
from audionas.nn.edge import Gates
from audionas.nn.fold.fold import folds, in_use


@dataclass(frozen=True)
class LayerCost:
    """A module with its own parameters; `output` is its output shape without the batch axis."""

    name: str
    kind: str
    params: int
    macs: int
    output: tuple[int, ...]


@dataclass(frozen=True)
class Cost:
    """The cost of one example in float32, in evaluation mode.

    `weight_bytes` is 4 bytes per parameter and batch norm statistic, with norms not folded.
    `peak_activation_bytes` is defined by `peak_activation`; it is reached at `peak_layer`.
    """

    params: int
    macs: int
    weight_bytes: int
    peak_activation_bytes: int
    peak_layer: str
    layers: list[LayerCost]


def measure(net: nn.Module, io: InputSpec) -> Cost:
    """All costs of a final network, `net(x)`, with its parallel branches folded. Takes a second or two;
    `layers` alone takes milliseconds.
    """
    net = in_use(net)
    found = layers(net, io)
    params = sum(layer.params for layer in found)
    statistics = sum(b.numel() for b in net.buffers() if b.is_floating_point())
    peak, where = peak_activation(net, io)
    return Cost(params, sum(layer.macs for layer in found), 4 * (params + statistics), peak, where, found)


def unfolded(net: nn.Module, io: InputSpec) -> dict[str, int] | None:
    """Parameters and MACs in training of a network with parallel branches; None for one without."""
    if not folds(net):
        return None
    found = _layers(net, io, None)
    return {what: sum(getattr(layer, what) for layer in found) for what in ("params", "macs")}


def layers(net: nn.Module, io: InputSpec, gates: Gates | None = None) -> list[LayerCost]:
    """Parameters and MACs of every layer in the order of use, from one pass on the meta device. Parallel
    branches are counted as the one convolution into which they fold.

    A supernet needs `gates`, whose weights lie on the meta device. For a layer that is used twice,
    MACs count twice, parameters once; unused layers come last, without MACs.
    """
    return _layers(in_use(net), io, gates)


def _layers(net: nn.Module, io: InputSpec, gates: Gates | None) -> list[LayerCost]:
    with _shadow(net) as shadow:
        owners = {module: name for name, module in shadow.named_modules() if _own_params(module)}
        found: dict[str, LayerCost] = {}

        def count(module: nn.Module, args: Any, output: Tensor) -> None:
            name = owners[module]
            before = found[name].macs if name in found else 0
            macs = before + _macs(module, output)
            found[name] = LayerCost(name, _kind(module), _own_params(module), macs, tuple(output.shape[1:]))

        hooks = [module.register_forward_hook(count) for module in owners]
        x = example(io)
        try:
            with torch.no_grad(), Unnormed():
                _ = shadow(x) if gates is None else shadow(x, gates)
        finally:
            for hook in hooks:
                hook.remove()
    unused = [LayerCost(n, _kind(m), _own_params(m), 0, ()) for m, n in owners.items() if n not in found]
    return [*found.values(), *unused]


@contextmanager
def _shadow(net: nn.Module) -> Iterator[nn.Module]:
    """`net` in evaluation mode on the meta device: a copy, or `net` itself if it is already there."""
    if any(tensor.device.type != "meta" for tensor in (*net.parameters(), *net.buffers())):
        yield copy.deepcopy(net).to("meta").eval()
        return
    training = [module for module in net.modules() if module.training]
    net.eval()
    try:
        yield net
    finally:
        for module in training:
            module.training = True


class Unnormed(TorchFunctionMode):
    """Makes norms and ReLUs return their input: the shape is the same, and they take half of a meta pass."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        free = func in (functional.batch_norm, functional.relu)
        return args[0] if free else func(*args, **(kwargs or {}))


def peak_activation(net: nn.Module, io: InputSpec) -> tuple[int, str]:
    """The most bytes of activations alive at once, and the layer where that occurs.

    The graph of `torch.export` is walked in order. A tensor (the input too) lives from the operation
    that makes it to the last that reads it; while an operation runs, its inputs and its output are
    alive. Views and changes of layout cost nothing. An element-wise operation, batch norm included,
    overwrites an input of its output's size if it is the last to read it. Weights, tensors
    computed from weights alone, and the scratch memory of kernels are not counted.
    """
    program = torch.export.export(copy.deepcopy(in_use(net)).to("meta").eval(), (example(io),))
    owner = _memory_owners(program.graph, program.graph_signature.user_inputs)
    last = {owner[arg]: node for node in program.graph.nodes for arg in node.all_input_nodes if arg in owner}
    alive: dict[fx.Node, int] = {}
    peak, where = 0, ""
    for node in owner:
        if owner[node] is node:
            size = _bytes(node)
            dying = [n for n in alive if last.get(n) is node and alive[n] == size]
            if dying and _elementwise(node):
                del alive[dying[0]]
            alive[node] = size
        if sum(alive.values()) > peak:
            peak, where = sum(alive.values()), _layer(node)
        alive = {n: size for n, size in alive.items() if n in last and last[n] is not node}
    return peak, where


def _memory_owners(graph: fx.Graph, inputs: Collection[Any]) -> dict[fx.Node, fx.Node]:
    """The node that owns the memory of each activation, in order: itself, or the node it is a view of.

    A tensor computed from weights alone is a constant, not an activation.
    """
    owner: dict[fx.Node, fx.Node] = {}
    for node in graph.nodes:
        reads = [owner[arg] for arg in node.all_input_nodes if arg in owner]
        if node.name in inputs:
            owner[node] = node
        elif node.op == "call_function" and reads:
            owner[node] = reads[0] if _is_view(node) else node
    return owner


def _is_view(node: fx.Node) -> bool:
    aten = torch.ops.aten
    if node.target in (operator.getitem, aten.dropout.default, aten.feature_dropout.default):
        return True  # dropout does nothing in evaluation
    schema = getattr(node.target, "_schema", None)
    return bool(schema and schema.returns and all(r.alias_info is not None for r in schema.returns))


def _elementwise(node: fx.Node) -> bool:
    is_norm = node.target is torch.ops.aten.batch_norm.default
    return is_norm or torch.Tag.pointwise in getattr(node.target, "tags", ())


def _bytes(node: fx.Node) -> int:
    tensors = [t for t in pytree.tree_leaves(node.meta.get("val")) if isinstance(t, Tensor)]
    return sum(int(t.numel()) * t.element_size() for t in tensors)


def _layer(node: fx.Node) -> str:
    stack = list(node.meta.get("nn_module_stack", {}).values())
    return str(stack[-1][0]) if stack else "input"


def example(io: InputSpec) -> Tensor:
    """An input of one example on the meta device."""
    return torch.zeros(1, io.channels, io.freq, io.frames, device="meta")


def _own_params(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters(recurse=False))


def _macs(module: nn.Module, output: Tensor) -> int:
    if isinstance(module, nn.Conv1d | nn.Conv2d):
        return module.weight.numel() * output[0, 0].numel()
    if isinstance(module, nn.Linear):
        return module.weight.numel() * output[..., 0].numel()
    return 0


def _kind(module: nn.Module) -> str:
    if isinstance(module, nn.Conv1d | nn.Conv2d):
        return "depthwise" if module.groups > 1 and module.groups == module.in_channels else "conv"
    if isinstance(module, nn.Linear):
        return "linear"
    return "norm" if isinstance(module, nn.BatchNorm2d) else type(module).__name__
