"""Operations at smaller shapes: leading slices of weights, the modes and the statistics of the whole."""

import pytest
import torch

from audionas.nn.ops import OPS, OpShape
from audionas.nn.slim.slices import computed, leading
from tests.unit.nn._streams import shaken


def test_the_leading_part_is_a_view() -> None:
    whole = torch.arange(24.0).reshape(4, 3, 2)
    part = leading(whole, (2, 3, 1))
    assert part.flatten().tolist() == [0, 2, 4, 6, 8, 10]
    part.zero_()
    assert whole[:2, :, 0].eq(0).all()
    assert leading(whole, whole.shape) is whole


@pytest.mark.parametrize("stride", [1, 2])
def test_a_convolution_of_fewer_channels_by_hand(stride: int) -> None:
    """A kernel of one: of 3 outputs and 2 inputs, the first 2 and 1 are used."""
    op = OPS["conv_k1"].make(OpShape(2, 3, (1, 1))).eval()
    with torch.no_grad():
        op.conv.weight.copy_(torch.tensor([[2.0, 100.0], [3.0, 100.0], [100.0, 100.0]])[..., None, None])
        op.bn.eps = 0.0
        op.bn.bias.copy_(torch.tensor([1.0, -5.0, 100.0]))
        like = OPS["conv_k1"].make(OpShape(1, 2, (1, stride)))
        like.bn.eps = 0.0
        found = computed(op, like, torch.tensor([1.0, 7.0, 2.0])[None, None, None])
    assert found[0, :, 0].tolist() == [[3, 15, 5][::stride], [0, 16, 1][::stride]]  # ReLU of 2x + 1, 3x - 5


@pytest.mark.parametrize("training", [False, True])
def test_modes_momenta_and_statistics_are_those_of_the_whole(training: bool) -> None:
    torch.manual_seed(0)
    op = shaken(OPS["mt_k9"].make(OpShape(6, 6))).train(training)
    op.expand.bn.momentum = None  # cumulative, as in recalibration
    with torch.device("meta"):
        like = OPS["mt_k9"].make(OpShape(4, 4))
    alone = OPS["mt_k9"].make(OpShape(4, 4)).double().train(training)
    alone.expand.bn.momentum = None
    before = {name: tensor.clone() for name, tensor in op.state_dict().items()}
    alone.load_state_dict({n: leading(before[n], t.shape) for n, t in alone.state_dict().items()})
    x = torch.randn(3, 4, 1, 9, dtype=torch.float64)
    assert torch.equal(computed(op, like, x), alone(x))
    for name, tensor in op.state_dict().items():
        own = alone.state_dict()[name]
        assert torch.equal(leading(tensor, own.shape), own), name
        if tensor.dim() == 1:
            assert torch.equal(tensor[len(own) :], before[name][len(own) :]), name
    assert torch.equal(op.expand.bn.running_mean, before["expand.bn.running_mean"]) != training


def test_gradients_reach_the_leading_part_alone() -> None:
    torch.manual_seed(0)
    op = OPS["conv_k3"].make(OpShape(3, 4))
    computed(op, OPS["conv_k3"].make(OpShape(2, 3)), torch.randn(5, 2, 1, 7)).square().sum().backward()
    grad = op.conv.weight.grad
    assert grad[:3, :2].ne(0).all()
    assert grad[3:].eq(0).all()
    assert grad[:, 2:].eq(0).all()
