"""NoisyDARTS: noise without bias on skips while training, none in evaluation, and its published variants."""

import math

import pytest
import torch
from torch import nn

from audionas.core.arch import Choice
from audionas.core.errors import UserError
from audionas.methods.darts import Darts
from audionas.methods.noisy_darts import NoisyDarts, NoisyEdge, drop_path
from audionas.nn.edge import Gate, Gates, MixedEdge
from audionas.nn.ops import OPS, OpShape
from audionas.spaces.darts_cell import DartsCell
from audionas.spaces.kws_tc_resnet import KwsTcResnet
from audionas.spaces.nas_bench_201 import NasBench201, SumCell
from tests._tiers import laws
from tests.invariants._cases import batches, shake, started, steps

SPACE = KwsTcResnet(width=0.25, se="none")
SKIP = Choice("here", ("skip",))
MIXED = Choice("here", ("tc_k3", "skip"))
ERRORS = 4.0  # standard errors that a sample mean may lie off: 1 in 16,000
X = 2.0 + 3.0 * torch.randn(64, 4, 1, 500, generator=torch.Generator().manual_seed(0))  # 128,000 values


def edge_of(choice=SKIP, shape=OpShape(4, 4), **conf):
    torch.manual_seed(0)
    return NoisyEdge(choice, shape, conf=NoisyDarts(**conf)).train()


def gates(*weight, noise=1.0, active=None):
    return Gates({"here": Gate(torch.tensor(weight), active)}, {"noise": noise})


def noise_of(x=X, **conf):
    """Samples of what a noisy skip adds to `x`."""
    edge = edge_of(**conf)
    torch.manual_seed(1)
    return edge(x, gates(1.0)) - x


def off(samples, mean):
    """How many standard errors the sample mean lies off `mean`."""
    return abs(float(samples.mean()) - mean) / (float(samples.std()) / math.sqrt(samples.numel()))


@pytest.mark.parametrize("std", [0.1, 0.2])
def test_gaussian_noise_has_no_bias_and_lambda_times_the_deviation_of_the_output(std):
    eps = noise_of(std=std)
    assert off(eps, 0.0) < ERRORS
    assert float(eps.std()) == pytest.approx(std * float(X.std()), rel=0.01)
    assert float((eps**3).mean() / eps.std() ** 3) == pytest.approx(0, abs=0.03)
    assert float((eps**4).mean() / eps.std() ** 4) == pytest.approx(3, abs=0.06)


def test_the_deviation_is_that_of_the_whole_batch():
    """One number for all clips and channels, not one a channel."""
    x = X * torch.tensor([0.0, 1.0, 5.0, 10.0])[:, None, None]
    eps = noise_of(x, std=0.2)
    for channel in range(4):
        assert float(eps[:, channel].std()) == pytest.approx(0.2 * float(x.std()), rel=0.02)


@pytest.mark.parametrize("scale", [1.0, 10.0])
def test_uniform_noise_has_the_variance_lambda_whatever_the_output(scale):
    eps = noise_of(scale * X, noise="uniform", std=0.2)
    assert off(eps, 0.0) < ERRORS
    assert float(eps.var()) == pytest.approx(0.2, rel=0.02)
    assert float(eps.abs().max()) == pytest.approx(math.sqrt(0.6), rel=1e-3)


def test_the_multiplicative_form_has_mean_one_and_deviation_lambda():
    edge = edge_of(form="multiplicative", std=0.2)
    torch.manual_seed(1)
    factor = edge(X, gates(1.0)) / X
    assert off(factor, 1.0) < ERRORS
    assert float(factor.std()) == pytest.approx(0.2, rel=0.01)


@pytest.mark.parametrize("mean", [0.5, -1.0])
def test_a_bias_shows(mean):
    eps = noise_of(std=0.2, mean=mean)
    assert off(eps, mean) < ERRORS
    assert off(eps, 0.0) > 100


def test_noise_is_drawn_anew_for_every_value_and_every_pass():
    edge = edge_of(std=0.2)
    first, second = edge(X, gates(1.0)), edge(X, gates(1.0))
    assert not torch.isclose(first, second, rtol=0, atol=1e-7).all(dim=3).any()
    assert len(torch.unique(first - X)) > 0.9 * 2**16


def test_evaluation_is_clean():
    torch.manual_seed(0)
    plain = MixedEdge(MIXED, OpShape(4, 4)).eval()
    edge = edge_of(MIXED, std=0.2, drop_path=0.3)
    edge.load_state_dict(plain.state_dict())
    half = gates(0.5, 0.5)
    assert torch.equal(edge.eval()(X, half), plain(X, half))
    assert not torch.equal(edge.train()(X, half), plain.train()(X, half))


