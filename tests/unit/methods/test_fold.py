"""Maps at the skips of a chain worked into its weights: the same outputs up to rounding, or a refusal."""

import copy

import pytest
import torch
from torch import nn

from audionas.core.arch import Choice, InputSpec
from audionas.core.errors import UserError
from audionas.methods._fold import fold
from audionas.nn.blocks import ConvBN, Head, LateHead, MBBlock, SEForm, WideHead
from audionas.nn.edge import FixedEdge
from audionas.nn.ops import OpShape
from audionas.spaces._chain import Chain
from audionas.spaces.nas_bench_201 import NasBench201
from tests.invariants._cases import shake

pytestmark = pytest.mark.numeric

X = torch.randn(3, 4, 9, 11, generator=torch.Generator().manual_seed(0), dtype=torch.double)
RESIDUAL = (
    "mbs_k3_e3",
    "skip",
    "mbs_k5_e6_se",
    "mbs_k3_e3",
    "skip",
    "mbs_k3_e6",
    "strided",
    "skip",
    "mb_k3_e3_se",
)
SHAPES = {
    "plain": OpShape(8, 8),
    "hard": OpShape(8, 8, act="hswish", se=SEForm("hswish", hard=True)),
}


def chain(options, shape=SHAPES["plain"], head=None):
    """A chain of 8 channels, from "strided" on 12; random weights and statistics, in evaluation."""
    torch.manual_seed(0)
    edges, c = [], 8
    for i, option in enumerate(options, 1):
        wider = option.startswith("strided")
        at = shape._replace(c_in=c, c_out=12 if wider else c, stride=(2, 1) if wider else (1, 1))
        name = {"strided": "mbs_k3_e3", "strided_skip": "skip"}.get(option, option)
        edges.append(FixedEdge(Choice(f"layer{i}", (name,)), at, chosen=(name,)))
        c = at.c_out
    net = Chain(ConvBN(4, 8, (3, 3)), edges, head or Head(c, 5), fold=False).double()
    rng = torch.Generator().manual_seed(1)
    for norm in (m for m in net.modules() if isinstance(m, nn.BatchNorm2d)):
        for values in (norm.weight.data, norm.bias.data, norm.running_mean):
            values.normal_(generator=rng)
        norm.running_var.uniform_(0.3, 3.0, generator=rng)
    return net.eval()


def maps_of(net):
    """A random map at every identity, well away from the identity and from singular ones."""
    rng, found = torch.Generator().manual_seed(2), {}
    for name, edge in net.edges.items():
        (op,) = edge.ops.values()
        if isinstance(op, nn.Identity):
            c = edge.shape.c_in
            found[name] = torch.eye(c).double() + 0.7 * torch.randn(c, c, generator=rng, dtype=torch.double)
    return found


def with_maps(net, maps):
    """The same network with 1x1 convolutions at its skips."""
    net = copy.deepcopy(net)
    for name, matrix in maps.items():
        conv = nn.Conv2d(len(matrix), len(matrix), 1, bias=False).double()
        conv.weight.data = matrix[:, :, None, None].clone()
        net.edges[name].ops["skip"] = conv
    return net


@torch.no_grad()
def off(net, other):
    """How far outputs lie apart, as a share of the largest."""
    wanted = other(X)
    return float((net(X) - wanted).abs().max() / wanted.abs().max())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("head", [Head, WideHead, LateHead])
def test_a_chain_computes_the_same_without_its_maps(head, shape):
    """Through residual blocks, with and without SE, a strided one, two maps in one stage, and a head."""
    ends = {Head: Head(12, 5), WideHead: WideHead(12, 20, 5, act="relu6"), LateHead: LateHead(12, 20, 24, 5)}
    net = chain(RESIDUAL, SHAPES[shape], ends[head])
    assert [e.ops[next(iter(e.ops))].residual for e in net.edges.values() if "skip" not in e.ops].count(
        True
    ) == 5
    maps = maps_of(net)
    reference, before = with_maps(net, maps), copy.deepcopy(net)
    fold(net, maps)
    assert off(net, reference) < 1e-12
    assert off(before, reference) > 0.1
    assert net.state_dict().keys() == before.state_dict().keys()


