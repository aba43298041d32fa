"""SPOS: one uniform path an update, within a limit where there is one; only that path is touched."""

from collections import Counter

import pytest
import torch
from scipy import stats

from audionas.core.errors import UserError
from audionas.core.rng import numpy_rng
from audionas.engine import checkpoint
from audionas.methods.random import Limit
from audionas.methods.spos import Spos
from audionas.nn.edge import Edge
from audionas.spaces.kws_mobilenet import KwsMobilenet
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
