"""P-DARTS: stages that deepen the network and thin out its options, dropout on skips, few skips derived."""

import math

import pytest
import torch

from audionas.core.arch import Choice
from audionas.core.errors import UserError
from audionas.cost.objective import CostPenalty
from audionas.cost.table import table
from audionas.engine import checkpoint
from audionas.engine.optim import Optim
from audionas.methods.p_darts import PDarts, SkipDropoutEdge
from audionas.nn.edge import Gate, Gates
from audionas.nn.ops import OPS, OpShape
from audionas.spaces.darts_cell import PRIMITIVES, DartsCell
from audionas.spaces.kws_mobilenet import KwsMobilenet
from audionas.spaces.kws_tc_resnet import KwsTcResnet
from audionas.spaces.nas_bench_201 import NasBench201
from tests._tiers import laws
from tests.invariants._cases import STEPS, features_of, named, started, steps

DARTS, SMALL, BENCH = DartsCell(), DartsCell(preset="s3"), NasBench201()
DEPTHS = (2, 3, 4)
ONE = OpShape(4, 4, bare=True, pool_norm=True)


def prepared(space, epochs=6, **conf):
    method = PDarts(**{"depths": DEPTHS, **conf})
    started(method, space, epochs=epochs, dropout=0.0)
    return method


def hold(method, name, *strengths):
    method.run.alphas[name].data.copy_(torch.tensor(strengths))


def begin(method, epoch):
    torch.manual_seed(epoch)
    method.on_epoch(epoch)


def left(method):
    """The options with any weight, by choice."""
    return {
        name: tuple(option for option, p in options.items() if p > 0)
        for name, options in method.probabilities().items()
    }


def copied(method):
    return {f"{g}/{k}": t.clone() for g, ts in method.state().tensors.items() for k, t in ts.items()}


def cells_of(net):
    """How many cells a network has, counted by its edges."""
    return sum(isinstance(m, SkipDropoutEdge) for m in net.modules()) / (6 if hasattr(net, "body") else 14)


@pytest.mark.laws
@pytest.mark.parametrize(
    ("space", "counts"),
    laws(
        [
            (SMALL, (3, 2, 2)),
            (BENCH, (5, 4, 2)),
            (DartsCell(preset="s2"), (2, 2, 1)),
            (DARTS, (8, 5, 3)),
            (DartsCell(preset="no_none"), (7, 5, 3)),
        ],
        fast=2,
    ),
    ids=named,
)
def test_the_network_deepens_while_the_options_thin_out(space, counts):
    method = prepared(space)
    before = {c.name: c.options for c in space.choices()}
    for stage, (depth, count) in enumerate(zip(DEPTHS, counts, strict=True)):
        begin(method, 2 * stage)
        now = left(method)
        assert all(len(now[name]) == count and set(now[name]) <= set(before[name]) for name in now)
        before = now
        assert method.run.sizes == {"layers": depth, "channels": 4}
        assert cells_of(method.run.net) == (depth if space is not BENCH else 3 * depth)
        assert method.derive().scale == method.run.sizes
        for edge in (m for m in method.run.net.modules() if isinstance(m, SkipDropoutEdge)):
            assert tuple(edge.ops) == now[edge.choice.name]
        for gate in method.gates("alpha").values():
            assert len(gate.weight if gate.active is None else gate.active) == count
            assert float(gate.weight.sum().detach()) == pytest.approx(1)
        network = method.run.net(features_of(method.run.io), method.gates("weights"))
        assert network.shape == (2, 3)
    with torch.no_grad():
        alone = method.run.net.eval()(features_of(method.run.io), space.one_hot(method.derive()))
    assert torch.isfinite(alone).all()


@pytest.mark.laws
def test_the_options_of_least_softmax_go():
    method = prepared(DARTS)
    strengths = dict(zip(PRIMITIVES, (3.0, 1.0, 2.0, -1.0, 0.0, 7.0, -3.0, -2.0), strict=True))
    hold(method, "normal/3_1", *strengths.values())
    begin(method, 2)
    first = ("none", "max_pool_3x3", "avg_pool_3x3", "sep_conv_3x3", "sep_conv_5x5")
    assert left(method)["normal/3_1"] == first
    p = method.probabilities()["normal/3_1"]
    assert all(p[option] == pytest.approx(0.2, abs=0.01) for option in first)  # fresh alphas
    hold(method, "normal/3_1", 5.0, 9.0, -1.0, 9.0, 2.0, 1.0, 9.0, 9.0)  # what is gone does not come back
    begin(method, 4)
    assert left(method)["normal/3_1"] == ("none", "max_pool_3x3", "sep_conv_3x3")


