"""DARTS-: the auxiliary skip on every edge, its decay, and that nothing of it is left at the end."""

import math

import pytest
import torch

from audionas.core.arch import Choice
from audionas.core.errors import UserError
from audionas.methods.darts import Darts
from audionas.methods.darts_minus import AuxiliaryEdge, DartsMinus
from audionas.nn.cell_blocks import FactorizedReduce
from audionas.nn.edge import Gate, Gates, MixedEdge
from audionas.nn.ops import OpShape
from audionas.spaces.darts_cell import DartsCell
from audionas.spaces.kws_mobilenet import KwsMobilenet
from audionas.spaces.kws_tc_resnet import KwsTcResnet
from audionas.spaces.nas_bench_201 import NasBench201
from tests._tiers import laws
from tests.invariants._cases import features_of, shake, started, steps

CHAIN = KwsTcResnet(width=0.25, se="none")
SPACES = [CHAIN, KwsMobilenet(width=0.25), DartsCell(preset="s2"), DartsCell(preset="s4"), NasBench201()]
MIXED = Choice("here", ("skip_connect", "nor_conv_3x3"))


def edges_of(net):
    return [m for m in net.modules() if isinstance(m, MixedEdge)]


def edge_of(shape, choice=MIXED, auxiliary="skip"):
    torch.manual_seed(0)
    return AuxiliaryEdge(choice, shape, auxiliary=auxiliary).eval()


def gates(beta=None):
    extra = {} if beta is None else {"auxiliary": beta}
    return Gates({"here": Gate(torch.tensor([0.3, 0.7]))}, extra)


@pytest.mark.parametrize(
    ("decay", "wanted"),
    [
        ("linear", (1.0, 0.5, 0.02)),
        ("cosine", (1.0, 0.5, (1 + math.cos(0.98 * math.pi)) / 2)),
        ("slow_cosine", (1.0, math.sqrt(0.5), math.cos(0.49 * math.pi))),
        ("none", (1.0, 1.0, 1.0)),
    ],
)
def test_the_schedules_at_the_first_middle_and_last_of_fifty_epochs(decay, wanted):
    for beta in (1.0, 0.4):
        method = DartsMinus(decay=decay, beta=beta)
        started(method, CHAIN, epochs=50, frames=9)
        for epoch, value in zip((0, 25, 49), wanted, strict=True):
            method.on_epoch(epoch)
            for phase in ("alpha", "weights"):
                assert method.gates(phase).extra["auxiliary"] == pytest.approx(beta * value)


def test_an_edge_adds_beta_times_its_input():
    edge, x = edge_of(OpShape(4, 4, bare=True, pool_norm=True)), torch.randn(2, 4, 6, 6)
    plain = edge(x, gates())
    for beta in (1.0, 0.25):
        torch.testing.assert_close(edge(x, gates(beta)), plain + beta * x)
    assert torch.equal(edge(x, gates(0.0)), plain)
    assert not list(edge.auxiliary.parameters())


def test_where_the_shape_changes_it_is_the_skip_of_the_space():
    cell = edge_of(OpShape(4, 4, (2, 2), bare=True, pool_norm=True))
    assert isinstance(cell.auxiliary, FactorizedReduce)
    x = torch.randn(2, 4, 6, 6)
    torch.testing.assert_close(cell(x, gates(0.5)), cell(x, gates()) + 0.5 * cell.auxiliary(x))
    s4 = Choice("here", ("noise", "sep_conv_3x3"), node="normal/2")
    noisy = edge_of(OpShape(4, 4, (2, 2), bare=True), s4)
    assert isinstance(noisy.auxiliary, FactorizedReduce)  # no skip of its own
    chain = edge_of(OpShape(4, 6, (1, 2)), Choice("here", ("tc_k3", "tc_k5")))
    assert chain(torch.randn(2, 4, 1, 8), gates(1.0)).shape == (2, 6, 1, 4)


def test_the_convolution_begins_as_the_identity_and_learns():
    method = DartsMinus(auxiliary="conv1")
    run = started(method, CHAIN, frames=9, dropout=0.0)
    for edge in edges_of(run.net):
        if edge.shape.keeps:
            x = torch.randn(2, edge.shape.c_in, 1, 9)
            torch.testing.assert_close(edge.auxiliary(x), x)
    weight = run.net.edges["block2"].auxiliary.weight
    before = weight.detach().clone()
    steps(method, 0, 1)
    assert not torch.equal(weight, before)


@pytest.mark.parametrize("space", laws(SPACES), ids=lambda s: f"{s.name}-{getattr(s, 'preset', '')}")
def test_with_beta_zero_it_is_darts_bit_for_bit(space):
    told, states = [], []
    for method in (Darts(), DartsMinus(beta=0.0), DartsMinus()):
        run = started(method, space, epochs=4, frames=9, dropout=0.1)
        told.append(steps(method, 0, 1))
        states.append([*run.net.state_dict().values(), *(a.detach() for a in run.alphas.values())])
    assert told[0] == told[1] != told[2]
    assert all(torch.equal(a, b) for a, b in zip(states[0], states[1], strict=True))


@pytest.mark.laws
@pytest.mark.parametrize("space", [CHAIN, DartsCell()], ids=lambda s: s.name)
def test_every_edge_has_one_and_no_derived_network_keeps_it(space):
    method = DartsMinus()
    run = started(method, space, frames=9, dropout=0.0)
    assert all(isinstance(edge, AuxiliaryEdge) for edge in edges_of(run.net))
    shake(run.net)
    spec = method.derive()
    net = space.build(spec, search=True).eval()
    weights = space.inherit(run.net, spec)
    assert not any(".auxiliary." in name for name in weights)
    net.load_state_dict(weights)
    x = features_of(run.io)
    with torch.no_grad():
        assert torch.equal(net(x), run.net.eval()(x, space.one_hot(spec)))


def test_the_auxiliary_branch_carries_gradient_past_a_cut_edge():
    """With every weight at zero DARTS passes no gradient to what comes before; DARTS- does."""
    edge = edge_of(OpShape(4, 4, bare=True, pool_norm=True))
    nothing = Gate(torch.zeros(2))
    for beta, reaches in ((0.0, False), (1.0, True)):
        x = torch.randn(2, 4, 6, 6, requires_grad=True)
        edge(x, Gates({"here": nothing}, {"auxiliary": beta})).sum().backward()
        assert bool(x.grad.any()) is reaches


def test_a_negative_coefficient_is_refused():
    with pytest.raises(UserError, match="beta is -1"):
        DartsMinus(beta=-1.0)


def test_the_settings_are_those_of_the_paper():
    method = DartsMinus()
    assert (method.beta, method.decay, method.auxiliary) == (1.0, "linear", "skip")
    assert (method.alpha_lr, method.alpha_betas, method.alpha_weight_decay) == (3e-4, (0.5, 0.999), 1e-3)
