"""The additive table equals exact counting, and its gradient is the table itself."""

import numpy as np
import pytest
import torch
from torch import nn

from audionas.core.arch import Choice, InputSpec
from audionas.core.registry import resolve
from audionas.cost.graph import layers
from audionas.cost.table import table
from audionas.nn.blocks import ConvBN, Head
from audionas.nn.ops import OpShape
from audionas.spaces import Space

IO = InputSpec(1, 40, 98, 12)
SPACES = [
    ("kws_tc_resnet", {}),
    ("kws_tc_resnet", {"se": "none", "shortcut": "kernel", "causal": True, "width": 0.75}),
    *(("kws_mobilenet", {"preset": preset}) for preset in ("sf6", "depth", "sf8", "sf16", "darts", "mix4")),
    ("mix_mobilenet", {"width": 0.25}),
]
FAST = SPACES[:4]
WHAT = ("macs", "params")


@pytest.fixture(
    scope="module",
    params=[pytest.param(s, marks=() if s in FAST else pytest.mark.laws, id=str(s)) for s in SPACES],
)
def made(request):
    name, conf = request.param
    space = resolve("space", name)(**conf)
    return space, table(space, IO)


def several(space, rng):
    """A spec where some choices keep two options, as FairDARTS derives them."""
    spec = space.sample(rng, IO)
    some = [c for c in space.choices()[::2] if c.max_active > 1]
    more = {c.name: tuple(rng.choice(c.options, 2, replace=False)) for c in some}
    return space.spec({**spec.choices, **more}, IO)


def test_table_is_exact(made):
    space, costs = made
    rng = np.random.default_rng(0)
    for spec in (*(space.sample(rng, IO) for _ in range(4)), several(space, rng)):
        with torch.device("meta"):
            rows = layers(space.build(spec), IO)
        for what in WHAT:
            assert costs.of(spec, what) == sum(getattr(row, what) for row in rows)


@pytest.mark.parametrize("what", WHAT)
def test_extremes_bound_every_network(made, what):
    space, costs = made
    low, high = (costs.of(space.spec(choices, IO), what) for choices in costs.extremes(space, what))
    rng = np.random.default_rng(1)
    some = [costs.of(space.sample(rng, IO), what) for _ in range(20)]
    assert low <= min(some) <= max(some) <= high
    assert low < high


def test_building_a_table_draws_no_random_numbers():
    before = torch.get_rng_state()
    table(resolve("space", "kws_tc_resnet")(), IO)
    assert torch.equal(before, torch.get_rng_state())


class TwoEdges(nn.Module):
    def __init__(self, first, second, io):
        super().__init__()
        self.stem = ConvBN(io.freq, 8, (1, 3))
        self.first, self.second = first, second
        self.head = Head(12, io.classes)

    def forward(self, x, gates=None):
        return self.head(self.second(self.first(self.stem(x.transpose(1, 2)), gates), gates))


class Twice(Space):
    """One choice at two edges of different width."""

    def choices(self):
        return (Choice("both", ("tc_k3", "tc_k9")),)

    def network(self, fill, io, scale):
        (choice,) = self.choices()
        return TwoEdges(fill(choice, OpShape(8, 8)), fill(choice, OpShape(8, 12)), io)


def test_a_choice_at_several_edges_costs_their_sum():
    space = Twice()
    costs = table(space, IO)
    for option in ("tc_k3", "tc_k9"):
        spec = space.spec({"both": (option,)}, IO)
        assert costs.of(spec, "macs") == sum(row.macs for row in layers(space.build(spec), IO))


def test_a_space_without_choices_is_all_base():
    space = resolve("space", "tc_resnet")()
    costs = table(space, IO)
    assert costs.options == {}
    assert costs.base[:2] == (65_180, 1_522_560)
