"""Architectures from scores, and the statistic that shows a collapsed one."""

from collections.abc import Iterable, Mapping

from audionas.core.arch import ArchSpec, Choice
from audionas.nn.ops import FREE, OPS
from audionas.spaces._base import Space, present

Scores = Mapping[str, Mapping[str, float]]  # by choice and option


def strongest(space: Space, scores: Scores, *, inputs: int | None = None) -> dict[str, tuple[str, ...]]:
    """The option with the best score at each choice, the first among equals.

    If a node keeps few inputs (`inputs`, by default the space's), the edges with the highest-scoring best
    options stay (DARTS, section 2.4); `none` is never kept where an edge may be absent.
    """
    limit = space.inputs if inputs is None else inputs
    kept: dict[str, tuple[str, ...]] = {}
    for edges in space.nodes():
        best = {c.name: max(present(c), key=scores[c.name].__getitem__) for c in edges}
        ranked = sorted(best, key=lambda name: -scores[name][best[name]])  # stable: the first among equals
        stay = set(ranked[: limit or len(ranked)])
        kept |= {name: (option,) if name in stay else () for name, option in best.items()}
    return {choice.name: kept[choice.name] for choice in space.choices()}


def cells(space: Space) -> dict[str, list[Choice]]:
    """The choices of each kind of cell, by the prefix of their nodes' names: `normal/2` and `normal/3`."""
    found: dict[str, list[Choice]] = {}
    for choice in space.choices():
        found.setdefault(choice.node.rpartition("/")[0], []).append(choice)
    return found


def filled(
    space: Space, choices: Mapping[str, Iterable[str]], scores: Scores
) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """Repaired choices in which no cell is empty, and the kinds of cell that were empty.

    An empty cell gets its strongest possible single edge: one that starts at an input of the cell.
    """
    kept, empty = space.repair(choices), []
    for kind, members in cells(space).items():
        if not any(kept[choice.name] for choice in members):
            kept = _with_one(space, kept, members, scores)
            empty.append(kind)
    return kept, empty


def _with_one(
    space: Space, kept: Mapping[str, tuple[str, ...]], members: Iterable[Choice], scores: Scores
) -> dict[str, tuple[str, ...]]:
    best = {c.name: max(present(c), key=scores[c.name].__getitem__) for c in members}
    for name in sorted(best, key=lambda name: -scores[name][best[name]]):
        repaired = space.repair({**kept, name: (best[name],)})
        if repaired[name]:
            return repaired
    raise AssertionError("an edge from an input of a cell can be the only one")


def different(space: Space, specs: Iterable[ArchSpec]) -> list[ArchSpec]:
    """The first architecture of each network, in order: what is the same network is scored once."""
    first: dict[str, ArchSpec] = {}
    for spec in specs:
        first.setdefault(space.canonical(spec), spec)
    return list(first.values())


def parameter_free(spec: ArchSpec, space: Space) -> tuple[int, int]:
    """The number of kept operations without weights, and of all kept ones: the sign of a collapse.

    It is counted over `space.watched()`: the normal cell of cell spaces, the layers that may skip in chains.
    Skips, pools, `none` and noise count; a skip with a stride counts too.
    """
    kept = [option for choice in space.watched() for option in spec.choices[choice.name]]
    return sum(OPS[option].kind in FREE for option in kept), len(kept)
