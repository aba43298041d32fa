"""Weighted sums of candidate operations: the quick way equals the plain one, and so do its gradients."""

import pytest
import torch
from torch import nn
from torch.autograd import gradcheck, gradgradcheck
from torch.nn import functional

from audionas.core.arch import Choice
from audionas.nn import EndsInNorm, Norm, average_pool, once, sharing
from audionas.nn.edge import Gate, Gates, MixedEdge
from audionas.nn.ops import OPS, OpShape
from audionas.spaces.darts_cell import PRIMITIVES as DARTS
from audionas.spaces.nas_bench_201 import PRIMITIVES as BENCH
from tests._tiers import laws

pytestmark = pytest.mark.numeric

OPTIONS = tuple(dict.fromkeys((*DARTS, *BENCH)))
EXACT = {"rtol": 0, "atol": 1e-12}


def drawn(*shape, seed=0, dtype=torch.float64):
    x = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    return x.contiguous(memory_format=torch.channels_last) if len(shape) == 4 else x


class PlainEdge(MixedEdge):
    """Multiplies every output by its weight outside the operation."""

    def output(self, option, y, extra):
        return y


def edges(options, shape):
    """The same edge twice: as searches run it, and plainly."""
    choice = Choice("here", options, max_active=len(options))
    torch.manual_seed(0)
    quick = MixedEdge(choice, shape).double()
    plain = PlainEdge(choice, shape).double()
    plain.load_state_dict(quick.state_dict())
    return quick, plain


def outcome(edge, weight, **gate):
    """The output, all first gradients, and those of the gradients' own squares."""
    torch.manual_seed(7)  # noise
    x, w = drawn(2, 4, 6, 6).requires_grad_(), weight.clone().requires_grad_()
    y = edge(x, Gates({"here": Gate(w, **gate)}))
    g = drawn(*y.shape, seed=1)
    wanted = [x, w, *edge.parameters()]
    first = torch.autograd.grad((y * g).sum(), wanted, create_graph=True, materialize_grads=True)
    second = torch.autograd.grad(
        sum(f.square().sum() for f in first), wanted, allow_unused=True, materialize_grads=True
    )
    return [y, *first, *second], {k: v.clone() for k, v in edge.named_buffers()}


@pytest.mark.parametrize("stride", [(1, 1), (2, 2)])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("search", [True, False])
@pytest.mark.parametrize("gate", [{}, {"active": (4, 3)}, {"frozen": (3, 5)}], ids=str)
def test_the_quick_sum_equals_the_plain_one(stride, training, search, gate):
    quick, plain = edges(OPTIONS, OpShape(4, 4, stride, bare=search, pool_norm=search))
    weight = drawn(len(OPTIONS), seed=2)
    found, statistics = outcome(quick.train(training), weight, **gate)
    wanted, same = outcome(plain.train(training), weight, **gate)
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-12 * max(1.0, b.abs().max().item()))
    assert all(torch.equal(statistics[name], same[name]) for name in same)


@pytest.mark.parametrize("option", [o for o in OPTIONS if OPS[o].kind not in ("none", "noise")])
@pytest.mark.parametrize("search", [True, False])
def test_a_weight_of_one_changes_no_bit(option, search):
    torch.manual_seed(0)
    op, x = (
        OPS[option].make(OpShape(4, 4, bare=search, pool_norm=search)),
        drawn(2, 4, 6, 6, dtype=torch.float32),
    )
    for module in (op.train(), op.eval()):
        one = torch.tensor(1.0)
        y = module(x, one) if isinstance(module, EndsInNorm) else one * module(x)
        assert torch.equal(y, module(x))


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("training", [True, False])
def test_a_norms_scale_multiplies_its_output_and_statistics_move_once(affine, training):
    norm, twin = (Norm(3, affine=affine).double().train(training) for _ in range(2))
    for n in (norm, twin):
        n.running_var.fill_(2.0)
        n.momentum = 0.3
    x, scale = drawn(4, 3, 2, 2), torch.tensor(-0.7, dtype=torch.float64)
    torch.testing.assert_close(norm(x, scale), scale * twin(x), **EXACT)
    assert all(torch.equal(a, b) for a, b in zip(norm.buffers(), twin.buffers(), strict=True))


