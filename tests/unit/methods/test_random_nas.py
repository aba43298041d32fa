"""RandomNAS: uniform single networks share weights; the best of many random ones by them is kept."""

import copy
from collections import Counter

import pytest
import torch
from scipy import stats

from audionas.core.errors import UserError
from audionas.core.rng import numpy_rng
from audionas.data.batches import Batch
from audionas.engine import checkpoint
from audionas.methods.random_nas import RandomNas, batch_statistics
from audionas.nn.edge import Edge
from audionas.spaces.darts_cell import DartsCell
from audionas.spaces.kws_tc_resnet import KwsTcResnet
from audionas.spaces.nas_bench_201 import NasBench201
from tests.invariants._cases import STEPS, batches, features_of, started, steps

CHAIN, CELLS, BENCH = KwsTcResnet(width=0.25, se="none"), DartsCell(), NasBench201()
SPACES = pytest.mark.parametrize("space", [CHAIN, CELLS, BENCH], ids=lambda space: space.name)


def prepared(space=BENCH, *, dropout=0.0, **fields):
    method = RandomNas(**{"draws": 6, "finalists": 2, "batches": 1, **fields})
    started(method, space, frames=9, dropout=dropout)
    method.on_epoch(0)
    return method


@pytest.mark.laws
def test_options_are_drawn_uniformly_and_choices_independently():
    method = prepared(CHAIN)
    torch.manual_seed(0)
    drawn = [{n: g.active for n, g in method.gates("weights").items()} for _ in range(1500)]
    for choice in CHAIN.choices():
        counts = Counter(d[choice.name] for d in drawn)
        assert stats.chisquare([counts[(i,)] for i in range(len(choice.options))]).pvalue > 1e-3
    first, second = CHAIN.choices()[1].name, CHAIN.choices()[3].name
    table = Counter((d[first], d[second]) for d in drawn)
    seen = [[table[(i,), (j,)] for j in range(5)] for i in range(5)]
    assert stats.chi2_contingency(seen).pvalue > 1e-3


@pytest.mark.laws
def test_in_cells_a_node_has_two_inputs_drawn_uniformly_and_none_is_no_operation():
    method = prepared(CELLS)
    torch.manual_seed(0)
    edges, options, draws = Counter(), Counter(), 300
    for _ in range(draws):
        gates = method.gates("weights")
        for node in CELLS.nodes():
            taken = [c for c in node if gates[c.name].active]
            assert len(taken) == 2
            edges.update(c.name for c in taken)
            options.update(c.options[i] for c in taken for i in gates[c.name].active)
    last = [c for c in CELLS.choices() if c.node == "normal/5"]
    assert stats.chisquare([edges[c.name] for c in last]).pvalue > 1e-3
    assert set(options) == set(last[0].options) - {"none"}
    assert stats.chisquare(list(options.values())).pvalue > 1e-3


@SPACES
def test_there_are_no_architecture_parameters_and_only_the_drawn_network_moves(space):
    method = prepared(space)
    run = method.run
    assert run.alphas == {}
    before = {name: p.detach().clone() for name, p in run.net.named_parameters()}
    ((train, valid),) = batches(run.io, 1, seed=0, size=4)
    torch.manual_seed(3)
    active = {n: g.active for n, g in method.gates("weights").items()}
    torch.manual_seed(3)
    assert set(method.step(train, valid, 0.0)) == {"loss", "accuracy"}
    idle = tuple(
        f"{path}.ops.{option}."
        for path, edge in run.net.named_modules()
        if isinstance(edge, Edge)
        for number, option in enumerate(edge.choice.options)
        if number not in active[edge.choice.name]
    )
    moved = {name for name, p in run.net.named_parameters() if not torch.equal(p, before[name])}
    assert moved
    assert not [name for name in moved if name.startswith(idle)]
    assert len([name for name in before if name.startswith(idle)]) > 10


def test_a_step_is_a_function_of_torchs_generator():
    method = prepared()
    drawn = []
    for seed in (4, 4, 5):
        torch.manual_seed(seed)
        drawn.append([g.active for _ in range(3) for g in method.gates("weights").values()])
    assert drawn[0] == drawn[1] != drawn[2]
    assert drawn[0][:6] != drawn[0][6:12]


def answers(net, space, spec, x):
    """A network's answers under batch statistics and without dropout, by a copy."""
    net = copy.deepcopy(net)
    for module in net.modules():
        module.training = isinstance(module, torch.nn.BatchNorm2d)
    with torch.no_grad():
        return net(x, space.one_hot(spec)).argmax(1)


