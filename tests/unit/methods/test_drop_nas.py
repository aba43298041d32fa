"""DropNAS: what is dropped how often, that nothing of it moves, and DARTS of one level without dropping."""

import math

import pytest
import torch

from audionas.core.errors import UserError
from audionas.methods.darts import Darts
from audionas.methods.drop_nas import DropNas, Groups
from audionas.nn.ops import FREE, OPS
from audionas.spaces.darts_cell import PRIMITIVES, DartsCell
from audionas.spaces.kws_tc_resnet import KwsTcResnet
from audionas.spaces.nas_bench_201 import NasBench201
from tests._tiers import laws
from tests.invariants._cases import batches, started, steps

CHAIN = KwsTcResnet(width=0.25, se="none")
EIGHT = {f"edge{i}": PRIMITIVES for i in range(100)}
FREE_OF = [i for i, option in enumerate(PRIMITIVES) if OPS[option].kind in FREE]


def rates(space, drop):
    """The rate of each group that has two operations somewhere."""
    return {name: drop for name in ("drop", "drop_free") if name not in DropNas().idle(space)}


def prepared(space=CHAIN, drop=0.2, **conf):
    """With 0.2 each option of a group of four is dropped with q = 0.2 ** (1 / 4) = 0.67."""
    method = DropNas(**rates(space, drop), **conf)
    started(method, space, frames=9, dropout=0.0)
    return method


def rows(seed, *, drop, times):
    torch.manual_seed(seed)
    groups = Groups(EIGHT, drop, drop)
    return [active for _ in range(times) for active in groups.draw()]


@pytest.mark.laws
def test_a_hundred_thousand_draws_leave_one_of_each_group_and_drop_as_often_as_the_formula_says():
    """Four standard errors; options of one group depend on each other, those of different edges do not."""
    drop = 0.3
    drawn = rows(0, drop=drop, times=1000)
    assert len(drawn) == 100_000
    assert all(set(FREE_OF) & set(active) and set(active) - set(FREE_OF) for active in drawn)
    q, n = drop ** (1 / 4), 4
    wanted = (q - q**n) / (1 - q**n)
    for option in range(8):
        dropped = sum(option not in active for active in drawn) / len(drawn)
        assert abs(dropped - wanted) < 4 * math.sqrt(wanted * (1 - wanted) / len(drawn))


def test_the_paper_keeps_three_point_seven_of_four():
    drawn = rows(1, drop=3e-5, times=400)
    convs = sum(len(set(active) - set(FREE_OF)) for active in drawn) / len(drawn)
    assert convs == pytest.approx(4 * (1 - 3e-5 ** (1 / 4)), abs=0.02)


@pytest.mark.laws
def test_both_groups_have_rates_of_their_own_and_one_alone_stays():
    torch.manual_seed(2)
    chosen = [active for _ in range(200) for active in Groups(EIGHT, 0.0, 0.9).draw()]
    assert all(set(active) >= set(range(8)) - set(FREE_OF) for active in chosen)
    assert min(len(active) for active in chosen) == 5
    alone = Groups({"edge": ("skip_connect", "sep_conv_3x3")}, 0.9, 0.9)
    assert all(alone.draw() == [(0, 1)] for _ in range(50))


def test_draws_follow_the_generator():
    assert rows(3, drop=0.3, times=3) == rows(3, drop=0.3, times=3) != rows(4, drop=0.3, times=3)


@pytest.mark.parametrize("space", [CHAIN, DartsCell(), NasBench201()], ids=lambda s: s.name)
def test_gates_are_the_softmax_over_what_is_kept(space):
    method = prepared(space)
    torch.manual_seed(5)
    gates = method.gates("alpha")
    some = False
    for choice in space.choices():
        weight, active = gates[choice.name].weight.detach(), gates[choice.name].active
        kept = list(active)
        some |= len(kept) < len(choice.options)
        alpha = method.run.alphas[choice.name].detach()
        torch.testing.assert_close(weight[kept], alpha[kept].softmax(0))
        assert not weight[[i for i in range(len(alpha)) if i not in kept]].any()
    assert some


@pytest.mark.parametrize("level", ["one", "two"])
@pytest.mark.parametrize("space", [CHAIN, DartsCell(), NasBench201()], ids=lambda s: s.name)
def test_what_is_dropped_does_not_move(space, level):
    """Neither weights (decay and momentum are on) nor probabilities, though Adam has momentum too."""
    method = prepared(space, level=level, alpha_weight_decay=0.1, alpha_lr=0.1)
    run = method.run
    steps(method, 0, 1)  # momentum in both optimisers
    probabilities = {n: torch.tensor(list(p.values())) for n, p in method.probabilities().items()}
    alphas = {n: a.detach().clone() for n, a in run.alphas.items()}
    weights = {n: p.detach().clone() for n, p in run.net.named_parameters()}
    ((train, valid),) = batches(run.io, 1, seed=3, size=4)
    torch.manual_seed(9)
    if level == "one":
        method.step(train, train, 0.0)
    else:
        method.alpha_step(valid, train)
    kept, moved = method._kept, 0
    for choice in space.choices():
        out = [i for i in range(len(choice.options)) if i not in kept[choice.name]]
        assert torch.equal(run.alphas[choice.name].detach()[out], alphas[choice.name][out])
        moved += not torch.equal(run.alphas[choice.name], alphas[choice.name])
        now = torch.tensor(list(method.probabilities()[choice.name].values()))
        torch.testing.assert_close(now[out], probabilities[choice.name][out], rtol=1e-5, atol=1e-7)
    assert moved > len(space.choices()) / 2
    if level == "one":
        still = {n for n, p in run.net.named_parameters() if torch.equal(p, weights[n])}
        idle = {n for n in weights if ".ops." in n and option_of(n) not in running(method, n)}
        assert idle
        assert still == idle


