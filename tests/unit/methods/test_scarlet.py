"""SCARLET: maps on the skips while training, gone in derived networks; FairNAS otherwise."""

import math

import pytest
import torch
from torch import nn

from audionas.core.arch import InputSpec
from audionas.core.errors import UserError
from audionas.core.rng import numpy_rng
from audionas.engine import checkpoint
from audionas.engine.recalibrate import recalibrated
from audionas.methods.fair_nas import FairNas
from audionas.methods.scarlet import Scarlet, StableEdge
from audionas.nn.blocks import ConvBN
from audionas.nn.edge import Gates, MixedEdge
from audionas.spaces.asc_mobilenet import AscMobilenet
from audionas.spaces.kws_mobilenet import KwsMobilenet
from audionas.spaces.kws_tc_resnet import KwsTcResnet
from audionas.spaces.mobilenet import Mobilenet
from tests._tiers import laws
from tests.invariants._cases import features_of, shake, started, steps

KWS = KwsMobilenet(preset="depth", width=0.25)
ASC = AscMobilenet(preset="depth", width=0.25)
IMAGES = Mobilenet(form="scarlet", width=0.25)
SHORT = dict(frames=9, dropout=0.0)


def begun(space=KWS, **fields):
    """A method over short inputs, before its first step."""
    method = Scarlet(**{"draws": 3, **fields})
    started(method, space, **SHORT)
    return method


def skipping(space, seed, io):
    """A random network with the skips that it drew, and one more."""
    spec = space.sample(numpy_rng("skipping", seed), io)
    first = next(c for c in space.choices() if "skip" in c.options)
    return space.spec({**spec.choices, first.name: ("skip",)}, io)


def double(gates):
    """The same gates in double precision."""
    return Gates({name: gate._replace(weight=gate.weight.double()) for name, gate in gates.items()})


def maps_in(net):
    """The modules at identities, by choice."""
    edges = [m for m in net.modules() if isinstance(m, StableEdge) and "skip" in m.ops]
    return {edge.choice.name: edge.ops["skip"] for edge in edges if edge.shape.keeps}


@pytest.mark.laws
@pytest.mark.parametrize(
    ("space", "count"), laws([(KWS, 4), (ASC, 10), (IMAGES, 13)]), ids=["kws", "asc", "images"]
)
def test_every_identity_has_a_map_and_nothing_else_has(space, count):
    with torch.device("meta"):
        nets = [
            space.supernet(fill, InputSpec(1 if space.features else 3, 40, 40, 3))
            for fill in (MixedEdge, Scarlet().fill)
        ]
    plain, net = nets
    maps = maps_in(net)
    assert len(maps) == count
    for conv in maps.values():
        assert [tuple(p.shape) for p in conv.parameters()] == [(conv.weight.shape[0],) * 2 + (1, 1)]
    added = net.state_dict().keys() - plain.state_dict().keys()
    assert added == {f"edges.{name}.ops.skip.weight" for name in maps}


def test_skips_that_change_the_shape_stay_as_they_are():
    net = begun(KwsMobilenet(preset="darts", width=0.25)).run.net
    kept = [isinstance(edge.ops["skip"], nn.Conv2d) for edge in net.edges.values()]
    assert kept == [edge.shape.keeps for edge in net.edges.values()]
    assert all(isinstance(e.ops["skip"], ConvBN) for e in net.edges.values() if not e.shape.keeps)


def test_maps_begin_like_other_convolutions_or_as_the_identity():
    values = torch.cat(
        [m.weight.flatten() * math.sqrt(m.weight.shape[0] / 2) for m in maps_in(begun().run.net).values()]
    )
    assert values.std().item() == pytest.approx(1, abs=4 / math.sqrt(2 * len(values)))
    for conv in maps_in(begun(init="identity").run.net).values():
        assert torch.equal(conv.weight[:, :, 0, 0], torch.eye(len(conv.weight)))


def test_maps_learn_and_begin_to_differ_from_the_identity():
    method = begun(init="identity")
    steps(method, 0, 1)
    for conv in maps_in(method.run.net).values():
        assert not torch.equal(conv.weight[:, :, 0, 0], torch.eye(len(conv.weight)))


