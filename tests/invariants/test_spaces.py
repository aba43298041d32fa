"""Every space in every variant: supernet and networks agree, files read back, inputs fit."""

import dataclasses

import pytest
import torch

from audionas.core.arch import ArchSpec, InputSpec
from audionas.core.errors import UserError
from audionas.core.registry import resolve
from audionas.core.rng import numpy_rng
from audionas.nn.edge import Gate, Gates, MixedEdge
from audionas.nn.mixed.sliced import Sliced
from audionas.nn.ops import OPS
from audionas.spaces import present, space_of
from tests._tiers import laws
from tests.invariants._cases import (
    CELLS,
    DEFAULTS,
    METHODS,
    SEARCHABLE,
    SPACES,
    costs_of,
    each,
    features_of,
    input_of,
    made,
    pairs,
    shake,
    small,
    some_specs,
    vectors,
)

every_space = each(SPACES)
SIZES = [
    ("kws_tc_resnet", {}, 8**3 * 9**3),
    ("kws_tc_resnet", {"shortcut": "kernel"}, 373_248),
    ("kws_tc_resnet", {"se": "none"}, 4**3 * 5**3),
    ("kws_mobilenet", {"preset": "sf6"}, 6**8),
    ("kws_mobilenet", {}, 8**8),
    ("kws_mobilenet", {"preset": "sf16"}, 16**8),
    ("kws_mobilenet", {"preset": "depth"}, 8**4 * 9**4),
    ("kws_mobilenet", {"preset": "darts"}, 9**8),
    *(("kws_mobilenet", {"preset": f"mix{m}"}, k**8) for m, k in ((2, 20), (3, 28), (4, 30))),
    ("mixednet", {}, 22**4),
    ("mixednet", {"longest": 9, "depth": 5}, 8**5),
    ("tenet", {}, 8**6),
    ("kws_wide", {}, 2 * 3 * 3 * 2 * 2**3 * (3 * 4 * 4) * 2**3 * 7**6),
    *(("mix_mobilenet", {"most": m}, k**12) for m, k in ((2, 20), (3, 28), (4, 30))),
]


def supernet_of(space, fill=MixedEdge, k=1):
    torch.manual_seed(0)
    return shake(space.supernet(fill, input_of(space), sizes=CELLS.get(space.name), k=k))


