"""Sizes of MixedNet are searched: published networks are among them, costs are exact, weights are slices."""

import pytest
import torch

from audionas.core.arch import ArchSpec, InputSpec
from audionas.core.errors import UserError
from audionas.core.registry import resolve
from audionas.core.rng import numpy_rng
from audionas.cost.places import places
from audionas.cost.recorded import recorded
from audionas.cost.streams import stream_cost
from audionas.cost.table import table
from audionas.methods import shared
from audionas.nn.edge import MixedEdge
from audionas.nn.mixed.sliced import Sliced
from audionas.run.candidates import Costs
from audionas.searchers import Problem, Score
from audionas.spaces import Space, space_of
from tests.unit.cost._drawn import on_meta
from tests.unit.spaces.test_mixednet import spec_of

SPACE: Space = resolve("space", "mixednet_sizes")()
SMALL: Space = resolve("space", "mixednet_sizes")(longest=5, frames=6)
PUBLISHED = {  # stem, filters, head's frames, kernels: multiply-adds per hop
    "alexa": (32, 64, 5, ("5", "9", "13", "21"), 23_968),
    "hey_mycroft": (32, 64, 15, ("5", "9", "13", "21"), 24_608),
    "okay_nabu": (64, 64, 1, ("3", "5_9", "7_13", "9_15", "17"), 36_480),
    "okay_nabu_2024": (32, 64, 6, ("5", "7_11", "9_15", "23"), 24_096),
    "okay_computer": (32, 64, 17, ("5", "7_11", "9_15", "23"), 24_800),
}


def published(stem: int, filters: int, frames: int, kernels: tuple[str, ...], io: InputSpec) -> ArchSpec:
    first = {c.name: c.options[:1] for c in SPACE.choices()}
    sizes = {"stem": f"c{stem}", "stem_kernel": "k5", "depth": f"d{len(kernels)}", "head": f"last{frames}"}
    blocks = {f"block{i}": f"mixdw_k{k}" for i, k in enumerate(kernels, 1)}
    widths = {f"filters{i}": f"c{filters}" for i in range(1, len(kernels) + 1)}
    return SPACE.spec(first | {n: (o,) for n, o in (sizes | blocks | widths).items()}, io)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_networks_are_in_the_space(name: str) -> None:
    """The same function as the same network of the space `mixednet`, with the same counts."""
    stem, filters, frames, kernels, macs = PUBLISHED[name]
    io = InputSpec(1, 40, 218, 1)
    plain = spec_of(kernels, io, stem=stem, filters=filters, frames=frames)
    sized = published(stem, filters, frames, kernels, io)
    nets = [space_of(spec).build(spec).eval() for spec in (plain, sized)]
    nets[1].load_state_dict(nets[0].state_dict())
    x = torch.randn(2, *io[:3])
    with torch.no_grad():
        assert torch.equal(nets[0](x), nets[1](x))
    assert stream_cost(nets[1], io).hop_macs == macs


def counted(spec: ArchSpec) -> int:
    """Multiply-adds per hop by hand: of one frame after the stride."""
    size = {
        name: int(some[0].lstrip("abcdefghijklmnopqrstuvwxyz_") or 0)
        for name, some in spec.choices.items()
        if not name.startswith("block")
    }
    macs, c_in = spec.io.freq * size["stem_kernel"] * size["stem"], size["stem"]
    for i in range(1, size["depth"] + 1):
        kernels = [
            int(k) for k in spec.choices[f"block{i}"][0].removeprefix("mixdw_k").split("_") if k != "res"
        ]
        share = c_in // len(kernels)
        macs += sum(k * share for k in kernels) + kernels[0] * (c_in - share * len(kernels))
        residual = spec.choices[f"block{i}"][0].endswith("_res")
        macs += c_in * size[f"filters{i}"] * (1 + residual)
        c_in = size[f"filters{i}"]
    return macs + c_in * spec.io.classes * (size["head"] or 1)


def of_costs(space: Space, numbers: range) -> None:
    io = InputSpec(1, 40, space.fitting(98), 2)
    names = ("hop_macs", "arena_esp32s3")
    costs = Costs(Problem(space, io, {}, 0), table(space, io), None, names)
    for number in numbers:
        spec = space.sample(numpy_rng("costs", number), io)
        net, found = space.build(spec), costs.of(spec)
        assert found["params"] == sum(p.numel() for p in net.parameters())
        assert found["hop_macs"] == stream_cost(net, io).hop_macs == counted(spec)
        assert costs.arenas.of(spec) == recorded(on_meta(spec), io)


def test_costs_of_a_spec_are_those_of_the_built_network() -> None:
    of_costs(SPACE, range(2))


@pytest.mark.laws
def test_costs_of_many_specs_are_those_of_the_built_networks() -> None:
    of_costs(SPACE, range(2, 12))


