"""MergeNAS: one masked kernel equals the weighted sum of the convolutions that share it."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from audionas.core.arch import Choice
from audionas.core.errors import UserError
from audionas.core.registry import names, resolve
from audionas.engine import checkpoint
from audionas.methods.darts import Darts
from audionas.methods.merge_nas import MergedEdge, MergeNas
from audionas.nn.cell_blocks import DilConv, ReluConvBN
from audionas.nn.edge import Gate, Gates, MixedEdge
from audionas.nn.merged import MergedConv, convolutions, masks, obstacle
from audionas.nn.ops import OPS, OpShape
from audionas.spaces import SlimSpace
from audionas.spaces.darts_cell import PRIMITIVES, DartsCell
from audionas.spaces.nas_bench_201 import EDGES, NasBench201, SumCell
from audionas.spaces.nas_bench_201 import PRIMITIVES as BENCH
from audionas.study.step_cost import BackwardBytes
from tests.invariants._cases import STEPS, features_of, named, shake, started, steps

SPACES = [DartsCell(preset="s3"), DartsCell(preset="s4"), NasBench201()]
EXACT = dict(rtol=0, atol=1e-12)
KEEPS, HALVES = OpShape(6, 6, bare=True, pool_norm=True), OpShape(6, 6, (2, 2), bare=True, pool_norm=True)
every_space = pytest.mark.parametrize("space", SPACES, ids=named)


def drawn(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.double, generator=torch.Generator().manual_seed(seed))


def conv_of(options, shape, folded=()):
    torch.manual_seed(0)
    return MergedConv(tuple(options), shape, folded=folded).double()


def edge_of(options, shape, **conf):
    torch.manual_seed(0)
    return MergedEdge(Choice("here", tuple(options)), shape, **conf).double()


def weights(count, seed=1):
    return drawn(count, seed=seed).softmax(0)


def apart(conv, option, x):
    """One convolution alone, by a kernel of its own size that is cut out of the merged one."""
    op, middle = OPS[option], conv.kernel.shape[-1] // 2
    reach = op.dilation * (op.kernel - 1) // 2
    line = slice(middle - reach, middle + reach + 1, op.dilation)
    own = conv.kernel[:, :, line, line]
    assert own.shape[-1] == op.kernel
    how = dict(stride=conv.shape.stride, padding=reach, dilation=op.dilation)
    if conv.point is None:
        return functional.conv2d(x, own, **how)
    return conv.point(functional.conv2d(x, own, groups=len(own), **how))


def test_the_masks_of_darts_cover_41_of_81_positions():
    found = masks(PRIMITIVES, 9)
    assert found.sum((1, 2)).tolist() == [0, 0, 0, 0, 9, 25, 9, 25]
    assert int(found.any(0).sum()) == 41
    rows = {
        option: mask.any(1).nonzero().flatten().tolist()
        for option, mask in zip(PRIMITIVES, found, strict=True)
    }
    assert rows["sep_conv_3x3"] == [3, 4, 5]
    assert rows["sep_conv_5x5"] == [2, 3, 4, 5, 6]
    assert rows["dil_conv_3x3"] == [2, 4, 6]
    assert rows["dil_conv_5x5"] == [0, 2, 4, 6, 8]
    assert torch.equal(found, found.transpose(1, 2))


@pytest.mark.parametrize(
    ("options", "size"),
    [
        (PRIMITIVES, 9),
        (PRIMITIVES[:-1], 5),
        (("sep_conv_3x3", "sep_conv_5x5"), 5),
        (("skip_connect", "sep_conv_3x3"), 3),
        (("sep_conv_7x7", "dil_conv_3x3"), 7),
        (BENCH, 3),
        (("none", "nor_conv_1x1"), 1),
    ],
)
def test_the_window_is_the_smallest_that_holds_all(options, size):
    assert conv_of(options, KEEPS).kernel.shape[-1] == size


@pytest.mark.parametrize("shape", [KEEPS, HALVES, OpShape(6, 10), OpShape(6, 10, (2, 2))])
@pytest.mark.parametrize(
    "options", [PRIMITIVES, PRIMITIVES[:-1], BENCH, ("sep_conv_7x7", "dil_conv_3x3", "sep_conv_3x3")]
)
def test_the_merged_convolution_is_the_weighted_sum_of_the_separate_ones(options, shape):
    conv, x, p = conv_of(options, shape), drawn(2, 6, 12, 10), weights(len(options))
    total = sum(p[i] * apart(conv, o, x) for i, o in enumerate(options) if o in convolutions(options))
    torch.testing.assert_close(conv.linear(x, Gate(p)), total, **EXACT)
    some = tuple(i for i, o in enumerate(options) if o in convolutions(options))[:2]
    total = sum(p[i] * apart(conv, options[i], x) for i in some)
    torch.testing.assert_close(conv.linear(x, Gate(p, some)), total, **EXACT)


@pytest.mark.parametrize("options", [PRIMITIVES, BENCH])
@pytest.mark.parametrize("shape", [KEEPS, HALVES])
def test_the_gradient_of_a_weight_is_how_well_its_convolution_fits(options, shape):
    """<dL/dy, conv_c(x)>, before the batch norm; options that are not merged get none here."""
    conv, x = conv_of(options, shape), drawn(2, 6, 8, 8)
    p = weights(len(options)).requires_grad_()
    y = conv.linear(x, Gate(p))
    g = drawn(*y.shape, seed=3)
    (found,) = torch.autograd.grad((y * g).sum(), p)
    for i, option in enumerate(options):
        inside = option in convolutions(options)
        wanted = (
            (g * apart(conv, option, x)).sum().detach() if inside else torch.zeros((), dtype=torch.double)
        )
        torch.testing.assert_close(found[i], wanted, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("options", [PRIMITIVES, BENCH])
def test_skip_and_average_pool_join_as_fixed_kernels(options):
    folded = ("skip_connect", "avg_pool_3x3")
    conv, x, p = conv_of(options, KEEPS, folded), drawn(2, 6, 9, 7), weights(len(options))
    share = dict(zip(options, p, strict=True))
    total = sum(share[o] * apart(conv, o, x) for o in convolutions(options))
    pooled = functional.avg_pool2d(x, 3, 1, 1, count_include_pad=True)
    total = total + share["skip_connect"] * x + share["avg_pool_3x3"] * pooled
    torch.testing.assert_close(conv.linear(x, Gate(p)), total, **EXACT)


def test_a_pool_that_counts_no_border_is_no_convolution():
    """Why the merged pool counts zeros: inside they agree, at the border the space's own does not."""
    conv, x = conv_of(BENCH, KEEPS, ("avg_pool_3x3",)), drawn(1, 6, 6, 6).abs()
    alone = torch.zeros(5, dtype=torch.double)
    alone[BENCH.index("avg_pool_3x3")] = 1.0
    own = functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
    off = (conv.linear(x, Gate(alone)) - own).abs()
    assert float(off[:, :, 1:-1, 1:-1].max().detach()) < 1e-12
    assert float(off.max().detach()) > 0.1


