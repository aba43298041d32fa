"""The blocks of MixedNet compute what microWakeWord's unpadded ones do, and learn as torch's own would."""

import itertools

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from audionas.core.arch import InputSpec
from audionas.nn.blocks import ConvBN
from audionas.nn.mixed.blocks import EndConv, MixDepthwise, MixedBlock
from audionas.nn.mixed.heads import LastHead
from audionas.nn.streaming import Step
from tests.unit.nn._streams import check_laws, shaken

KERNELS = [(5,), (8,), (5, 9), (3, 4, 11)]


def sound(channels: int, frames: int) -> Tensor:
    return torch.randn(2, channels, 1, frames, generator=torch.Generator().manual_seed(4))


def valid(layer: MixDepthwise, kernels: tuple[int, ...], x: Tensor) -> Tensor:
    """Groups of channels with a kernel each, unpadded; longer outputs lose their oldest frames."""
    share = x.shape[1] // len(kernels)
    first = x.shape[1] - share * (len(kernels) - 1)
    ends = [0, *(first + i * share for i in range(len(kernels)))]
    found = []
    for (low, high), kernel, branch in zip(itertools.pairwise(ends), kernels, layer.branches, strict=True):
        assert branch.weight.shape == (high - low, 1, 1, kernel)
        found.append(functional.conv2d(x[:, low:high], branch.weight, branch.bias, groups=high - low))
    return torch.cat([y[..., y.shape[3] - found[-1].shape[3] :] for y in found], 1)


@pytest.mark.parametrize("kernels", KERNELS)
def test_channels_are_split_and_end_together(kernels: tuple[int, ...]) -> None:
    layer = MixDepthwise(10, kernels).eval()
    x = sound(10, 30)
    wanted = valid(layer, kernels, x)
    with torch.no_grad():
        found = layer(x)
    assert found.shape == x.shape
    torch.testing.assert_close(found[..., max(kernels) - 1 :], wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kernels", [(5,), (5, 9)])
def test_it_learns_as_torchs_own_does(kernels: tuple[int, ...]) -> None:
    """Training takes another way through the convolution than evaluation."""
    layer, x = MixDepthwise(6, kernels).double(), sound(6, 20).double()
    slopes = []
    for training in (True, False):
        given = x.clone().requires_grad_()
        layer.train(training).zero_grad()
        (layer(given) * x.flip(3)).sum().backward()
        slopes.append([given.grad, *(p.grad.clone() for p in layer.parameters() if p.grad is not None)])
    assert len(slopes[0]) == 1 + 2 * len(kernels)
    for mine, torchs in zip(*slopes, strict=True):
        torch.testing.assert_close(mine, torchs, rtol=0, atol=1e-10)


@pytest.mark.parametrize("kernel", [1, 3, 5, 8])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_a_stem_ends_with_the_last_frame_whatever_the_length(kernel: int, stride: int) -> None:
    stem = EndConv(3, 4, kernel, stride=stride)
    for frames in (1, 2, 16, 17, 18):
        x = sound(3, frames)
        with torch.no_grad():
            found = stem(x)
            padded = functional.pad(x, (kernel - 1 + stride * frames, 0))  # plenty, and in phase with the end
            padded = padded[..., (padded.shape[3] - kernel) % stride :]
            wanted = functional.conv2d(padded, stem.weight, None, (1, stride))
        assert found.shape[3] == -(-frames // stride)
        torch.testing.assert_close(found, wanted[..., -found.shape[3] :], rtol=0, atol=1e-6)


def test_the_residual_is_added_before_the_activation() -> None:
    block = shaken(MixedBlock(6, 4, (5, 9), residual=True)).eval()
    x = sound(6, 20).double()
    assert isinstance(block.shortcut, ConvBN)
    with torch.no_grad():
        wanted = functional.relu(block.point(block.depthwise(x)) + block.shortcut(x))
        assert torch.equal(block(x), wanted)
        assert (wanted == 0).any()
        assert (wanted > 0).any()
    assert MixedBlock(6, 4, (5, 9)).shortcut is None


@pytest.mark.parametrize(("bare", "affine"), [(True, False), (False, True)])
def test_both_branches_end_in_norms_that_can_be_bare(bare: bool, affine: bool) -> None:
    block = MixedBlock(6, 4, (5,), residual=True, bare=bare)
    norms = [part for part in block.modules() if isinstance(part, nn.BatchNorm2d)]
    assert [norm.affine for norm in norms] == [affine, affine]


@pytest.mark.parametrize("kernels", KERNELS)
def test_a_block_keeps_one_ring_and_streams_with_even_kernels(kernels: tuple[int, ...]) -> None:
    net = shaken(nn.Sequential(EndConv(4, 6, 4, stride=2), MixedBlock(6, 6, kernels), LastHead(6, 3, 2)))
    io = InputSpec(4, 1, 24, 3)
    check_laws(net, io, (1, 3))
    assert Step(net, io).shapes == ((1, 4, 1, 2), (1, 6, 1, max(kernels) - 1), (1, 6, 1, 1))
