"""Which cells of NAS-Bench-201 are the same network, by the official code's strings and by sums of terms."""

from typing import Literal

from audionas.spaces.nas_bench_201 import EDGES

Cell = tuple[str, ...]  # the operation of each edge
_NODES = (1, 2, 3)


def is_connected(cell: Cell) -> bool:
    """True where a path without `none` leads from input to output, the benchmark's `check_valid`."""
    reached = {0}
    for (node, source), op in zip(EDGES, cell, strict=True):
        if op != "none" and source in reached:
            reached.add(node)
    return 3 in reached


def unique_string(cell: Cell, fold: Literal["nothing", "skips", "skips and zeros"]) -> str:
    """The official code's string of equal cells: 15,625, 12,751 and 6,466 of them.

    Use it to repeat published counts only. It leaves equal networks apart (a node whose inputs are all dead
    is not seen to be dead, a skipped sum is not flattened), and it takes one convolution used twice for two
    convolutions, which are different networks: `form` does neither.
    """
    told = dict(zip(EDGES, cell, strict=True))
    nodes = {0: "0"}
    for node in _NODES:
        terms = []
        for source in range(node):
            op, x = told[node, source], nodes[source]
            if fold == "skips and zeros" and (op == "none" or x == "#"):
                terms.append("#")
            elif fold != "nothing" and op == "skip_connect":
                terms.append(x)
            else:
                terms.append(f"({x})@{op}")
        nodes[node] = "+".join(sorted(terms))
    return nodes[3]


def flat_string(cell: Cell) -> str:
    """The output as a sum of terms, skips flattened and dead terms left out: 4,930 classes.

    Two convolutions of one input look like one that is used twice: equal strings are no isomorphism.
    """
    return _terms(cell)[3]


def _terms(cell: Cell) -> dict[int, str]:
    """Each node as a sorted sum of terms."""
    terms: dict[int, list[str]] = {0: ["0"]}
    for node in _NODES:
        terms[node] = []
        for (to, source), op in zip(EDGES, cell, strict=True):
            if to == node and terms[source] and op != "none":
                inner = "+".join(terms[source])
                terms[node] += terms[source] if op == "skip_connect" else [f"({inner})@{op}"]
        terms[node].sort()
    return {node: "+".join(own) for node, own in terms.items()}