def same_states(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@each(SPACES, but="darts_cell")
def test_the_supernet_under_one_hot_gates_is_the_network(space):
    """Bit for bit, in evaluation and in training; what was not chosen stays untouched."""
    supernet, x = supernet_of(space), features_of(input_of(space), 3)
    for spec in some_specs(space):
        net = space.build(spec, search=True)
        net.load_state_dict(space.inherit(supernet, spec))
        gates, before = space.one_hot(spec), {k: v.clone() for k, v in supernet.state_dict().items()}
        with torch.no_grad():
            for training in (False, True):
                outputs = []
                for one, arguments in ((supernet, (x, gates)), (net, (x,))):
                    torch.manual_seed(7)  # the same dropout and noise
                    outputs.append(one.train(training)(*arguments))
                assert torch.equal(*outputs)
        assert same_states(space.inherit(supernet, spec), dict(net.state_dict()))  # batch statistics too
        after = supernet.state_dict()
        rest = before.keys() - net.state_dict().keys()
        assert same_states({k: before[k] for k in rest}, {k: after[k] for k in rest})


@pytest.mark.parametrize(
    "space", laws((s for s in DEFAULTS if s.choices() and s.name not in CELLS), 0), ids=lambda s: s.name
)
def test_a_supernet_whose_options_end_in_bare_norms_is_the_network_with_ones_and_zeros(space):
    """Squeeze-and-excitation in TC blocks and sums of branches excepted: a supernet normalises them again."""
    bare_is_inherited(space)


def test_in_the_smallest_chain_too():
    bare_is_inherited(resolve("space", "kws_mobilenet")(width=0.25, preset="sf6"))


def bare_is_inherited(space):
    """Compare the supernet with its own form, and with the form of final networks."""
    torch.manual_seed(0)
    supernet = shake(space.supernet(MixedEdge, input_of(space), bare="ends")).eval()
    x, whole = features_of(input_of(space)), supernet.state_dict()
    for spec in some_specs(space, 1):
        own = space.build(spec, search=True, bare="ends").eval()
        if isinstance(supernet, Sliced):
            whole = supernet.slices(own, {name: options[0] for name, options in spec.choices.items()})
        own.load_state_dict({name: space.shared(whole, own.state_dict())[name] for name in own.state_dict()})
        derived, state = space.build(spec).eval(), space.inherit(supernet, spec)
        derived.load_state_dict(state)
        added = [name for name in state if name not in own.state_dict()]
        assert added
        assert all(bool((state[name] == (1 if name.endswith("weight") else 0)).all()) for name in added)
        taken = [option for options in spec.choices.values() for option in options]
        again = any(("tc_" in option and "_se" in option) or "rep_" in option for option in taken)
        with torch.no_grad():
            scores = supernet(x, space.one_hot(spec))
            assert torch.equal(scores, own(x))
            assert torch.equal(scores, derived(x)) != again


OWN_WEIGHTS = (
    "pc_darts",
    "dr_nas",
    "merge_nas",
)  # weights of other shapes: nothing is inherited
MAPPED = ("scarlet",)  # what its skips do in a supernet is left out, or folded into other weights


@pytest.mark.parametrize(("method", "space"), pairs(METHODS))
def test_the_edges_of_a_method_evaluate_to_the_network(space, method):
    kind = made(method)
    supernet = supernet_of(space, kind.fill, getattr(kind, "k", 1)).eval()
    x = features_of(input_of(space))
    for spec in some_specs(space, 1):
        with torch.no_grad():
            scores = supernet(x, space.one_hot(spec))
        net = space.build(spec, search=True).eval()
        assert scores.shape == (2, spec.io.classes)
        if method in OWN_WEIGHTS:
            with pytest.raises(UserError, match="inherited"):
                space.inherit(supernet, spec)
            continue
        net.load_state_dict(space.inherit(supernet, spec))
        with torch.no_grad():
            skips = any(
                OPS[option].kind == "skip" for c in space.watched() for option in spec.choices[c.name]
            )
            assert torch.equal(scores, net(x)) or (skips and method in MAPPED)


@every_space
def test_networks_are_drawn_encoded_and_read_back(space):
    rng, io = numpy_rng("round trip"), input_of(space)
    for _ in range(5):
        spec = space.sample(rng, io)
        space.check(spec)
        assert space.decode(space.encode(spec), io) == spec
        assert ArchSpec.from_json(spec.to_json()) == spec
        assert ArchSpec.from_json(spec.to_json()).to_json() == spec.to_json()
    several = some_specs(space, 0)[0]
    assert ArchSpec.from_json(several.to_json()) == several
    assert space_of(several) == space
    assert hash(space) == hash(space_of(several))


@every_space
def test_an_id_stands_for_the_network_and_nothing_else(space):
    io = input_of(space)
    spec = some_specs(space, 1)[0]
    other = dataclasses.replace(spec, io=io._replace(classes=9), note={"seed": 3})
    assert other.id == spec.id
    for choice in space.choices():
        for option in present(choice):
            moved = space.spec({**spec.choices, choice.name: [option]}, io)
            assert (moved.id == spec.id) == (spec.choices[choice.name] == (option,))


def test_variants_have_ids_of_their_own():
    def first(space):
        return space.spec({c.name: present(c)[:1] for c in space.choices()}, input_of(space))

    assert len({first(space).id for space in SPACES}) == len(SPACES)


@every_space
def test_the_order_in_which_options_are_named_does_not_matter(space):
    """A sum has no order: the same options are the same network, with the same id and the same bits."""
    io = input_of(space)
    spec = some_specs(space, 0)[0]
    turned = small(space.spec({name: options[::-1] for name, options in spec.choices.items()}, io))
    assert turned.id == spec.id
    assert list(space.build(turned).state_dict()) == list(space.build(spec).state_dict())


def covering(space, supernet, io):
    """Gates under which all weights are used: of all options at once, or of the largest networks in turn."""
    if not isinstance(supernet, Sliced):
        return [Gates({c.name: Gate(torch.full((k := len(c.options),), 1 / k)) for c in space.choices()})]
    turns = [c for c in space.choices() if not c.sized or c.name in supernet.kinds.values()]
    largest = {c.name: c.options[-1:] for c in space.choices()}
    taken = [{c.name: (c.options[n % len(c.options)],) for c in turns} for n in range(len(turns[1].options))]
    return [space.one_hot(space.spec({**largest, **some}, io)) for some in taken]


@every_space
def test_every_parameter_learns(space):
    io, rng = input_of(space), numpy_rng("parameters")
    io = io if space.features else io._replace(freq=32, frames=32)
    torch.manual_seed(0)
    supernet = space.supernet(MixedEdge, io, dropout=0.0, sizes=CELLS.get(space.name))
    nets = [(supernet, [(gates,) for gates in covering(space, supernet, io)])]
    if space.name not in CELLS:  # a derived cell may leave an input or a node unused
        nets += [(space.build(space.sample(rng, io), dropout=0.0), [()])]
    for net, passes in nets:
        shake(net, 0.01)  # little, or sigmoids saturate
        for gates in passes:
            (net(features_of(io, 3), *gates) * features_of(io, 3)[:, 0, 0, :1]).sum().backward()
        untouched = [k for k, p in net.named_parameters() if p.grad is None or not p.grad.ne(0).any()]
        assert not untouched
        assert all(torch.isfinite(p.grad).all() for p in net.parameters())


@pytest.mark.parametrize("classes", laws([2, 35]))
@each(DEFAULTS)
def test_the_smallest_and_the_largest_network_fit_the_input(space, classes):
    io = input_of(space, classes)
    for choices in costs_of(space, input_of(space)).extremes(space, "params"):
        net = space.build(small(space.spec(choices, io))).eval()
        for frames in {1, io.frames - 1, io.frames, *range(98, 102)} if space.features else {8, 16, 64}:
            with torch.no_grad():
                scores = net(features_of(io._replace(frames=frames), 1))
            assert scores.shape == (1, classes)
            assert torch.isfinite(scores).all()


@each([s for s in SPACES if hasattr(s, "causal")])
def test_what_comes_before_the_head_depends_on_no_later_frame_exactly_if_causal(space):
    """Position p reads frames up to p * stride of the whole network (97 frames: a multiple, plus one)."""
    io = input_of(space)._replace(frames=97)
    told = [several := some_specs(space)[-1], *some_specs(space, 1)[:1]]
    assert space.choices() or several.choices == {}
    for spec in told:
        torch.manual_seed(0)
        net, seen = shake(space.build(spec)).eval(), []
        net.head.register_forward_pre_hook(lambda _, inputs, seen=seen: seen.append(inputs[0]))
        x = features_of(io, 1)
        changed = x.clone()
        changed[..., 49:] += 3
        with torch.no_grad():
            net(x), net(changed)
        before, after = seen
        stride = 96 // (before.shape[3] - 1)
        known = 48 // stride + 1
        blind = getattr(space, "kernels", "") == "frequency"  # sees no neighbouring frame at all
        assert torch.equal(before[..., :known], after[..., :known]) == (space.causal or blind)
        assert not torch.equal(before[..., known:], after[..., known:])


@pytest.mark.parametrize(("name", "params", "size"), SIZES)
def test_published_sizes(name, params, size):
    assert resolve("space", name)(**params).size() == size


@pytest.mark.laws
@each([s for s in SPACES if s.size() <= 1000])
def test_size_is_the_number_of_networks(space):
    io = input_of(space)
    assert len({space.decode(vector, io).id for vector in vectors(space)}) == space.size()


@pytest.mark.laws
@every_space
def test_draws_are_uniform_and_follow_the_generator(space):
    """Each option comes up; the same generator draws the same network."""
    io, rng = input_of(space), numpy_rng("draws")
    most = max((len(choice.options) for choice in space.choices()), default=0)
    drawn = [space.sample(rng, io) for _ in range(300 if space.inputs else max(150, 15 * most))]
    for choice in space.choices():
        assert {option for spec in drawn for option in spec.choices[choice.name]} == set(present(choice))
    for edges in space.nodes():
        assert all(sum(bool(s.choices[c.name]) for c in edges) == (space.inputs or len(edges)) for s in drawn)
    assert space.sample(numpy_rng("draws"), io) == drawn[0]


@each(SEARCHABLE)
def test_every_fault_of_an_architecture_is_told_at_once(space):
    io = input_of(space)
    good = some_specs(space, 1)[0]
    first, second, third, fourth, *_ = (c.name for c in space.choices())
    option = present(space.choices()[0])[-1]
    lone = () if space.choices()[3].least else ("nothing",)
    faults = {
        **good.choices,
        first: (option + "x",),
        third: (option, option),
        fourth: lone,
        "nowhere": (option,),
    }
    del faults[second]
    with pytest.raises(UserError) as caught:
        space.spec(faults, io)
    text = str(caught.value)
    assert f"no option '{option}x'. Did you mean '{option}'?" in text
    for name in (second, third, fourth, "nowhere"):
        assert name in text
    for build in (space.build, space.check):
        with pytest.raises(UserError, match="nowhere"):
            build(dataclasses.replace(good, choices=faults))


@each(SEARCHABLE)
def test_an_architecture_with_unknown_parameters_is_refused(space):
    good = some_specs(space, 1)[0]
    wrong = dataclasses.replace(good, params={**good.params, "widht": 1.0, "colour": 3})
    with pytest.raises(UserError, match="colour") as caught:
        space_of(wrong)
    assert ("Did you mean 'width'" in str(caught.value)) == hasattr(space, "width")
    with pytest.raises(UserError, match="no space called"):
        space_of(dataclasses.replace(good, space="kws_tc_resnot"))


@each(SPACES)
def test_an_architecture_with_a_wrong_value_is_refused(space):
    """A file edited by hand must not build another network than it says."""
    good = some_specs(space, 1)[0]
    for field in dataclasses.fields(space):
        with pytest.raises(UserError, match=field.name):
            space_of(dataclasses.replace(good, params={**good.params, field.name: "nonsense"}))


@each([s for s in DEFAULTS if hasattr(s, "width")])
@pytest.mark.parametrize("width", [0.0, -1.0, float("nan")])
def test_an_impossible_width_is_refused(space, width):
    with pytest.raises(UserError, match="width"):
        dataclasses.replace(space, width=width)


@each([s for s in DEFAULTS if s.name in CELLS])
def test_sizes_that_cannot_be_halved_are_refused(space):
    for frames in (7, 9, 10):
        with pytest.raises(UserError, match="cannot be halved"):
            space.supernet(MixedEdge, input_of(space)._replace(frames=frames))


@each([s for s in DEFAULTS if s.features])
def test_only_one_feature_map(space):
    io = InputSpec(3, *input_of(space)[1:])
    with pytest.raises(UserError, match="one feature map"):
        space.supernet(MixedEdge, io)


@each(DEFAULTS)
def test_dropout_before_the_last_layer_can_be_set(space):
    spec = some_specs(space, 1)[0]
    assert space.build(spec, dropout=0.37).head.dropout.p == 0.37
    assert space.build(spec, dropout=0.0).head.dropout.p == 0.0


@each(SPACES)
def test_weights_are_drawn_from_the_seed_alone(space):
    spec = some_specs(space, 1)[0]
    states = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        states.append(dict(space.build(spec).state_dict()))
    assert same_states(states[0], states[1])
    assert not same_states(states[0], states[2])


@each(DEFAULTS)
def test_a_space_names_its_paper(space):
    assert space.paper
    assert space.arxiv.replace(".", "").isdigit()
