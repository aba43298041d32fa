"""The losses of a search have the penalties of the supernet's parts, for weights and for alpha."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from audionas.core.arch import InputSpec
from audionas.data.batches import Batch
from audionas.methods import Method
from audionas.methods.darts import Darts
from audionas.methods.spos import Spos
from audionas.nn.edge import EdgeFactory
from audionas.nn.separable.penalties import Penalised
from audionas.spaces import BuildSize
from audionas.spaces.kws_tc_resnet import KwsTcResnet
from tests.invariants._cases import features_of, started

WORTH = 7.0


class Fined(Penalised):
    """A network whose every pass in training costs `WORTH` more, once read."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net, self.edges = net, net.edges

    def forward(self, x: Tensor, gates: object = None) -> Tensor:
        self.term = x.new_tensor(WORTH) if self.training else None
        logits: Tensor = self.net(x, gates)
        return logits


@dataclass(frozen=True, kw_only=True)
class FinedSpace(KwsTcResnet):
    """Its networks are fined, or, with `free`, only wrapped."""

    free: bool = False

    def network(self, fill: EdgeFactory, io: InputSpec, scale: BuildSize) -> nn.Module:
        net = Fined(super().network(fill, io, scale))
        if self.free:
            net.penalties = lambda: None  # type: ignore[method-assign]
        return net


@pytest.mark.parametrize("method", [Darts(), Darts(order=2), Spos()], ids=["darts", "second order", "spos"])
def test_every_loss_of_a_step_is_fined_once(method: Method) -> None:
    told = []
    for free in (False, True):
        run = started(method, FinedSpace(width=0.25, se="none", free=free), frames=9, dropout=0.0)
        batch = Batch(features_of(run.io, 6), torch.arange(6) % 3)
        torch.manual_seed(1)
        told.append(
            {name: float(torch.as_tensor(v).detach()) for name, v in method.step(batch, batch, 0.0).items()}
        )
    for name in {"loss", "valid_loss"} & told[0].keys():
        assert told[0][name] == pytest.approx(told[1][name] + WORTH, abs=1e-4)
    assert "loss" in told[0]


def test_a_renewed_network_has_its_own_weights_and_penalties() -> None:
    method = Darts()
    run = started(method, FinedSpace(width=0.25), frames=9)
    before = run.weights
    assert all(one is two for one, two in zip(before, run.net.parameters(), strict=True))
    run.renew(method.fill, run.sizes)
    assert all(one is two for one, two in zip(run.weights, run.net.parameters(), strict=True))
    assert not {id(one) for one in before} & {id(one) for one in run.weights}
    target = torch.zeros(2, dtype=torch.long)
    logits = run.logits(features_of(run.io), method.gates("weights"))
    plain = nn.functional.cross_entropy(logits, target)
    assert float((run.criterion(logits, target) - plain).detach()) == pytest.approx(WORTH)
