"""The edge of a supernet in which widths and strides are chosen too."""

import torch
from torch import Tensor, nn

from audionas.nn.edge import Gates, MixedEdge
from audionas.nn.ops import OPS, OpShape
from audionas.nn.slim.setting import Setting
from audionas.nn.slim.slices import computed


class SlimEdge(MixedEdge):
    """Takes over the options of a mixed edge, built at the largest width; computes them at that of the gates.

    The channels out are those of the setting `width`, or as many as enter; the stride is that of `stride`, or
    1. The channels in are those of the input. Every stride uses the same weights.
    """

    def __init__(self, edge: MixedEdge, width: Setting | None = None, stride: Setting | None = None) -> None:
        nn.Module.__init__(self)
        self.choice, self.shape, self.ops, self.k = edge.choice, edge.shape, edge.ops, 1
        self.width, self.stride = width, stride
        self._likes: dict[tuple[str, OpShape], nn.Module] = {}  # no submodules: they have no weights

    def forward(self, x: Tensor, gates: Gates | None = None) -> Tensor:
        """(B, c_in, 1, T) to (B, width, 1, ceil(T / stride)): the weighted sum of the active options."""
        assert gates is not None, "a supernet runs only with gates"
        gate, shape = gates[self.choice.name], self.placed(x, gates)
        weights = gate.weight.unbind()
        total: Tensor | None = None
        for index in range(len(weights)) if gate.active is None else gate.active:
            option = self.choice.options[index]
            term = weights[index] * computed(self.ops[option], self._like(option, shape), x)
            total = term if total is None else total + term
        assert total is not None, f"{self.choice.name}: an edge of a chain is never absent"
        return total

    def placed(self, x: Tensor, gates: Gates) -> OpShape:
        """The shape at which the options are computed for this input."""
        c_out = x.shape[1] if self.width is None else self.width.of(gates)
        step = 1 if self.stride is None else self.stride.of(gates)
        return self.shape._replace(c_in=x.shape[1], c_out=c_out, stride=(1, step))

    def _like(self, option: str, shape: OpShape) -> nn.Module:
        if (option, shape) not in self._likes:
            with torch.device("meta"):
                self._likes[option, shape] = OPS[option].make(shape)
        return self._likes[option, shape]
