"""PC-DARTS: channels that go by, the shuffle, edges weighted against each other, the warm-up."""

import pytest
import torch

from audionas.core.errors import UserError
from audionas.engine import checkpoint
from audionas.methods import whole
from audionas.methods.darts import Darts
from audionas.methods.pc_darts import PcDarts
from audionas.spaces.darts_cell import DartsCell
from audionas.spaces.kws_mobilenet import KwsMobilenet
from audionas.spaces.kws_tc_resnet import KwsTcResnet
from audionas.spaces.nas_bench_201 import NasBench201
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


@every_space
def test_without_edge_weights_it_is_darts_with_as_many_parts_bit_for_bit(space):
    told, weights, off = [], [], {"edge_normalization": False} if space in CELLS else {}
    for method in (
        Darts(alpha_lr=6e-4, k=2),
        PcDarts(k=2, warmup=0.0, **off),
        PcDarts(k=2, warmup=0.0),
        Darts(alpha_lr=6e-4),
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
