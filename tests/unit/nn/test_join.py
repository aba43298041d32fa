"""Tensors put side by side: the values and gradients of torch.cat, in memory without gaps."""

import torch
from torch.autograd import gradcheck, gradgradcheck

from audionas.nn import join


def parts(dtype=torch.float64):
    rng = torch.Generator().manual_seed(0)
    made = [torch.randn(2, channels, 3, 4, generator=rng, dtype=dtype) for channels in (1, 2, 3)]
    return [part.contiguous(memory_format=torch.channels_last).requires_grad_() for part in made]


def test_it_is_cat():
    given = parts()
    assert torch.equal(join(given), torch.cat(given, dim=1))
    with torch.no_grad():
        assert torch.equal(join(given), torch.cat(given, dim=1))


def test_first_and_second_gradients_are_true():
    assert gradcheck(lambda *given: join(given).square(), parts())
    assert gradgradcheck(lambda *given: join(given).square(), parts())


def test_each_part_gets_a_gradient_without_gaps():
    given = parts(torch.float32)
    seen = []
    between = [part * 1 for part in given]
    for x in between:
        x.register_hook(seen.append)
    join(between).square().sum().backward()
    assert len(seen) == 3
    for gradient in seen:
        assert gradient.is_contiguous(memory_format=torch.channels_last)
