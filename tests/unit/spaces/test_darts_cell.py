"""DARTS' cells: edges, presets, where reductions stand, the auxiliary head, sizes that do not fit."""

import math

import pytest
import torch
from torch.nn import functional

from audionas.core.arch import InputSpec
from audionas.core.errors import UserError
from audionas.core.rng import numpy_rng
from audionas.cost.graph import layers
from audionas.nn.cell_blocks import AuxiliaryHead
from audionas.nn.edge import MixedEdge
from audionas.spaces.darts_cell import DartsCell

CIFAR = InputSpec(3, 32, 32, 10)
SMALL = {"layers": 3, "channels": 4}


def drawn(space=None, io=CIFAR, sizes=None):
    space = space or DartsCell()
    spec = space.sample(numpy_rng("darts cell"), io)
    return space.spec(spec.choices, io, sizes=sizes or SMALL)


def test_a_kind_of_cell_has_fourteen_edges_in_the_order_of_published_alphas():
    names = [choice.name for choice in DartsCell().choices()]
    assert len(names) == 28
    for node in range(4):
        offset = node * (node + 3) // 2
        assert names[offset : offset + node + 2] == [f"normal/{node + 2}_{i}" for i in range(node + 2)]


def test_the_number_of_cells():
    cell = math.prod(math.comb(n, 2) * 7**2 for n in (2, 3, 4, 5))
    assert cell == 1_037_664_180
    assert DartsCell().size() == cell**2
    assert DartsCell(preset="no_none").size() == cell**2


def test_s1_offers_two_operations_chosen_for_each_edge():
    options = {c.name: c.options for c in DartsCell(preset="s1").choices()}
    assert {len(own) for own in options.values()} == {2}
    assert options["normal/2_0"] == ("skip_connect", "dil_conv_3x3")
    assert options["normal/3_0"] == ("skip_connect", "dil_conv_5x5")
    assert options["normal/3_1"] == ("skip_connect", "sep_conv_3x3")
    assert options["normal/4_0"] == ("max_pool_3x3", "skip_connect")
    assert options["normal/5_0"] == ("skip_connect", "sep_conv_3x3")
    assert options["normal/5_4"] == ("dil_conv_3x3", "dil_conv_5x5")
    assert options["reduce/2_1"] == ("max_pool_3x3", "dil_conv_3x3")
    assert options["reduce/4_1"] == ("max_pool_3x3", "sep_conv_3x3")
    assert options["reduce/5_1"] == ("max_pool_3x3", "avg_pool_3x3")
    assert options["reduce/5_4"] == ("skip_connect", "dil_conv_5x5")
    assert sum("skip_connect" in own for name, own in options.items() if name.startswith("normal/")) == 12
    assert sum("skip_connect" in own for name, own in options.items() if name.startswith("reduce/")) == 6


@pytest.mark.laws
@pytest.mark.parametrize(
    ("count", "places"), [(5, (1, 3)), (8, (2, 5)), (11, (3, 7)), (17, (5, 11)), (20, (6, 13))]
)
def test_reductions_stand_at_one_and_two_thirds(count, places):
    with torch.device("meta"):
        net = DartsCell(preset="s2").supernet(MixedEdge, CIFAR, sizes={"layers": count, "channels": 4})
    strides = [next(iter(cell.graph.edges.values())).shape.stride for cell in net.cells]
    assert [number for number, stride in enumerate(strides) if stride == (2, 2)] == list(places)
    channels = [cell.channels for cell in net.cells]
    assert (channels[0], channels[places[0]], channels[-1]) == (16, 32, 64)


@pytest.mark.parametrize(("size", "multiple"), [(30, 4), (33, 4), (2, 4), (225, 32), (80, 32)])
def test_sizes_that_cannot_be_halved_are_refused(size, multiple):
    with pytest.raises(UserError, match=f"multiples of {multiple}"):
        DartsCell().build(drawn(io=InputSpec(3, size, size, 10)))


# --- the auxiliary head -----------------------------------------------------------------------------------


def built(io, sizes, auxiliary):
    spec = drawn(io=io, sizes=sizes)
    with torch.device("meta"):
        return DartsCell().build(spec, auxiliary=auxiliary)


@pytest.mark.parametrize(
    ("io", "sizes", "norms"),
    [
        (CIFAR, {"layers": 20, "channels": 36}, 2),
        (InputSpec(3, 224, 224, 1000), {"layers": 14, "channels": 48}, 1),
    ],
)
def test_parameters_of_the_auxiliary_head(io, sizes, norms):
    """1x1 to 128, 2x2 to 768, linear; the head for ImageNet has one norm less."""
    net = built(io, sizes, True)
    channels = net.cells[net.auxiliary_after].channels
    expected = (
        128 * channels + 128 * 768 * 4 + 2 * 128 + 2 * 768 * (norms - 1) + 768 * io.classes + io.classes
    )
    assert sum(p.numel() for p in net.auxiliary.parameters()) == expected
    assert net.auxiliary_after == 2 * sizes["layers"] // 3


@pytest.mark.parametrize(("large", "size", "stride"), [(False, 8, 3), (True, 7, 2)])
def test_the_auxiliary_head_against_its_formula(large, size, stride):
    torch.manual_seed(0)
    head = AuxiliaryHead(6, 4, large=large).eval()
    x, norm = torch.randn(2, 6, size, size), math.sqrt(1 + 1e-5)
    y = functional.avg_pool2d(functional.relu(x), 5, stride)
    assert y.shape[2:] == (2, 2)
    y = functional.relu(functional.conv2d(y, head.first[0].weight) / norm)
    y = functional.relu(functional.conv2d(y, head.second[0].weight) / (1 if large else norm))
    expected = functional.linear(y[:, :, 0, 0], head.linear.weight, head.linear.bias)
    torch.testing.assert_close(head(x), expected)


def test_the_auxiliary_head_scores_in_training_only_and_its_loss_reaches_the_cells_before_it():
    torch.manual_seed(0)
    net = DartsCell().build(drawn(sizes={"layers": 4, "channels": 4}), auxiliary=True)
    x = torch.randn(2, 3, 32, 32)
    logits, second = net.train().scores(x)
    assert logits.shape == second.shape == (2, 10)
    second.sum().backward()
    after = net.auxiliary_after
    reached = [any(p.grad is not None for p in cell.parameters()) for cell in net.cells]
    assert reached == [number <= after for number in range(4)]
    assert net.eval().scores(x)[1] is None
    assert net(x).shape == (2, 10)


def test_without_the_auxiliary_head_the_network_is_the_same_otherwise():
    sizes = {"layers": 4, "channels": 4}
    plain, helped = built(CIFAR, sizes, False), built(CIFAR, sizes, True)
    more = helped.state_dict().keys() - plain.state_dict().keys()
    assert plain.state_dict().keys() < helped.state_dict().keys()
    assert {name.split(".")[0] for name in more} == {"auxiliary"}
    assert sum(row.macs for row in layers(plain, CIFAR)) == sum(row.macs for row in layers(helped, CIFAR))


@pytest.mark.parametrize(("size", "least"), [(16, 32), (28, 32), (96, 224), (192, 224)])
def test_an_input_too_small_for_the_auxiliary_head_is_refused(size, least):
    io = InputSpec(3, size, size, 10)
    built(io, SMALL, False)
    with pytest.raises(UserError, match=f"needs {least}x{least} pixels"):
        built(io, SMALL, True)
