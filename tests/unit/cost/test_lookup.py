"""The latency table: a sum of its entries, the same after a file, and refused where it does not hold."""

import functools
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from audionas.core.arch import Choice, InputSpec
from audionas.core.errors import UserError
from audionas.core.registry import resolve
from audionas.cost.lookup import Entry, LatencyTable
from audionas.cost.objective import CostPenalty
from audionas.cost.places import Place, places
from audionas.cost.table import table as cost_table
from audionas.methods.proxyless_nas import ProxylessNas
from audionas.nn.blocks import ConvBN, Head
from audionas.nn.edge import Edge
from audionas.nn.ops import OpShape
from audionas.spaces import Space
from audionas.spaces.kws_tc_resnet import KwsTcResnet
from tests.invariants._cases import started

SPEECH, IMAGES = InputSpec(1, 40, 98, 12), InputSpec(3, 32, 32, 10)
SPACES = [
    ("kws_tc_resnet", {"width": 0.25}, SPEECH, {}),
    ("kws_mobilenet", {"width": 0.25, "preset": "depth", "causal": True}, SPEECH, {}),
    ("nas_bench_201", {}, IMAGES, {"layers": 1, "channels": 4}),
    ("darts_cell", {}, IMAGES, {"layers": 3, "channels": 4}),
]


def tabled(space, io, sizes):
    """A table with whole random milliseconds, whose sums are exact."""
    return _tabled(space, io, tuple(sorted(sizes.items())))


@functools.cache
def _tabled(space, io, sizes):
    sizes = dict(sizes)
    drawn = np.random.default_rng(0).integers(1, 1000, size=1000)
    found = places(space, io, sizes)
    entries = tuple(
        Entry(p.option, p.told, at, float(ms), p.name)
        for (p, at), ms in zip(found.items(), drawn, strict=False)
    )
    return LatencyTable("a stopwatch", space.name, space.identity(), io, -2.0, entries, sizes, {"threads": 1})


@pytest.fixture(
    scope="module",
    params=[*SPACES[:3], pytest.param(SPACES[3], marks=pytest.mark.laws)],
    ids=lambda param: param[0],
)
def made(request):
    name, conf, io, sizes = request.param
    space = resolve("space", name)(**conf)
    return space, tabled(space, io, {k: v for k, v in sizes.items() if k in space.sizes})


def some(space, table, seed=0):
    spec = space.sample(np.random.default_rng(seed), table.io)
    return replace(spec, scale=dict(table.scale))


def test_a_table_fits_architectures_that_leave_later_parameters_out():
    space, io = resolve("space", "mixednet")(depth=3, longest=5), InputSpec(1, 40, 98, 2)
    assert "repeat" not in space.sample(np.random.default_rng(0), io).params
    assert tabled(space, io, {}).of(space.sample(np.random.default_rng(0), io)) > 0


def operations(net, io):
    """The places of all operations that a final network runs."""
    seen = []

    def note(edge, args):
        seen.extend(Place(name, edge.shape, tuple(args[0].shape[2:])) for name in edge.ops)

    for module in net.modules():
        if isinstance(module, Edge):
            module.register_forward_pre_hook(note)
    net.eval()(torch.zeros(1, *io[:3], device="meta"))
    return seen


def test_a_prediction_is_the_base_and_an_entry_for_each_operation_that_the_network_runs(made):
    space, table = made
    ms = {entry.model: entry.ms for entry in table.entries}
    for seed in range(3):
        spec = some(space, table, seed)
        with torch.device("meta"):
            run = operations(space.build(spec), table.io)
        assert table.of(spec) == table.base + sum(ms[place.name] for place in run)


