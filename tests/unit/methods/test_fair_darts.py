"""FairDARTS: the zero-one loss, sigmoids without competition, everything above the threshold is kept."""

import math

import pytest
import torch

from audionas.core.errors import UserError
from audionas.methods.fair_darts import FairDarts, zero_one_loss
from audionas.spaces.kws_tc_resnet import KwsTcResnet
from tests.invariants._cases import features_of, shake, started

SPACE = KwsTcResnet(width=0.25, se="none")


def prepared(**conf):
    method = FairDarts(**conf)
    started(method, SPACE, frames=9, dropout=0.0)
    return method


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
    assert float(method.penalty(method.gates()).detach()) == 0
    for alpha in method.run.alphas.values():
        alpha.data.fill_(40.0)
    assert float(method.penalty(method.gates()).detach()) == pytest.approx(-0.75)
    hold(method, "block1", 0.5, 0.5, 0.5, 0.5)
    share = 1 - 4 / SPACE_OPTIONS
    assert float(method.penalty(method.gates()).detach()) == pytest.approx(-0.75 * share)
    absolute = prepared(zero_one_form="absolute", zero_one_weight=1.0)
    for alpha in absolute.run.alphas.values():
        alpha.data.fill_(-40.0)
    assert float(absolute.penalty(absolute.gates()).detach()) == pytest.approx(-0.5)


SPACE_OPTIONS = sum(len(c.options) for c in SPACE.choices())


def test_every_sigmoid_begins_at_a_half():
    method = prepared()
    assert {p for options in method.probabilities().values() for p in options.values()} == {0.5}


def test_options_do_not_compete():
    """Raising one alpha changes no other option's weight; their sum is free."""
    method = prepared()
    hold(method, "block2", 0.9, 0.5, 0.5, 0.5, 0.95)
    weight = method.gates()["block2"].weight
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


@pytest.mark.parametrize(("threshold", "kept"), [(0.75, 3), (0.8, 2), (0.95, 1)])
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


@pytest.mark.parametrize("threshold", [0.0, 1.0, -0.5, 2.0])
def test_a_threshold_that_no_sigmoid_can_straddle_is_refused(threshold):
    with pytest.raises(UserError, match="threshold"):
        FairDarts(threshold=threshold)


def test_the_settings_are_those_of_the_paper():
    method = FairDarts()
    assert (method.alpha_lr, method.alpha_betas, method.zero_one_weight) == (3e-3, (0.9, 0.999), 10.0)
    assert (method.zero_one_form, method.threshold) == ("squared", 0.85)
