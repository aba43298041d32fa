"""MixPath: how networks are drawn, what an update reaches, and what the options of a layer share."""

from collections import Counter

import pytest
import torch
from scipy import stats

from audionas.core.errors import UserError
from audionas.engine.optim import Optim
from audionas.methods.mix_path import MixPath, mix_of
from audionas.nn.edge import Edge
from audionas.nn.ops import KERNELS
from audionas.spaces import Space, temporal_chain
from audionas.spaces.kws_mobilenet import KwsMobilenet
from tests._tiers import laws
from tests.invariants._cases import batches, features_of, shake, started, steps


class Short(Space):
    """Two layers, so that few steps suffice."""

    def choices(self):
        return SPACES[2].choices()[:2]

    def network(self, fill, io, scale):
        form = dict(channels=(6, 6, 6), strides=(2, 1), causal=False, dropout=0.0)
        return temporal_chain(self.choices(), fill, io, **form)


SPACES = {m: KwsMobilenet(preset=f"mix{m}", width=0.25) for m in (2, 3, 4)}
SAMPLINGS = pytest.mark.parametrize("sampling", ["count", "subset"])


def prepared(m=4, **fields):
    method = MixPath(**{"draws": 2, **fields})
    started(method, SPACES[m], frames=9, dropout=0.0)
    return method


def drawn(method, count):
    """The networks of the first updates, by choice."""
    found = []
    for method.run.steps in range(count):
        (path,) = method.paths()
        found.append({name: option for name, (option,) in path.items()})
    return found


@pytest.mark.laws
@pytest.mark.parametrize("m", SPACES)
@SAMPLINGS
def test_the_law_by_which_options_are_drawn(m, sampling):
    """5.4: the expansion is uniform; then the number of kernels and a set of that number, or any set."""
    networks = drawn(prepared(m, sampling=sampling), 400)
    counts = Counter(option for path in networks for option in path.values())
    (options,) = {c.options for c in SPACES[m].choices()}
    sizes = Counter(len(mix_of(option).kernels) for option in options)  # of both expansions together
    expected = [
        1 / len(options) if sampling == "subset" else 1 / m / sizes[len(mix_of(option).kernels)]
        for option in options
    ]
    assert sum(expected) == pytest.approx(1)
    total = sum(counts.values())
    seen = [counts[option] for option in options]
    assert all(seen)
    assert stats.chisquare(seen, [total * share for share in expected]).pvalue > 1e-3


@pytest.mark.laws
def test_layers_are_drawn_independently():
    networks = drawn(prepared(), 1500)
    kinds = [(e, n) for e in (3, 6) for n in (1, 2, 3, 4)]
    table = [[0] * len(kinds) for _ in kinds]
    for path in networks:
        first, second = (mix_of(path[name]) for name in ("layer1", "layer5"))
        row, column = (kinds.index((mix.expansion, len(mix.kernels))) for mix in (first, second))
        table[row][column] += 1
    assert stats.chi2_contingency(table).pvalue > 1e-3


@SAMPLINGS
def test_what_is_drawn_depends_on_the_seed_and_the_number_of_updates(sampling):
    first, again = (drawn(prepared(sampling=sampling), 5) for _ in range(2))
    assert first == again
    other = MixPath(sampling=sampling)
    started(other, SPACES[4], seed=1, frames=9)
    assert drawn(other, 5) != first


@pytest.mark.parametrize("shadow", [True, False])
@pytest.mark.parametrize("m", SPACES)
def test_a_layer_has_a_branch_a_kernel_and_a_norm_a_number_of_kernels(m, shadow):
    """5.3: at most m shadow norms for each expansion, instead of one for each of up to 15 sets."""
    method = prepared(m, shadow=shadow)
    for edge in (module for module in method.run.net.modules() if isinstance(module, Edge)):
        c_in, c_out = edge.shape.c_in, edge.shape.c_out
        expected = sum(
            e * c_in * (c_in + sum(KERNELS) + c_out + 2 + 2 * len(KERNELS)) + 2 * c_out * (m if shadow else 1)
            for e in (3, 6)
        )
        assert sum(p.numel() for p in edge.parameters()) == expected


