"""DARTS: softmax-weighted sums (eq. 2), the paper's settings, the strongest options and edges are kept."""

import pytest
import torch

from audionas.core.errors import UserError
from audionas.data.batches import Batch
from audionas.engine.optim import Optim
from audionas.methods import parameter_free, strongest
from audionas.methods.darts import Darts
from audionas.spaces.darts_cell import DartsCell
from audionas.spaces.kws_tc_resnet import KwsTcResnet
from tests.invariants._cases import features_of, started

SPACE = KwsTcResnet(width=0.25, se="none")
CELLS = DartsCell()


@pytest.fixture
def method():
    method = Darts()
    started(method, SPACE, frames=9, dropout=0.0)
    return method


def test_the_mixed_output_is_the_softmax_weighted_sum(method):
    edge = method.run.net.edges["block2"].eval()
    x = torch.randn(2, edge.shape.c_in, 1, 9, generator=torch.Generator().manual_seed(0))
    alpha = method.run.alphas["block2"]
    alpha.data.copy_(torch.linspace(-1, 1, len(alpha)))
    weight = alpha.exp() / alpha.exp().sum()
    expected = sum(w * edge.ops[name](x) for w, name in zip(weight, edge.choice.options, strict=True))
    gates = method.gates("weights")
    torch.testing.assert_close(edge(x, gates), expected)
    assert float(gates["block2"].weight.sum().detach()) == pytest.approx(1)
    assert gates["block2"].active is None


def test_it_begins_near_the_mean_of_all_options(method):
    alphas = torch.cat([a.detach() for a in method.run.alphas.values()])
    assert 0 < alphas.abs().max() < 0.01  # 1e-3 N(0, 1)
    assert alphas.std().item() == pytest.approx(1e-3, rel=0.5)
    assert len({tuple(a.tolist()) for a in method.run.alphas.values()}) == len(method.run.alphas)


def test_the_settings_are_those_of_the_paper():
    assert (Darts().alpha_lr, Darts().alpha_betas, Darts().alpha_weight_decay) == (3e-4, (0.5, 0.999), 1e-3)
    assert (Darts().order, Darts().eps) == (1, 0.01)


@pytest.mark.parametrize("order", [1, 2])
def test_alpha_steps_by_adam(order):
    """The first step of Adam is the rate times the sign of the gradient, weight decay included."""
    method = Darts(order=order)
    run = started(method, SPACE, frames=9, dropout=0.0)
    before = {name: alpha.detach().clone() for name, alpha in run.alphas.items()}
    batch = Batch(features_of(run.io, 6), torch.arange(6) % 3)
    method.alpha_step(batch, batch)
    for name, alpha in run.alphas.items():
        gradient = alpha.grad + 1e-3 * before[name]
        expected = before[name] - 3e-4 * gradient / (gradient.abs() + 1e-8)
        torch.testing.assert_close(alpha.detach(), expected, rtol=1e-5, atol=1e-8)


def test_alphas_gradient_is_that_of_the_whole_graph_and_weights_rest(method):
    run, batch = method.run, Batch(features_of(method.run.io, 6), torch.arange(6) % 3)
    run.net.eval()  # so that both passes see the same statistics
    frozen = next(run.net.parameters()).requires_grad_(False)
    method.alpha_gradient(batch, batch)
    assert all(weight.requires_grad is (weight is not frozen) for weight in run.net.parameters())
    assert all(weight.grad is None for weight in run.net.parameters())
    loss = run.criterion(run.logits(batch.x, method.gates("alpha")), batch.target)
    for alpha, whole in zip(method.parameters(), torch.autograd.grad(loss, method.parameters()), strict=True):
        torch.testing.assert_close(alpha.grad, whole)


def test_probabilities_are_the_softmax_of_alpha(method):
    for name, options in method.probabilities().items():
        assert list(options.values()) == method.run.alphas[name].softmax(0).tolist()


