"""One operator that torch recorded, computed here or handed to the handler that translates it."""

import inspect
import operator
from collections.abc import Callable, Sequence
from typing import Any, get_origin

import torch
from torch import Tensor

from audionas.export.lite.aten import HANDLERS
from audionas.export.lite.graph import Builder, Value
from audionas.export.lite.layout import torchs

_STRICT = (Value, Tensor, Tensor | None)  # annotations that say what may depend on the input


def called(b: Builder, node: Any, known: dict[str, Any]) -> Any:
    """Translate one operator: compute it where all its inputs are known, else call its handler.

    Raises UserError naming the operator and its layer where no handler takes it with these arguments.
    """
    if node.target is operator.getitem:
        return known[node.args[0].name][node.args[1]]
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    b.where = stack[-1][0].removeprefix("net.") if stack else ""
    if any(part.name not in known for part in node.all_input_nodes):
        raise b.refuse(f"operator {node.target}")
    args, kwargs = torch.fx.node.map_arg((node.args, node.kwargs), lambda given: known[given.name])
    flat = torch.utils._pytree.tree_leaves((args, kwargs))
    if not any(isinstance(part, Value) for part in flat):
        return node.target(*args, **kwargs)
    b.uses = _uses(node.all_input_nodes[0])
    made = _handler(b, str(node.target), args, kwargs)(b, *args, **kwargs)
    wanted, found = _shapes(node.meta.get("val")), _shapes(made)
    if wanted != found:
        raise b.refuse(f"operator {node.target}, of shape {wanted} in torch and {found} here,")
    return made


def _handler(b: Builder, target: str, args: Sequence[Any], kwargs: dict[str, Any]) -> Callable[..., Any]:
    """The handler, if there is one that takes these arguments."""
    name = target.removeprefix("aten.").partition(".")[0]
    if name not in HANDLERS:
        if name.endswith("_") and name.rstrip("_") in HANDLERS:
            raise b.refuse(f"operator {target}, which changes its input in place (take inplace=False),")
        raise b.refuse(f"operator {target}")
    form = inspect.signature(HANDLERS[name])
    try:
        bound = form.bind(b, *args, **kwargs)
    except TypeError as error:
        raise b.refuse(f"operator {target} with these arguments ({error})") from error
    for key, given in bound.arguments.items():
        kind = form.parameters[key].annotation
        listed = get_origin(kind) is Sequence and not isinstance(given, (list, tuple))
        if listed or (kind in _STRICT and not isinstance(given, kind)):
            raise b.refuse(f"operator {target}, whose {key} is {_said(given)},")
    return HANDLERS[name]


def _said(given: Any) -> str:
    if isinstance(given, Value):
        return "computed from the input"
    return "a constant" if isinstance(given, Tensor) else str(given)


def _shapes(made: Any) -> list[list[int]]:
    """The shapes of one or several results, as torch knows them."""
    parts = made if isinstance(made, (list, tuple)) else [made]
    return [torchs(part) if isinstance(part, Value) else list(part.shape) for part in parts]


def _uses(node: Any) -> int:
    """The number of operators that read a recorded one's result, under any of its names."""
    found = len(node.users)
    while node.op == "call_function" and node.target is torch.ops.aten.alias.default:
        node = node.args[0]
        found = max(found, len(node.users))
    return found