def test_an_edge_that_may_be_absent_keeps_more_than_none():
    method = prepared(SMALL, keep=(1 / 3, 1 / 3))
    hold(method, "normal/2_0", 9.0, 0.0, 1.0)
    begin(method, 2)
    assert left(method)["normal/2_0"] == ("sep_conv_3x3",)
    bench = prepared(BENCH, keep=(0.2, 0.2))
    hold(bench, "1_0", 9.0, 0.0, 1.0, 0.0, 0.0)
    begin(bench, 2)
    assert left(bench)["1_0"] == ("none",)  # an operation like others there


@pytest.mark.laws
@pytest.mark.parametrize(("keep", "counts"), [((0.6, 0.4), (5, 3, 2)), ((0.01, 0.01), (5, 1, 1))])
def test_shares_are_rounded_up_and_never_below_one(keep, counts):
    method = prepared(BENCH, keep=keep)
    for stage, count in enumerate(counts):
        begin(method, 2 * stage)
        assert {len(options) for options in left(method).values()} == {count}


@pytest.mark.laws
def test_a_stage_starts_anew():
    """Weights, alphas and both optimisers; nothing is taken over but which options are left."""
    method = prepared(SMALL)
    steps(method, 0, 2 * STEPS)
    old, alphas = method.run.net.state_dict(), dict(method.run.alphas)
    assert method._optimizer.state_dict()["state"]
    begin(method, 2)
    assert not method._optimizer.state_dict()["state"]
    assert not method.run.weight_optimizer.state_dict()["state"]
    owned = {id(p) for group in method.run.weight_optimizer.param_groups for p in group["params"]}
    assert owned == {id(p) for p in method.run.net.parameters()}
    new = method.run.net.state_dict()
    shared = [k for k in new if k in old and k.endswith(".weight") and new[k].dim() == 4]
    assert shared
    assert not any(torch.equal(new[k], old[k]) for k in shared)
    for name, alpha in method.run.alphas.items():
        assert alpha is not alphas[name]
        assert 0 < alpha.detach().abs().max() < 0.01
    assert prepared(SMALL).run.alphas.keys() == method.run.alphas.keys()
    first = [a.detach() for a in prepared(SMALL).run.alphas.values()]
    assert not any(torch.equal(a, b) for a, b in zip(method.run.alphas.values(), first, strict=True))


@pytest.mark.laws
@pytest.mark.parametrize(
    ("epochs", "firsts"), [(75, (0, 25, 50)), (6, (0, 2, 4)), (4, (0, 2, 3)), (3, (0, 1, 2))]
)
def test_stages_are_equal_parts_of_the_epochs(epochs, firsts):
    method = prepared(SMALL, epochs=epochs)
    seen = []
    for epoch in range(epochs):
        begin(method, epoch)
        seen.append(method.run.sizes["layers"])
    changes = [e for e in range(epochs) if e == 0 or seen[e] != seen[e - 1]]
    assert tuple(changes) == firsts
    assert tuple(dict.fromkeys(seen)) == DEPTHS


@pytest.mark.laws
def test_dropout_falls_jumps_back_and_decays_as_in_official_code():
    method = prepared(SMALL, epochs=75)
    trace = []
    for epoch in range(75):
        begin(method, epoch)
        trace.append(method.gates("weights").extra["skip_dropout"])
    for stage, p in enumerate((0.0, 0.4, 0.7)):
        falling = [p * (24 - e) / 25 for e in range(10)]
        decaying = [p * math.exp(-0.2 * (e - 10)) for e in range(10, 25)]
        assert trace[25 * stage : 25 * (stage + 1)] == pytest.approx(falling + decaying)
    assert trace[60] == 0.7


def test_the_schedule_is_scaled_to_shorter_stages():
    method = prepared(SMALL, epochs=15)
    trace = []
    for epoch in range(10):
        begin(method, epoch)
        trace.append(method.extra()["skip_dropout"])
    wanted = [0.96, 0.76, 1.0, math.exp(-1), math.exp(-2)]
    assert trace[5:] == pytest.approx([0.4 * share for share in wanted])


@pytest.mark.laws
def test_alpha_rests_in_the_first_part_of_each_stage():
    method = prepared(SMALL, epochs=15)  # two of five epochs
    moved = []
    for epoch in range(10):
        before = None
        for place in range(STEPS):
            number = epoch * STEPS + place
            told = steps(method, number, number + 1)[0]
            after = [a.detach().clone() for a in method.run.alphas.values()]
            if before is not None:
                same = all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
                assert same == ("valid_loss" not in told)
                moved.append(not same)
            before = after
            assert method.run.weight_optimizer.param_groups[0]["lr"] == method.rate(number / STEPS)
    assert moved == [False, False, True, True, True] * 2