@pytest.mark.parametrize(("shadow", "every"), laws([(True, 10), (True, 1), (False, 1)]))
def test_every_option_inherits_a_network_that_computes_the_same(shadow, every):
    """All 30 options, or some, in training and in evaluation, bit for bit."""
    space, method = SPACES[4], prepared(shadow=shadow)
    net, x = shake(method.run.net), features_of(method.run.io, 3)
    for option in space.choices()[0].options[::every]:
        spec = space.spec({c.name: (option,) for c in space.choices()}, method.run.io)
        alone, gates = space.build(spec, dropout=0.0), space.one_hot(spec)
        for training in (False, True):
            alone.load_state_dict(space.inherit(net, spec))
            with torch.no_grad():
                assert torch.equal(net.train(training)(x, gates), alone.train(training)(x))


@pytest.mark.laws
def test_only_the_norm_of_the_chosen_number_is_inherited():
    space, method = SPACES[4], prepared()
    norms = {}
    for option in ("mix_k9_e6", "mix_k35_e6", "mix_k79_e6"):
        spec = space.spec({c.name: (option,) for c in space.choices()}, method.run.io)
        for name, module in method.run.net.named_modules():
            if name == "edges.layer2.mixes.e6.norm":
                for number, norm in enumerate(module.norms, 1):
                    norm.bias.data.fill_(number)
        state = space.inherit(method.run.net, spec)
        norms[option] = state[f"edges.layer2.ops.{option}.norm.bias"].unique().tolist()
    assert norms == {"mix_k9_e6": [1.0], "mix_k35_e6": [2.0], "mix_k79_e6": [2.0]}


def test_an_update_moves_what_its_network_consists_of_and_nothing_else():
    method = prepared()
    run = method.run
    before = {k: t.clone() for k, t in run.net.state_dict().items()}
    spec = run.space.spec(method.paths()[0], run.io)
    own = {}
    for path, edge in run.net.named_modules():
        if isinstance(edge, Edge):
            own |= {t.data_ptr(): path for t in edge.weights_of(spec.choices[edge.choice.name][0]).values()}
    steps(method, 0, 1)
    now = run.net.state_dict()
    for name, tensor in now.items():
        inside = name.startswith("edges.")
        assert torch.equal(tensor, before[name]) == (inside and tensor.data_ptr() not in own), name


@pytest.mark.laws
def test_a_shadow_norm_sees_as_many_batches_as_networks_of_its_number_were_drawn():
    """It agrees with the counters of the options."""
    method = prepared()
    steps(method, 0, 12)
    run = method.run
    for choice in run.space.choices():
        told = Counter()
        for option, count in zip(choice.options, run.updates[choice.name].tolist(), strict=True):
            told[mix_of(option).expansion, len(mix_of(option).kernels)] += count
        assert sum(told.values()) == run.steps == 12
        for e in (3, 6):
            norms = run.net.get_submodule(f"edges.{choice.name}.mixes.e{e}.norm").norms
            assert [int(n.num_batches_tracked) for n in norms] == [told[e, n] for n in (1, 2, 3, 4)]


def test_scoring_a_network_leaves_the_supernet_as_it_is():
    method = prepared()
    run = method.run
    run.train = lambda: [train for train, _ in batches(run.io, 2, seed=5)]
    steps(method, 0, 2)
    before = {k: t.clone() for k, t in run.net.state_dict().items()}
    spec = run.space.spec(method.paths()[0], run.io)
    told = method.score(spec)
    assert told == method.score(spec)
    assert set(told) >= {"accuracy", "loss"}
    assert all(torch.equal(t, before[k]) for k, t in run.net.state_dict().items())


@pytest.mark.laws
@pytest.mark.parametrize("shadow", [True, False])
def test_a_few_steps_lower_the_loss(shadow):
    method = MixPath(shadow=shadow)
    started(method, Short(), epochs=400, optim=Optim(lr=0.05, weight_decay=3e-4, clip=5.0))
    losses = [row["loss"] for row in steps(method, 0, 60)]
    assert sum(losses[-15:]) < 0.7 * sum(losses[:15])  # 0.07 here; a network that learns nothing stays at 1


def test_spaces_without_kernels_in_parallel_are_refused():
    space = KwsMobilenet(preset="depth")
    why = MixPath().refuses(space)
    assert "layer1 offers mb_k3_e3" in why
    assert "preset=mix2" in why
    with pytest.raises(UserError, match="mix_path does not run on space kws_mobilenet"):
        started(MixPath(), space)
    assert all(not MixPath().refuses(s) for s in SPACES.values())
