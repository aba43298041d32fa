"""The wide keyword space: exact costs over a hundredfold range, shared slices, profiles and refusals."""

from pathlib import Path

import numpy as np
import pytest
import torch

from audionas.core.arch import ArchSpec, InputSpec
from audionas.core.errors import UserError
from audionas.core.files import read_json
from audionas.core.registry import resolve
from audionas.core.rng import numpy_rng
from audionas.cost.arena_table import ArenaTable
from audionas.cost.graph import layers
from audionas.cost.places import places
from audionas.cost.profile import restrict, with_options
from audionas.cost.recorded import recorded
from audionas.cost.table import table
from audionas.nn.edge import MixedEdge
from audionas.spaces import space_of
from audionas.spaces.kws_wide import KwsWide
from audionas.study.budgets import require_measure
from audionas.zoo.find import find
from tests._factory import config, tones
from tests.unit.cli._command import done
from tests.unit.nn._streams import check_laws, shaken

IO = InputSpec(1, 40, 98, 12)  # twelve classes of a second under the front-end of the space
WIDE = KwsWide()


def drawn(count: int, space: KwsWide = WIDE, io: InputSpec = IO) -> list[ArchSpec]:
    rng = numpy_rng("wide", count)
    return [space.sample(rng, io) for _ in range(count)]


def counted(spec: ArchSpec) -> tuple[int, int]:
    with torch.device("meta"):
        found = layers(space_of(spec).build(spec), spec.io)
    return sum(layer.params for layer in found), sum(layer.macs for layer in found)


def told(spec: ArchSpec) -> tuple[int, int]:
    costs = table(space_of(spec), spec.io)
    return costs.of(spec, "params"), costs.of(spec, "macs")


def test_the_cost_told_is_that_of_the_network_built() -> None:
    for spec in drawn(2):
        assert told(spec) == counted(spec)
    odd = InputSpec(1, 32, 33, 5)  # fewer rows than the most that are read, an odd number of frames
    for spec in drawn(2, KwsWide(width=0.6, stages=4, layers=1, causal=True), odd):
        assert told(spec) == counted(spec)


@pytest.mark.laws
def test_so_it_is_for_two_hundred_networks() -> None:
    specs = drawn(200, KwsWide(stages=2, layers=1))
    assert list(map(told, specs)) == list(map(counted, specs))


def test_networks_cost_from_a_tenth_of_a_million_to_five_millions() -> None:
    costs = table(WIDE, IO)
    low, high = (WIDE.spec(choices, IO) for choices in costs.extremes(WIDE, "macs"))
    (_, least), (_, most) = counted(low), counted(high)
    assert (least, most) == (35_312, 10_311_744)
    assert least < 0.1e6 < 5e6 < most
    found = np.array([costs.of(spec, "macs") for spec in drawn(120)])
    for budget in (0.4e6, 1.07e6, 2.5e6):  # a search has networks below each, and not only far below
        assert ((budget / 2 < found) & (found <= budget)).mean() > 0.05


@pytest.mark.parametrize("what", ["macs", "params"])
def test_no_network_costs_more_or_less_than_the_extremes(what: str) -> None:
    space, io = KwsWide(stages=1, layers=1, width=0.25), InputSpec(1, 24, 9, 3)
    costs = table(space, io)
    low, high = (costs.of(space.spec(c, io), what) for c in costs.extremes(space, what))
    rng = numpy_rng("extremes")
    found = [costs.of(space.sample(rng, io), what) for _ in range(120)]
    assert low <= min(found) < max(found) <= high
    assert low < high / 5


def test_narrow_networks_share_what_wide_ones_learn() -> None:
    """The weights of a network are the leading slices of those of one that is wider everywhere."""
    torch.manual_seed(0)
    supernet = shaken(WIDE.supernet(MixedEdge, IO))
    taken = {c.name: c.options[:1] for c in WIDE.choices()}
    wider = {**taken, **{c.name: c.options[-1:] for c in WIDE.choices() if c.name.endswith("_width")}}
    small, large = (WIDE.inherit(supernet, WIDE.spec(choices, IO)) for choices in (taken, wider))
    assert small.keys() == large.keys()
    smaller = 0
    for name, tensor in small.items():
        assert torch.equal(tensor, large[name][tuple(map(slice, tensor.shape))])
        smaller += tensor.shape != large[name].shape
    assert smaller > len(small) / 2


def test_the_rows_that_are_not_read_change_nothing() -> None:
    torch.manual_seed(0)
    choices = {c.name: c.options[-2:-1] for c in WIDE.choices()}
    net = shaken(WIDE.build(WIDE.spec({**choices, "bands": ("20",)}, IO)))
    x = torch.randn(2, *IO[:3], dtype=torch.float64)
    changed = x.clone()
    changed[:, :, 20:] += 1
    with torch.no_grad():
        assert torch.equal(net(x), net(changed))
        changed[:, :, 19] += 1
        assert not torch.equal(net(x), net(changed))