def specs_of(method):
    """The networks that `derive` compares: those that its generator draws."""
    run = method.run
    rng = numpy_rng(run.seed, "random_nas", "draws")
    return [run.space.sample(rng, run.io) for _ in range(method.draws)]


@pytest.mark.laws
@SPACES
def test_the_most_accurate_network_is_kept(space):
    """The labels are the answers of the fourth of the networks, so that no other can be as good."""
    method = prepared(space, dropout=0.5)
    run = method.run
    steps(method, 0, 2)
    wanted = specs_of(method)[3]
    xs = [features_of(run.io, 32, seed=seed) for seed in range(2)]
    run.valid = lambda: [Batch(x, answers(run.net, space, wanted, x)) for x in xs]
    found = method.derive()
    assert found.choices == wanted.choices
    assert found.scale == dict(run.sizes)
    space.check(found)


@pytest.mark.laws
def test_finalists_are_judged_on_all_of_the_half():
    """The first batch is labelled by one network, the other three by another."""
    method = prepared(BENCH, draws=2)
    run = method.run
    steps(method, 0, 2)
    first, second = specs_of(method)
    xs = [features_of(run.io, 32, seed=seed) for seed in range(4)]
    told = [first, second, second, second]
    run.valid = lambda: [Batch(x, answers(run.net, BENCH, spec, x)) for x, spec in zip(xs, told, strict=True)]
    assert method.derive().choices == second.choices
    method.finalists = 1
    assert method.derive().choices == first.choices
    method.batches = 4
    assert method.derive().choices == second.choices


def test_deriving_leaves_no_trace():
    method = prepared(dropout=0.5)
    steps(method, 0, 2)
    run = method.run
    before = {name: t.clone() for name, t in run.net.state_dict().items()}
    modes = [module.training for module in run.net.modules()]
    random = torch.get_rng_state()
    first = method.derive()
    assert torch.equal(torch.get_rng_state(), random)
    torch.manual_seed(12345)
    assert method.derive() == first
    assert all(torch.equal(before[name], t) for name, t in run.net.state_dict().items())
    assert [module.training for module in run.net.modules()] == modes
    assert all(p.grad is None or p.grad.isfinite().all() for p in run.net.parameters())


@pytest.mark.laws
def test_an_operation_that_is_noise_does_not_make_the_outcome_random():
    method = prepared(DartsCell(preset="s4"), draws=4)
    torch.manual_seed(1)
    first = method.derive()
    torch.manual_seed(2)
    assert method.derive() == first


@pytest.mark.laws
def test_a_resumed_search_derives_the_same(tmp_path):
    whole, parts = prepared(), prepared()
    steps(whole, 0, 2 * STEPS)
    steps(parts, 0, STEPS)
    checkpoint.save(tmp_path, 1, parts.state())
    resumed = prepared()
    resumed.restore(checkpoint.load(tmp_path))
    steps(resumed, STEPS, 2 * STEPS)
    for mine, other in zip(whole.run.net.parameters(), resumed.run.net.parameters(), strict=True):
        assert torch.equal(mine, other)
    assert whole.derive() == resumed.derive()
    assert not whole.quick


@pytest.mark.laws
def test_batch_statistics_do_not_touch_the_running_ones():
    method = prepared(CHAIN, dropout=0.9)
    net, x = method.run.net, features_of(method.run.io, 8)
    gates = CHAIN.one_hot(specs_of(method)[0])
    before = {name: b.clone() for name, b in net.named_buffers()}
    with torch.no_grad(), batch_statistics(net) as scratch:
        first, second = (method.run.logits(x, gates, scratch) for _ in range(2))
        lone = method.run.logits(x[:4], gates, scratch)
    assert torch.equal(first, second)  # neither dropout nor what an earlier batch left
    assert not torch.allclose(first[:4], lone)  # each batch has statistics of its own
    assert all(torch.equal(before[name], b) for name, b in net.named_buffers())


def test_without_examples_nothing_can_be_scored():
    method = prepared()
    method.run.valid = lambda: []
    with pytest.raises(UserError, match="no examples"):
        method.derive()


def test_counts_below_one_are_refused_together():
    with pytest.raises(UserError) as caught:
        RandomNas(draws=0, batches=-1, finalists=0)
    assert all(name in str(caught.value) for name in ("draws", "batches", "finalists"))


def test_the_settings_are_those_of_official_code():
    assert (RandomNas().draws, RandomNas().batches, RandomNas().finalists) == (1000, 10, 10)
