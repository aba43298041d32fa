"""The batch norm of many processes is torch's own where there is one; whichever module asks is answered."""

import copy

import pytest
import torch
from torch import nn
from torch.autograd import gradcheck, gradgradcheck
from torch.nn import functional

from audionas.engine.sync_norm import _Synced, batch_norm, synced
from audionas.nn import Norm
from audionas.nn.bc_blocks import SubSpectralNorm

RNG = torch.Generator().manual_seed(0)


def numbers(*shape, dtype=torch.float64):
    return torch.randn(*shape, generator=RNG, dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("shape", [(8, 3, 5, 4), (8, 3, 7), (8, 3)], ids=len)
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("training", [True, False])
def test_it_is_torchs(shape, affine, training):
    x = numbers(*shape)
    weight, bias = (numbers(3), numbers(3)) if affine else (None, None)
    mine, theirs = ([torch.zeros(3).double(), torch.ones(3).double()] for _ in range(2))
    found = batch_norm(x, *mine, weight, bias, training, 0.3, 1e-3)
    wanted = functional.batch_norm(x, *theirs, weight, bias, training, 0.3, 1e-3)
    torch.testing.assert_close([found, *mine], [wanted, *theirs], rtol=1e-12, atol=1e-12)


def test_it_needs_no_running_statistics():
    x = numbers(8, 3, 5, 4)
    torch.testing.assert_close(
        batch_norm(x, None, None, training=True), functional.batch_norm(x, None, None, training=True)
    )


def test_gradients_of_first_and_second_order():
    inputs = [tensor.requires_grad_() for tensor in (numbers(4, 2, 3), numbers(2), numbers(2))]

    def norm(x, weight, bias):
        return batch_norm(x, None, None, weight, bias, True)

    assert gradcheck(norm, inputs)
    assert gradgradcheck(norm, inputs)


def test_bfloat16_is_normalised_in_float32():
    x = numbers(64, 3, 5, 5, dtype=torch.bfloat16) + 8
    running = torch.zeros(3), torch.ones(3)
    y = batch_norm(x, *running, training=True, momentum=1.0)
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(running[0], x.float().mean((0, 2, 3)), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "norm",
    [nn.BatchNorm2d(5), Norm(5), nn.BatchNorm2d(5, affine=False, momentum=None), SubSpectralNorm(1)],
    ids=lambda norm: type(norm).__name__,
)
def test_whichever_module_asks(norm):
    norm, x = norm.double(), numbers(6, 1 if isinstance(norm, SubSpectralNorm) else 5, 10, 4)
    scale = [torch.tensor(0.7).double().requires_grad_()] if isinstance(norm, Norm) else []
    other = copy.deepcopy(norm)
    with _Synced():
        found = [norm(x, *scale), norm(x + 1, *scale)]
    wanted = [other(x, *scale), other(x + 1, *scale)]
    assert not torch.equal(found[0], wanted[0])  # the last bits tell that it was answered
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(norm.state_dict(), other.state_dict(), rtol=1e-12, atol=1e-12)
    for weight in scale:
        pair = [torch.autograd.grad(ys[0].pow(3).sum(), weight)[0] for ys in (found, wanted)]
        torch.testing.assert_close(*pair, rtol=1e-9, atol=1e-9)


def test_in_evaluation_and_alone_torchs_own_answers():
    norm, x = nn.BatchNorm2d(3).double(), numbers(6, 3, 5, 4)
    other = copy.deepcopy(norm)
    with synced(True):
        found = norm(x)
    assert torch.equal(found, other(x))
    with _Synced():
        assert torch.equal(norm.eval()(x), other.eval()(x))
