"""FairDARTS: the zero-one loss, sigmoids without competition, everything above the threshold is kept."""

import math

import pytest
import torch

from audionas.core.errors import UserError
from audionas.methods.fair_darts import FairDarts, zero_one_loss
from audionas.spaces.darts_cell import DartsCell
from audionas.spaces.kws_tc_resnet import KwsTcResnet
from audionas.spaces.nas_bench_201 import NasBench201
from tests._tiers import laws
from tests.invariants._cases import batches, features_of, shake, started

SPACE = KwsTcResnet(width=0.25, se="none")


CELLS = DartsCell(preset="no_none")


def prepared(space=SPACE, **conf):
    method = FairDarts(**conf)
    started(method, space, frames=9, dropout=0.0)
    return method


def cells(edges, **conf):
    """A search in cells whose sigmoids are all 0.1 but for `edges`: by name, from option to sigmoid."""
    method = prepared(CELLS, **conf)
    for alpha in method.run.alphas.values():
        alpha.data.fill_(logit(0.1))
    for name, sigmoids in edges.items():
        for option, p in sigmoids.items():
            method.run.alphas[name].data[CELLS.choices()[0].options.index(option)] = logit(p)
    return method


def kept(spec, kind="normal"):
    """The edges that a cell keeps."""
    return {n.partition("/")[2]: o for n, o in spec.choices.items() if n.startswith(kind) and o}


FULL = {f"{kind}/2_{i}": {"sep_conv_3x3": 0.9} for kind in ("normal", "reduce") for i in (0, 1)}


def logit(p):
    return math.log(p / (1 - p))


def hold(method, name, *probabilities):
    method.run.alphas[name].data.copy_(torch.tensor([logit(p) for p in probabilities]))


def gradient(alpha, form):
    alpha = torch.tensor(alpha, dtype=torch.double, requires_grad=True)
    zero_one_loss(alpha.sigmoid(), form).backward()
    return alpha.grad


def test_the_zero_one_loss_is_zero_at_a_half_and_least_where_all_is_decided():
    half, decided = torch.full((6,), 0.5), torch.tensor([0.0, 1.0, 1.0, 0.0])
    assert zero_one_loss(half) == zero_one_loss(half, "absolute") == 0
    assert zero_one_loss(decided) == -0.25
    assert zero_one_loss(decided, "absolute") == -0.5
    mixed = torch.tensor([0.5, 1.0])
    assert zero_one_loss(mixed) == -0.125
    assert zero_one_loss(mixed, "absolute") == -0.25


def test_both_forms_leave_an_undecided_sigmoid_alone():
    assert not gradient([0.0, 0.0, 0.0], "squared").any()
    assert not gradient([0.0, 0.0, 0.0], "absolute").any()