@pytest.mark.parametrize("shape", [OpShape(4, 4), OpShape(4, 6, (1, 2))])
def test_only_skips_are_noisy(shape):
    """Skips that carry a stride or new channels too; other operations never."""
    edge, plain = edge_of(MIXED, shape, std=0.2, drop_path=0.3), MixedEdge(MIXED, shape).train()
    plain.load_state_dict(edge.state_dict())
    for active, noisy in ((0, False), (1, True)):
        one = gates(1.0, 1.0, active=(active,))
        assert torch.equal(edge(X, one), plain(X, one)) is not noisy


@pytest.mark.parametrize("option", ["skip_connect", "avg_pool_3x3", "none", "noise", "sep_conv_3x3"])
@pytest.mark.parametrize("stride", [(1, 1), (2, 2)])
def test_in_cells_too_only_skips_are_noisy(option, stride):
    """Identity or factorised reduction; no pool and no other operation without weights."""
    choice, shape = Choice("here", (option,), least=0), OpShape(4, 4, stride, bare=True, pool_norm=True)
    edge, plain = edge_of(choice, shape, std=0.2), MixedEdge(choice, shape).train()
    plain.load_state_dict(edge.state_dict())
    x, outs = torch.randn(8, 4, 16, 16, generator=torch.Generator().manual_seed(2)), []
    for one in (edge, plain):
        torch.manual_seed(4)
        outs.append(one(x, gates(1.0)).detach())
    eps = outs[0] - outs[1]
    assert bool(eps.any()) is (OPS[option].kind == "skip")
    if eps.any():
        assert off(eps, 0.0) < ERRORS
        assert float(eps.std()) == pytest.approx(0.2 * float(outs[1].std()), rel=0.03)


@pytest.mark.parametrize("space", [DartsCell(preset="s2"), NasBench201()], ids=lambda s: s.name)
def test_one_network_of_the_supernet_is_clean_in_training_too(space):
    """Batch statistics are renewed in training mode, under gates that know no noise."""
    method = NoisyDarts(drop_path=0.3)
    run = started(method, space, dropout=0.0)
    ((train, _),) = batches(run.io, 1, seed=0, size=4)
    one = space.one_hot(method.derive())
    assert torch.equal(run.net(train.x, one), run.net(train.x, one))
    noisy = method.gates("weights")
    assert not torch.equal(run.net(train.x, noisy), run.net(train.x, noisy))


@pytest.mark.parametrize("mean", [0.0, 0.5])
def test_the_deviation_carries_no_gradient(mean):
    """d (x + eps) / dx is the identity; a deviation with a gradient would add eps * d std / dx."""
    x = X[:4].clone().requires_grad_()
    out = edge_of(std=0.2, mean=mean)(x, gates(1.0))
    (out * X[4:8]).sum().backward()
    assert torch.equal(x.grad, X[4:8])


def test_the_multiplicative_form_scales_the_gradient_too():
    x = X[:4].clone().requires_grad_()
    out = edge_of(form="multiplicative", std=0.2)(x, gates(1.0))
    out.sum().backward()
    torch.testing.assert_close(x.grad, (out / x).detach())


@pytest.mark.parametrize(("strength", "share"), [(1.0, 1.0), (0.5, 0.5), (0.0, 0.0)])
def test_the_strength_scales_deviation_and_bias(strength, share):
    full = noise_of(std=0.2, mean=0.5)
    edge = edge_of(std=0.2, mean=0.5)
    torch.manual_seed(1)
    faded = edge(X, gates(1.0, noise=strength)) - X
    torch.testing.assert_close(faded, share * full, rtol=0, atol=1e-5)


def test_the_schedule_falls_from_one_to_zero_over_the_search_or_stays():
    method = NoisyDarts(decay="cosine")
    run = started(method, SPACE, epochs=50, frames=9)
    seen = []
    for epoch in range(51):
        method.on_epoch(epoch)
        seen.append(method.gates("weights").extra["noise"])
    assert seen[0] == 1.0
    assert seen[25] == pytest.approx(0.5)
    assert seen[50] == pytest.approx(0.0, abs=1e-12)
    assert seen == sorted(seen, reverse=True)
    steady = NoisyDarts()
    steady.setup(run)
    steady.on_epoch(49)
    assert steady.gates("alpha").extra["noise"] == 1.0


def test_drop_path_zeroes_whole_clips_without_bias_and_out_of_place():
    x = torch.ones(20_000, 2, 1, 3)
    before = x.clone()
    torch.manual_seed(0)
    y = drop_path(x, 0.3)
    assert torch.equal(x, before)
    clips = y[:, 0, 0, 0]
    assert torch.equal(y, clips[:, None, None, None].expand_as(y))
    torch.testing.assert_close(torch.unique(clips), torch.tensor([0.0, 1 / 0.7]))
    assert off(clips, 1.0) < ERRORS
    assert off(clips.eq(0).float(), 0.3) < ERRORS
    assert drop_path(x, 0.0) is x