def option_of(name):
    return name.partition(".ops.")[2].split(".")[0]


def running(method, name):
    """The kept options of the edge to which a weight belongs."""
    path = name.partition(".ops.")[0]
    choice = method.run.net.get_submodule(path).choice
    return [choice.options[i] for i in method._kept[choice.name]]


def test_the_kept_alphas_alone_decay():
    """Where the loss is flat the gradient is the decay of what was kept."""
    method = prepared(CHAIN, alpha_weight_decay=0.1)
    for alpha in method.run.alphas.values():
        alpha.data.copy_(torch.linspace(-1, 1, len(alpha)))
    method.run.criterion = lambda logits, target: 0.0 * logits.sum()
    ((train, _),) = batches(method.run.io, 1, seed=3, size=4)
    torch.manual_seed(1)
    before = {n: a.detach().clone() for n, a in method.run.alphas.items()}
    method.alpha_gradient(train, train)
    for name, alpha in method.run.alphas.items():
        wanted = torch.zeros_like(before[name])
        kept = list(method._kept[name])
        wanted[kept] = 0.1 * before[name][kept]
        torch.testing.assert_close(alpha.grad, wanted)


@pytest.mark.parametrize("space", laws([CHAIN, DartsCell(preset="s3"), NasBench201()]), ids=lambda s: s.name)
def test_without_dropping_it_is_darts_of_one_level_bit_for_bit(space):
    told, states = [], []
    plain = dict(level="one", alpha_weight_decay=0.0)
    none, some = rates(space, 0.0), rates(space, 0.2)
    for method in (Darts(**plain), DropNas(**none, **plain), DropNas(**some, **plain)):
        run = started(method, space, frames=9, dropout=0.1)
        told.append(steps(method, 0, 2))
        states.append([*run.net.state_dict().values(), *(a.detach() for a in run.alphas.values())])
    assert told[0] == told[1] != told[2]
    assert all(torch.equal(a, b) for a, b in zip(states[0], states[1], strict=True))


def test_without_dropping_its_decay_is_that_of_adam():
    alphas = []
    for method in (Darts(level="one"), DropNas(drop=0.0)):
        run = started(method, CHAIN, frames=9, dropout=0.0)
        for alpha in run.alphas.values():
            alpha.data.add_(1.0)
        steps(method, 0, 2)
        alphas.append(torch.cat([a.detach() for a in run.alphas.values()]))
    torch.testing.assert_close(alphas[0], alphas[1], rtol=0, atol=1e-6)


def test_nothing_is_dropped_during_warm_up():
    method = prepared(drop=0.5, warmup=0.25)
    for epoch, all_run in ((0, True), (1, False)):
        method.on_epoch(epoch)
        gates = method.gates("weights")
        assert all(len(gates[c.name].active) == len(c.options) for c in CHAIN.choices()) is all_run


def test_edges_are_compared_by_probability_or_as_official_code_does_by_alpha():
    """One edge has a large logit among larger ones, another a small logit alone: the rules differ."""
    found = {}
    for rank in ("softmax", "alpha"):
        method = prepared(DartsCell(preset="s3"), rank=rank)
        for alpha in method.run.alphas.values():
            alpha.data.fill_(0.0)
        method.run.alphas["normal/3_0"].data.copy_(torch.tensor([5.0, 4.0, 5.0]))
        method.run.alphas["normal/3_1"].data.copy_(torch.tensor([-3.0, 2.0, -3.0]))
        method.run.alphas["normal/3_2"].data.copy_(torch.tensor([-3.0, 3.0, -3.0]))
        choices = method.derive().choices
        found[rank] = [name for name in ("normal/3_0", "normal/3_1", "normal/3_2") if choices[name]]
    assert found == {"softmax": ["normal/3_1", "normal/3_2"], "alpha": ["normal/3_0", "normal/3_2"]}


@pytest.mark.parametrize("conf", [{"drop": 1.0}, {"drop": -0.1}, {"drop_free": 2.0}])
def test_impossible_settings_are_refused(conf):
    with pytest.raises(UserError, match=next(iter(conf))):
        DropNas(**conf)


def test_the_settings_are_those_of_the_paper():
    method = DropNas()
    assert (method.level, method.drop, method.drop_free, method.rank) == ("one", 3e-5, 3e-5, "softmax")
    assert (method.alpha_lr, method.alpha_betas, method.alpha_weight_decay) == (3e-4, (0.5, 0.999), 1e-3)