@pytest.mark.parametrize(
    ("fields", "problem"),
    [({"eps": 0.0}, "eps"), ({"eps": float("inf")}, "eps"), ({"order": 2, "level": "one"}, "level")],
)
def test_settings_without_a_meaning_are_refused(fields, problem):
    with pytest.raises(UserError, match=problem):
        Darts(**fields)


def test_second_order_looks_ahead_by_a_step_of_sgd_only():
    with pytest.raises(UserError, match="adam") as caught:
        started(Darts(order=2), SPACE, frames=9, optim=Optim(name="adam", lr=1e-3))
    assert "search.optim.name=sgd" in caught.value.hint
    started(Darts(order=1), SPACE, frames=9, optim=Optim(name="adam", lr=1e-3))


def scores_of(space, **best):
    """Every option at 0.01 but those named: `scores_of(space, **{"normal/2_0": ("skip_connect", 0.9)})`."""
    scores = {c.name: dict.fromkeys(c.options, 0.01) for c in space.choices()}
    for name, (option, score) in best.items():
        scores[name][option] = score
    return scores


def test_in_a_chain_the_strongest_option_stays_the_first_among_equals():
    scores = scores_of(SPACE, block2=("tc_k7", 0.5))
    kept = strongest(SPACE, scores)
    assert kept["block2"] == ("tc_k7",)
    assert all(kept[c.name] == (c.options[0],) for c in SPACE.choices() if c.name != "block2")


def test_in_a_cell_each_node_keeps_its_two_strongest_edges():
    told = {
        "normal/4_1": ("sep_conv_3x3", 0.3),
        "normal/4_3": ("dil_conv_5x5", 0.4),
        "normal/5_2": ("max_pool_3x3", 0.2),
    }
    kept = strongest(CELLS, scores_of(CELLS, **told))
    assert {name: kept[name] for name in told} == {name: (option,) for name, (option, _) in told.items()}
    assert kept["normal/4_0"] == kept["normal/4_2"] == ()
    assert kept["normal/5_0"] == ("max_pool_3x3",)  # the first among equals, edges and options alike
    assert kept["normal/5_1"] == kept["normal/5_3"] == kept["normal/5_4"] == ()
    for node in CELLS.nodes():
        assert sum(len(kept[choice.name]) for choice in node) == 2


def test_none_is_never_kept_but_takes_its_share_of_an_edge():
    """Edges compare by probabilities, so the mass of `none` weakens the rest of an edge."""
    method = Darts()
    run = started(method, CELLS)
    for alpha in run.alphas.values():
        alpha.data.zero_()
    for source in range(4):  # the same lead everywhere, and a strong `none` at two of the edges into node 5
        run.alphas[f"normal/5_{source}"].data[4] = 1.0
    for source in (0, 2):
        run.alphas[f"normal/5_{source}"].data[0] = 9.0
    choices = method.derive().choices
    assert not any("none" in options for options in choices.values())
    kept = {name: options for name, options in choices.items() if name.startswith("normal/5") and options}
    assert kept == {"normal/5_1": ("sep_conv_3x3",), "normal/5_3": ("sep_conv_3x3",)}


def test_operations_without_weights_are_counted_where_the_space_watches():
    io = started(Darts(), SPACE, frames=9).io
    skips = {c.name: ("skip",) if "skip" in c.options else ("tc_k3",) for c in SPACE.choices()}
    assert parameter_free(SPACE.spec(skips, io), SPACE) == (3, 3)
    assert parameter_free(SPACE.spec({**skips, "block2": ("tc_k3", "skip")}, io), SPACE) == (3, 4)
    assert parameter_free(SPACE.spec({**skips, "block2": ("tc_k3",)}, io), SPACE) == (2, 3)
    cells = strongest(CELLS, scores_of(CELLS, **{"normal/2_0": ("sep_conv_3x3", 0.9)}))
    io = started(Darts(), CELLS).io
    assert parameter_free(CELLS.spec(cells, io), CELLS) == (7, 8)  # the reduction cell's pools do not count