def test_causal_networks_stream_as_they_hear_a_clip() -> None:
    space, io = KwsWide(causal=True, width=0.25), InputSpec(1, 24, 49, 4)
    torch.manual_seed(0)
    for spec in drawn(3, space, io):
        check_laws(shaken(space.build(spec)), io, (3,))


def test_a_profile_keeps_all_widths() -> None:
    space = restrict(KwsWide(stages=1, layers=1), "cmsis", IO).space
    assert space.choices() == KwsWide(stages=1, layers=1).choices()
    assert restrict(space, "esphome", IO._replace(freq=40)).space.causal  # type: ignore[attr-defined]


def test_a_space_of_fewer_options_computes_with_those() -> None:
    """A profile may take options away: the gates then count the ones that are left."""
    whole = KwsWide(stages=1, layers=1, width=0.25)
    left = with_options(
        whole, {c.name: c.options[1:] if "layer" in c.name else c.options for c in whole.choices()}
    )
    assert left.choices() != whole.choices()
    torch.manual_seed(0)
    supernet = shaken(left.supernet(MixedEdge, IO)).eval()
    spec, x = drawn(1, left)[0], torch.randn(2, *IO[:3], dtype=torch.float64)
    net = left.build(spec, search=True).double()
    net.load_state_dict(left.inherit(supernet, spec))
    assert torch.equal(net.eval()(x), supernet(x, left.one_hot(spec)))
    for end in table(left, IO).extremes(left, "macs"):
        left.spec(end, IO)  # raises for an option that is not there


def test_a_head_of_other_classes_is_no_slice() -> None:
    have = {"head.linear.weight": torch.ones(12, 8), "edges.a.weight": torch.ones(12, 8)}
    wanted = {"head.linear.weight": torch.ones(3, 4), "edges.a.weight": torch.ones(3, 4)}
    found = WIDE.shared(have, wanted)
    assert found["edges.a.weight"].shape == (3, 4)
    assert found["head.linear.weight"].shape == (12, 8)


def test_times_of_options_do_not_add_up_here() -> None:
    with pytest.raises(UserError, match="widths around it") as caught:
        places(WIDE, IO)
    assert "searcher.limits={macs: 1.0e6}" in str(caught.value.hint)


@pytest.mark.laws
def test_the_arena_is_planned_from_each_network_itself() -> None:
    space, io = KwsWide(causal=True, width=0.25, stages=1, layers=1), InputSpec(1, 24, 25, 4)
    programs = ArenaTable(space, io)
    for spec in drawn(2, space, io):
        with torch.device("meta"):
            assert programs.of(spec) == recorded(space.build(spec), io)


def test_more_stages_than_there_are_is_refused_with_all_else() -> None:
    with pytest.raises(UserError) as caught:
        KwsWide(stages=5, layers=0)
    assert [problem.split()[0] for problem in caught.value.problems] == ["kws_wide.stages", "kws_wide.layers"]


def test_methods_that_mix_options_are_refused_with_the_reason() -> None:
    for name in ("darts", "fair_darts", "mix_path", "p_darts", "merge_nas", "scarlet"):
        with pytest.raises(UserError, match="computes all options at one width"):
            resolve("method", name)().require(WIDE)
    for name in ("spos", "fair_nas", "random_nas", "random"):
        resolve("method", name)().require(WIDE)


def test_methods_get_no_equal_seconds_where_their_measure_does_not_run() -> None:
    with pytest.raises(UserError, match="DARTS, their measure, does not run on space kws_wide"):
        require_measure(WIDE)
    require_measure(resolve("space", "kws_tc_resnet")())


@pytest.mark.story
def test_a_sandwich_is_searched_and_its_best_network_starts_from_it(tmp_path: Path) -> None:
    """By the command line: every network within the limit, with its own cost, and weights that all fit."""
    tones(tmp_path / "data", per_class=4)
    file = config(
        tmp_path / "data",
        features=None,
        space={"name": "kws_wide", "width": 0.5, "stages": 2, "layers": 1},
        method={"name": "spos", "sandwich": 1, "in_place": True},
        search={"epochs": 1, "split": 0.7},
        searcher={"name": "nsga2", "population": 6, "generations": 2, "limits": {"macs": 3e5}},
    )
    done("search", file)
    run = tmp_path / "exp" / "tones"
    members = read_json(run / "front.json")["members"]
    assert members
    for number, member in enumerate(members, 1):
        spec = find(f"{run / 'front.json'}#{number}")
        params, macs = counted(spec)
        assert (member["values"]["params"], member["values"]["macs"]) == (params, macs)
        assert macs <= 3e5
    done("train", file, f"arch={run / 'arch.json'}", f"train.init={run / 'search'}", "train.epochs=1")
    assert read_json(run / "train" / "init.json")["new"] == {}