@pytest.mark.parametrize("space", laws([KWS, ASC, IMAGES]), ids=["kws", "asc", "images"])
def test_the_folded_network_computes_what_the_supernet_does(space):
    """Exactly in double precision; what is inherited without the maps is another function."""
    method = begun(space)
    net, io = shake(method.run.net.double()), method.run.io
    x = features_of(io, 48).double()  # statistics of fewer would not fit the evaluation
    for seed in range(2):
        spec = skipping(space, seed, io)
        gates = double(space.one_hot(spec))
        built = space.build(spec, search=True).double().eval()
        with torch.no_grad(), recalibrated(net, lambda x, gates=gates: net(x, gates), [x]):
            wanted = net(x, gates)
            built.load_state_dict(method.folded(spec))
            assert (built(x) - wanted).abs().max() < 1e-12 * wanted.std()
            built.load_state_dict(space.inherit(net, spec))
            assert (built(x) - wanted).abs().max() > 1e-2 * wanted.std()


def test_a_derived_network_has_true_identities():
    spec = skipping(KWS, 0, begun().run.io)
    net = KWS.build(spec)
    skips = [name for name, options in spec.choices.items() if options == ("skip",)]
    assert skips
    assert not any(list(net.edges[name].parameters()) for name in skips)


def test_folding_is_refused_where_a_relu_follows_the_sum():
    method = begun(KwsTcResnet(width=0.25))
    io, space = method.run.io, method.run.space
    options = {c.name: ("tc_k3",) for c in space.choices()}
    spec = space.spec({**options, "block2": ("skip",), "block4": ("skip",)}, io)
    with pytest.raises(UserError, match="block3: TCBlock"):
        method.folded(spec)
    plain = space.spec(options, io)  # nothing to fold
    have, wanted = method.folded(plain), space.inherit(method.run.net, plain)
    assert all(torch.equal(have[name], wanted[name]) for name in wanted)


def test_without_the_stabilizer_it_is_fair_nas_bit_for_bit():
    told, weights = [], []
    for method in (FairNas(), Scarlet(stabilizer=False), Scarlet()):
        run = started(method, KWS, **SHORT)
        told.append(steps(method, 0, 1))
        weights.append(run.net.state_dict())
    assert told[0] == told[1] != told[2]
    assert all(torch.equal(t, weights[1][name]) for name, t in weights[0].items())
    assert weights[2].keys() > weights[0].keys()


@pytest.mark.laws
def test_a_resumed_search_has_its_maps(tmp_path):
    whole, resumed = begun(), begun()
    steps(whole, 0, 1)
    checkpoint.save(tmp_path, 1, whole.state())
    steps(whole, 1, 2)
    shake(resumed.run.net)
    resumed.restore(checkpoint.load(tmp_path))
    steps(resumed, 1, 2)
    for name, tensor in whole.run.net.state_dict().items():
        assert torch.equal(tensor, resumed.run.net.state_dict()[name])
    assert all(torch.equal(whole.run.updates[name], n) for name, n in resumed.run.updates.items())


@pytest.mark.laws
def test_layers_with_13_and_with_12_options_are_fair_over_their_common_multiple():
    """13 paths an update: options of the longer layers are equal after each, of the shorter after 12."""
    method = begun(IMAGES)
    counts = {c.name: dict.fromkeys(c.options, 0) for c in IMAGES.choices()}
    for update in range(1, 25):
        method.run.steps = update - 1
        paths = method.paths()
        assert len(paths) == 13
        for path in paths:
            for name, (option,) in path.items():
                counts[name][option] += 1
        for options in counts.values():
            assert max(options.values()) - min(options.values()) <= (len(options) == 12 and update % 12 != 0)
            assert sum(options.values()) == 13 * update
    assert {tuple(set(options.values())) for options in counts.values()} == {(24,), (26,)}


def test_spaces_of_a_fixed_depth_are_refused():
    for space in (KwsMobilenet(), Mobilenet(form="fairnas")):
        with pytest.raises(UserError, match="no layer can be skipped; use preset=depth of kws_mobilenet"):
            Scarlet().require(space)
