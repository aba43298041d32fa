"""ProxylessNAS: one path for the weights, binary gates for alpha, rescaling and cost."""

import math

import pytest
import torch

from audionas.core.errors import UserError
from audionas.cost.objective import CostPenalty
from audionas.methods.proxyless_nas import ProxylessNas
from audionas.nn.edge import Gate, Gates, MixedEdge
from audionas.nn.ops import OPS
from audionas.spaces.darts_cell import DartsCell
from audionas.spaces.kws_mobilenet import KwsMobilenet
from audionas.spaces.kws_tc_resnet import KwsTcResnet
from audionas.spaces.nas_bench_201 import NasBench201
from tests.invariants._cases import batches, started, steps

CHAIN = KwsTcResnet(width=0.25, se="none")
SPACES = [CHAIN, KwsMobilenet(width=0.25, preset="sf6"), DartsCell(preset="s3"), NasBench201()]
ERRORS = 4.0  # standard errors


def prepared(space=CHAIN, *, spread=0.0, **conf):
    method = ProxylessNas(**{"warmup": 0.0, "alpha_every": 1, **conf})
    started(method, space, frames=9, dropout=0.0)
    rng = torch.Generator().manual_seed(8)
    for alpha in method.run.alphas.values():
        alpha.data.add_(spread * torch.randn(alpha.shape, generator=rng))
    return method


def batch_of(method, size=4):
    return next(batches(method.run.io, 1, seed=0, size=size))[0]


def copied(method):
    return {name: p.detach().clone() for name, p in method.run.net.named_parameters()}


def owner(name):
    """The edge and option to which a weight belongs."""
    path, _, rest = name.partition(".ops.")
    return path, rest.split(".")[0]


@pytest.mark.parametrize("space", SPACES, ids=lambda s: s.name)
def test_a_step_of_the_weights_moves_one_candidate_of_each_choice(space):
    """The others stay bit for bit, though momentum and decay are on; they have no gradient."""
    method = prepared(space)
    run, batch = method.run, batch_of(method)
    for seed in range(3):  # momentum in most candidates
        torch.manual_seed(seed)
        method.weight_step(batch)
    edges = {path: m for path, m in run.net.named_modules() if isinstance(m, MixedEdge)}
    moved = idle = 0
    for seed in range(3, 6):
        before = copied(method)
        torch.manual_seed(seed)
        gates = method.gates("weights")
        torch.manual_seed(seed)
        method.weight_step(batch)
        for name, p in run.net.named_parameters():
            path, option = owner(name)
            if path in edges and option:
                choice = edges[path].choice
                (active,) = gates[choice.name].active
                if option != choice.options[active]:
                    assert p.grad is None
                    assert torch.equal(p, before[name])
                    idle += 1
                moved += not torch.equal(p, before[name])
    assert moved
    assert idle


@pytest.mark.laws
@pytest.mark.parametrize("space", [CHAIN, NasBench201()], ids=lambda s: s.name)
def test_paths_are_drawn_by_probability_and_uniformly_while_the_weights_warm_up(space):
    method = prepared(space, spread=1.0, warmup=0.25)  # one of four epochs
    draws = 1500
    for epoch in (0, 1):
        method.on_epoch(epoch)
        torch.manual_seed(epoch)
        drawn = [method.gates("weights") for _ in range(draws)]
        for choice in space.choices():
            picked = torch.tensor([gates[choice.name].active[0] for gates in drawn])
            found = picked.bincount(minlength=len(choice.options)) / draws
            p = method.run.alphas[choice.name].detach().softmax(0) if epoch else torch.ones_like(found)
            p = p / p.sum()
            assert ((found - p).abs() < ERRORS * (p * (1 - p) / draws).sqrt()).all()
        gate = drawn[0][space.choices()[0].name]
        assert float(gate.weight[gate.active[0]]) == 1.0 == float(gate.weight.detach().sum())


@pytest.mark.parametrize("update", ["full", "two"])
@pytest.mark.parametrize("space", [CHAIN, NasBench201()], ids=lambda s: s.name)
def test_forward_binary_gates_let_exactly_one_option_through(space, update):
    method = prepared(space, spread=1.0, update=update)
    torch.manual_seed(1)
    gates = method.gates("alpha")
    alone, count = {}, 0
    for choice in space.choices():
        gate = gates[choice.name]
        (active,) = set(gate.active) - set(gate.frozen)
        assert len(gate.active) == (len(choice.options) if update == "full" else 2)
        assert gate.weight.tolist() == [float(i == active) for i in range(len(choice.options))]
        alone[choice.name] = Gate(gate.weight.detach(), (active,))
        count += 1
    net, x = method.run.net.eval(), batch_of(method).x
    assert count == len(space.choices())
    assert torch.equal(net(x, gates), net(x, Gates(alone)))