def test_no_network_is_cheaper_or_dearer_than_the_extremes() -> None:
    io = InputSpec(1, 10, SMALL.fitting(1), 3)
    costs = table(SMALL, io)
    ends = [SMALL.spec(choices, io) for choices in costs.extremes(SMALL, "params")]
    least, most = (costs.of(spec, "params") for spec in ends)
    drawn = [costs.of(SMALL.sample(numpy_rng("ends", n), io), "params") for n in range(10)]
    assert least < min(drawn)
    assert max(drawn) < most


def test_what_is_chosen_beyond_the_depth_is_the_same_network_and_nothing_else() -> None:
    io = InputSpec(1, 10, SMALL.fitting(1), 3)
    spec = SMALL.spec({c.name: c.options[:1] for c in SMALL.choices()}, io)
    for choice in SMALL.choices():
        other = SMALL.spec({**spec.choices, choice.name: choice.options[1:2]}, io)
        beyond = choice.name[-1] in "45"
        assert (SMALL.canonical(other) == SMALL.canonical(spec)) == beyond
        assert other.id != spec.id


def test_a_narrow_network_trains_the_first_channels_alone() -> None:
    io = InputSpec(1, 10, SMALL.fitting(1), 3)
    torch.manual_seed(0)
    net = SMALL.supernet(MixedEdge, io)
    assert isinstance(net, Sliced)
    narrow = {c.name: c.options[-1 if c.name in ("depth", "head") else 0] for c in SMALL.choices()}
    spec = SMALL.spec({name: (option,) for name, option in narrow.items()}, io)
    net(torch.randn(4, *io[:3]), SMALL.one_hot(spec)).square().sum().backward()
    point = net.get_submodule("edges.block2.ops.mixdw_k3.point.conv").weight
    assert point.shape[:2] == (64, 64)
    assert point.grad is not None
    moved = point.grad[..., 0, 0].ne(0)
    assert moved[:32, :32].float().mean() > 0.5
    assert not moved[32:].any()
    assert not moved[:, 32:].any()
    means = net.get_buffer("edges.block2.ops.mixdw_k3.point.bn.running_mean")
    assert means[:32].ne(0).all()
    assert not means[32:].any()


def test_no_part_that_a_choice_takes_is_shared_by_all_paths() -> None:
    net = SMALL.supernet(MixedEdge, InputSpec(1, 10, SMALL.fitting(1), 3))
    everywhere = {id(parameter) for parameter in shared(net)}
    assert not [name for name, p in net.named_parameters() if id(p) in everywhere and "stem" in name]
    assert not [name for name, p in net.named_parameters() if id(p) in everywhere and "head" in name]


def test_sizes_cannot_be_mixed_and_no_option_has_a_latency() -> None:
    io = InputSpec(1, 40, SMALL.fitting(1), 2)
    with pytest.raises(UserError, match="mixednet_sizes: its networks have widths of their own"):
        resolve("method", "darts")().require(SMALL)
    with pytest.raises(UserError, match="no option has a cost of its own"):
        places(SMALL, io)


@pytest.mark.parametrize("name", ["random", "nsga2"])
def test_a_searcher_draws_sizes_and_breeds_them(name: str) -> None:
    io = InputSpec(1, 40, SMALL.fitting(1), 2)
    costs = table(SMALL, io)
    budget = {"networks": 4} if name == "random" else {"population": 3, "generations": 2}
    searcher = resolve("searcher", name)(objectives={"params": "min"}, **budget)
    asked: list[ArchSpec] = []

    def evaluate(specs: list[ArchSpec]) -> list[Score]:
        asked.extend(specs)
        return [Score({"params": costs.of(spec, "params")}) for spec in specs]

    searcher.run(Problem(SMALL, io, {}, 0), evaluate)
    assert len({spec.id for spec in asked}) == len(asked) >= 4
    assert len({spec.choices["depth"] for spec in asked}) > 1
    assert len({costs.of(spec, "params") for spec in asked}) > 3


def test_impossible_bounds_are_told_at_once() -> None:
    with pytest.raises(UserError) as error:
        resolve("space", "mixednet_sizes")(longest=2, frames=0, widest=31)
    assert [problem.split(" ")[0] for problem in error.value.problems] == [
        *("mixednet_sizes.longest", "mixednet_sizes.frames", "mixednet_sizes.widest")
    ]


def test_clips_that_do_not_fit_are_refused_with_their_length() -> None:
    with pytest.raises(UserError, match="reads 383 frames, but clips have 161") as error:
        SPACE.supernet(MixedEdge, InputSpec(1, 40, 161, 2))
    assert error.value.hint.endswith("data.seconds=3.85, or offer shorter kernels: space.longest=5")
    bounded = resolve("space", "mixednet_sizes")(longest=13, frames=13)
    with pytest.raises(UserError, match="reads 221 frames") as error:
        bounded.supernet(MixedEdge, InputSpec(1, 40, 161, 2))
    assert error.value.hint.endswith("space.longest=9")
