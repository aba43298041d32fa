"""A network as a device sees it: operators that read and make tensors, channels last, in int8."""

from math import prod
from typing import NamedTuple


class Tensor(NamedTuple):
    """A tensor of `shape`, `item` bytes an element; `stored` outside the working memory: a constant in flash,
    or the handle of a variable.
    """

    shape: tuple[int, ...]
    item: int = 1
    stored: bool = False

    @property
    def bytes(self) -> int:
        """The bytes of its content."""
        return prod(self.shape) * self.item


class Operator(NamedTuple):
    """An operator by its name in the LiteRT schema, with the tensors that it reads and makes by their index.

    Windows are (height, width). `variable` is the name in VAR_HANDLE, `graph` the subgraph in CALL_ONCE.
    """

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    same: bool = False
    multiplier: int = 1
    variable: str = ""
    graph: int = 0


class Subgraph(NamedTuple):
    """Tensors, the operators on them in order, and the inputs and outputs by their index."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


Program = tuple[Subgraph, ...]  # the first runs; others are called by it
