"""GDAS: one operation per edge, drawn differentiably (Dong and Yang, CVPR 2019, arXiv:1910.04465).

Running every operation of every edge is expensive. Each step draws one operation per edge by the Gumbel-max
trick and runs it alone. Backward, the draw is replaced by its soft form, so that all logits of an edge
learn from the operation that ran. The temperature of the soft form falls over the search.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

from torch.nn.functional import one_hot

from audionas.core.errors import UserError
from audionas.methods._base import Phase
from audionas.methods._bilevel import Bilevel
from audionas.methods._sample import anneal, concrete, gates_of, rows, straight_through
from audionas.nn.edge import Gates
from audionas.spaces._base import Bare


@dataclass(kw_only=True)
class Gdas(Bilevel):
    """The weights move first, then alpha with its own draw. Defaults are the paper's.

    `temperature` falls linearly from the first value, in the first epoch, to the second, in the last. The
    gradient comes from the drawn operation only. The official NAS-Bench-201 code also adds the (zero) weights
    of the others to the feature map, whose gradient then treats their outputs as maps of ones. In DARTS'
    cells a node keeps its two strongest edges; the official code keeps the two strongest operations, which
    may be on one edge.

    A row of alpha that drew `none` has no gradient except the decay's, which Adam turns into a step of full
    length; `alpha_weight_decay: 0` avoids that and is not the paper's. Runs on every space.
    """

    paper: ClassVar[str] = "Searching for a Robust Neural Architecture in Four GPU Hours"
    arxiv: ClassVar[str] = "1910.04465"
    bare: ClassVar[Bare | None] = None  # one option runs at a time
    weights_first: ClassVar[bool] = True

    temperature: tuple[float, float] = (10.0, 0.1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not all(0 < t < math.inf for t in self.temperature):
            raise UserError(f"temperature is {list(self.temperature)}, expected two positive numbers")

    def gates(self, phase: Phase) -> Gates:
        """One drawn option per choice, with weight 1."""
        soft = concrete(rows(self.run), anneal(*self.temperature, self.run.epoch, self.run.epochs))
        drawn = soft.argmax(-1)
        hard = one_hot(drawn, soft.shape[-1]).to(soft.dtype)
        return gates_of(self.run, straight_through(hard, soft), drawn.tolist())
