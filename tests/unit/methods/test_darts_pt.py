"""DARTS-PT: what is kept, in which order and when; nodes that lose edges; laid over other methods."""

from dataclasses import dataclass

import pytest
import torch

from audionas.core.errors import UserError
from audionas.engine import checkpoint
from audionas.engine.recalibrate import of_each_batch
from audionas.methods import mean_gates, order
from audionas.methods.darts import Darts
from audionas.methods.darts_pt import DartsPt
from audionas.methods.fair_darts import FairDarts
from audionas.methods.gdas import Gdas
from audionas.methods.pc_darts import PcDarts
from audionas.nn.edge import Gate, Gates, MixedEdge
from tests.invariants._cases import CHAIN, batches, named, started, steps, variants

CELL = variants("nas_bench_201")[0]
FEW = next(space for space in variants("darts_cell") if named(space) == "darts_cell-s3")


def taught(space, options, **small):
    """A method whose supernet was trained with one option of each choice alone; then alpha is uniform."""
    method = DartsPt(tune=0.5)
    run = started(method, space, dropout=0.0, epochs=2, **small)
    for choice in space.choices():
        run.alphas[choice.name].data.zero_()[choice.options.index(options[choice.name])] = 30.0
    for train, _ in batches(run.io, 25, seed=3):
        method.weight_step(train)
    for alpha in run.alphas.values():
        alpha.data.zero_()
    return method


@pytest.mark.laws
@pytest.mark.parametrize("criterion", ["accuracy", "loss"])
def test_it_finds_the_only_useful_option_where_alpha_prefers_another(criterion):
    useful = {c.name: c.options[number % 3] for number, c in enumerate(CHAIN.choices())}
    method = taught(CHAIN, useful, frames=9)
    run = method.run
    run.valid = lambda: [valid for _, valid in batches(run.io, 2, seed=1000, size=64)]
    for edge in (module for module in run.net.modules() if isinstance(module, MixedEdge)):
        for option, op in edge.ops.items():
            for weight in op.parameters() if option != useful[edge.choice.name] else ():
                weight.data.zero_()
    for choice in CHAIN.choices():
        wrong = (choice.options.index(useful[choice.name]) + 1) % 3
        run.alphas[choice.name].data[wrong] = 0.5
    assert all(useful[n] not in kept for n, kept in Darts.derive(method).choices.items())
    object.__setattr__(method, "criterion", criterion)
    method.on_epoch(1)
    assert method.derive().choices == {name: (option,) for name, option in useful.items()}


@pytest.mark.laws
@pytest.mark.parametrize("wanted", ["none", "skip_connect"])
def test_none_is_kept_where_the_other_option_harms(wanted):
    """The loss is the distance from the supernet's own logits without the other option."""
    method, (edge, *others) = DartsPt(tune=0.5, criterion="loss"), CELL.choices()
    run = started(method, CELL, dropout=0.0, epochs=2)
    run.keep({edge.name: ("none", "skip_connect"), **{c.name: ("nor_conv_3x3",) for c in others}})
    batch = run.valid()[0]
    gates, (options, weight) = mean_gates(method), (edge.options, [0.0] * 5)
    weight[options.index(wanted)] = 0.5
    with torch.no_grad(), of_each_batch(run.net):
        gates = Gates({**gates, edge.name: Gate(torch.tensor(weight))})
        reference = run.logits(batch.x, gates)
    run.valid, run.criterion = lambda: [batch], lambda logits, target: ((logits - reference) ** 2).mean()
    method.on_epoch(1)
    assert method.derive().choices[edge.name] == (wanted,)


def test_the_order_is_drawn_from_the_seed_and_nodes_follow_edges():
    runs = [started(DartsPt(), space, frames=9, seed=seed) for space in (CHAIN,) for seed in (0, 0, 1)]
    orders = [[[c.name for c in item] for item in order(run)] for run in runs]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == sorted(orders[2]) == sorted([c.name] for c in CHAIN.choices())


@pytest.mark.laws
def test_a_node_of_a_cell_keeps_two_inputs_and_the_search_resumes_bit_for_bit(tmp_path):
    ends = []
    for stop in (0, 2):
        method = DartsPt(tune=0.75)
        run = started(method, FEW, dropout=0.1)
        if stop:
            steps(method, 0, 2 * stop)
            checkpoint.save(tmp_path / str(stop), 1, method.state())
            method = DartsPt(tune=0.75)
            run = started(method, FEW, dropout=0.1)
            method.restore(checkpoint.load(tmp_path / str(stop)))
        told = steps(method, 2 * stop, 8)
        gates = method.gates("weights")
        ends.append((told[-2:], [a.tolist() for a in run.alphas.values()], method.derive()))
    assert ends[0] == ends[1]
    found = ends[0][-1].choices
    for edges in FEW.nodes():
        assert sum(bool(found[c.name]) for c in edges) == 2
    for choice in FEW.choices():
        assert (gates[choice.name].active == ()) == (found[choice.name] == ())
        assert run.alive[choice.name] == found[choice.name] or not found[choice.name]
    items = order(run)
    assert [len(item) > 1 for item in items] == sorted(len(item) > 1 for item in items)
    assert sum(len(item) > 1 for item in items) == 6  # a node of either cell has two edges only


@pytest.mark.laws
def test_decisions_are_spread_over_the_last_epochs_with_a_tenth_of_the_rate():
    method = DartsPt(tune=0.3)
    run = started(method, CHAIN, frames=9, epochs=10)
    told, rates = [], []
    for epoch in range(10):
        method.on_epoch(epoch)
        told.append(len(run.alive))
        rates.append(method.rate(epoch))
    assert told == [0] * 7 + [2, 4, 6]
    assert rates[0] == pytest.approx(run.optim.lr)
    assert rates[7] == pytest.approx(run.optim.lr / 10)
    assert sorted(rates[:7], reverse=True) == rates[:7]
    assert all(float(g.weight.detach().max()) == 1 for g in method.gates("weights").values())


@pytest.mark.laws
@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_short_searches_are_decided_and_their_steps_counted(epochs):
    method = DartsPt()
    run = started(method, CHAIN, frames=9, epochs=epochs)
    steps(method, 0, 2 * epochs)
    assert run.alive.keys() == {choice.name for choice in CHAIN.choices()}
    assert run.taken == {"weights": 2 * epochs, "alpha": 2 * epochs}


@pytest.mark.laws
def test_before_it_decides_it_is_darts_bit_for_bit_but_for_the_schedule():
    told = []
    for method, epochs in ((Darts(), 3), (DartsPt(tune=0.25), 4)):
        run = started(method, CHAIN, frames=9, dropout=0.1, epochs=epochs)
        told.append((steps(method, 0, 6), [a.tolist() for a in run.alphas.values()]))
    assert told[0] == told[1]


@pytest.mark.laws
@pytest.mark.parametrize("other", [PcDarts, FairDarts, Gdas], ids=lambda kind: kind.__name__)
def test_it_is_laid_over_other_methods(other):
    @dataclass(kw_only=True)
    class Both(DartsPt, other):
        warmup: float = 0.0

    method = Both(tune=0.5)
    run = started(method, CELL, dropout=0.0, epochs=2)
    steps(method, 0, 4)
    kept = {name: options for name, options in method.derive().choices.items() if options}
    assert all(run.alive[name] == options for name, options in kept.items())
    assert len(run.alive) == len(CELL.choices())


def test_impossible_settings_are_refused():
    with pytest.raises(UserError, match=r"tune is 1.*\n?.*level two"):
        DartsPt(tune=1.0, level="one")
