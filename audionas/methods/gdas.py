"""GDAS: one operation per edge, drawn differentiably (Dong and Yang, CVPR 2019, arXiv:1910.04465).

Running every operation of every edge is expensive. Each step draws one operation per edge by the Gumbel-max
trick and runs it alone. Backward, the draw is replaced by its soft form, so that all logits of an edge
learn from the operation that ran. The temperature of the soft form falls over the search.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor
from torch.nn.functional import one_hot

from audionas.core.arch import Choice
from audionas.core.errors import UserError
from audionas.methods._base import Phase
from audionas.methods._bilevel import Bilevel
from audionas.methods._sample import anneal, concrete, gates_of, rows, straight_through
from audionas.nn.edge import Edge, Gate, Gates, MixedEdge
from audionas.nn.ops import OpShape
from audionas.spaces._base import Bare


class SummedEdge(MixedEdge):
    """A mixed edge that adds the weights of options that do not run, where they have a gradient."""

    def mix(self, x: Tensor, gate: Gate, extra: Mapping[str, float]) -> Tensor:
        """The drawn operation's output plus the others' weights, which are 0 in a hard draw."""
        mixed = super().mix(x, gate, extra)
        idle = [i for i in range(len(gate.weight)) if gate.active is not None and i not in gate.active]
        return mixed + gate.weight[idle].sum() if gate.weight.requires_grad and idle else mixed


@dataclass(kw_only=True)
class Gdas(Bilevel):
    """The weights move first, then alpha with its own draw. Defaults are the paper's.

    `temperature` falls linearly from the first value, in the first epoch, to the second, in the last.
    `gradient: selected`, the default, follows the paper: the gradient comes from the drawn operation only.
    `all` is NAS-Bench-201's own script, which also adds the (zero) weights of the others to the feature map:
    the map is the same, but its gradient treats their outputs as maps of ones. In DARTS' cells a node keeps
    its two strongest edges; the official code keeps the two strongest operations, which may be on one edge.

    A row of alpha that drew `none` has no gradient except the decay's, which Adam turns into a step of full
    length; `alpha_weight_decay: 0` avoids that and is not the paper's. Runs on every space.
    """

    paper: ClassVar[str] = "Searching for a Robust Neural Architecture in Four GPU Hours"
    arxiv: ClassVar[str] = "1910.04465"
    bare: ClassVar[Bare | None] = None  # one option runs at a time
    weights_first: ClassVar[bool] = True

    temperature: tuple[float, float] = (10.0, 0.1)
    gradient: Literal["selected", "all"] = "selected"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not all(0 < t < math.inf for t in self.temperature):
            raise UserError(f"temperature is {list(self.temperature)}, expected two positive numbers")

    def fill(self, choice: Choice, shape: OpShape) -> Edge:
        """A plain edge, or one whose drawn operation takes the others' weights along."""
        return SummedEdge(choice, shape) if self.gradient == "all" else super().fill(choice, shape)

    def gates(self, phase: Phase) -> Gates:
        """One drawn option per choice, with weight 1."""
        soft = concrete(rows(self.run), anneal(*self.temperature, self.run.epoch, self.run.epochs))
        drawn = soft.argmax(-1)
        hard = one_hot(drawn, soft.shape[-1]).to(soft.dtype)
        return gates_of(self.run, straight_through(hard, soft), drawn.tolist())