@pytest.mark.parametrize("shape", [KEEPS, HALVES, OpShape(6, 10, (2, 2))])
def test_only_where_the_shape_stays_do_skip_and_pool_join(shape):
    assert tuple(edge_of(BENCH, shape).ops) == ("none", "skip_connect", "avg_pool_3x3")
    joined = tuple(edge_of(BENCH, shape, merge_free=True).ops)
    assert joined == (("none",) if shape.keeps else ("none", "skip_connect", "avg_pool_3x3"))
    if shape.keeps:
        free = tuple(edge_of(PRIMITIVES, shape, merge_free=True).ops)
        assert free == ("none", "max_pool_3x3")
    with pytest.raises(AssertionError, match="fixed kernel"):
        MergedConv(BENCH, HALVES, folded=("skip_connect",))


@pytest.mark.parametrize("merge_free", [False, True])
@pytest.mark.parametrize("shape", [KEEPS, HALVES])
def test_an_edge_adds_what_is_not_merged(shape, merge_free):
    edge, x, p = edge_of(PRIMITIVES, shape, merge_free=merge_free), drawn(2, 6, 8, 8), weights(8)
    merged = edge.merged.bn(edge.merged.linear(x.relu(), Gate(p)))
    others = sum(p[PRIMITIVES.index(name)] * op(x) for name, op in edge.ops.items())
    torch.testing.assert_close(edge(x, Gates({"here": Gate(p)})), merged + others, **EXACT)
    active = (3, 4)
    if not merge_free:
        only = p[3] * edge.ops["skip_connect"](x) + edge.merged(x, Gate(p, active))
        torch.testing.assert_close(edge(x, Gates({"here": Gate(p, active)})), only, **EXACT)
    seen = edge.merged.bn.num_batches_tracked.clone()
    pool = edge(x, Gates({"here": Gate(p, (1,))}))
    torch.testing.assert_close(pool, p[1] * edge.ops["max_pool_3x3"](x), **EXACT)
    assert edge.merged.bn.num_batches_tracked == seen  # what does not run sees nothing
    scaled = edge(x, Gates({"here": Gate(p, scale=torch.tensor(0.5, dtype=torch.double))}))
    torch.testing.assert_close(scaled, 0.5 * (merged + others), **EXACT)


