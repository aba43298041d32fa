"""Which cells of NAS-Bench-201 are the same network, by the official code's strings and by ours."""

import itertools
from collections.abc import Mapping
from typing import Literal

from audionas.spaces.nas_bench_201 import EDGES

Cell = tuple[str, ...]  # the operation of each edge
_NODES = (1, 2, 3)
_CONVS = ("nor_conv_1x1", "nor_conv_3x3")  # operations with weights
_NAMELESS = dict.fromkeys(range(len(EDGES)), "")


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
    convolutions, which are different networks: `canonical` does neither.
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
    return _terms(cell, _NAMELESS)[3]


def canonical(cell: Cell) -> str:
    """A string that two cells share exactly if they are the same network up to names: 5,260 classes.

    As `flat_string`, but each convolution is one thing with weights of its own however often it is used. A
    convolution that nothing reaches counts as nothing, though its batch norm's shift may remain. The
    benchmark trained every cell by itself: look up accuracies by `code`, never by this.
    """
    alike: dict[str, list[int]] = {}  # the places of convolutions by what they compute: these may be renamed
    for place, (op, (_, source)) in enumerate(zip(cell, EDGES, strict=True)):
        if op in _CONVS:
            alike.setdefault(f"({_terms(cell, _NAMELESS)[source]})@{op}", []).append(place)
    orders = itertools.product(*(itertools.permutations(group) for group in alike.values()))
    names = ({place: f"#{n}" for group in order for n, place in enumerate(group)} for order in orders)
    return min(_terms(cell, _NAMELESS | own)[3] for own in names)


def _terms(cell: Cell, names: Mapping[int, str]) -> dict[int, str]:
    """Each node as a sorted sum of terms; `names` marks the operation of an edge, by the edge's place."""
    terms: dict[int, list[str]] = {0: ["0"]}
    for node in _NODES:
        terms[node] = []
        for place, ((to, source), op) in enumerate(zip(EDGES, cell, strict=True)):
            if to == node and terms[source] and op != "none":
                inner = "+".join(terms[source])
                terms[node] += terms[source] if op == "skip_connect" else [f"({inner})@{op}{names[place]}"]
        terms[node].sort()
    return {node: "+".join(own) for node, own in terms.items()}
