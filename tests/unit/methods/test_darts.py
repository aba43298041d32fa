"""DARTS: softmax-weighted sums (eq. 2), the paper's settings, the strongest option is kept."""

import pytest
import torch

from audionas.data.batches import Batch
from audionas.methods._base import skip_share, strongest
from audionas.methods.darts import Darts
from audionas.spaces.kws_tc_resnet import KwsTcResnet
from tests.invariants._cases import features_of, started

SPACE = KwsTcResnet(width=0.25, se="none")


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
    torch.testing.assert_close(edge(x, method.gates()), expected)
    assert float(method.gates()["block2"].weight.sum().detach()) == pytest.approx(1)
    assert method.gates()["block2"].active is None


def test_it_begins_near_the_mean_of_all_options(method):
    alphas = torch.cat([a.detach() for a in method.run.alphas.values()])
    assert 0 < alphas.abs().max() < 0.01  # 1e-3 N(0, 1)
    assert alphas.std().item() == pytest.approx(1e-3, rel=0.5)
    assert len({tuple(a.tolist()) for a in method.run.alphas.values()}) == len(method.run.alphas)


def test_the_settings_are_those_of_the_paper():
    assert (Darts().alpha_lr, Darts().alpha_betas, Darts().alpha_weight_decay) == (3e-4, (0.5, 0.999), 1e-3)


def test_alpha_steps_by_adam(method):
    """The first step of Adam is the rate times the sign of the gradient, weight decay included."""
    run = method.run
    before = {name: alpha.detach().clone() for name, alpha in run.alphas.items()}
    x = features_of(run.io, 6)
    method._alpha_step(Batch(x, torch.arange(len(x)) % 3))
    for name, alpha in run.alphas.items():
        gradient = alpha.grad + 1e-3 * before[name]
        expected = before[name] - 3e-4 * gradient / (gradient.abs() + 1e-8)
        torch.testing.assert_close(alpha.detach(), expected, rtol=1e-5, atol=1e-8)


def test_probabilities_are_the_softmax_of_alpha(method):
    for name, options in method.probabilities().items():
        assert list(options.values()) == method.run.alphas[name].softmax(0).tolist()


def test_the_strongest_is_the_first_among_equals_and_never_none():
    assert strongest({"none": 0.9, "a": 0.05, "b": 0.05}) == "a"
    assert strongest({"b": 0.1, "a": 0.2, "none": 0.7}) == "a"


def test_skip_share_counts_choices_that_keep_only_a_skip():
    io = started(Darts(), SPACE, frames=9).io
    wanted = {c.name: ("skip",) if "skip" in c.options else ("tc_k3",) for c in SPACE.choices()}
    assert skip_share(SPACE.spec(wanted, io), SPACE) == 1
    assert skip_share(SPACE.spec({**wanted, "block2": ("tc_k3", "skip")}, io), SPACE) == pytest.approx(2 / 3)
    assert skip_share(SPACE.spec({**wanted, "block2": ("tc_k3",), "block4": ("tc_k5",)}, io), SPACE) == (
        pytest.approx(1 / 3)
    )
