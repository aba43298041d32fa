"""Partial channels: what is searched and what goes by, on every kind of mixed edge; edges that widen."""

import pytest
import torch
from torch import nn

from audionas.core.arch import Choice, InputSpec
from audionas.methods.darts_minus import AuxiliaryEdge
from audionas.methods.merge_nas import MergedEdge
from audionas.methods.noisy_darts import NoisyDarts, NoisyEdge
from audionas.nn.edge import Edge, FixedEdge, Gate, Gates, MixedEdge, shuffle, summed
from audionas.nn.ops import OPS, OpShape
from audionas.nn.partial import partial, parts, widened
from audionas.spaces.darts_cell import PRIMITIVES
from audionas.spaces.nas_bench_201 import EDGES, NasBench201, SumCell
from audionas.study.step_cost import BackwardBytes
from tests._tiers import laws

OPTIONS = ("skip_connect", "sep_conv_3x3", "dil_conv_5x5")
SHAPE = OpShape(8, 8, bare=True, pool_norm=True)


def edge_of(options, shape, k):
    torch.manual_seed(0)
    return partial(MixedEdge, k)(Choice("here", tuple(options)), shape).eval()


def weights_of(edge):
    """Without those of batch norms."""
    modules = [m for m in edge.modules() if isinstance(m, nn.Conv2d)]
    return sum(p.numel() for m in modules for p in m.parameters())