def gate_gradients(method, gates, batch):
    """dL/dg of every gate, <dL/dy, o(x)>, from what arrives at every edge's output y."""
    run, found, hooks = method.run, {}, []

    def watch(edge):
        gate = gates[edge.choice.name]

        def after(_, inputs, out):
            with torch.no_grad():
                outs = {i: edge.ops[edge.choice.options[i]](inputs[0]) for i in gate.active}

            def arrived(g):
                row = found.setdefault(edge.choice.name, torch.zeros(len(gate.weight), dtype=g.dtype))
                for i, y in outs.items():
                    row[i] += (g * y).sum()

            if out.requires_grad:
                out.register_hook(arrived)

        return edge.register_forward_hook(after)

    hooks = [watch(m) for m in run.net.modules() if isinstance(m, MixedEdge)]
    run.criterion(run.net(batch.x, gates), batch.target).backward()
    for hook in hooks:
        hook.remove()
    return found


@pytest.mark.parametrize("update", ["full", "two"])
@pytest.mark.parametrize("space", [CHAIN, NasBench201()], ids=lambda s: s.name)
def test_the_gradient_of_alpha_is_the_softmax_jacobian_times_that_of_the_gates(space, update):
    """dL/dalpha_i = sum over j of dL/dg_j p_j (delta_ij - p_i), in double precision to 1e-12."""
    method = prepared(space, spread=1.0, update=update)
    run = method.run
    run.net.double().eval()  # evaluation: the outputs are computed twice
    for alpha in run.alphas.values():
        alpha.data = alpha.data.double()
    batch = batch_of(method)
    batch = batch._replace(x=batch.x.double())
    torch.manual_seed(2)
    gates = method.gates("alpha")
    by_gate = gate_gradients(method, gates, batch)
    torch.manual_seed(2)
    method.alpha_gradient(batch, batch)
    largest = 0.0
    for choice in space.choices():
        active = list(gates[choice.name].active)
        if choice.name not in by_gate:  # nothing came back: the path was cut
            assert not run.alphas[choice.name].grad.any()
            continue
        p, g = run.alphas[choice.name].detach()[active].softmax(0), by_gate[choice.name][active]
        wanted = torch.zeros(len(choice.options), dtype=torch.double)
        wanted[active] = (torch.diag(p) - torch.outer(p, p)) @ g
        torch.testing.assert_close(run.alphas[choice.name].grad, wanted, rtol=1e-12, atol=1e-12)
        largest = max(largest, float(wanted.abs().max()))
    assert largest > 1e-4


@pytest.mark.laws
def test_none_is_an_output_of_zeros_whose_gate_learns_from_the_others():
    """Drawn or not it has a gradient: that of the mean, since its own output is zero."""
    method = prepared(NasBench201())
    run, batch = method.run, batch_of(method)
    for choice in run.space.choices():
        assert OPS[choice.options[0]].kind == "none"
        run.alphas[choice.name].data[3] += 20.0 * (choice.name != "3_0")  # the other edges stand
    drawn = set()
    for seed in range(20):
        torch.manual_seed(seed)
        drawn.add(0 not in method.gates("alpha")["3_0"].frozen)
        torch.manual_seed(seed)
        method.alpha_gradient(batch, batch)
        grad = run.alphas["3_0"].grad
        assert grad.count_nonzero() == len(grad)  # not at rest, as in official code
        assert float(grad.sum()) == pytest.approx(0, abs=1e-6)
    assert drawn == {True, False}


@pytest.mark.parametrize("space", [CHAIN, DartsCell(preset="s3"), NasBench201()], ids=lambda s: s.name)
def test_two_leaves_the_probabilities_of_the_others_alone(space):
    method = prepared(space, spread=1.0, update="two", alpha_lr=0.1)
    run, batch = method.run, batch_of(method)
    for seed in range(3):
        before = {n: a.detach().clone() for n, a in run.alphas.items()}
        torch.manual_seed(seed)
        method.alpha_step(batch, batch)
        moved = 0
        for choice in space.choices():
            touched = list(method._touched[choice.name])
            others = [i for i in range(len(choice.options)) if i not in touched]
            then, now = before[choice.name].softmax(0), run.alphas[choice.name].detach().softmax(0)
            torch.testing.assert_close(now[others], then[others], rtol=1e-5, atol=1e-7)
            torch.testing.assert_close(now[touched].sum(), then[touched].sum(), rtol=1e-5, atol=1e-7)
            moved += not torch.allclose(now[touched], then[touched], rtol=1e-4)
        assert moved


