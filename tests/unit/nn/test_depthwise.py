"""Depthwise convolution: the quick gradients are torch's own, of first and second order."""

import pytest
import torch
from torch.autograd import gradgradcheck
from torch.nn import functional

from audionas.nn import Form, depthwise
from audionas.nn.blocks import Conv

pytestmark = pytest.mark.numeric

# kernel, stride, dilation, size: every way by which a gradient is put together, and those left to torch
FORMS = [
    *(((5, 5), stride, (1, 1), size) for stride in ((1, 1), (2, 2)) for size in ((8, 8), (7, 9))),
    *(((7, 7), (1, 1), (1, 1), (9, 8)), ((4, 4), (1, 1), (1, 1), (8, 8))),
    *(((k, k), stride, (2, 2), (8, 12)) for k in (3, 5) for stride in ((1, 1), (2, 2))),
    *(((3, 3), stride, (2, 2), (7, 9)) for stride in ((1, 1), (2, 2))),
    *(((3, 3), (1, 1), (3, 3), (6, 9)), ((3, 5), (1, 1), (2, 1), (6, 7)), ((3, 3), (2, 1), (2, 2), (8, 8))),
    *(((1, k), (1, s), (1, 1), (1, size)) for k in (5, 9) for s in (1, 2) for size in (12, 13)),
    *(((1, 29), (1, s), (1, 1), (1, size)) for s in (1, 2) for size in (5, 12)),  # mostly padding
    *(((1, 9), (1, 1), (1, 2), (1, 12)), ((1, 5), (1, 1), (1, 1), (4, 9))),
]


def tensors(kernel, size):
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, *size, generator=rng, dtype=torch.float64)
    weight = torch.randn(3, 1, *kernel, generator=rng, dtype=torch.float64)
    return x.contiguous(memory_format=torch.channels_last).requires_grad_(), weight.requires_grad_()


def form_of(kernel, stride, dilation):
    return Form(stride, tuple((k - 1) * d // 2 for k, d in zip(kernel, dilation, strict=True)), dilation)


@pytest.mark.parametrize(("kernel", "stride", "dilation", "size"), FORMS)
def test_outcome_and_gradients_are_torchs(kernel, stride, dilation, size):
    (x, weight), form = tensors(kernel, size), form_of(kernel, stride, dilation)
    y, wanted = depthwise(x, weight, form), functional.conv2d(x, weight, None, *form, groups=3)
    torch.testing.assert_close(y, wanted, rtol=0, atol=1e-12)
    g = torch.randn(y.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for of in ((x, weight), (x,), (weight,)):
        pairs = zip(*(torch.autograd.grad(o, of, g, retain_graph=True) for o in (y, wanted)), strict=True)
        for found, same in pairs:
            torch.testing.assert_close(found, same, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("kernel", "stride", "dilation", "size"),
    [((5, 5), (1, 1), (1, 1), (4, 4)), ((3, 3), (1, 1), (2, 2), (4, 4))],
)
def test_gradients_have_gradients(kernel, stride, dilation, size):
    form = form_of(kernel, stride, dilation)
    assert gradgradcheck(lambda x, weight: depthwise(x, weight, form), tensors(kernel, size))


@pytest.mark.parametrize("learns", ["input", "kernel"])
def test_only_what_learns_gets_a_gradient(learns):
    x, weight = tensors((5, 5), (8, 8))
    (weight if learns == "input" else x).requires_grad_(False)
    depthwise(x, weight, form_of((5, 5), (1, 1), (1, 1))).sum().backward()
    assert (x.grad is not None, weight.grad is not None) == (learns == "input", learns == "kernel")


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_depthwise_convolution_takes_the_quick_way(causal, stride):
    torch.manual_seed(0)
    conv = Conv(4, 4, (1, 5), stride=(1, stride), groups=4, causal=causal).double()
    x = torch.randn(2, 4, 1, 9, dtype=torch.float64)
    y = conv(x)
    assert quick(y)
    (found,) = torch.autograd.grad(y.square().sum(), conv.weight)
    plain = torch.nn.Conv2d.forward(conv, functional.pad(x, (conv.past, 0)))
    torch.testing.assert_close(found, torch.autograd.grad(plain.square().sum(), conv.weight)[0])
    with torch.no_grad():
        assert torch.equal(conv(x), plain)


@pytest.mark.parametrize(("c_out", "kernel", "groups"), [(4, (1, 3), 4), (8, (1, 5), 4), (4, (1, 5), 2)])
def test_others_are_left_to_torch(c_out, kernel, groups):
    assert not quick(Conv(4, c_out, kernel, groups=groups)(torch.randn(2, 4, 1, 9)))


def quick(y):
    return y.grad_fn.name() == "_DepthwiseBackward"
