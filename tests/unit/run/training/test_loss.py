"""The loss of a training step has the penalties of the network's parts, whichever loss it is."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from audionas.core.arch import InputSpec
from audionas.core.registry import resolve
from audionas.nn.every_hop import Hops
from audionas.nn.separable.gate import GateHead
from audionas.nn.separable.penalties import penalised
from audionas.run.training.loss import loss_of
from audionas.run.training.max_pool import PoolLoss

IO = InputSpec(1, 8, 30, 3)
X, TARGET = torch.randn(4, 1, 8, 30, generator=torch.manual_seed(0)), torch.tensor([0, 1, 2, 1])


class Two(nn.Module):
    """A network with a second head."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def scores(self, x: Tensor, gates: None) -> tuple[Tensor, Tensor]:
        logits = self.net(x)
        return logits, 2 * logits


def built() -> nn.Module:
    torch.manual_seed(0)
    space = resolve("space", "sparknet")(filters=4, gates=5, causal=True)
    net: nn.Module = space.build(space.spec({}, IO))
    return net


@pytest.mark.parametrize("kind", ["plain", "second head", "max-pooling"])
def test_the_loss_has_the_penalty_once(kind: str) -> None:
    net = built()
    head, weighed = net.head, {"second head": 0.4}.get(kind, 0.0)
    assert isinstance(head, GateHead)
    pooled = PoolLoss(Hops.of(net, IO), [1], 0.5, 3) if kind == "max-pooling" else None
    terms: list[Tensor] = []
    head.register_forward_hook(lambda *_: terms.append(head.term.detach()))

    def loss(net: nn.Module) -> Tensor:
        torch.manual_seed(1)
        return loss_of(net, functional.cross_entropy, X, TARGET, weighed, pooled=pooled)[0]

    whole = loss(Two(net) if weighed else net)
    assert len(terms) == 1
    assert penalised(whole, net) is whole  # read
    head.__class__ = type("Free", (GateHead,), {"penalties": lambda self: None})
    without = loss(Two(net) if weighed else net)
    torch.testing.assert_close(whole - without, terms[0])
    assert terms[0] > 0
