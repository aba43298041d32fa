"""Cells of NAS-Bench-201 as text: the benchmark's strings, and canonical forms of equal networks.

A cell is six operations, one per edge, in the order of the string: 1<-0, 2<-0, 2<-1, 3<-0, 3<-1, 3<-2.
Other tools number edges and operations differently: exchange strings, never indices.
"""

from collections.abc import Mapping

from audionas.core.arch import ArchSpec, InputSpec
from audionas.core.errors import UserError, did_you_mean
from audionas.spaces.nas_bench_201 import EDGES, PRIMITIVES, NasBench201

Cell = tuple[str, ...]  # the operation of each edge

_NODES = (1, 2, 3)
_HINT = "For example: |nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|none~1|nor_conv_1x1~2|"


def code_of(spec: ArchSpec) -> str:
    """The string of an architecture of `nas_bench_201`; raises UserError for one of another space."""
    return code(cell_of(spec))


def cell_of(spec: ArchSpec) -> Cell:
    """The six operations of an architecture; raises UserError for one of another space."""
    if spec.space != "nas_bench_201":
        raise UserError(f"an architecture of space {spec.space} has no string of NAS-Bench-201")
    NasBench201().check(spec)
    return tuple(spec.choices[f"{node}_{source}"][0] for node, source in EDGES)


def spec_from_code(text: str, io: InputSpec, sizes: Mapping[str, int] | None = None) -> ArchSpec:
    """The architecture in a string; UserError, with all problems, for any other text."""
    pairs = zip(EDGES, parse(text), strict=True)
    return NasBench201().spec({f"{node}_{source}": (op,) for (node, source), op in pairs}, io, sizes=sizes)


def code(cell: Cell) -> str:
    """The string of a cell, `|op~0|+|op~0|op~1|+|op~0|op~1|op~2|`."""
    told = dict(zip(EDGES, cell, strict=True))
    blocks = ("".join(f"|{told[node, source]}~{source}" for source in range(node)) + "|" for node in _NODES)
    return "+".join(blocks)


def parse(text: str) -> Cell:
    """The six operations of a string, the sources of a node in any order; UserError for any other text."""
    blocks = text.strip().split("+")
    if len(blocks) != len(_NODES):
        raise UserError(f"'{text}': {len(blocks)} nodes between + signs, expected 3", hint=_HINT)
    found: dict[tuple[int, int], str] = {}
    problems: list[str] = []
    for node, block in zip(_NODES, blocks, strict=True):
        items = [item for item in block.strip().split("|") if item]
        sources = []
        for item in items:
            op, _, source = item.partition("~")
            sources.append(source)
            if op not in PRIMITIVES:
                problems.append(f"node {node}: no operation '{op}'.{did_you_mean(op, PRIMITIVES)}")
            elif source in map(str, range(node)):
                found[node, int(source)] = op
        if sorted(sources) != [str(i) for i in range(node)]:
            expected = ", ".join(str(i) for i in range(node))
            problems.append(f"node {node}: sources {', '.join(sources)}, expected each of {expected} once")
    if problems:
        raise UserError([f"'{text}' is not a cell of NAS-Bench-201:", *problems], hint=_HINT)
    return tuple(found[edge] for edge in EDGES)
