"""Exact costs: they add up, agree with torch's own counter, and leave the network alone."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from audionas import zoo
from audionas.core.arch import InputSpec
from audionas.core.registry import resolve
from audionas.cost.graph import layers, measure, peak_activation
from audionas.spaces import space_of

IO = InputSpec(1, 40, 98, 12)

# the table of uniform networks of kws_mobilenet: option, preset, parameters, multiply-adds
UNIFORM = [
    ("mb_k3_e3", "sf8", "93.4K", "1.98M"),
    ("mb_k5_e3", "sf8", "95.2K", "2.02M"),
    ("mb_k9_e3", "sf8", "98.9K", "2.10M"),
    ("mb_k9_e3_se", "sf16", "158.6K", "2.16M"),
    ("mb_k3_e6", "sf8", "182.4K", "3.68M"),
    ("mb_k9_e6", "sf8", "193.3K", "3.91M"),
    ("mb_k9_e6_se", "sf16", "430.0K", "4.14M"),
    ("mb_k3_e3", "depth", "39.8K", "1.09M"),  # every second layer skipped
]


def uniform(option, preset, frames):
    space = resolve("space", "kws_mobilenet")(preset=preset)
    skip = preset == "depth"
    chosen = {c.name: ("skip" if skip and "skip" in c.options else option,) for c in space.choices()}
    io = IO._replace(frames=frames)
    return layers(space.build(space.spec(chosen, io)), io)


FAST = ("tc_resnet8", "kws_tc_resnet")


def some_nets():
    for name in ("tc_resnet8", "ds_cnn_s", "bc_resnet1"):
        spec = zoo.load(name)
        yield pytest.param(space_of(spec), spec, id=name, marks=() if name in FAST else pytest.mark.laws)
    for name, conf in (("kws_tc_resnet", {"causal": True}), ("kws_mobilenet", {"preset": "sf16"})):
        space = resolve("space", name)(**conf)
        marks = () if name in FAST else pytest.mark.laws
        yield pytest.param(space, space.sample(np.random.default_rng(0), IO), id=name, marks=marks)


NETS = list(some_nets())


@pytest.mark.parametrize(("option", "preset", "params", "macs"), UNIFORM)
def test_uniform_networks(option, preset, params, macs):
    rows = uniform(option, preset, 98)
    assert f"{sum(r.params for r in rows) / 1e3:.1f}K" == params
    assert f"{sum(r.macs for r in rows) / 1e6:.2f}M" == macs


@pytest.mark.parametrize("frames", [98, 99, 100, 101])
def test_frames_change_multiply_adds_alone(frames):
    rows, at_98 = uniform("mb_k5_e6", "sf8", frames), uniform("mb_k5_e6", "sf8", 98)
    assert sum(r.params for r in rows) == sum(r.params for r in at_98)
    assert sum(r.macs for r in rows) >= sum(r.macs for r in at_98)
    assert rows[0].output[-1] == frames


@pytest.mark.parametrize(("space", "spec"), NETS)
def test_measure_agrees_with_torch(space, spec):
    net = space.build(spec)
    cost = measure(net, spec.io)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net.eval()(torch.zeros(1, *spec.io[:3]))
    assert 2 * cost.macs == counter.get_total_flops()
    assert cost.params == sum(p.numel() for p in net.parameters())
    assert cost.params == sum(layer.params for layer in cost.layers)
    assert cost.macs == sum(layer.macs for layer in cost.layers)
    state = net.state_dict().values()
    assert cost.weight_bytes == sum(t.numel() * t.element_size() for t in state if t.is_floating_point())


@pytest.mark.parametrize(("space", "spec"), NETS)
def test_peak_is_at_least_any_convolution_with_its_input(space, spec):
    net = space.build(spec).eval()
    peak, where = peak_activation(net, spec.io)
    pairs, total = [], [0]

    def note(module, args, output):
        pairs.append(args[0].nbytes + output.nbytes)
        total[0] += output.nbytes

    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(note)
    x = torch.zeros(1, *spec.io[:3])
    with torch.no_grad():
        net(x)
    assert max(pairs) <= peak <= 2 * (x.nbytes + total[0])
    assert where in dict(net.named_modules())


class Probe(nn.Module):
    """Sizes known by hand: x has 4 x 8 = 32 values, 128 bytes."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind
        self.wide = nn.Conv2d(1, 3, 1)
        self.back = nn.Conv2d(3, 1, 1)

    def forward(self, x):
        y = self.wide(x)  # 384 bytes
        if self.kind == "chain":
            return self.back(y)
        if self.kind == "elementwise":
            return self.back(torch.sigmoid(torch.relu(y)))
        if self.kind == "views":
            return self.back(y.transpose(2, 3).flatten(2).reshape(y.shape))
        if self.kind == "held":
            return self.back(y) + x
        if self.kind == "split":
            first, second, third = y.split(1, 1)
            return self.back(torch.cat([third, second, first], 1))
        return self.back(torch.relu(y) + y)  # twice: y is read again, relu needs memory of its own


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("chain", 128 + 384),
        ("elementwise", 128 + 384),  # written in place
        ("views", 128 + 384),
        ("held", 128 + 384 + 128),  # x lives to the end
        ("split", 384 + 384),
        ("twice", 384 + 384),
    ],
)
def test_peak_by_hand(kind, expected):
    peak, _ = peak_activation(Probe(kind), InputSpec(1, 4, 8, 12))
    assert peak == expected


def test_a_shared_layer_is_run_twice_and_stored_once():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 1, 3, padding=1)
            self.idle = nn.Linear(2, 2)

        def forward(self, x):
            return self.conv(self.conv(x))

    twice, idle = layers(Twice(), InputSpec(1, 4, 8, 12))
    assert (twice.params, twice.macs, twice.output) == (10, 2 * 9 * 32, (1, 4, 8))
    assert (idle.name, idle.params, idle.macs, idle.output) == ("idle", 6, 0, ())


def test_measuring_leaves_the_network_and_the_random_state_alone():
    spec = zoo.load("tc_resnet8")
    net = space_of(spec).build(spec)
    net.stem.conv.bn.eval()  # a mixed mode must survive
    modes = [m.training for m in net.modules()]
    before = {k: v.clone() for k, v in net.state_dict().items()}
    random = torch.get_rng_state()
    measure(net, spec.io)
    assert torch.equal(random, torch.get_rng_state())
    assert modes == [m.training for m in net.modules()]
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    assert not any(m._forward_hooks for m in net.modules())
