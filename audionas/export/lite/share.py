"""Branches that keep the same signal share one state: the longest, and the others read its end."""

import numpy as np

from audionas.export.lite.graph import Builder, Graph, Memory, Node


def share(graph: Graph) -> None:
    """Join the states of all convolutions that read one value, above all of parallel kernels.

    Each such set keeps one state. The graph's results stay the same.
    """
    keepers = {state.given: state for state in graph.states}
    heard: dict[str, list[Node]] = {}
    for node in graph.nodes:
        if node.op == "CONCATENATION" and len(node.inputs) == 2 and node.inputs[0] in keepers:
            heard.setdefault(node.inputs[1], []).append(node)
    gone: set[Memory] = set()
    for nodes in heard.values():
        longest, *others = sorted(nodes, key=lambda node: -graph.values[node.output].shape[1])
        if not others:
            continue
        first = min(graph.nodes.index(node) for node in nodes)
        graph.nodes.remove(longest)
        graph.nodes.insert(first, longest)
        for node in others:
            gone.add(keepers[node.inputs[0]])
            _see_the_end(graph, node, longest.output)
    graph.states = tuple(state for state in graph.states if state not in gone)
    graph.prune()


def _see_the_end(graph: Graph, node: Node, whole: str) -> None:
    """Replace a branch's own concatenation by the last frames of a longer one."""
    b, shape = Builder(graph), graph.values[node.output].shape
    first = graph.values[whole].shape[1] - shape[1]
    b.where = node.output
    ends = ((0, first, 0, 0), (1, first + shape[1], *shape[2:]), (1, 1, 1, 1))
    node.op, node.options = "STRIDED_SLICE", {}
    node.inputs = [whole, *(b.constant(np.array(part)).name for part in ends)]
