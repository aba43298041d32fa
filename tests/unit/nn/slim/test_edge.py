"""An edge of many widths and strides: shapes by gates, soft gates by hand, and what it takes over."""

import torch

from audionas.core.arch import Choice
from audionas.nn.edge import Gate, Gates, MixedEdge
from audionas.nn.ops import OpShape
from audionas.nn.slim.edge import SlimEdge
from audionas.nn.slim.setting import Setting
from audionas.nn.slim.slices import computed

OPTIONS = ("conv_k1", "conv_k3")
WIDTH, STRIDE = Setting("w", (2, 4)), Setting("s", (2, 1))


def made() -> SlimEdge:
    torch.manual_seed(0)
    mixed = MixedEdge(Choice("here", OPTIONS), OpShape(3, 4))
    return SlimEdge(mixed, WIDTH, STRIDE).eval()


def gates(option: int | None, width: int | None, stride: int | None) -> Gates:
    def one(index: int | None) -> Gate:
        weight = torch.tensor([0.25, 0.5]) if index is None else torch.eye(2)[index]
        return Gate(weight, None if index is None else (index,))

    return Gates({"here": one(option), "w": one(width), "s": one(stride)})


def test_gates_set_the_shape() -> None:
    edge, x = made(), torch.randn(1, 3, 1, 9)
    for option in (0, 1):
        for width, channels in ((0, 2), (1, 4), (None, 4)):
            for stride, frames in ((0, 5), (1, 9), (None, 9)):
                assert edge(x, gates(option, width, stride)).shape == (1, channels, 1, frames)


def test_open_gates_weigh_the_options() -> None:
    edge, x = made(), torch.randn(1, 2, 1, 9)  # of three channels in, two come
    first, second = (edge(x, gates(i, 0, 0)) for i in (0, 1))
    assert torch.equal(edge(x, gates(None, 0, 0)), 0.25 * first + 0.5 * second)
    like = MixedEdge(Choice("here", OPTIONS), OpShape(2, 2, (1, 2))).ops["conv_k3"]
    assert torch.equal(second, computed(edge.ops["conv_k3"], like, x))


def test_its_weights_are_those_of_the_mixed_edge() -> None:
    mixed = MixedEdge(Choice("here", OPTIONS), OpShape(3, 4))
    assert list(SlimEdge(mixed).state_dict()) == list(mixed.state_dict())
    edge = SlimEdge(mixed)
    edge(torch.randn(2, 2, 1, 5), Gates({"here": Gate(torch.ones(2))}))
    assert list(edge.state_dict()) == list(mixed.state_dict())  # what it builds to compute adds nothing