@pytest.mark.laws
def test_places_are_distinct_and_build_what_they_say(made):
    space, table = made
    found = places(space, table.io, table.scale)
    assert len({place.name for place in found}) == len(found)
    state = torch.get_rng_state()
    for place in list(found)[::5]:
        op, (freq, frames) = place.build(), place.size
        y = op(torch.zeros(2, *place.input))
        step = place.shape.stride
        assert y.shape == (2, place.shape.c_out, -(-freq // step[0]), -(-frames // step[1]))
        assert place.free == isinstance(op, nn.Identity)
        assert all(
            torch.equal(a, b) for a, b in zip(op.parameters(), place.build().parameters(), strict=True)
        )
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.laws
def test_several_options_of_a_choice_add_up():
    space = resolve("space", "kws_mobilenet")(width=0.25)
    table = tabled(space, SPEECH, {})
    spec = some(space, table)
    both = space.spec({**spec.choices, "layer3": ("mb_k3_e3", "mb_k9_e6")}, SPEECH)
    lone = sum(table.options["layer3"][option] for option in spec.choices["layer3"])
    wanted = table.options["layer3"]["mb_k3_e3"] + table.options["layer3"]["mb_k9_e6"]
    assert table.of(both) - table.of(spec) == wanted - lone


def test_a_table_is_the_same_after_its_file(made, tmp_path):
    space, table = made
    table.save(tmp_path / "latency.json")
    read = LatencyTable.load(tmp_path / "latency.json")
    assert read == table
    assert read.of(some(space, table)) == table.of(some(space, table))
    read.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "latency.json").read_bytes()


@pytest.fixture
def plain(tmp_path):
    """A small space's table as plain data, and a function that reads it back after a change."""
    space = resolve("space", "kws_tc_resnet")(width=0.25)
    file = tmp_path / "latency.json"
    tabled(space, SPEECH, {}).save(file)
    raw = json.loads(file.read_text())

    def problems():
        file.write_text(json.dumps(raw))
        with pytest.raises(UserError) as caught:
            LatencyTable.load(file)
        assert str(file) in caught.value.problems[0]
        return "\n".join(caught.value.problems[1:])

    return raw, problems


def test_another_space_input_or_size_is_refused_with_what_differs(made):
    space, table = made
    spec = some(space, table)
    cases = {"frames": spec.io._replace(frames=64), "classes": spec.io._replace(classes=35)}
    for word, io in cases.items():
        with pytest.raises(
            UserError, match=f"{word}: {getattr(table.io, word)} there, {getattr(io, word)} in"
        ):
            table.of(replace(spec, io=io))
    with pytest.raises(UserError, match=f"space: {space.name} there, other in"):
        table.of(replace(spec, space="other"))
    with pytest.raises(UserError, match=r"layers: \S+( set)? there, 99 in"):
        table.of(replace(spec, scale={**spec.scale, "layers": 99}))
    name = next(iter(spec.choices))
    with pytest.raises(UserError, match=r"no time for 'sep_conv_9x9'"):
        table.of(replace(spec, choices={**spec.choices, name: ("sep_conv_9x9",)}))


def test_another_width_is_refused():
    wide, narrow = (resolve("space", "kws_tc_resnet")(width=w) for w in (0.5, 0.25))
    with pytest.raises(UserError, match=r"width: 0\.25 there, 0\.5 in the architecture"):
        tabled(narrow, SPEECH, {}).of(wide.sample(np.random.default_rng(0), SPEECH))


def test_a_file_with_gaps_is_refused(plain):
    raw, problems = plain
    gone = raw["entries"].pop()
    (place,) = gone["at"]
    assert problems() == f"  entries: no time for {gone['option']} at {place}"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda raw: raw.pop("io"), "io: missing"),
        (lambda raw: raw["io"].update(frames=0), "io: expected whole numbers"),
        (lambda raw: raw.update(base_ms="fast"), "base_ms: 'fast', expected milliseconds"),
        (lambda raw: raw["entries"][0].update(ms=None), ": None, expected milliseconds"),
        (lambda raw: raw["entries"][0].update(ms=-1.0), ": -1.0, expected milliseconds"),
        (lambda raw: raw["entries"][0].update(ms=float("nan")), ": nan, expected milliseconds"),
        (lambda raw: raw["entries"][0].update(ms=10**400), ", expected milliseconds"),
        (lambda raw: raw["entries"][3].update(at={"edge1": 0}), "entries.3: "),
        (lambda raw: raw["entries"][3].pop("option"), "entries.3: expected"),
        (lambda raw: raw["entries"][0].update(at={"layer99": 1}), "no choice called 'layer99'"),
        (lambda raw: raw["params"].update(widht=1.0), "'widht'. Did you mean 'width'?"),
        (lambda raw: raw.update(space="kws_tc_resnt"), "Did you mean 'kws_tc_resnet'?"),
        (lambda raw: raw.update(devise="phone"), "devise: unknown key. Did you mean 'device'?"),
        (lambda raw: raw.update(schema=2), "schema: 2"),
        (lambda raw: raw.update(entries={}), "entries: expected a list"),
    ],
)
def test_a_damaged_file_says_where(plain, change, says):
    raw, problems = plain
    change(raw)
    assert says in problems()


