"""Edges: what a gate selects is summed by its weight, and nothing else runs."""

import pytest
import torch

from audionas.core.arch import Choice
from audionas.nn.edge import FixedEdge, Gate, Gates, MixedEdge
from audionas.nn.ops import OpShape

CHOICE = Choice("here", ("tc_k3", "tc_k5_se", "mb_k3_e3", "skip"), max_active=4)
SHAPE = OpShape(4, 6, (1, 2))
X = torch.randn(2, 4, 1, 9, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def edge():
    torch.manual_seed(0)
    return MixedEdge(CHOICE, SHAPE).eval()


def run(edge, weight, active=None, scale=None):
    return edge(X, Gates({"here": Gate(torch.tensor(weight), active, scale=scale)}))


def test_the_output_is_the_weighted_sum(edge):
    weight = [0.1, 0.4, 0.3, 0.2]
    expected = torch.tensor(weight[0]) * edge.ops["tc_k3"](X)
    for w, name in zip(weight[1:], CHOICE.options[1:], strict=True):
        expected = expected + torch.tensor(w) * edge.ops[name](X)
    assert torch.equal(run(edge, weight), expected)


def test_only_active_options_run(edge):
    ran = []
    for name, op in edge.ops.items():
        op.register_forward_hook(lambda *_, name=name: ran.append(name))
    out = run(edge, [0.5, 0.0, 2.0, 9.0], (0, 2))
    assert ran == ["tc_k3", "mb_k3_e3"]
    assert torch.equal(out, 0.5 * edge.ops["tc_k3"](X) + 2.0 * edge.ops["mb_k3_e3"](X))


def test_scale_multiplies_the_whole_edge(edge):
    assert torch.equal(
        run(edge, [1.0, 1.0, 1.0, 1.0], scale=torch.tensor(0.3)), run(edge, [1.0, 1.0, 1.0, 1.0]) * 0.3
    )


def test_without_gates_it_says_so_and_a_closed_edge_gives_nothing(edge):
    with pytest.raises(AssertionError, match="gates"):
        edge(X)
    assert run(edge, [1.0, 1.0, 1.0, 1.0], ()) is None


def test_a_frozen_option_counts_but_only_its_weight_learns(edge):
    weight = torch.tensor([0.1, 0.4, 0.3, 0.2], requires_grad=True)
    mixed = edge(X, Gates({"here": Gate(weight, (0, 2), frozen=(2,))}))
    mixed.square().sum().backward()
    assert torch.equal(mixed, weight[0] * edge.ops["tc_k3"](X) + weight[2] * edge.ops["mb_k3_e3"](X))
    assert weight.grad[[0, 2]].ne(0).all()
    learns = {name: any(p.grad is not None for p in op.parameters()) for name, op in edge.ops.items()}
    assert learns == {name: name == "tc_k3" for name in edge.ops}


@pytest.mark.parametrize("training", [False, True])
def test_paths_are_dropped_in_training_only_and_never_a_skip(training):
    torch.manual_seed(0)
    choice = Choice("here", ("nor_conv_3x3", "skip_connect"), max_active=2)
    edge = FixedEdge(choice, OpShape(4, 4), chosen=choice.options).train(training)
    x = torch.randn(400, 4, 2, 2)
    with torch.no_grad():
        whole = edge.ops["nor_conv_3x3"](x)
        dropped = edge(x, Gates({}, {"drop_path": 0.25})) - x
    kept = dropped.abs().sum((1, 2, 3)) > 1e-4
    if not training:
        assert torch.allclose(dropped, whole, atol=1e-5)
    else:
        assert torch.allclose(dropped[kept], whole[kept] / 0.75, atol=1e-5)
        assert 0.15 < 1 - kept.float().mean() < 0.35  # 0.25, deviation 0.022


def test_the_gradient_of_a_weight_is_the_output_of_its_option(edge):
    """The law of eq. 2: d <g, sum w_o o(x)> / d w_o = <g, o(x)>."""
    weight = torch.tensor([0.1, 0.4, 0.3, 0.2], requires_grad=True)
    g = torch.randn(2, 6, 1, 5, generator=torch.Generator().manual_seed(1))
    (edge(X, Gates({"here": Gate(weight)})) * g).sum().backward()
    expected = torch.stack([(edge.ops[name](X) * g).sum() for name in CHOICE.options])
    torch.testing.assert_close(weight.grad, expected.detach())


@pytest.mark.parametrize("chosen", [("tc_k5_se",), ("skip", "tc_k3"), ("mb_k3_e3", "skip", "tc_k3")])
def test_a_fixed_edge_is_the_sum_of_the_chosen(edge, chosen):
    fixed = FixedEdge(CHOICE, SHAPE, chosen=chosen).eval()
    fixed.load_state_dict({k: v for k, v in edge.state_dict().items() if k.split(".")[1] in chosen})
    first, *rest = [edge.ops[name](X) for name in CHOICE.options if name in chosen]
    for other in rest:
        first = first + other
    assert torch.equal(fixed(X), first)
    assert tuple(fixed.ops) == tuple(name for name in CHOICE.options if name in chosen)


def test_gates_are_a_mapping_by_name():
    gates = Gates({"a": Gate(torch.ones(2)), "b": Gate(torch.ones(3))}, {"noise": 0.5})
    assert list(gates) == ["a", "b"]
    assert len(gates) == 2
    assert gates.extra["noise"] == 0.5
    with pytest.raises(KeyError):
        gates["c"]
