"""Penalties: what parts of a network add to the loss, once per forward pass and never in evaluation."""

import torch
from torch import Tensor, nn

from audionas.nn.separable.penalties import Penalised, penalised


class Squares(Penalised):
    """Its term is the mean square of its input, in training."""

    def forward(self, x: Tensor) -> Tensor:
        self.term = x.square().mean() if self.training else None
        return x


def test_a_network_without_penalties_keeps_its_loss() -> None:
    loss = torch.tensor(2.0)
    assert penalised(loss, nn.Sequential(nn.Linear(2, 2), nn.ReLU())) is loss


def test_all_parts_add_up_and_each_pass_counts_once() -> None:
    net, x = nn.Sequential(Squares(), nn.ReLU(), nn.Sequential(Squares())), torch.tensor([3.0, -1.0])
    loss = torch.tensor(2.0)
    net(x)
    net(x)  # a pass that nobody read leaves nothing
    assert float(penalised(loss, net)) == 2 + 5 + 4.5
    assert penalised(loss, net) is loss
    net.eval()(x)
    assert penalised(loss, net) is loss


def test_an_evaluation_forgets_the_pass_before() -> None:
    net, loss = Squares(), torch.tensor(2.0)
    net(torch.ones(2))
    net.eval()(torch.ones(2))
    assert penalised(loss, net) is loss
