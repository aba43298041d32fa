"""Genotypes: architectures of `darts_cell` in the field's exchange format, read and written.

`Genotype(normal=[('sep_conv_3x3', 1), ...], normal_concat=range(2, 6), reduce=[...], reduce_concat=...)`:
pairs of an operation and its input, two for each of the nodes 2 to 5. Inputs 0 and 1 are the previous
cells. Cells with another number of inputs per node are written as triples (operation, node, input), as
FairDARTS publishes them. Text is parsed, never run.
"""

import ast
from collections.abc import Mapping
from typing import Any

from audionas.core.arch import ArchSpec, InputSpec
from audionas.core.errors import UserError
from audionas.spaces._base import space_of
from audionas.spaces.darts_cell import KINDS, NODES, DartsCell

_KEYS = ("normal", "normal_concat", "reduce", "reduce_concat")
_HINT = (
    "Expected Genotype(normal=[('sep_conv_3x3', 1), ...], normal_concat=range(2, 6), reduce=[...], "
    "reduce_concat=range(2, 6)): two (operation, input) for each of the nodes 2 to 5, in one list or one "
    "list per node; or (operation, node, input)."
)
_MOST = 1000  # no bound of a range is larger

Entry = tuple[str, int, int]  # operation, node, input


def genotype_of(spec: ArchSpec) -> str:
    """The text of an architecture of `darts_cell`; raises UserError for one of another space."""
    if spec.space != "darts_cell":
        raise UserError(f"an architecture of space {spec.space} has no genotype, only those of darts_cell")
    space_of(spec).check(spec)
    parts = []
    for kind in KINDS:
        entries = _entries(spec, kind)
        count = {node: sum(to == node for _, to, _ in entries) for node in NODES}
        flat = set(count.values()) == {2}
        told = [(option, source) for option, _, source in entries] if flat else entries
        nodes = [node for node in NODES if count[node]]
        concat = f"range(2, {NODES[-1] + 1})" if len(nodes) == len(NODES) else nodes
        parts.append(f"{kind}={told}, {kind}_concat={concat}")
    return f"Genotype({', '.join(parts)})"


def spec_from_genotype(
    text: str, space: DartsCell, io: InputSpec, sizes: Mapping[str, int] | None = None
) -> ArchSpec:
    """The architecture in a genotype; `NAME = Genotype(...)` is accepted too.

    Two entries on one edge become two operations there. An entry with `none` is an edge left out, and so is
    one that starts from a node without inputs: FairDARTS publishes such entries, and its code skips them.
    Raises UserError, with all problems, for text that is not a genotype of `space`.
    """
    found = _literals(text)
    problems: list[str] = []
    choices: dict[str, tuple[str, ...]] = {choice.name: () for choice in space.choices()}
    for kind in KINDS:
        entries = [e for e in _read(kind, found[kind], problems) if e[0] != "none"]
        for option, node, source in entries:
            choices[f"{kind}/{node}_{source}"] += (option,)
        entered = {node for _, node, _ in entries}
        problems += _concat_problems(kind, found.get(f"{kind}_concat", range(2, 6)), entered)
    if problems:
        raise UserError(problems, hint=_HINT)
    return space.spec(space.repair(choices), io, sizes=sizes)


def _entries(spec: ArchSpec, kind: str) -> list[Entry]:
    return [
        (option, node, source)
        for node in NODES
        for source in range(node)
        for option in spec.choices[f"{kind}/{node}_{source}"]
    ]


def _literals(text: str) -> dict[str, Any]:
    """The keywords of the one call in `text`, their values literals or ranges."""
    try:
        (statement,) = ast.parse(text.strip()).body
        call = statement.value if isinstance(statement, ast.Expr | ast.Assign) else None
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.args:
            raise ValueError("not a call of Genotype with keywords")
        if call.func.id != "Genotype":
            raise ValueError(f"a call of {call.func.id}, not of Genotype")
        found = {str(keyword.arg): _value(keyword.value) for keyword in call.keywords}
        if len(found) < len(call.keywords):
            raise ValueError("a keyword appears twice")
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
        raise UserError(f"not a genotype ({error})", hint=_HINT) from error
    problems = [f"genotype: no '{key}'" for key in KINDS if key not in found]
    problems += [f"genotype: '{key}' is not one of {', '.join(_KEYS)}" for key in found if key not in _KEYS]
    if problems:
        raise UserError(problems, hint=_HINT)
    return found


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
        bounds = [ast.literal_eval(argument) for argument in node.args]
        if all(isinstance(b, int) and abs(b) < _MOST for b in bounds) and not node.keywords:
            return range(*bounds)
    return ast.literal_eval(node)


def _read(kind: str, value: Any, problems: list[str]) -> list[Entry]:
    """The entries of one cell, in any of the three forms; faults are added to `problems`."""
    if not isinstance(value, list | tuple) or not value:
        problems.append(f"{kind}: expected a list of operations and inputs, got {value!r}")
        return []
    if all(isinstance(part, list | tuple) and not isinstance((*part, None)[0], str) for part in value):
        if len(value) != len(NODES):
            problems.append(f"{kind}: {len(value)} lists, expected {len(NODES)}, one per node")
        pairs = [(pair, node) for node, own in zip(NODES, value, strict=False) for pair in own]
    elif all(isinstance(part, list | tuple) and len(part) == 3 for part in value):
        pairs = [((part[0], part[2]), part[1]) for part in value]
    else:
        if len(value) != 2 * len(NODES):
            problems.append(f"{kind}: {len(value)} entries, expected {2 * len(NODES)}, two per node")
        pairs = [(pair, 2 + i // 2) for i, pair in enumerate(value[: 2 * len(NODES)])]
    return [entry for pair, node in pairs if (entry := _entry(kind, pair, node, problems))]


def _entry(kind: str, pair: Any, node: Any, problems: list[str]) -> Entry | None:
    """One operation into one node, or None after adding a problem."""
    if type(node) is not int or node not in NODES:
        problems.append(f"{kind}: no node {node!r}, nodes are 2 to {NODES[-1]}")
    elif not isinstance(pair, list | tuple) or len(pair) != 2 or not isinstance(pair[0], str):
        problems.append(f"{kind}, node {node}: expected (operation, input), got {pair!r}")
    elif type(pair[1]) is not int or not 0 <= pair[1] < node:
        problems.append(f"{kind}, node {node}: {pair[0]} from {pair[1]!r}, inputs are 0 to {node - 1}")
    else:
        return pair[0], node, pair[1]
    return None


def _concat_problems(kind: str, value: Any, entered: set[int]) -> list[str]:
    """The faults of a concat list: a cell of this space outputs every node that has inputs."""
    if not isinstance(value, list | tuple | range) or any(node not in NODES for node in value):
        return [f"{kind}_concat: expected nodes among 2 to {NODES[-1]}, got {value!r}"]
    return [
        f"{kind}_concat: node {node} is left out, but a cell of darts_cell outputs every node with inputs"
        for node in NODES
        if node in entered and node not in value
    ]
