"""Settings that change nothing: of bi-level methods on a space, and of all in a short or searched search."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import torch

from audionas.core.arch import Choice, InputSpec
from audionas.methods._base import Method
from audionas.methods._edge_weights import joined
from audionas.nn.edge import Edge, FixedEdge
from audionas.nn.ops import OpShape
from audionas.nn.partial import parts
from audionas.spaces._base import Space


def idle(space: Space, order: int, k: int) -> dict[str, str]:
    """The fields `eps`, `k` and `edge_normalization` where they change nothing, by name."""
    found = {"eps": "order is 1, which takes no finite difference"} if order == 1 else {}
    if not joined(space):
        found["edge_normalization"] = "no edges compete in a chain"
    if k > 1 and not splits(space, k):
        found["k"] = f"no edge's channels can be split by {k}"
    return found


def in_vain(method: Method, given: Mapping[str, Any], epochs: int, searched: bool) -> list[str]:
    """Sentences about a search so short that it is another's, and about what is `given` in a section of the
    method although a searcher acts in its place.
    """
    why = method.short(epochs)
    told = [key for key in method.searched if searched and key in given]
    return [
        *([f"method {given['name']}: {why}"] if why else []),
        *(f"method.{key} changes nothing, since a searcher searches" for key in told),
    ]


@lru_cache(maxsize=64)
def splits(space: Space, k: int) -> bool:
    """Whether some edge's channels can be split by `k`; True where the search sets their number."""
    if "channels" in space.sizes:
        return True
    found: set[int] = set()

    def look(choice: Choice, shape: OpShape) -> Edge:
        found.add(parts(shape, k))
        return FixedEdge(choice, shape, chosen=())

    with torch.device("meta"):  # channels do not depend on the input
        space.supernet(look, InputSpec(1 if space.features else 3, 64, space.fitting(64), 2))
    return found != {1}