def test_one_option_alone_is_a_plain_convolution_with_the_middle_of_the_kernel():
    x = drawn(4, 6, 8, 8)
    for shape in (KEEPS, HALVES):
        edge = edge_of(PRIMITIVES, shape)
        plain = DilConv(6, 6, 3, stride=shape.stride, dilation=1, affine=False).double()
        _, depthwise, point, _ = plain
        depthwise.weight.data.copy_(edge.merged.kernel.detach()[:, :, 3:6, 3:6])
        point.weight.data.copy_(edge.merged.point.weight.detach())
        weight = torch.zeros(8, dtype=torch.double)
        weight[4] = 1.0
        torch.testing.assert_close(edge(x, Gates({"here": Gate(weight, (4,))})), plain(x), **EXACT)
    bench = edge_of(BENCH, KEEPS)
    small = ReluConvBN(6, 6, 1, affine=False).double()
    small[1].weight.data.copy_(bench.merged.kernel.detach()[:, :, 1:2, 1:2])
    weight = torch.eye(5, dtype=torch.double)[2]
    torch.testing.assert_close(bench(x, Gates({"here": Gate(weight, (2,))})), small(x), **EXACT)


@pytest.mark.parametrize("c", [4, 16, 64])
def test_an_edge_has_81_c_plus_c_squared_weights(c):
    def count(options, **conf):
        edge = MergedEdge(Choice("here", options), OpShape(c, c, bare=True, pool_norm=True), **conf)
        return sum(p.numel() for p in edge.parameters())

    assert count(PRIMITIVES) == 81 * c + c * c
    assert count(PRIMITIVES, merge_free=True) == 81 * c + c * c
    assert count(PRIMITIVES[:-1]) == 25 * c + c * c
    assert count(BENCH) == 9 * c * c


