"""ROME: which edges and options are drawn how often, what a step adds up, what is kept in the end."""

from itertools import combinations

import pytest
import torch

from audionas.core.errors import UserError
from audionas.methods import inclusion
from audionas.methods.rome import Rome, one_pair, pairs, top_two
from audionas.nn.edge import FixedEdge, MixedEdge
from audionas.nn.ops import OPS
from audionas.spaces.darts_cell import DartsCell
from audionas.spaces.kws_mobilenet import KwsMobilenet
from audionas.spaces.kws_tc_resnet import KwsTcResnet
from audionas.spaces.nas_bench_201 import NasBench201
from tests._tiers import laws
from tests.invariants._cases import batches, started, steps

CHAIN = KwsTcResnet(width=0.25, se="none")
CELLS = DartsCell(preset="s2")
LOGITS = torch.tensor([0.7, -0.4, 0.1, 1.5, -1.0])


def prepared(space=CELLS, **conf):
    method = Rome(**{"samples": 2, **conf})
    started(method, space, frames=9, dropout=0.0)
    return method


def batch_of(method, size=4):
    ((train, _),) = batches(method.run.io, 1, seed=0, size=size)
    return train


@pytest.mark.parametrize("edges", [2, 3, 4, 5])
def test_two_edges_are_drawn_as_often_as_without_replacement(edges):
    """The closed form against a hundred thousand Gumbel-top-2 draws, and against enumeration."""
    logits = LOGITS[:edges].double()
    p = logits.softmax(0)
    wanted = torch.stack(
        [
            sum(p[a] * p[b] / (1 - p[a]) + p[b] * p[a] / (1 - p[b]) for a, b in both if i in (a, b))
            for i, both in ((i, list(combinations(range(edges), 2))) for i in range(edges))
        ]
    )
    torch.testing.assert_close(inclusion(p, 2), wanted)
    assert float(inclusion(p, 2).sum()) == pytest.approx(2)
    torch.manual_seed(0)
    drawn = top_two(logits.float().expand(100_000, edges), 0.5)
    assert (drawn.sum(1) == 2).all()
    torch.testing.assert_close(drawn.mean(0), wanted.float(), rtol=0, atol=0.01)


def test_the_closed_form_holds_at_the_ends():
    nearly = inclusion(torch.tensor([1 - 2e-6, 1e-6, 1e-6]), 2)
    torch.testing.assert_close(nearly, torch.tensor([1.0, 0.5, 0.5]), rtol=0, atol=1e-5)
    assert inclusion(torch.tensor([1.0, 0.0, 0.0]), 2).isfinite().all()


@pytest.mark.parametrize("temperature", [10.0, 0.1])
def test_a_pair_is_drawn_by_its_probability(temperature):
    logits = torch.tensor([0.5, -0.5, 1.0])
    torch.manual_seed(0)
    drawn = one_pair(logits.expand(100_000, 3), temperature, 3)
    assert (drawn.sum(1) == 2).all()
    wanted = logits.softmax(0) @ pairs(3).float()
    torch.testing.assert_close(drawn.mean(0), wanted, rtol=0, atol=0.01)


def test_pairs_are_all_unordered_pairs():
    for edges, count in ((2, 1), (3, 3), (4, 6), (5, 10)):
        table = pairs(edges)
        assert table.shape == (count, edges)
        assert (table.sum(1) == 2).all()
        assert len({tuple(row) for row in table.tolist()}) == count


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_every_node_has_two_edges_and_each_runs_one_option(version):
    """Counted where operations are called, over all cells; a cell of a kind draws as its likes do."""
    method = prepared(DartsCell(preset="s3"), version=version)
    run, ran = method.run, []
    for path, edge in run.net.named_modules():
        if isinstance(edge, MixedEdge):
            for option, op in edge.ops.items():
                op.register_forward_hook(lambda *_, key=(path, option): ran.append(key))
    kinds = [edge.choice.name for edge in run.net.modules() if isinstance(edge, MixedEdge)]
    x, seen = batch_of(method).x, set()
    for seed in range(12):
        ran.clear()
        torch.manual_seed(seed)
        gates = method.gates("weights")
        run.net(x, gates)
        there = {name for name, gate in gates.items() if gate.active != ()}
        for edges in CELLS.nodes():
            assert sum(choice.name in there for choice in edges) == 2
        assert all(len(gates[name].active) == 1 for name in there)
        assert not any(option == "none" for _, option in ran)
        assert len(ran) == len({path for path, _ in ran}) == sum(name in there for name in kinds)
        for name in there:
            gate = gates[name]
            assert float(gate.weight[gate.active[0]].detach()) == 1.0 == float(gate.scale.detach())
            seen.add((name, gate.active))
    assert len(seen) > len(kinds)


