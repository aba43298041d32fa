"""SPOS: one uniform path an update, within a limit where there is one; only that path is touched."""

from collections import Counter
from typing import NamedTuple

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from audionas.core.errors import UserError
from audionas.core.rng import numpy_rng
from audionas.data.batches import Batch
from audionas.engine import checkpoint
from audionas.methods.random import Limit
from audionas.methods.spos import Spos
from audionas.nn.edge import Edge
from audionas.spaces.kws_mobilenet import KwsMobilenet
from audionas.spaces.kws_wide import KwsWide
from audionas.spaces.nas_bench_201 import NasBench201
from tests.invariants._cases import batches, started, steps

SPACE = KwsMobilenet(preset="sf6", width=0.25)


def prepared(space=SPACE, **fields):
    method = Spos(**fields)
    started(method, space, frames=9, dropout=0.0)
    method.on_epoch(0)
    return method


def drawn(method, count):
    found = []
    for step in range(count):
        method.run.steps = step
        found += method.paths()
    return found


@pytest.mark.laws
def test_paths_are_uniform_and_layers_independent():
    paths = drawn(prepared(), 1200)
    for choice in SPACE.choices():
        counts = Counter(path[choice.name] for path in paths)
        assert stats.chisquare([counts[(o,)] for o in choice.options]).pvalue > 1e-3
    options = SPACE.choices()[0].options
    pairs = Counter((path["layer1"], path["layer2"]) for path in paths)
    table = [[pairs[(a,), (b,)] for b in options] for a in options]
    assert stats.chi2_contingency(table).pvalue > 1e-3


@pytest.mark.laws
def test_no_path_costs_more_than_the_limit_and_those_below_are_drawn():
    free = prepared()
    costs = sorted(cost(free, path) for path in drawn(free, 200))
    most = costs[60]
    method = prepared(limit=Limit(name="macs", most=most))
    limited = [cost(method, path) for path in drawn(method, 100)]
    assert max(limited) <= most
    assert len(set(limited)) > 50


def cost(method, path):
    return method.run.costs.of(method.spec_of(path), "macs")


def test_a_limit_that_nothing_keeps_is_refused():
    with pytest.raises(UserError, match="cheapest network"):
        prepared(limit=Limit(name="params", most=10))


def test_only_the_path_moves():
    method = prepared()
    (path,) = method.paths()
    before = {name: p.detach().clone() for name, p in method.run.net.named_parameters()}
    (pair,) = batches(method.run.io, 1, seed=3)
    method.step(*pair, 0.0)
    edges = {
        e.choice.name: f"{place}.ops." for place, e in method.run.net.named_modules() if isinstance(e, Edge)
    }
    active = tuple(f"{edges[name]}{option}." for name, (option,) in path.items())
    for name, parameter in method.run.net.named_parameters():
        if ".ops." in name and not name.startswith(active):
            assert torch.equal(parameter, before[name]), name
    moved = [n for n, p in method.run.net.named_parameters() if not torch.equal(p, before[n])]
    assert {n.split(".ops.")[0] for n in moved if ".ops." in n} == {p.split(".ops.")[0] for p in active}


@pytest.mark.laws
def test_counters_are_part_of_the_state(tmp_path):
    whole, first, second = prepared(NasBench201()), prepared(NasBench201()), prepared(NasBench201())
    steps(whole, 0, 4)
    steps(first, 0, 2)
    checkpoint.save(tmp_path, 1, first.state())
    second.restore(checkpoint.load(tmp_path))
    steps(second, 2, 4)
    assert second.run.steps == 4
    for name, counts in whole.run.updates.items():
        assert torch.equal(second.run.updates[name], counts)
        assert int(counts.sum()) == 4
    for name, tensor in whole.run.net.state_dict().items():
        assert torch.equal(second.run.net.state_dict()[name], tensor), name


@pytest.mark.laws
def test_the_derived_network_is_the_most_accurate_of_its_draws():
    method = prepared(draws=5)
    steps(method, 0, 2)
    best = method.score(method.derive())
    rng = numpy_rng(0, "one-shot", "draws")
    others = [method.score(SPACE.sample(rng, method.run.io)) for _ in range(5)]
    assert best["accuracy"] == max(o["accuracy"] for o in others)
    with pytest.raises(UserError, match="draws"):
        Spos(draws=0)