class Convolutions(TorchDispatchMode):
    """Counts convolutions with a kernel larger than one position."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is torch.ops.aten.convolution.default and args[1].shape[-1] > 1:
            self.count += 1
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("merge_free", [False, True])
@pytest.mark.parametrize("options", [PRIMITIVES, BENCH])
def test_an_edge_convolves_once(options, merge_free):
    """Pools apart, which may be convolutions too."""
    edge = edge_of(options, KEEPS, merge_free=merge_free)
    active = tuple(i for i, o in enumerate(options) if o not in edge.ops or OPS[o].kind != "pool")
    with Convolutions() as seen:
        edge(drawn(2, 6, 8, 8), Gates({"here": Gate(weights(len(options)), active)}))
    assert seen.count == 1


def test_far_less_is_kept_for_the_backward_pass():
    """A cell of NAS-Bench-201's shape with seven operations: about 0.33 of DARTS' bytes."""
    options, shape, kept = PRIMITIVES[1:], OpShape(16, 16, bare=True, pool_norm=True), []
    x = torch.randn(4, 16, 16, 16).contiguous(memory_format=torch.channels_last)
    for kind in (MixedEdge, MergedEdge):
        edges = {place: kind(Choice("{}_{}".format(*place), options), shape) for place in EDGES}
        cells = nn.ModuleList(SumCell(edges) for _ in range(3)).to(memory_format=torch.channels_last)
        weight = torch.full((7,), 1 / 7, requires_grad=True)
        gates = Gates({"{}_{}".format(*place): Gate(weight) for place in EDGES})
        meter = BackwardBytes([*cells.parameters(), *cells.buffers(), weight])
        with meter.watching():
            y = x
            for cell in cells:
                y = cell(y, gates)
            kept.append(meter.most)
    assert kept[1] / kept[0] == pytest.approx(0.33, rel=0.25)


def test_all_options_compete_in_one_softmax():
    method = MergeNas()
    run = started(method, SPACES[0], dropout=0.0)
    gate = method.gates("alpha")["normal/2_0"]
    assert gate.active is None
    assert torch.equal(gate.weight, run.alphas["normal/2_0"].softmax(0))
    same = Darts()
    started(same, SPACES[0], dropout=0.0)
    assert method.probabilities() == same.probabilities()


@every_space
def test_the_supernet_runs_one_network_alone_and_keeps_its_weights_for_itself(space):
    method = MergeNas()
    run = started(method, space, dropout=0.0)
    spec = method.derive()
    with torch.no_grad():
        assert torch.isfinite(run.net.eval()(features_of(run.io), space.one_hot(spec))).all()
    with pytest.raises(UserError, match="inherited"):
        space.inherit(run.net, spec)


@pytest.mark.laws
@every_space
@pytest.mark.parametrize("merge_free", [False, True])
def test_a_resumed_search_takes_the_same_steps(space, merge_free, tmp_path):
    if merge_free and MergeNas(merge_free=True).refuses(space):
        return
    method, again = MergeNas(merge_free=merge_free), MergeNas(merge_free=merge_free)
    started(method, space, dropout=0.0)
    steps(method, 0, STEPS)
    checkpoint.save(tmp_path, 1, method.state())
    run = started(again, space, dropout=0.0)
    shake(run.net)
    again.restore(checkpoint.load(tmp_path))
    assert steps(method, STEPS, 2 * STEPS) == steps(again, STEPS, 2 * STEPS)
    for group, tensors in method.state().tensors.items():
        other = again.state().tensors[group]
        assert all(torch.equal(t, other[name]) for name, t in tensors.items())


@pytest.mark.parametrize("name", names("space"))
def test_spaces_whose_convolutions_share_no_kernel_are_refused(name):
    space = resolve("space", name)()
    if name in ("darts_cell", "nas_bench_201"):
        MergeNas().require(space)
    elif space.choices():
        widths = isinstance(space, SlimSpace) or any(choice.sized for choice in space.choices())
        reason = (
            "have widths of their own" if widths else "non-linearities inside, so it cannot share a kernel"
        )
        with pytest.raises(UserError, match=reason):
            MergeNas().require(space)


def test_separable_and_dense_convolutions_share_no_kernel():
    assert "sep_conv_3x3 is separable and nor_conv_3x3 is not" in obstacle(("nor_conv_3x3", "sep_conv_3x3"))
    assert obstacle(("skip_connect", "none")) == obstacle(PRIMITIVES) == ""


def test_merge_free_is_refused_where_it_would_do_nothing():
    with pytest.raises(UserError, match="neither skip nor average pool"):
        MergeNas(merge_free=True).require(DartsCell(preset="s4"))
    MergeNas(merge_free=True).require(DartsCell(preset="s2"))


def test_an_edge_without_convolutions_is_an_ordinary_one():
    edge = MergeNas().fill(Choice("here", ("none", "skip_connect")), KEEPS)
    assert type(edge) is MixedEdge
