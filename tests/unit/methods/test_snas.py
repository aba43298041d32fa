"""SNAS: concrete samples shared by the cells of a kind, one loss, a falling temperature, free in-degrees."""

import math

import pytest
import torch

from audionas.core.errors import UserError
from audionas.methods import concrete, rows
from audionas.methods.snas import Snas
from audionas.spaces.darts_cell import DartsCell
from audionas.spaces.kws_tc_resnet import KwsTcResnet
from audionas.spaces.nas_bench_201 import NasBench201
from tests.invariants._cases import batches, features_of, started

CHAIN, CELLS, BENCH = KwsTcResnet(width=0.25, se="none"), DartsCell(), NasBench201()
ERRORS = 4.0  # standard errors that a sample mean may lie off: 1 in 16,000


def prepared(space=BENCH, *, epochs=4, **fields):
    method = Snas(**fields)
    started(method, space, epochs=epochs, frames=9, dropout=0.0)
    return method


def test_the_draws_are_soft_and_sum_to_one():
    for space in (CHAIN, BENCH, CELLS):
        method = prepared(space)
        gates = method.gates("alpha")
        assert list(gates) == [c.name for c in space.choices()]
        for choice in space.choices():
            weight, active = gates[choice.name].weight.detach(), gates[choice.name].active
            assert weight.shape == (len(choice.options),)
            assert active is None
            assert float(weight.sum()) == pytest.approx(1)
            assert 0 < float(weight.min()) < float(weight.max()) < 1


def test_a_cold_draw_is_nearly_one_hot():
    torch.manual_seed(0)
    largest = concrete(torch.zeros(10_000, 8), 0.03).max(-1).values
    assert float((largest > 1 - 1e-3).float().mean()) > 0.8  # near ties of two options stay soft
    assert float(concrete(torch.zeros(10_000, 8), 1e-6).max(-1).values.median()) == 1.0


@pytest.mark.parametrize("temperature", [0.03, 1.0, 10.0])
def test_the_largest_entry_follows_the_softmax_whatever_the_temperature(temperature):
    logits = torch.tensor([1.0, 0.0, -1.0, 0.5])
    torch.manual_seed(0)
    draws = 100_000
    found = torch.bincount(concrete(logits.expand(draws, -1), temperature).argmax(-1), minlength=4) / draws
    p = logits.softmax(0)
    assert ((found - p).abs() < ERRORS * (p * (1 - p) / draws).sqrt()).all()


def test_choices_of_fewer_options_draw_only_their_own():
    method = prepared(CHAIN)
    assert {len(c.options) for c in CHAIN.choices()} == {4, 5}
    table = rows(method.run)
    for row, choice in zip(table, CHAIN.choices(), strict=True):
        own = len(choice.options)
        assert torch.equal(row[:own], method.run.alphas[choice.name])
        assert (row[own:] == -math.inf).all()
    (concrete(table, 0.1).square().sum()).backward()
    assert all(a.grad.isfinite().all() and a.grad.any() for a in method.run.alphas.values())


def test_alpha_follows_the_mean_over_networks():
    """Of a linear loss c . Z the gradient tends to that of sum_i p_i c_i as draws grow cold and many.

    At temperature t the two differ by about pi^2 t^2 / 6 of p (1 - p) at equal odds; 3 percent are allowed.
    """
    logits = torch.tensor([0.4, 0.0, -0.3], requires_grad=True)
    costs = torch.tensor([1.0, -2.0, 0.5])
    torch.manual_seed(0)
    draws = 200_000
    tall = logits.detach().expand(draws, -1).clone().requires_grad_()
    (concrete(tall, 0.1) @ costs).sum().backward()
    (expected,) = torch.autograd.grad(logits.softmax(0) @ costs, logits)
    errors = tall.grad.std(0) / math.sqrt(draws)
    assert ((tall.grad.mean(0) - expected).abs() < ERRORS * errors + 0.03 * expected.abs().max()).all()
    assert (expected.abs() > 10 * errors).all()


@pytest.mark.laws
@pytest.mark.parametrize("space", [CHAIN, CELLS], ids=lambda space: space.name)
def test_a_step_draws_once_for_all_cells(space):
    method = prepared(space)
    ((train, _),) = batches(method.run.io, 1, seed=0, size=2)
    torch.manual_seed(1)
    method.step(train, train, 0.0)
    after = torch.get_rng_state()
    torch.manual_seed(1)
    method.gates("alpha")
    assert torch.equal(torch.get_rng_state(), after)


def heat(method):
    """The temperature of this epoch, from a draw: log-ratios of Z are (logits + noise) / temperature."""
    torch.manual_seed(2)
    drawn = torch.stack([g.weight for g in method.gates("alpha").values()]).detach().log()
    torch.manual_seed(2)
    warm = concrete(rows(method.run), 1.0).detach().log()
    drawn, warm = drawn[:, 0] - drawn[:, 1], warm[:, 0] - warm[:, 1]
    mildest = warm.abs().argmin()  # where a cold draw does not underflow
    return float(warm[mildest] / drawn[mildest])