def test_a_draw_is_the_network_of_its_choices():
    """Forward the indicators are exactly one, so the supernet computes the drawn network."""
    method = prepared()
    run = method.run
    torch.manual_seed(3)
    gates = method.gates("weights")
    taken = {c.name: tuple(c.options[i] for i in gates[c.name].active) for c in CELLS.choices()}
    spec = CELLS.spec(taken, run.io, sizes=run.sizes)
    net = CELLS.build(spec, search=True).eval()
    net.load_state_dict(CELLS.inherit(run.net, spec))
    assert any(isinstance(m, FixedEdge) for m in net.modules())
    x = batch_of(method).x
    with torch.no_grad():
        assert torch.equal(net(x), run.net.eval()(x, gates))


@pytest.mark.laws
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_alpha_takes_the_mean_and_the_weights_the_sum_of_the_draws(version):
    method, alone = (prepared(version=version, samples=k) for k in (3, 1))
    alone.run = method.run  # one net, one set of alphas
    batch, run = batch_of(method), method.run
    torch.manual_seed(4)
    method.alpha_gradient(batch, batch)
    found = [alpha.grad.clone() for alpha in run.alphas.values()]
    torch.manual_seed(4)
    separate = []
    for _ in range(3):
        alone.alpha_gradient(batch, batch)
        separate.append([alpha.grad.clone() for alpha in run.alphas.values()])
    for mean, *parts in zip(found, *separate, strict=True):
        torch.testing.assert_close(mean, sum(parts) / 3)
    assert any(not torch.equal(a, b) for a, b in zip(separate[0], separate[1], strict=True))

    torch.manual_seed(5)
    run.weight_optimizer.zero_grad(set_to_none=True)
    method.weight_gradient(batch)
    found = {n: p.grad.clone() for n, p in run.net.named_parameters() if p.grad is not None}
    torch.manual_seed(5)
    summed: dict[str, torch.Tensor] = {}
    for _ in range(3):
        run.weight_optimizer.zero_grad(set_to_none=True)
        alone.weight_gradient(batch)
        for name, p in run.net.named_parameters():
            if p.grad is not None:
                summed[name] = summed[name] + p.grad if name in summed else p.grad.clone()
    assert found.keys() == summed.keys()
    for name, total in found.items():
        torch.testing.assert_close(total, summed[name])


@pytest.mark.laws
def test_more_draws_make_the_gradient_of_alpha_less_noisy():
    """Claim C1.4 on a frozen net: the variance with four draws is a quarter of that with one."""
    variances = []
    for samples, times in ((1, 120), (4, 30)):
        method = prepared(CHAIN, samples=samples)
        method.run.epoch = 1
        batch, seen = batch_of(method), []
        torch.manual_seed(6)
        for _ in range(times):
            method.alpha_gradient(batch, batch)
            seen.append(torch.cat([alpha.grad for alpha in method.run.alphas.values()]))
        variances.append(float(torch.stack(seen).var(0).sum()))
    assert variances[1] / variances[0] == pytest.approx(1 / 4, abs=0.12)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_both_alpha_and_beta_learn(version):
    method = prepared(version=version)
    run = method.run
    betas = {name for name in run.alphas if name.startswith("beta/")}
    assert betas == {f"beta/{kind}/{node}" for kind in ("normal", "reduce") for node in (2, 3, 4, 5)}
    sizes = [len(run.alphas[f"beta/normal/{node}"]) for node in (2, 3, 4, 5)]
    assert sizes == ([2, 3, 4, 5] if version == "v2" else [1, 3, 6, 10])
    batch = batch_of(method)
    torch.manual_seed(7)
    method.alpha_gradient(batch, batch)
    for name, alpha in run.alphas.items():
        if name in betas and len(alpha) > 1:
            assert alpha.grad.count_nonzero() == len(alpha)  # dense: through the softmax of the node
    assert any(run.alphas[c.name].grad.any() for c in CELLS.choices())


