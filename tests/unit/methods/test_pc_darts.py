"""PC-DARTS: channels that go by, the shuffle, edges weighted against each other, the warm-up."""

import pytest
import torch
from torch import nn

from audionas.core.arch import Choice
from audionas.core.errors import UserError
from audionas.engine import checkpoint
from audionas.methods import whole
from audionas.methods.darts import Darts
from audionas.methods.pc_darts import PartialEdge, PcDarts, parts, shuffle
from audionas.nn.edge import Gate, Gates, MixedEdge
from audionas.nn.ops import OpShape
from audionas.spaces.darts_cell import PRIMITIVES, DartsCell
from audionas.spaces.kws_mobilenet import KwsMobilenet
from audionas.spaces.kws_tc_resnet import KwsTcResnet
from audionas.spaces.nas_bench_201 import EDGES, NasBench201, SumCell
from audionas.study.step_cost import BackwardBytes
from tests._tiers import laws
from tests.invariants._cases import STEPS, batches, features_of, named, started, steps

CELLS = [DartsCell(preset="s3"), NasBench201()]
SPACES = [*CELLS, KwsTcResnet(width=0.25, se="none"), KwsMobilenet(preset="sf6", width=0.25)]
every_space = pytest.mark.parametrize("space", laws([*SPACES[-2:], *CELLS]), ids=named)
every_cell = pytest.mark.parametrize("space", CELLS, ids=named)


def prepared(space, **conf):
    method = PcDarts(**{"warmup": 0.0, **conf})
    started(method, space, frames=9, dropout=0.0)
    return method


def copied(method):
    return {f"{g}/{k}": t.clone() for g, ts in method.state().tensors.items() for k, t in ts.items()}


def edge_of(options, shape, k):
    torch.manual_seed(0)
    return PartialEdge(Choice("here", tuple(options)), shape, k=k).eval()


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
        edges = {place: PartialEdge(Choice("{}_{}".format(*place), options), shape, k=k) for place in EDGES}
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


@every_space
def test_with_one_part_and_without_edge_weights_it_is_darts_bit_for_bit(space):
    told, weights = [], []
    for method in (
        Darts(alpha_lr=6e-4),
        PcDarts(k=1, edge_normalization=False, warmup=0.0),
        PcDarts(k=1, warmup=0.0),
        PcDarts(k=2, edge_normalization=False, warmup=0.0),
    ):
        run = started(method, space, frames=9, dropout=0.1)
        told.append(steps(method, 0, 2))
        weights.append([*run.net.state_dict().values(), *run.alphas.values()])
    assert told[0] == told[1] != told[3]
    assert all(torch.equal(a, b) for a, b in zip(weights[0], weights[1], strict=True))
    assert (told[2] == told[1]) == (space not in CELLS)  # where no edges compete they have no weights


@every_cell
def test_the_weights_of_a_nodes_edges_sum_to_one(space):
    method = prepared(space)
    gates = method.gates("alpha")
    nodes = space.nodes()
    betas = [name for name in method.run.alphas if name.startswith("beta/")]
    assert betas == [f"beta/{edges[0].node}" for edges in nodes]
    for edges in nodes:
        shares = torch.stack([gates[c.name].scale for c in edges])
        beta = method.run.alphas[f"beta/{edges[0].node}"]
        assert torch.equal(shares, beta.softmax(0))
        assert float(shares.sum().detach()) == pytest.approx(1, abs=1e-6)
        assert 0 < beta.detach().abs().max() < 0.01
    assert space.one_hot(method.derive())[space.choices()[0].name].scale is None


@every_cell
def test_edge_weights_learn_from_the_validation_loss(space):
    method = prepared(space)
    ((train, valid),) = batches(method.run.io, 1, seed=0, size=4)
    method.alpha_gradient(valid, train)
    for edges in space.nodes():
        gradient = method.run.alphas[f"beta/{edges[0].node}"].grad
        assert bool(gradient.any()) == (len(edges) > 1)
        assert float(gradient.sum()) == pytest.approx(0, abs=1e-6)  # a softmax has no use for the mean


@every_space
def test_while_the_weights_warm_up_alpha_and_beta_rest(space):
    method = prepared(space, warmup=0.25)
    before = {name: alpha.detach().clone() for name, alpha in method.run.alphas.items()}
    steps(method, 0, STEPS)
    assert all(torch.equal(before[name], alpha) for name, alpha in method.run.alphas.items())
    steps(method, STEPS, STEPS + 1)
    assert not any(torch.equal(before[name], alpha) for name, alpha in method.run.alphas.items())


def test_options_are_compared_by_probability_times_edge_weight():
    method = prepared(DartsCell())
    run = method.run
    names = [f"normal/4_{source}" for source in range(4)]
    for name, strength in zip(names, (3.0, 2.0, 1.0, 0.0), strict=True):
        run.alphas[name].data.zero_()[4] = strength
    beta = run.alphas["beta/normal/4"].data.zero_()
    assert kept(method.derive(), names) == names[:2]
    beta.copy_(torch.tensor([-9.0, 0.0, -9.0, 4.0]))
    assert kept(method.derive(), names) == [names[1], names[3]]
    option, share = "sep_conv_3x3", beta.softmax(0)[3].item()
    expected = share * method.probabilities()[names[3]][option]
    assert method.scores()[names[3]][option] == pytest.approx(expected)


def kept(spec, names):
    return [name for name in names if spec.choices[name]]


def test_chains_have_no_edge_weights():
    method = prepared(KwsTcResnet(width=0.25))
    assert method.run.alphas.keys() == {c.name for c in method.run.space.choices()}
    assert all(gate.scale is None for gate in method.gates("weights").values())
    assert method.scores() == method.probabilities()


@every_space
def test_the_supernet_runs_one_network_alone_and_keeps_its_weights_for_itself(space):
    method = prepared(space)
    spec = method.derive()
    assert torch.isfinite(method.run.net.eval()(features_of(method.run.io), space.one_hot(spec))).all()
    if space in CELLS:
        with pytest.raises(UserError, match="inherited"):
            space.inherit(method.run.net, spec)


@pytest.mark.laws
@every_space
def test_a_resumed_search_takes_the_same_steps(space, tmp_path):
    method = prepared(space)
    steps(method, 0, STEPS)
    checkpoint.save(tmp_path, 1, method.state())
    again = prepared(space)
    again.restore(checkpoint.load(tmp_path))
    assert steps(method, STEPS, 2 * STEPS) == steps(again, STEPS, 2 * STEPS)
    one, other = copied(method), copied(again)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_impossible_settings_are_refused():
    with pytest.raises(UserError, match="k is 0"):
        PcDarts(k=0)
    with pytest.raises(UserError, match="alpha_lr"):
        PcDarts(alpha_lr=0.0)


def test_the_settings_are_those_of_the_paper():
    method = PcDarts()
    assert (method.k, whole(method.warmup, 50), method.alpha_lr) == (4, 15, 6e-4)
    assert (method.alpha_betas, method.alpha_weight_decay) == ((0.5, 0.999), 1e-3)
    assert method.edge_normalization
