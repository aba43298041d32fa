"""TENet's block is the paper's, and its branches fold into the block with one kernel."""

import pytest
import torch
from torch import nn

from audionas.core.arch import InputSpec
from audionas.cost.graph import layers, unfolded
from audionas.nn.fold.blocks import TEBlock
from audionas.nn.streaming import Step

IO = InputSpec(4, 1, 20, 4)


@pytest.mark.parametrize("stride", [1, 2])
def test_branches_cost_what_one_kernel_costs(stride: int) -> None:
    many, one = (TEBlock(4, 4, kernels, stride=stride, causal=True) for kernels in ((3, 5, 7, 9), (9,)))
    assert layers(many, IO) == layers(one, IO)
    assert Step(many, IO).shapes == Step(one, IO).shapes
    frames = 20 // stride
    before = unfolded(many, IO)
    assert before is not None
    assert unfolded(one, IO) is None
    macs = sum(layer.macs for layer in layers(one, IO))
    assert before["macs"] - macs == 12 * (3 + 5 + 7) * frames  # depthwise, 12 channels
    params = sum(layer.params for layer in layers(one, IO))
    assert before["params"] - params == 12 * (3 + 5 + 7) + 3 * 2 * 12


def test_nothing_follows_the_sum() -> None:
    """With the last norm at zero, the block is its shortcut: the input, or what a convolution makes of it."""
    x = torch.randn(2, 4, 1, 20)
    for block in (TEBlock(4, 4, (9,)), TEBlock(4, 4, (9,), stride=2)):
        nn.init.zeros_(block.project.bn.weight)
        assert torch.equal(block(x), block.shortcut(x))
        assert block.shortcut(x).min() < 0