@pytest.mark.parametrize(
    "options",
    [("skip", "strided"), ("skip",), ("skip", "skip", "mbs_k3_e3"), ("mbs_k3_e3", "skip", "strided_skip")],
    ids=" ".join,
)
def test_what_may_follow_a_map(options):
    """A block that is not residual, the head, another map, a skip with a stride."""
    net = chain(options, head=Head(12 if "strided" in options[-1] else 8, 5))
    maps = maps_of(net)
    reference = with_maps(net, maps)
    fold(net, maps)
    assert off(net, reference) < 1e-12


def test_without_maps_nothing_changes():
    net = chain(RESIDUAL)
    before = copy.deepcopy(net.state_dict())
    fold(net, {})
    assert all(torch.equal(t, before[name]) for name, t in net.state_dict().items())


def test_only_composing_with_the_first_convolution_of_a_residual_block_is_wrong():
    """The shortcut passes the map on: what the argument without inverses would do, and how far it is off."""
    net = chain(("skip", "mbs_k3_e3"), head=Head(8, 5))
    maps = maps_of(net)
    reference, naive = with_maps(net, maps), copy.deepcopy(net)
    expand = naive.edges["layer2"].ops["mbs_k3_e3"].expand.conv
    expand.weight.data = torch.einsum("oikl,ij->ojkl", expand.weight.data, maps["layer1"])
    assert off(naive, reference) > 0.1
    fold(net, maps)
    assert off(net, reference) < 1e-12


def test_a_map_without_inverse_ends_before_a_block_without_shortcut_only():
    for last, exact in (("strided", True), ("mbs_k3_e3", False)):
        net = chain(("skip", last), head=Head(12 if exact else 8, 5))
        maps = {"layer1": torch.ones(8, 8, dtype=torch.double)}
        reference = with_maps(net, maps)
        if exact:
            fold(net, maps)
            assert off(net, reference) < 1e-12
        else:
            with pytest.raises(UserError, match=r"layer2: .* no inverse"):
                fold(net, maps)


def test_single_precision_loses_no_more_than_single_precision():
    net = chain(RESIDUAL).float()
    maps = {name: matrix.float() for name, matrix in maps_of(net).items()}
    reference = with_maps(net.double(), {name: matrix.double() for name, matrix in maps.items()})
    net = net.float()
    fold(net, maps)
    assert {p.dtype for p in net.parameters()} == {torch.float}
    assert off(net.double(), reference) < 1e-4


def test_an_activation_after_the_sum_is_refused():
    """TC-ResNet's block: ReLU(f(x) + x) is no M times anything."""
    net = chain(("skip", "tc_k3"), head=Head(8, 5))
    with pytest.raises(UserError, match="layer2: TCBlock is not a linear map first and a sum last"):
        fold(net, maps_of(net))


def test_a_block_that_begins_with_a_depthwise_convolution_is_refused():
    net = chain(("skip", "mbs_k3_e3"), head=Head(8, 5))
    net.edges["layer2"].ops["mbs_k3_e3"] = MBBlock(8, 8, (3, 3), expansion=1, stride=(1, 1))
    with pytest.raises(UserError, match="layer2: MBBlock"):
        fold(net, maps_of(net))


def test_sums_of_operations_are_refused():
    net = chain(("skip", "mbs_k3_e3"), head=Head(8, 5))
    options = ("mbs_k3_e3", "skip")
    net.edges["layer2"] = FixedEdge(Choice("layer2", options, max_active=2), OpShape(8, 8), chosen=options)
    with pytest.raises(UserError, match="layer2: a sum of several operations"):
        fold(net, {"layer1": torch.eye(8)})


def test_cells_are_refused():
    """Several operations read one node there, behind a ReLU."""
    space, io = NasBench201(), InputSpec(3, 8, 8, 4)
    spec = space.spec(
        {c.name: ("skip_connect",) for c in space.choices()}, io, sizes={"layers": 1, "channels": 4}
    )
    net = shake(space.build(spec))
    with pytest.raises(UserError, match="only a chain can be folded"):
        fold(net, {})