def test_the_temperature_falls_linearly_over_exactly_the_epochs_of_the_search():
    method = prepared(BENCH, epochs=11)
    seen = []
    for epoch in range(11):
        method.on_epoch(epoch)
        seen.append(heat(method))
    assert seen == pytest.approx([1 - 0.097 * epoch for epoch in range(11)], rel=1e-4)
    alone = prepared(BENCH, epochs=1)
    alone.on_epoch(0)
    assert heat(alone) == pytest.approx(1.0)


def test_without_annealing_it_stays():
    method = prepared(BENCH, anneal=False, temperature=(0.7, 0.1))
    method.on_epoch(3)
    assert heat(method) == pytest.approx(0.7, rel=1e-4)


def test_it_begins_around_one_on_all_data_and_clips_the_gradient_of_alpha():
    method = prepared(CELLS)
    alphas = torch.cat([a.detach() for a in method.run.alphas.values()])
    assert float(alphas.mean()) == pytest.approx(1, abs=ERRORS * 0.01 / math.sqrt(len(alphas)))
    assert float(alphas.std()) == pytest.approx(0.01, rel=0.2)
    assert not method.halves
    method = prepared()
    criterion = method.run.criterion
    method.run.criterion = lambda logits, target: 1e4 * criterion(logits, target)
    ((train, _),) = batches(method.run.io, 1, seed=0, size=4)
    method.step(train, train, 0.0)
    norm = torch.cat([a.grad for a in method.run.alphas.values()]).norm()
    assert float(norm) == pytest.approx(10, rel=1e-4)


def hold(method, **wanted):
    """Alpha 0, but 5 for the option named; `none` at every edge that is not named."""
    for choice in method.run.space.choices():
        alpha = method.run.alphas[choice.name].data.zero_()
        alpha[choice.options.index(wanted.get(choice.name.replace("/", "_"), choice.options[0]))] = 5.0


@pytest.mark.laws
def test_a_cells_edges_stay_where_an_operation_beats_none():
    method = prepared(CELLS)
    hold(
        method,
        **{f"normal_5_{source}": "sep_conv_3x3" for source in (0, 1)},
        normal_2_1="skip_connect",
        normal_5_2="dil_conv_3x3",
        normal_4_3="sep_conv_5x5",  # from a node that nothing enters
        reduce_3_0="max_pool_3x3",
    )
    spec = method.derive()
    kept = {name: options for name, options in spec.choices.items() if options}
    assert kept == {
        "normal/2_1": ("skip_connect",),
        "normal/5_0": ("sep_conv_3x3",),
        "normal/5_1": ("sep_conv_3x3",),
        "normal/5_2": ("dil_conv_3x3",),
        "reduce/3_0": ("max_pool_3x3",),
    }
    net = CELLS.build(spec).eval()
    assert net(features_of(spec.io)).shape == (2, spec.io.classes)


def test_an_empty_cell_keeps_its_strongest_edge_that_can_stand_alone():
    method = prepared(CELLS)
    hold(method, reduce_5_4="skip_connect")
    method.run.alphas["normal/5_3"].data[4] = 4.9  # the strongest of all, but from an empty node
    method.run.alphas["normal/4_1"].data[5] = 4.8
    method.run.alphas["normal/3_0"].data[6] = 4.7
    method.run.alphas["reduce/2_0"].data[7] = 0.1
    spec = method.derive()
    assert {name for name, options in spec.choices.items() if options} == {"normal/4_1", "reduce/2_0"}
    assert spec.choices["normal/4_1"] == ("sep_conv_5x5",)
    CELLS.check(spec)


def test_with_two_inputs_it_derives_as_darts_does():
    method = prepared(CELLS, inputs="two")
    hold(method)
    choices = method.derive().choices
    for node in CELLS.nodes():
        assert sum(len(choices[c.name]) for c in node) == 2


def test_where_edges_stand_anyway_none_is_an_option():
    method = prepared(BENCH)
    hold(method)
    assert set(method.derive().choices.values()) == {("none",)}
    method = prepared(CHAIN)
    hold(method, block3="tc_k9")
    assert method.derive().choices["block3"] == ("tc_k9",)


@pytest.mark.parametrize("temperature", [(0.0, 0.03), (1.0, -1.0), (math.inf, 1.0)])
def test_a_temperature_must_be_positive(temperature):
    with pytest.raises(UserError, match="temperature"):
        Snas(temperature=temperature)


def test_the_settings_are_those_of_the_paper():
    method = Snas()
    assert (method.alpha_lr, method.alpha_betas, method.alpha_weight_decay) == (3e-4, (0.5, 0.999), 1e-3)
    assert (method.temperature, method.level, method.inputs) == ((1.0, 0.03), "one", "all")