@pytest.mark.laws
def test_another_devices_times_take_the_place_of_all():
    space = resolve("space", "kws_mobilenet")(width=0.25, preset="depth")
    table = tabled(space, SPEECH, {})
    free = {"model": "", "ms": 0.0}  # as skips have it
    entries = (e._replace(**free) if e.option == "skip" else e for e in table.entries)
    table = replace(table, entries=tuple(entries))
    times = {entry.model: 2 * entry.ms for entry in table.entries if entry.model}
    phone = table.filled("a phone", 2 * table.base, times, runtime="TFLite", threads=4)
    spec = some(space, table)
    assert phone.of(spec) == 2 * table.of(spec)
    assert (phone.device, phone.about) == ("a phone", {"runtime": "TFLite", "threads": 4})
    name = next(iter(times))
    lost = {**times, f"{name}x": 1.0}
    lost.pop(name)
    with pytest.raises(UserError) as caught:
        table.filled("a phone", 0.0, lost)
    assert caught.value.problems == [f"{name}: no time", f"{name}x: no such model. Did you mean '{name}'?"]


class TwoEdges(nn.Module):
    def __init__(self, first, second, io):
        super().__init__()
        self.stem = ConvBN(io.freq, 8, (1, 3))
        self.first, self.second = first, second
        self.head = Head(8, io.classes)

    def forward(self, x, gates=None):
        return self.head(self.second(self.first(self.stem(x.transpose(1, 2)), gates), gates))


class Twice(Space):
    """One choice at two edges of equal shape."""

    def choices(self):
        return (Choice("both", ("tc_k3", "skip")),)

    def network(self, fill, io, scale):
        (choice,) = self.choices()
        return TwoEdges(fill(choice, OpShape(8, 8)), fill(choice, OpShape(8, 8)), io)


def test_equal_operations_of_equal_shape_are_one_place_and_count_twice():
    space = Twice()
    found = places(space, SPEECH)
    assert {place.option: dict(at) for place, at in found.items()} == {
        "tc_k3": {"both": 2},
        "skip": {"both": 2},
    }
    table = tabled(space, SPEECH, {})
    conv, skip = (entry.ms for entry in table.entries)
    for option, ms in (("tc_k3", conv), ("skip", skip)):
        assert table.of(space.spec({"both": (option,)}, SPEECH)) == table.base + 2 * ms


@pytest.mark.laws
def test_taken_into_a_cost_table_it_is_a_price(made):
    """Its milliseconds are the prediction; parameters and MACs stay what they were."""
    space, table = made
    plain = cost_table(space, table.io, table.scale)
    costs = plain.with_latency(table)
    for seed in range(3):
        spec = some(space, table, seed)
        assert costs.of(spec, "latency_ms") == table.of(spec)
        assert costs.of(spec, "macs") == plain.of(spec, "macs")
        assert plain.of(spec, "latency_ms") == 0.0


@pytest.mark.laws
def test_a_search_pays_for_latency(tmp_path):
    """The gradient of alpha is that of the price; a table of another input is refused."""
    space, io = KwsTcResnet(width=0.25, se="none"), InputSpec(1, 40, 9, 3)
    table = tabled(space, io, {})
    table.save(tmp_path / "phone.json")
    cost = CostPenalty(name="latency_ms", weight=0.5, table=str(tmp_path / "phone.json"))
    method = ProxylessNas(warmup=0.0, cost=cost)
    run = started(method, space, frames=9)
    gates = method.gates("alpha")
    price, told = method.terms(gates)
    assert float(told["latency_ms"].detach()) == pytest.approx(table.of(method.derive()))
    torch.testing.assert_close(price, 0.5 * told["latency_ms"].log())
    assert torch.autograd.grad(price, list(run.alphas.values()), allow_unused=True)[0].abs().sum() > 0
    with pytest.raises(UserError, match="frames: 9 there, 25 in"):
        started(ProxylessNas(warmup=0.0, cost=cost), space, frames=25)


@pytest.mark.parametrize("fields", [{"name": "latency_ms"}, {"name": "macs", "table": "phone.json"}])
def test_a_latency_table_goes_with_latency_only(fields):
    with pytest.raises(UserError, match=r"cost\.table"):
        CostPenalty(weight=1.0, **fields)