def test_an_edge_never_changes_its_input():
    """The skip returns its input itself: a mask in place would reach the other operations."""
    x, edge = X[:8].clone(), edge_of(MIXED, std=0.0, drop_path=0.5)
    edge(x, gates(0.5, 0.5))
    assert torch.equal(x, X[:8])


@pytest.mark.laws
def test_the_expected_gradient_of_a_skip_is_the_clean_one_unless_the_noise_is_biased():
    """Claim C4.1 where it is exact, under a loss linear in the edge's output: dL/dw = <g, x + eps>."""
    x, g = X[:2], torch.rand(2, 4, 1, 500, generator=torch.Generator().manual_seed(2))

    def drawn(**conf):
        edge, found = edge_of(**conf), []
        torch.manual_seed(3)
        for _ in range(400):
            weight = torch.tensor([1.0], requires_grad=True)
            (edge(x, Gates({"here": Gate(weight)}, {"noise": 1.0})) * g).sum().backward()
            found.append(float(weight.grad))
        return torch.tensor(found, dtype=torch.double)

    clean = float((x * g).sum())
    assert off(drawn(std=0.2), clean) < ERRORS
    assert off(drawn(std=0.2, noise="uniform"), clean) < ERRORS
    assert off(drawn(std=0.2, form="multiplicative"), clean) < ERRORS
    assert off(drawn(std=0.2, mean=0.5), clean) > 10 * ERRORS


@pytest.mark.laws
def test_the_gradient_of_alpha_in_a_frozen_supernet_is_unbiased_for_small_noise():
    """C4.1 on a network; the curvature of the loss adds a bias of second order, so the noise is small.

    Statistics are frozen: batch norm over the batch would take a constant shift out again.
    """
    method = NoisyDarts(std=0.02)
    run = started(method, SPACE, frames=9, dropout=0.0)
    shake(run.net)
    for module in run.net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    skips = [(c.name, c.options.index("skip")) for c in SPACE.choices() if "skip" in c.options]
    ((_, valid),) = batches(run.io, 1, seed=0, size=4)

    def gradient(conf):
        for edge in run.net.edges.values():
            edge.conf = conf
        loss = run.criterion(run.logits(valid.x, method.gates("alpha")), valid.target)
        found = torch.autograd.grad(loss, [run.alphas[name] for name, _ in skips])
        return torch.stack([g[place] for g, (_, place) in zip(found, skips, strict=True)])

    clean = gradient(NoisyDarts(std=0.0))
    torch.manual_seed(6)
    free = torch.stack([gradient(method) for _ in range(40)])
    biased = torch.stack([gradient(NoisyDarts(std=0.02, mean=0.5)) for _ in range(10)])
    for place in range(len(skips)):
        assert off(free[:, place], float(clean[place])) < ERRORS
        assert off(biased[:, place], float(clean[place])) > ERRORS


@pytest.mark.parametrize("space", laws([SPACE, DartsCell(preset="s2"), NasBench201()]), ids=lambda s: s.name)
def test_without_noise_it_is_darts_bit_for_bit(space):
    """Dropout included, although noise would draw from the same generator."""
    told, weights = [], []
    for method in (Darts(), NoisyDarts(std=0.0), NoisyDarts(std=0.2)):
        run = started(method, space, frames=9, dropout=0.3)
        told.append(steps(method, 0, 2))
        weights.append([*run.net.state_dict().values(), *run.alphas.values()])
    assert told[0] == told[1] != told[2]
    assert all(torch.equal(a, b) for a, b in zip(weights[0], weights[1], strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(weights[0], weights[2], strict=True))


@pytest.mark.parametrize("conf", [{"std": -0.1}, {"drop_path": 1.0}, {"drop_path": -0.1}])
def test_impossible_settings_are_refused(conf):
    with pytest.raises(UserError, match=next(iter(conf))):
        NoisyDarts(**conf)


def test_the_settings_are_those_of_the_paper():
    method = NoisyDarts()
    assert (method.noise, method.form, method.std, method.mean) == ("gaussian", "additive", 0.2, 0.0)
    assert (method.decay, method.drop_path, method.alpha_lr) == ("none", 0.0, 3e-4)


def test_the_skips_that_leave_a_node_measure_its_deviation_once():
    x = torch.randn(2, 4, 6, 6).contiguous(memory_format=torch.channels_last)
    edges = {(node, 0): edge_of(Choice(f"{node}_0", ("skip_connect",))) for node in (1, 2, 3)}
    gate = Gate(torch.tensor([1.0]))
    cell, noisy = SumCell(edges).train(), Gates({f"{node}_0": gate for node in (1, 2, 3)}, {"noise": 1.0})
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as told:
        cell(x, noisy)
    assert {event.key: event.count for event in told.key_averages()}["aten::std"] == 1