def test_the_learning_rate_begins_anew_in_each_stage():
    optim = Optim(lr=0.1, final_lr=0.01)
    method = PDarts(depths=DEPTHS)
    started(method, SMALL, epochs=75, optim=optim)
    for epoch in range(75):
        begin(method, epoch)
        assert method.rate(epoch + 0.5) == optim.rate(epoch % 25 + 0.5, 25)
        assert method.rate(epoch + 1) == optim.rate(epoch % 25 + 1, 25)


@pytest.mark.parametrize("training", [False, True])
def test_only_skips_that_change_no_shape_drop_out(training):
    options = ("skip_connect", "sep_conv_3x3")
    for shape, affected in ((ONE, {0}), (OpShape(4, 4, (2, 2), bare=True, pool_norm=True), set())):
        edge = SkipDropoutEdge(Choice("here", options), shape).train(training)
        x = torch.randn(8, 4, 8, 8)
        before = x.clone()
        for index in (0, 1):
            weight = torch.zeros(2)
            weight[index] = 1.0
            torch.manual_seed(0)
            plain = edge(x, Gates({"here": Gate(weight, (index,))}))
            dropped = edge(x, Gates({"here": Gate(weight, (index,))}, {"skip_dropout": 0.4}))
            assert torch.equal(x, before)
            if not (training and index in affected):
                assert torch.equal(plain, dropped)
                continue
            gone = dropped == 0
            error = math.sqrt(0.4 * 0.6 / gone.numel())
            assert float(gone.float().mean()) == pytest.approx(0.4, abs=4 * error)  # an element at a time
            torch.testing.assert_close(dropped[~gone], x[~gone] / 0.6)


def skips_of(spec, kind="normal/"):
    kept = [o for name, options in spec.choices.items() if name.startswith(kind) for o in options]
    return sum(OPS[option].kind == "skip" for option in kept)


@pytest.mark.laws
@pytest.mark.parametrize("limit", [0, 1, 2, 8])
def test_the_normal_cell_has_few_skips_and_its_nodes_two_inputs(limit):
    method = prepared(DARTS, max_skips=limit)
    for number, choice in enumerate(DARTS.choices()):
        strengths = [0.0] * 8
        strengths[3], strengths[4 + number % 4] = 4.0 + 0.1 * number, 2.0
        hold(method, choice.name, *strengths)
    spec = method.derive()
    assert skips_of(spec) == limit
    assert skips_of(spec, "reduce/") == 8  # no limit there
    for edges in DARTS.nodes():
        assert sum(bool(spec.choices[c.name]) for c in edges) == 2


@pytest.mark.laws
def test_the_weakest_skips_are_struck_out_first():
    method = prepared(DARTS, max_skips=1)
    for choice in DARTS.choices():
        hold(method, choice.name, *[0.0] * 8)
    for name, strength in (("normal/2_0", 3.0), ("normal/2_1", 2.0), ("normal/5_4", 4.0)):
        hold(method, name, 0.0, 0.0, 0.0, strength, 0.0, 1.0, 0.0, 0.0)
    choices = method.derive().choices
    assert choices["normal/5_4"] == ("skip_connect",)
    assert choices["normal/2_0"] == choices["normal/2_1"] == ("sep_conv_5x5",)
    assert not any("skip_connect" in choices[f"normal/{n}_{s}"] for n in (3, 4) for s in range(n))


def test_a_skip_stays_where_nothing_else_is_left():
    method = prepared(DARTS, max_skips=0, keep=(1 / 8, 1 / 8))
    for choice in DARTS.choices():
        skips = choice.name in ("normal/2_0", "normal/3_0")
        hold(method, choice.name, *[0.0] * 3, *((1.0, 0.0) if skips else (0.0, 1.0)), *[0.0] * 3)
    begin(method, 2)
    choices = method.derive().choices
    assert choices["normal/2_0"] == ("skip_connect",)  # both edges of the first node stand
    assert choices["normal/3_0"] == ()
    assert skips_of(method.derive()) == 1


@pytest.mark.laws
def test_the_cell_of_nas_bench_201_has_few_skips_too():
    method = prepared(BENCH)
    for number, choice in enumerate(BENCH.choices()):
        hold(method, choice.name, 0.0, 3.0 + number, 0.0, 1.0, 0.0)
    choices = method.derive().choices
    assert [name for name, options in choices.items() if options == ("skip_connect",)] == ["3_1", "3_2"]
    assert {options for name, options in choices.items() if name[0] != "3"} == {("nor_conv_3x3",)}


