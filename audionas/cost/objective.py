"""The penalty for a network's size, as a term of a search's loss."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from audionas.core.errors import UserError
from audionas.core.strict import Strict


@dataclass(frozen=True, kw_only=True)
class CostPenalty(Strict):
    """A term in the loss of the architecture parameters, `cost: {name: macs, weight: w, target: t}`.

    With a target: weight * max(0, cost / target - 1), zero below the target. It is additive as in
    ProxylessNAS (arXiv:1812.00332), and relative to a target as in TuNAS (arXiv:2008.06120),
    whose |cost / target - 1| also penalises cheaper networks; here a cheaper network is not penalised.

    Without: weight * log(cost), FBNet's logarithm (arXiv:1812.03443) as a sum, not a product,
    so that the gradient of the task's loss is not rescaled. Neither depends on the unit of cost.

    `latency_ms` comes, as in ProxylessNAS, from a look-up table of a device: the file `table`, which
    `audionas latency build` writes.
    """

    name: Literal["macs", "params", "latency_ms"] = "macs"
    weight: float = 0.0
    target: float | None = None
    table: str = ""

    def __post_init__(self) -> None:
        problems = []
        if not (self.weight >= 0 and math.isfinite(self.weight)):
            problems.append(f"cost.weight is {self.weight}, expected 0 or a positive number")
        if self.target is not None and not (self.target > 0 and math.isfinite(self.target)):
            problems.append(f"cost.target is {self.target}, expected a positive number of {self.name}")
        if (self.name == "latency_ms") != bool(self.table):
            problems.append(
                "cost.table: latency_ms needs a latency table, and only latency_ms (audionas latency build)"
            )
        if problems:
            raise UserError(problems, hint="For example: cost: {name: macs, weight: 0.1, target: 1.5e6}")

    def penalty(self, cost: Tensor) -> Tensor:
        """The term of the loss for a cost, a positive scalar: that of the network that would be derived."""
        if self.target is None:
            return self.weight * torch.log(cost)
        return self.weight * torch.relu(cost / self.target - 1.0)
