"""Limits on costs: what is over is said with its share, what is not asked for is not computed."""

import pytest
import torch
from torch import nn

from audionas import zoo
from audionas.core.arch import InputSpec
from audionas.core.errors import UserError
from audionas.cost.graph import measure
from audionas.cost.limits import Limits, excess, measured
from audionas.spaces import space_of

IO = InputSpec(1, 4, 10, 3)


class Net(nn.Module):
    """By hand: 4 * 3 + 3 = 15 weights, 2 batch norm parameters and 3 statistics, 12 multiply-adds."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(1)
        self.line = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.line(self.norm(x).mean(3).flatten(1))


def test_costs_are_those_counted_by_hand() -> None:
    found = measured(Net(), IO, ("weight_bytes", "macs", "params"))
    assert found == {"macs": 12, "params": 17, "weight_bytes": 4 * (17 + 2)}
    assert measured(Net(), IO, ()) == {}


@pytest.mark.laws
def test_costs_are_those_of_a_whole_measurement() -> None:
    spec = zoo.load("tc_resnet8")
    net = space_of(spec).build(spec)
    whole = measure(net, spec.io)
    assert measured(net, spec.io, ("macs", "params", "weight_bytes", "peak_bytes")) == {
        "macs": whole.macs,
        "params": whole.params,
        "weight_bytes": whole.weight_bytes,
        "peak_bytes": whole.peak_activation_bytes,
    }


def test_a_limit_may_be_reached_but_not_passed() -> None:
    Limits(macs=12, params=17, weight_bytes=76).require(Net(), IO, "net")
    Limits().require(Net(), IO, "net")
    with pytest.raises(UserError) as caught:
        Limits(macs=10, params=17, weight_bytes=75).require(Net(), IO, "net")
    assert caught.value.problems == [
        "net: 12 multiply-adds, 20.0 % over limits.macs 10",
        "net: 76 weight bytes, 1.3 % over limits.weight_bytes 75",
    ]
    assert "raise the limit" in caught.value.hint


def test_the_excess_is_a_share_of_the_limit_whatever_the_unit() -> None:
    costs, limits = {"macs": 30.0, "params": 8.0}, {"macs": 20.0, "params": 10.0, "latency_ms": 1.0}
    assert excess(costs, limits) == {"macs": 0.5}
    assert excess({**costs, "latency_ms": 3.0}, limits) == {"macs": 0.5, "latency_ms": 2.0}
    assert excess({"macs": 20.0}, limits) == {}


def test_limits_that_nothing_keeps_are_refused_together() -> None:
    with pytest.raises(UserError) as caught:
        Limits(macs=0, params=float("nan"), peak_bytes=-1)
    assert [p.split()[0] for p in caught.value.problems] == [
        "limits.macs",
        "limits.params",
        "limits.peak_bytes",
    ]
    assert Limits(macs=30e6, weight_bytes=131072).given == {"macs": 30e6, "weight_bytes": 131072}