@pytest.mark.laws
def test_what_is_gone_costs_nothing_and_prices_are_those_of_the_last_depth():
    method = prepared(BENCH, cost=CostPenalty(weight=0.1))
    run = method.run
    wanted = table(BENCH, run.io, {"layers": DEPTHS[-1], "channels": 4})
    for epoch in (0, 2, 4):
        begin(method, epoch)
        assert run.costs == wanted
    hold(method, "1_0", *[0.0] * 5)
    gate = method.gates("alpha")["1_0"]
    assert gate.weight[[i for i in range(5) if i not in gate.active]].eq(0).all()
    (gradient,) = torch.autograd.grad(gate.weight[gate.active[0]], run.alphas["1_0"])
    assert gradient.count_nonzero() == 2


@pytest.mark.laws
@pytest.mark.parametrize("saved", [1, 2, 3])
@pytest.mark.parametrize("space", [SMALL, BENCH], ids=named)
def test_a_resumed_search_takes_the_same_steps(space, saved, tmp_path):
    """Before a stage ends, at its end and within the next, bit for bit."""
    method = prepared(space, skip_dropout=(0.3, 0.4, 0.7))
    steps(method, 0, saved * STEPS)
    checkpoint.save(tmp_path, saved, method.state())
    told = steps(method, saved * STEPS, 5 * STEPS)
    again = prepared(space, skip_dropout=(0.3, 0.4, 0.7))
    steps(again, 0, 1)
    again.restore(checkpoint.load(tmp_path))
    assert steps(again, saved * STEPS, 5 * STEPS) == told
    one, other = copied(method), copied(again)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)
    fresh = prepared(space, skip_dropout=(0.3, 0.4, 0.7))
    fresh.restore(method.state())
    assert fresh.gates("weights").extra["skip_dropout"] <= 0.7  # also before its first epoch
    assert again.derive() == method.derive()
    assert again.run.sizes == method.run.sizes == {"layers": 4, "channels": 4}


@pytest.mark.parametrize("space", [KwsTcResnet(width=0.25), KwsMobilenet(width=0.25)], ids=named)
def test_chains_are_refused(space):
    with pytest.raises(UserError, match="chain has one depth"):
        PDarts().require(space)
    assert all(not PDarts().refuses(cells) for cells in (DARTS, BENCH))


@pytest.mark.laws
@pytest.mark.parametrize("epochs", [1, 2])
def test_with_fewer_epochs_than_stages_the_last_stages_remain(epochs):
    """And the last keeps three options of eight, or all if it is the only one."""
    method = prepared(SMALL, epochs=epochs, skip_dropout=(0.1, 0.4, 0.7))
    seen = []
    for epoch in range(epochs):
        begin(method, epoch)
        seen.append((method.run.sizes["layers"], method.extra()["skip_dropout"], method.rate(epoch)))
    full = method.run.optim.lr
    assert seen == [(3, 0.4, full), (4, 0.7, full)][-epochs:]
    share = method.keep[-1] if epochs > 1 else 1.0
    for choice in SMALL.choices():
        assert len(left(method)[choice.name]) == math.ceil(share * len(choice.options))


@pytest.mark.parametrize(
    "conf",
    [
        {"depths": ()},
        {"depths": (0, 1, 2)},
        {"depths": (2, 3)},
        {"keep": (0.5,)},
        {"keep": (0.5, 0.6)},
        {"keep": (0.5, 0.0)},
        {"skip_dropout": (0.0, 0.4)},
        {"skip_dropout": (0.0, 0.4, 1.0)},
        {"rest": 1.0},
        {"max_skips": -1},
        {"alpha_clip": 0.0},
    ],
)
def test_impossible_settings_are_refused(conf):
    with pytest.raises(UserError, match=r"expected|come back"):
        PDarts(**conf)


def test_the_settings_are_those_of_the_paper():
    method = PDarts()
    assert (method.depths, method.keep, method.skip_dropout) == ((5, 11, 17), (5 / 8, 3 / 8), (0.0, 0.4, 0.7))
    assert (method.rest, method.max_skips) == (10 / 25, 2)
    assert (method.alpha_lr, method.alpha_clip, method.alpha_weight_decay) == (6e-4, 5.0, 1e-3)


def test_one_stage_is_a_search_of_one_depth():
    method = prepared(SMALL, depths=(3,), keep=(), skip_dropout=(0.1,))
    for epoch in range(6):
        begin(method, epoch)
    assert method.run.sizes["layers"] == 3
    assert {len(options) for options in left(method).values()} == {3}