def test_none_is_drawn_only_where_an_edge_cannot_be_absent():
    """In DARTS' cells the topology leaves edges out; in NAS-Bench-201 cutting one is a choice."""
    for space, drawn in ((DartsCell(preset="s3"), False), (NasBench201(), True)):
        method, cut = prepared(space), False
        torch.manual_seed(0)
        for _ in range(20):
            gates = method.gates("alpha")
            for choice in space.choices():
                active = gates[choice.name].active
                cut |= any(OPS[choice.options[i]].kind == "none" for i in active)
        assert cut is drawn
        held = method.probabilities()
        assert all((options["none"] > 0) is drawn for options in held.values())
        assert all(sum(options.values()) == pytest.approx(1) for options in held.values())


@pytest.mark.parametrize(
    "space", laws([CHAIN, KwsMobilenet(width=0.25), NasBench201()]), ids=lambda s: s.name
)
def test_where_all_edges_stand_only_the_sampling_part_runs(space):
    method = prepared(space)
    assert method.run.alphas.keys() == {c.name for c in space.choices()}
    gates = method.gates("alpha")
    assert all(len(gate.active) == 1 and gate.scale is None for gate in gates.values())
    assert "valid_loss" in steps(method, 0, 1)[0]


def test_edges_are_kept_by_beta_alone():
    """A strong option on a weak edge does not save the edge."""
    method = prepared()
    alphas = method.run.alphas
    for alpha in alphas.values():
        alpha.data.zero_()
    alphas["beta/normal/4"].data.copy_(torch.tensor([0.0, 2.0, -1.0, 1.0]))
    alphas["normal/4_0"].data.copy_(torch.tensor([0.0, 9.0]))
    alphas["normal/4_3"].data.copy_(torch.tensor([0.0, 0.1]))
    choices = method.derive().choices
    assert [choices[f"normal/4_{i}"] for i in range(4)] == [(), ("skip_connect",), (), ("sep_conv_3x3",)]


def test_the_best_pair_is_kept_in_version_one():
    method = prepared(version="v1")
    beta = method.run.alphas["beta/reduce/4"].data.zero_()
    beta[4] = 1.0  # pairs in order: 01 02 03 12 13 23
    choices = method.derive().choices
    assert [bool(choices[f"reduce/4_{i}"]) for i in range(4)] == [False, True, False, True]


def test_the_temperature_is_that_of_gdas():
    """A low temperature makes the soft draw nearly hard, so that its gradient fades; the draw is the same."""
    soft = {}
    for epoch in (0, 3):
        method = prepared(CHAIN)
        method.on_epoch(epoch)
        torch.manual_seed(2)
        gates = method.gates("alpha")
        picked = [gate.active for gate in gates.values()]
        (grad,) = torch.autograd.grad(gates["block2"].weight[0], method.run.alphas["block2"])
        soft[epoch] = (picked, float(grad.abs().sum()))
    assert soft[0][0] == soft[3][0]
    assert soft[0][1] != soft[3][1]


def test_on_one_level_both_sides_draw_on_one_batch():
    method = prepared(CHAIN, level="one")
    assert not method.halves
    before = {n: a.detach().clone() for n, a in method.run.alphas.items()}
    told = method.step(batch_of(method), batch_of(method), 0.0)
    assert {"loss", "accuracy", "valid_loss", "valid_accuracy"} == set(told)
    assert any(not torch.equal(a, before[n]) for n, a in method.run.alphas.items())


def test_a_space_that_keeps_three_edges_is_refused():
    class Three(DartsCell):
        inputs = 3

    with pytest.raises(UserError, match="ROME draws two"):
        Rome().require(Three())


@pytest.mark.parametrize("conf", [{"samples": 0}, {"temperature": (0.0, 1.0)}])
def test_impossible_settings_are_refused(conf):
    with pytest.raises(UserError, match=next(iter(conf))):
        Rome(**conf)


def test_the_settings_are_those_of_the_paper():
    method = Rome()
    assert (method.version, method.samples, method.temperature) == ("v2", 7, (10.0, 0.1))
    assert (method.alpha_lr, method.alpha_betas, method.alpha_weight_decay) == (3e-4, (0.5, 0.999), 1e-3)