def test_near_a_half_the_absolute_form_pushes_at_once_the_squared_in_proportion():
    """1 / (4N) against alpha / (8N), outwards in both."""
    for count in (2, 8):
        alpha = [1e-3, -1e-3] * (count // 2)
        sign = torch.tensor([-1.0, 1.0] * (count // 2), dtype=torch.double)
        torch.testing.assert_close(gradient(alpha, "absolute"), sign / (4 * count), rtol=1e-5, atol=0)
        torch.testing.assert_close(gradient(alpha, "squared"), sign * 1e-3 / (8 * count), rtol=1e-5, atol=0)


def test_the_penalty_is_the_weighted_loss_over_all_options_of_all_choices():
    method = prepared(zero_one_weight=3.0)
    assert float(method.penalty(method.gates("alpha")).detach()) == 0
    for alpha in method.run.alphas.values():
        alpha.data.fill_(40.0)
    assert float(method.penalty(method.gates("alpha")).detach()) == pytest.approx(-0.75)
    hold(method, "block1", 0.5, 0.5, 0.5, 0.5)
    share = 1 - 4 / SPACE_OPTIONS
    assert float(method.penalty(method.gates("alpha")).detach()) == pytest.approx(-0.75 * share)
    absolute = prepared(zero_one_form="absolute", zero_one_weight=1.0)
    for alpha in absolute.run.alphas.values():
        alpha.data.fill_(-40.0)
    assert float(absolute.penalty(absolute.gates("alpha")).detach()) == pytest.approx(-0.5)


def test_the_gradient_is_told_in_two_parts_that_add_up():
    """At a half the zero-one loss pulls nothing; elsewhere its part is its own gradient."""
    method = prepared()
    (pair,) = batches(method.run.io, 1, seed=0)
    told = method.alpha_gradient(*pair)
    whole = torch.cat([a.grad for a in method.parameters()])
    assert float(told["gradient_zero_one"]) == 0
    torch.testing.assert_close(told["gradient_data"], whole.norm())
    with torch.no_grad():
        method.parameters()[0].add_(1)
    told = method.alpha_gradient(*pair)
    s = torch.sigmoid(torch.ones(len(method.parameters()[0])))
    pull = (-2 * 10 / SPACE_OPTIONS * (s - 0.5) * s * (1 - s)).norm()
    torch.testing.assert_close(told["gradient_zero_one"], pull)


def test_no_shared_affine_norm_follows_a_sum_of_sigmoids():
    """In NAS-Bench-201 the last norm stands directly behind a cell; DARTS keeps its affine parameters."""
    method = FairDarts()
    started(method, NasBench201())
    assert method.run.net.last[0].affine is False


SPACE_OPTIONS = sum(len(c.options) for c in SPACE.choices())


def test_every_sigmoid_begins_at_a_half():
    method = prepared()
    assert {p for options in method.probabilities().values() for p in options.values()} == {0.5}


def test_options_do_not_compete():
    """Raising one alpha changes no other option's weight; their sum is free."""
    method = prepared()
    hold(method, "block2", 0.9, 0.5, 0.5, 0.5, 0.95)
    weight = method.gates("alpha")["block2"].weight
    torch.testing.assert_close(weight.detach(), torch.tensor([0.9, 0.5, 0.5, 0.5, 0.95]))
    (row,) = torch.autograd.grad(weight[0], method.run.alphas["block2"])
    assert row.count_nonzero() == 1


def test_all_options_above_the_threshold_are_kept_or_the_strongest():
    method = prepared()
    hold(method, "block1", 0.84, 0.2, 0.849, 0.1)
    hold(method, "block2", 0.9, 0.2, 0.851, 0.86, 0.3)
    hold(method, "block3", 0.99, 0.99, 0.99, 0.99)
    hold(method, "block4", 0.1, 0.2, 0.3, 0.2, 0.95)
    choices = method.derive().choices
    assert choices["block1"] == ("tc_k7",)
    assert choices["block2"] == ("tc_k3", "tc_k7", "tc_k9")
    assert choices["block3"] == ("tc_k3", "tc_k5", "tc_k7", "tc_k9")
    assert choices["block4"] == ("skip",)
    assert choices["block5"] == ("tc_k3",)  # the first among equals


@pytest.mark.parametrize(("threshold", "kept"), laws([(0.8, 2), (0.75, 3), (0.95, 1)]))
def test_the_threshold_is_respected(threshold, kept):
    method = prepared(threshold=threshold)
    hold(method, "block2", 0.9, 0.81, 0.76, 0.5, 0.2)
    assert len(method.derive().choices["block2"]) == kept


def test_a_derived_network_of_several_survivors_is_their_sum():
    method = prepared()
    hold(method, "block2", 0.9, 0.2, 0.9, 0.1, 0.9)
    hold(method, "block5", 0.9, 0.9, 0.9, 0.1)
    shake(method.run.net)
    spec, supernet = method.derive(), method.run.net.eval()
    net = SPACE.build(spec).eval()
    net.load_state_dict(SPACE.inherit(supernet, spec))
    x = features_of(method.run.io)
    with torch.no_grad():
        assert torch.equal(net(x), supernet(x, SPACE.one_hot(spec)))
        y = net.stem(x.transpose(1, 2))
        for name, edge in supernet.edges.items():
            first, *rest = [
                edge.ops[option](y) for option in edge.choice.options if option in spec.choices[name]
            ]
            for other in rest:
                first = first + other
            y = first
        assert torch.equal(net(x), net.head(y))


@pytest.mark.laws
def test_a_sparse_cell_keeps_of_the_two_strongest_edges_of_a_node_those_that_pass():
    edges = {
        **FULL,
        "normal/3_0": {"skip_connect": 0.95, "sep_conv_5x5": 0.99},  # one operation an edge
        "normal/3_1": {"max_pool_3x3": 0.9},  # third in rank
        "normal/3_2": {"dil_conv_3x3": 0.97},
        "normal/4_1": {"skip_connect": 0.86},
        "normal/4_3": {"sep_conv_3x3": 0.84},  # below the threshold
    }
    spec = cells(edges).derive()
    assert kept(spec) == {
        "2_0": ("sep_conv_3x3",),
        "2_1": ("sep_conv_3x3",),
        "3_0": ("sep_conv_5x5",),
        "3_2": ("dil_conv_3x3",),
        "4_1": ("skip_connect",),
    }
    assert "normal cell" not in spec.note


def test_a_threshold_on_every_edge_keeps_up_to_two_operations_of_each():
    edges = {
        **FULL,
        "normal/3_0": {"skip_connect": 0.95, "sep_conv_5x5": 0.99, "max_pool_3x3": 0.9},
        "normal/3_1": {"max_pool_3x3": 0.9},
        "normal/3_2": {"dil_conv_3x3": 0.97, "avg_pool_3x3": 0.84},
    }
    found = kept(cells(edges, rule="threshold_edge").derive())
    assert found.pop("3_0") == ("skip_connect", "sep_conv_5x5")  # in the order of the options
    assert found == {
        "2_0": ("sep_conv_3x3",),
        "2_1": ("sep_conv_3x3",),
        "3_1": ("max_pool_3x3",),
        "3_2": ("dil_conv_3x3",),
    }


def test_the_rule_of_darts_asks_for_no_threshold():
    found = kept(cells({}, rule="darts").derive())
    assert len(found) == 8
    assert all(len(options) == 1 for options in found.values())


@pytest.mark.laws
def test_an_isolated_node_is_left_out_and_the_output_is_narrower():
    """What starts from it goes too, though it passes; three nodes of four stay."""
    edges = {**FULL, "normal/5_3": {"sep_conv_3x3": 0.99}, "normal/5_0": {"skip_connect": 0.9},
             "normal/4_2": {"skip_connect": 0.9}}  # fmt: skip
    method = cells(edges)
    spec = method.derive()
    assert set(kept(spec)) == {"2_0", "2_1", "4_2", "5_0"}
    net = CELLS.build(spec)
    c = method.run.sizes["channels"]
    normal, reduce = (net.cells[i] for i in (0, 1))
    assert normal.channels == 3 * c
    assert reduce.channels == 2 * c  # one node of four, twice the channels
    assert net(features_of(method.run.io)).shape == (2, method.run.io.classes)


def test_an_empty_cell_keeps_its_strongest_edge_that_leads_on_and_says_so():
    edges = {
        "reduce/2_0": {"sep_conv_3x3": 0.9},
        "normal/5_4": {"sep_conv_3x3": 0.99},  # passes, but nothing enters node 4
        "normal/3_1": {"dil_conv_5x5": 0.6},
    }
    for rule in ("threshold_sparse", "threshold_edge"):
        spec = cells(edges, rule=rule).derive()
        assert kept(spec) == {"3_1": ("dil_conv_5x5",)}
        assert kept(spec, "reduce") == {"2_0": ("sep_conv_3x3",)}
        assert spec.note == {"normal cell": "no edge reaches 0.85, the strongest is kept"}


def test_a_fresh_search_in_cells_derives_something():
    spec = prepared(CELLS).derive()
    assert len(kept(spec)) == len(kept(spec, "reduce")) == 1


def test_where_no_edge_can_be_absent_each_keeps_an_option_and_both_thresholds_are_one():
    for space in (NasBench201(), SPACE):
        with pytest.raises(UserError, match="rule changes nothing"):
            prepared(space, rule="threshold_edge")
    method = prepared(NasBench201())
    hold(method, "1_0", 0.9, 0.95, 0.1, 0.1, 0.1)
    choices = method.derive().choices
    assert choices["1_0"] == ("skip_connect",)  # one option is all that an edge takes here
    assert all(len(options) == 1 for options in choices.values())
    chain = prepared()
    hold(chain, "block1", 0.9, 0.2, 0.9, 0.9)
    assert chain.derive().choices["block1"] == ("tc_k3", "tc_k7", "tc_k9")
    assert len(prepared(rule="darts").derive().choices["block1"]) == 1


def test_on_one_level_both_follow_one_loss():
    method = prepared(level="one")
    ((train, _),) = batches(method.run.io, 1, seed=0, size=4)
    before = {n: a.detach().clone() for n, a in method.run.alphas.items()}
    assert not method.halves
    assert set(method.step(train, train, 0.0)) == {"loss", "accuracy"}
    assert not any(torch.equal(a, before[n]) for n, a in method.run.alphas.items())


@pytest.mark.parametrize("threshold", [0.0, 1.0, -0.5, 2.0])
def test_a_threshold_that_no_sigmoid_can_straddle_is_refused(threshold):
    with pytest.raises(UserError, match="threshold"):
        FairDarts(threshold=threshold)


def test_the_settings_are_those_of_the_paper():
    method = FairDarts()
    assert (method.alpha_lr, method.alpha_betas, method.zero_one_weight) == (3e-3, (0.9, 0.999), 10.0)
    assert (method.zero_one_form, method.threshold, method.rule) == ("squared", 0.85, "threshold_sparse")