@pytest.mark.parametrize(("channels", "groups"), [(8, 4), (8, 2), (12, 3), (6, 1), (5, 5)])
def test_the_shuffle_is_a_permutation_of_channels_that_its_counterpart_undoes(channels, groups):
    x = torch.randn(2, channels, 3, 5, generator=torch.Generator().manual_seed(0))
    for memory in (torch.contiguous_format, torch.channels_last):
        y = shuffle(x.contiguous(memory_format=memory), groups)
        wanted = [
            group * (channels // groups) + place
            for place in range(channels // groups)
            for group in range(groups)
        ]
        assert torch.equal(y, x[:, wanted])
        assert sorted(wanted) == list(range(channels))
        assert torch.equal(shuffle(y, channels // groups), x)


def test_the_shuffle_stays_in_channels_last_memory():
    x = torch.randn(2, 8, 4, 4).contiguous(memory_format=torch.channels_last)
    assert shuffle(x, 4).is_contiguous(memory_format=torch.channels_last)


def test_a_quarter_of_the_channels_meets_the_options_and_the_rest_goes_by():
    edge = edge_of(["skip_connect", "sep_conv_3x3"], OpShape(8, 8, bare=True, pool_norm=True), 4)
    x = torch.randn(2, 8, 6, 6)
    y = edge(x, Gates({"here": Gate(torch.tensor([0.3, 0.7]))}))
    own = 0.3 * x[:, :2] + 0.7 * edge.ops["sep_conv_3x3"](x[:, :2])
    torch.testing.assert_close(y[:, ::4], own)  # the first group lies at every fourth place
    for group in (1, 2, 3):
        assert torch.equal(y[:, group::4], x[:, 2 * group : 2 * group + 2])


def test_with_a_stride_what_goes_by_is_pooled():
    edge = edge_of(["skip_connect", "sep_conv_3x3"], OpShape(8, 8, (2, 2), bare=True, pool_norm=True), 2)
    x = torch.randn(2, 8, 6, 6)
    y = edge(x, Gates({"here": Gate(torch.tensor([0.3, 0.7]))}))
    assert y.shape == (2, 8, 3, 3)
    assert torch.equal(y[:, 1::2], nn.functional.max_pool2d(x[:, 4:], 2))
    own = 0.3 * edge.ops["skip_connect"](x[:, :4]) + 0.7 * edge.ops["sep_conv_3x3"](x[:, :4])
    torch.testing.assert_close(y[:, ::2], own)


def test_along_time_the_pool_is_as_long_as_the_output():
    edge = edge_of(["mb_k3_e3"], OpShape(8, 8, (1, 2)), 4)
    for frames in (7, 8):
        assert edge(torch.randn(1, 8, 1, frames), Gates({"here": Gate(torch.ones(1))})).shape[3] == 4


@pytest.mark.parametrize(
    ("shape", "k", "found"),
    [
        (OpShape(16, 16), 4, 4),
        (OpShape(16, 16, (2, 2)), 4, 4),
        (OpShape(16, 24), 4, 1),  # channels change
        (OpShape(6, 6), 4, 1),  # not divisible
        (OpShape(12, 12), 4, 4),
        (OpShape(12, 12, (2, 2)), 4, 1),  # parts of 3 channels, which nothing can halve
        (OpShape(16, 16, (1, 2), causal=True), 4, 1),  # the pool would look ahead
        (OpShape(16, 16, (1, 1), causal=True), 4, 4),
        (OpShape(16, 16, (2, 2)), 1, 1),
    ],
)
def test_where_channels_cannot_be_cut_all_are_searched(shape, k, found):
    assert parts(shape, k) == found
    options = ["skip"] if shape.causal else ["skip_connect", "sep_conv_3x3"]
    if found == 1 and shape.c_in == shape.c_out:
        edge, plain = edge_of(options, shape, k), MixedEdge(Choice("here", tuple(options)), shape).eval()
        plain.load_state_dict(edge.state_dict())
        x = torch.randn(2, shape.c_in, 4, 4)
        gates = Gates({"here": Gate(torch.rand(len(options)), scale=torch.tensor(0.3))})
        assert torch.equal(edge(x, gates), plain(x, gates))


def test_the_edge_weight_scales_the_whole_output_bypass_included():
    edge = edge_of(["skip_connect", "sep_conv_3x3"], OpShape(8, 8, bare=True, pool_norm=True), 4)
    x, weight = torch.randn(2, 8, 6, 6), torch.tensor([0.3, 0.7])
    whole = edge(x, Gates({"here": Gate(weight)}))
    assert torch.equal(edge(x, Gates({"here": Gate(weight, scale=torch.tensor(0.25))})), 0.25 * whole)


def test_an_edge_of_sixteen_channels_has_504_weights_for_3168():
    shape = OpShape(16, 16, bare=True, pool_norm=True)
    assert weights_of(edge_of(PRIMITIVES, shape, 1)) == 3168
    assert weights_of(edge_of(PRIMITIVES, shape, 4)) == 504
    for channels in (16, 32):
        c = channels // 4
        assert weights_of(edge_of(PRIMITIVES, OpShape(channels, channels), 4)) == 102 * c + 6 * c**2


def test_far_less_is_kept_for_the_backward_pass():
    """A cell of NAS-Bench-201's shape with seven operations; k = 4 leaves about 0.32 of DARTS' bytes."""
    options, shape, kept = PRIMITIVES[1:], OpShape(16, 16, bare=True, pool_norm=True), {}
    x = torch.randn(4, 16, 16, 16).contiguous(memory_format=torch.channels_last)
    for k in (1, 2, 4):
        edges = {
            place: partial(MixedEdge, k)(Choice("{}_{}".format(*place), options), shape) for place in EDGES
        }
        cells = nn.ModuleList(SumCell(edges) for _ in range(3)).to(memory_format=torch.channels_last)
        weight = torch.full((7,), 1 / 7, requires_grad=True)
        gates = Gates({"{}_{}".format(*place): Gate(weight) for place in EDGES})
        meter = BackwardBytes([*cells.parameters(), *cells.buffers(), weight])
        with meter.watching():
            y = x
            for cell in cells:
                y = cell(y, gates)
            kept[k] = meter.most
    assert kept[4] / kept[1] == pytest.approx(0.32, rel=0.25)
    assert kept[4] < kept[2] < 0.6 * kept[1]


EDGES_OF = {
    "mixed": MixedEdge,
    "noisy": lambda choice, shape: NoisyEdge(choice, shape, conf=NoisyDarts()),
    "auxiliary": lambda choice, shape: AuxiliaryEdge(choice, shape, auxiliary="conv1"),
    "merged": MergedEdge,
}


@pytest.mark.parametrize("kind", EDGES_OF)
def test_every_mixed_edge_can_be_partial(kind):
    """The first group of channels is what the edge itself makes of C / k channels, noise and all."""
    torch.manual_seed(0)
    choice, last = Choice("here", OPTIONS), {"memory_format": torch.channels_last}
    x = torch.randn(2, 8, 5, 5).contiguous(**last)
    edge = partial(EDGES_OF[kind], 4)(choice, SHAPE).train()
    alone = EDGES_OF[kind](choice, SHAPE._replace(c_in=2, c_out=2)).train()
    alone.load_state_dict(edge.state_dict())
    gates = Gates({"here": Gate(torch.tensor([0.5, 0.3, 0.2]))}, {"noise": 1.0, "auxiliary": 0.7})
    torch.manual_seed(1)
    found = edge(x, gates)
    torch.manual_seed(1)
    assert torch.equal(found[:, ::4], alone(x[:, :2].contiguous(**last), gates))
    assert torch.equal(found[:, 1::4], x[:, 2:4])


def test_an_edge_without_a_mix_has_no_place_for_a_bypass():
    def fill(choice, shape):
        return FixedEdge(choice, shape, chosen=OPTIONS[:1])

    with pytest.raises(TypeError, match="FixedEdge"):
        partial(fill, 2)(Choice("here", OPTIONS), SHAPE)
    assert isinstance(partial(fill, 1)(Choice("here", OPTIONS), SHAPE), Edge)
    assert partial(lambda choice, shape: None, 2)(Choice("here", OPTIONS), SHAPE) is None


@pytest.mark.parametrize("old", [4, 6])
@pytest.mark.parametrize(
    ("option", "stride"),
    laws([(o, s) for o in PRIMITIVES if o != "none" for s in (1, 2)], fast=3),
)
def test_widening_keeps_the_function_where_new_channels_are_copies(option, stride, old):
    """Two and one and a half times as many channels; with copies as input, copies come out."""
    torch.manual_seed(0)
    new = 12 if old == 6 else 6
    source = torch.arange(new) * old // new
    if stride == 2 and old % 4 == 2:
        pytest.skip("a factorized reduction halves its channels")
    shape = OpShape(old, old, (stride, stride), pool_norm=True)
    narrow, wide = OPS[option].make(shape), OPS[option].make(shape._replace(c_in=new, c_out=new))
    for tensor in [*narrow.parameters(), *narrow.buffers()]:
        if tensor.is_floating_point():
            tensor.data.add_(0.2 * torch.rand(tensor.shape))
    wide.load_state_dict(widened(narrow.state_dict(), wide.state_dict()))
    x = torch.randn(2, old, 6, 6)
    for net in (narrow, wide):
        net.eval()
    torch.testing.assert_close(wide(x[:, source]), narrow(x)[:, source], rtol=1e-4, atol=1e-5)


def test_what_cannot_be_widened_is_refused():
    wide, narrow = ({"conv": torch.zeros(c, c, 1, 1)} for c in (4, 2))
    with pytest.raises(ValueError, match="shrink"):
        widened(wide, narrow)
    with pytest.raises(ValueError, match="names differ"):
        widened(narrow, {"other": wide["conv"]})


def test_a_supernet_has_them_as_a_field():
    space, io = NasBench201(), InputSpec(3, 8, 8, 3)
    net = space.supernet(MixedEdge, io, sizes={"layers": 1, "channels": 8}, k=4)
    edges = [edge for edge in net.modules() if isinstance(edge, MixedEdge)]
    assert {(edge.k, edge.shape.c_in) for edge in edges} == {(4, 2), (4, 4), (4, 8)}


def test_edges_into_a_node_are_the_sum_of_what_each_returns():
    """With partial channels, scales and a closed gate too; so are the gradients."""
    io, k, rng = InputSpec(3, 8, 8, 10), 4, torch.Generator().manual_seed(0)
    for scales in ((None, None), (torch.tensor(0.3), torch.tensor(0.7))):
        torch.manual_seed(0)
        fill = partial(MixedEdge, k)
        edges = [fill(Choice(name, OPTIONS), SHAPE).double() for name in ("a", "b", "c")]
        w = torch.rand(3, generator=rng, dtype=torch.float64).requires_grad_()
        opened = {n: Gate(w, scale=s) for n, s in zip("ab", scales, strict=True)}
        gates = Gates({**opened, "c": Gate(w, active=())})
        shape = (2, SHAPE.c_in, io.freq, io.frames)
        x = torch.randn(shape, generator=rng, dtype=torch.float64).requires_grad_()
        found = summed([(edge, x) for edge in edges], gates)
        wanted = edges[0](x, gates) + edges[1](x, gates)
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)
        of = [torch.autograd.grad(y.square().sum(), [x, w], retain_graph=True) for y in (found, wanted)]
        torch.testing.assert_close(of[0], of[1])
        assert summed([(edges[2], x)], gates) is None


def test_the_edges_that_leave_a_node_share_its_part_its_pools_and_its_rectifier():
    torch.manual_seed(0)
    options = ("max_pool_3x3", "avg_pool_3x3", "sep_conv_3x3", "dil_conv_3x3")
    fill, named = partial(MixedEdge, 4), [(node, source) for node, source in EDGES if source == 0]
    cell = SumCell({at: fill(Choice(str(at), options), SHAPE) for at in named}).graph
    gates = Gates({str(at): Gate(torch.full((4,), 0.25)) for at in named})
    x = torch.randn(2, 8, 6, 6).contiguous(memory_format=torch.channels_last)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as told:
        cell.run({0: x}, (1, 2, 3), gates)
    calls = {event.key: event.count for event in told.key_averages()}
    inner = len(named)  # the second half of a separable convolution has a rectifier of its own
    assert calls["aten::max_pool2d_with_indices"] == calls["aten::split_with_sizes"] == 1
    assert calls["aten::relu"] == 1 + inner