class Toy(nn.Module):
    """Logits are the input times the weights of two classes, (2,), scaled by what a choice says."""

    SCALES = (1.0, 2.0, 3.0, 0.5, 1.5, 2.5)  # by option of the first layer

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.tensor([0.5, -0.25]))

    def forward(self, x, gates):
        (index,) = gates["layer1"].active
        return self.SCALES[index] * x.flatten(1)[:, :1] * self.w


def toy(**fields):
    """Networks that scale one input; of the first layer, the second option is cheapest, the third dearest."""
    method = prepared(**fields)
    taken = {c.name: c.options[:1] for c in SPACE.choices()}
    second, third = ({**taken, "layer1": (SPACE.choices()[0].options[i],)} for i in (1, 2))
    method.run.net = Toy()
    method.run.costs = Ends(second, third)
    return method


class Ends(NamedTuple):
    low: dict
    high: dict

    def extremes(self, space, what):
        return self.low, self.high


def softmax(logits):
    shifted = np.exp(logits - logits.max())
    return shifted / shifted.sum()


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_a_sandwich_adds_up_the_gradients_of_its_networks_by_hand(in_place, smoothing):
    """One example, x = 2 of class 1. By a target t, the gradient in w of scale s is s x (softmax - t)."""
    method = toy(sandwich=2, in_place=in_place)
    method.run.label_smoothing = smoothing
    options = SPACE.choices()[0].options
    scales = [Toy.SCALES[options.index(path["layer1"][0])] for path in method.paths()]
    x, w = 2.0, np.array([0.5, -0.25])
    assert scales[:2] == [3.0, 2.0]  # the largest, then the smallest
    assert len(scales) == 4
    hard = np.array([0.0, 1.0]) * (1 - smoothing) + smoothing / 2
    teacher = softmax(3.0 * x * w)
    wanted = np.zeros(2)
    for number, scale in enumerate(scales):
        target = teacher if in_place and number else hard
        wanted += scale * x * (softmax(scale * x * w) - target)
    method.weight_gradient(Batch(torch.full((1, 1, 1, 1), x), torch.tensor([1])))
    assert np.allclose(method.run.net.w.grad.numpy(), wanted, atol=1e-6)


def test_a_sandwich_has_the_ends_of_the_space_and_counts_all_its_networks():
    method = prepared(sandwich=1, in_place=True)
    largest, smallest, other = method.paths()
    most, least, between = (cost(method, path) for path in (largest, smallest, other))
    assert least <= between <= most
    assert (smallest, largest) == method.run.costs.extremes(SPACE, "macs")
    alone = prepared().paths()
    assert [other] == alone  # the first random network is the one that an update without a sandwich has
    steps(method, 0, 1)
    assert {int(counts.sum()) for counts in method.run.updates.values()} == {3}


def test_settings_of_a_sandwich_are_refused_or_named_where_there_is_none():
    with pytest.raises(UserError, match="largest network of the space"):
        Spos(sandwich=1, limit=Limit(name="macs", most=1e6))
    with pytest.raises(UserError, match="sandwich is -1"):
        Spos(sandwich=-1)
    assert "in_place changes nothing" in Spos(in_place=True).why_not(SPACE)
    assert not Spos(sandwich=1, in_place=True, shared_gradients="mean").why_not(SPACE)


@pytest.mark.laws
def test_a_sandwich_over_widths_resumes_bit_for_bit(tmp_path):
    space = KwsWide(width=0.25, stages=1, layers=1)
    whole, first, second = (prepared(space, sandwich=2, in_place=True) for _ in range(3))
    steps(whole, 0, 4)
    steps(first, 0, 2)
    checkpoint.save(tmp_path, 1, first.state())
    second.restore(checkpoint.load(tmp_path))
    steps(second, 2, 4)
    for name, tensor in whole.run.net.state_dict().items():
        assert torch.equal(second.run.net.state_dict()[name], tensor), name
    spec = space.sample(numpy_rng("resumed"), whole.run.io)
    assert whole.score(spec) == second.score(spec)