def test_a_cost_reaches_the_others_too():
    method = prepared(update="two", alpha_lr=0.1, cost=CostPenalty(weight=10.0))
    run, batch = method.run, batch_of(method)
    before = {n: a.detach().clone() for n, a in run.alphas.items()}
    method.alpha_step(batch, batch)
    shifted = 0
    for choice in CHAIN.choices():
        others = [i for i in range(len(choice.options)) if i not in method._touched[choice.name]]
        then, now = before[choice.name].softmax(0), run.alphas[choice.name].detach().softmax(0)
        shifted += not torch.allclose(now[others], then[others], rtol=1e-4)
    assert shifted == len(CHAIN.choices())


@pytest.mark.laws
def test_pairs_are_drawn_without_replacement_and_the_active_one_by_its_share():
    method = prepared(spread=1.0, update="two")
    p = method.run.alphas["block1"].detach().softmax(0)
    draws, pairs, active = 1500, torch.zeros(4), torch.zeros(4)
    torch.manual_seed(3)
    for _ in range(draws):
        gate = method.gates("alpha")["block1"]
        assert len(set(gate.active)) == 2
        pairs[list(gate.active)] += 1
        active[[i for i in gate.active if i not in gate.frozen]] += 1
    first = [p[i] + sum(p[j] * p[i] / (1 - p[j]) for j in range(4) if j != i) for i in range(4)]
    share = [
        sum(
            (p[i] * p[j] / (1 - p[i]) + p[j] * p[i] / (1 - p[j])) * p[i] / (p[i] + p[j])
            for j in range(4)
            if j != i
        )
        for i in range(4)
    ]
    for counts, wanted in ((pairs, torch.stack(first)), (active, torch.stack(share))):
        assert ((counts / draws - wanted).abs() < ERRORS * (wanted * (1 - wanted) / draws).sqrt()).all()


@pytest.mark.laws
@pytest.mark.parametrize("update", ["full", "two"])
@pytest.mark.parametrize("form", ["added", "linear", "mul_log"])
def test_a_heavier_cost_makes_the_network_cheaper(form, update):
    paid = []
    for weight in (0.0, 3.0):
        cost = CostPenalty(weight=weight, target=9_000.0)
        method = prepared(cost=cost, cost_form=form, update=update, alpha_lr=0.1)
        steps(method, 0, 8)
        paid.append(float(method.price("macs").detach()))
    assert paid[1] < paid[0]


def test_loss_and_cost_are_joined_as_the_forms_say():
    loss = torch.tensor(2.0)
    for form, wanted in (
        ("added", lambda e: 2 + 0.3 * max(0, e / 1e4 - 1)),
        ("linear", lambda e: 2 + 0.3 * (e / 1e4 - 1)),
        ("mul_log", lambda e: 2 * (math.log(e) / math.log(1e4)) ** 0.3),
    ):
        method = prepared(cost=CostPenalty(weight=0.3, target=1e4), cost_form=form)
        total, metrics = method.objective(loss, method.gates("alpha"))
        assert float(total.detach()) == pytest.approx(wanted(float(metrics["macs"].detach())), rel=1e-5)


def test_alpha_follows_every_fifth_step_of_the_weights_and_the_count_is_resumed():
    method = prepared(alpha_every=5)
    told = steps(method, 0, 14)
    assert ["valid_loss" in row for row in told] == [n % 5 == 0 for n in range(1, 15)]
    again = prepared(alpha_every=5)
    again.restore(method.state())
    assert "valid_loss" in steps(again, 14, 15)[0]


def test_on_one_level_alpha_takes_the_same_batch():
    method = prepared(level="one")
    assert not method.halves
    assert {"loss", "valid_loss"} <= set(method.step(batch_of(method), batch_of(method), 0.0))


@pytest.mark.parametrize(
    ("conf", "named"),
    [({"alpha_every": 0}, "alpha_every"), ({"cost_form": "linear"}, "needs a cost with a target")],
)
def test_impossible_settings_are_refused(conf, named):
    with pytest.raises(UserError, match=named):
        ProxylessNas(**conf)


@pytest.mark.parametrize(("epochs", "rests"), [(160, 40), (30, 7), (4, 1), (2, 0)])
def test_the_warm_up_is_the_papers_share_of_the_search(epochs, rests):
    method = prepared(warmup=ProxylessNas().warmup)
    method.run.epochs = epochs
    resting = []
    for method.run.epoch in range(epochs):
        resting.append(method.warming)
    assert resting == [epoch < rests for epoch in range(epochs)]


def test_the_settings_are_those_of_the_paper():
    method = ProxylessNas()
    assert (method.alpha_lr, method.alpha_betas, method.alpha_weight_decay) == (1e-3, (0.0, 0.999), 0.0)
    assert (method.warmup, method.alpha_every, method.update) == (0.25, 5, "full")
