"""The Hessian in alpha, and the rise of its largest eigenvalue."""

import math

import pytest
import torch
from torch import nn

from audionas.core.errors import UserError
from audionas.methods import bending, bent, largest, largest_eigenvalue, rise
from audionas.methods.darts_es import DartsEs
from tests.invariants._cases import CHAIN, started


def hessian(loss, of):
    """All second derivatives: a product with each unit vector."""
    product = bending(loss, of)
    return torch.stack([product(row) for row in torch.eye(sum(one.numel() for one in of)).to(loss)])


def counted(matrix):
    """The product of a matrix with a vector, and the vectors it was asked for."""
    asked = []
    return lambda vector: asked.append(vector) or (matrix @ vector), asked


@pytest.mark.parametrize("lift", [0.0, 5.0, -40.0])
def test_the_largest_eigenvalue_of_a_matrix_comes_from_few_products(lift):
    """Also where all are negative, and where the largest in size is negative."""
    torch.manual_seed(0)
    half = torch.randn(90, 90, dtype=torch.float64)
    matrix = half + half.T + lift * torch.eye(90)
    product, asked = counted(matrix)
    expected = float(torch.linalg.eigvalsh(matrix)[-1])
    assert largest(product, 90, 1e-14) == pytest.approx(expected, rel=1e-12)
    exact = len(asked)
    product, asked = counted(matrix)
    assert largest(product, 90, 1e-7) == pytest.approx(expected, rel=1e-5)
    assert len(asked) < exact < 90


@pytest.mark.parametrize(
    ("matrix", "value"),
    [
        ([[2.0]], 2.0),
        ([[0.0, 0.0], [0.0, 0.0]], 0.0),
        ([[3.0, 0.0], [0.0, 3.0]], 3.0),
        ([[-1.0, 0.0], [0.0, -9.0]], -1.0),
    ],
)
def test_small_matrices_end_after_as_many_products_as_they_have_rows(matrix, value):
    product, asked = counted(torch.tensor(matrix, dtype=torch.float64))
    assert largest(product, len(matrix), 1e-7) == pytest.approx(value, abs=1e-12)
    assert len(asked) <= len(matrix)


def test_derivatives_that_are_not_finite_are_refused():
    with pytest.raises(UserError, match="not finite"):
        largest(lambda vector: vector * math.inf, 3, 1e-7)


def test_on_a_quadratic_it_is_its_matrix():
    torch.manual_seed(0)
    half = torch.randn(7, 7, dtype=torch.float64)
    matrix = half + half.T
    alphas = [nn.Parameter(torch.randn(n, dtype=torch.float64)) for n in (3, 1, 3)]
    unused = nn.Parameter(torch.zeros(2, dtype=torch.float64))
    x = torch.cat(list(alphas))
    found = hessian(x @ matrix @ x / 2, [*alphas, unused])
    torch.testing.assert_close(found[:7, :7], matrix)
    assert found.shape == (9, 9)
    assert not found[7:].any()


def test_hard_sigmoids_bend_too():
    """torch has no second derivative of its own hard sigmoid; the function stays the same."""
    torch.manual_seed(0)
    net, alpha = nn.Sequential(nn.Hardsigmoid()), nn.Parameter(torch.tensor([0.3]))
    with bent(net):
        assert torch.equal(net(torch.tensor([-4.0, 0.0, 4.0])), torch.tensor([0.0, 0.5, 1.0]))
        found = hessian(net(3 * alpha).pow(2).sum(), [alpha])
    torch.testing.assert_close(found, torch.tensor([[0.5]]))
    x = torch.randn(100)
    assert torch.equal(net(x), nn.functional.hardsigmoid(x))


@pytest.mark.laws
def test_it_is_measured_in_training_and_changes_nothing():
    method = DartsEs()
    run = started(method, CHAIN, frames=9, dropout=0.5)
    before = {name: tensor.clone() for name, tensor in run.net.state_dict().items()}
    state = torch.get_rng_state()
    value = largest_eigenvalue(method)
    assert value == largest_eigenvalue(method)
    assert all(torch.equal(tensor, before[name]) for name, tensor in run.net.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert all(p.grad is None for p in (*run.net.parameters(), *run.alphas.values()))


@pytest.mark.laws
def test_in_a_supernet_it_is_what_differences_of_the_gradient_say():
    method = DartsEs()
    run = started(method, CHAIN, frames=9, dropout=0.0)
    run.net.double()
    alphas = list(run.alphas.values())
    for alpha in alphas:
        alpha.data = alpha.data.double()
    batch = run.valid()[0]
    x = batch.x.double()

    def loss():
        return run.criterion(run.logits(x, method.gates("alpha")), batch.target)

    found, eps = hessian(loss(), alphas), 1e-6
    assert found.abs().max() > 1e-3
    torch.testing.assert_close(found, found.T, rtol=1e-9, atol=1e-12)
    run.valid = lambda: [batch._replace(x=x)]
    assert largest_eigenvalue(method) == pytest.approx(float(torch.linalg.eigvalsh(found)[-1]), rel=1e-9)
    for row, (place, option) in {0: (0, 0), 2: (0, 2), len(alphas[0]): (1, 0)}.items():
        ends = []
        for sign in (1, -1):
            alphas[place].data[option] += sign * eps
            ends.append(torch.cat(torch.autograd.grad(loss(), alphas)))
            alphas[place].data[option] -= sign * eps
        torch.testing.assert_close(found[row], (ends[0] - ends[1]) / (2 * eps), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([1.0] * 9, None),
        ([1.0] * 5 + [1.3] * 3, None),  # eight values are one too few
        ([1.0] * 5 + [1.35] * 4, None),  # (1 + 4 * 1.35) / 5 = 1.28
        ([1.0] * 5 + [1.4] * 4, (1.0, 1.32)),
        ([9.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.4, 1.4, 1.4, 1.4], (1.0, 1.32)),  # the first left the window
        ([-1.0] * 5 + [-9.0] * 4, None),
        ([0.0] * 9, None),
    ],
)
def test_a_rise_is_one_of_local_means(values, found):
    told = rise(values, 5, 4, 1.3)
    assert told == (None if found is None else pytest.approx(found))