def test_a_norm_with_a_cumulative_average_takes_a_scale_too():
    norm, twin = Norm(3).train(), Norm(3).train()
    norm.momentum = twin.momentum = None
    for seed in (0, 1):
        x = drawn(4, 3, 2, 2, seed=seed, dtype=torch.float32)
        assert torch.equal(norm(x, torch.tensor(0.5)), 0.5 * twin(x))
    assert torch.equal(norm.running_mean, twin.running_mean)


def test_a_norm_keeps_its_input_alone_for_backward():
    x = drawn(2, 3, 4, 4, dtype=torch.float32).requires_grad_()
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()) or t, lambda t: t):
        Norm(3, affine=False)(x, torch.tensor(0.5, requires_grad=True))
    assert [n for n in kept if n >= x.numel()] == [x.numel()]


def test_first_and_second_gradients_of_a_scaled_norm_are_those_of_differences():
    norm = Norm(2, affine=False).double()
    inputs = (drawn(3, 2, 2, 2).requires_grad_(), torch.tensor(0.6, dtype=torch.float64, requires_grad=True))
    assert gradcheck(norm, inputs)
    assert gradgradcheck(norm, inputs)


@pytest.mark.parametrize("stride", [(1, 1), (2, 2)])
@pytest.mark.parametrize(("high", "wide"), laws([(1, 4), (2, 2), (6, 6), (5, 7)], fast=2))
def test_average_pooling_is_torchs(high, wide, stride):
    x = drawn(2, 3, high, wide).requires_grad_()
    y, wanted = average_pool(x, stride), functional.avg_pool2d(x, 3, stride, 1, count_include_pad=False)
    torch.testing.assert_close(y, wanted, **EXACT)
    assert y.is_contiguous(memory_format=torch.channels_last)
    assert gradcheck(lambda x: average_pool(x, stride), (x,))
    assert gradgradcheck(lambda x: average_pool(x, stride), (x,))


def test_an_offered_tensors_functions_are_computed_once_until_the_block_ends():
    calls = []

    def double(x):
        calls.append(x)
        return 2 * x

    x = torch.ones(2, requires_grad=True)
    with sharing() as offer:
        assert once(offer(x), "double", double) is once(x, "double", double)
        with sharing() as inner:
            assert inner(x) is x
            assert once(x, "double", double).requires_grad
        once(x, "double", double)  # the inner block took nothing away
        assert len(calls) == 1
        with torch.no_grad():
            assert not once(x, "double", double).requires_grad
        once(torch.ones(2), "double", double)
        assert len(calls) == 3
    once(x, "double", double)
    assert len(calls) == 4


def test_all_operations_on_a_node_share_its_relu_and_pools():
    quick, plain = edges(DARTS, OpShape(4, 4, bare=True, pool_norm=True))
    x = drawn(2, 4, 6, 6).requires_grad_()
    weight = torch.full((len(DARTS),), 0.1, dtype=torch.float64)

    def count(name, edge):
        found, seen, todo = 0, set(), [edge(x, Gates({"here": Gate(weight)})).grad_fn]
        while todo:
            node = todo.pop()
            if node is not None and node not in seen:
                seen.add(node)
                found += node.name().startswith(name)
                todo += [before for before, _ in node.next_functions]
        return found

    assert count("Relu", quick) == 1 + 2  # its own of both separable convolutions stand between
    assert count("Relu", plain) == 1 + 2


def test_an_edge_that_changes_outputs_says_which_it_leaves_alone():
    class Halved(PlainEdge):
        def output(self, option, y, extra):
            return y / 2

    quick, _ = edges(BENCH, OpShape(4, 4, bare=True, pool_norm=True))
    halved = Halved(quick.choice, quick.shape).double()
    halved.load_state_dict(quick.state_dict())
    gates, x = Gates({"here": Gate(drawn(len(BENCH), seed=2))}), drawn(2, 4, 6, 6)
    assert quick.passes("nor_conv_3x3")
    assert not halved.passes("nor_conv_3x3")
    torch.testing.assert_close(halved(x, gates), quick(x, gates) / 2, **EXACT)


def test_every_operation_that_ends_in_a_norm_says_so():
    """Those of cells with weights: none of them is multiplied in a pass of its own."""
    for option in (*DARTS, *BENCH):
        if OPS[option].kind in ("conv", "pool"):
            assert isinstance(OPS[option].make(OpShape(4, 4, bare=True, pool_norm=True)), EndsInNorm)
    assert not isinstance(nn.Identity(), EndsInNorm)
