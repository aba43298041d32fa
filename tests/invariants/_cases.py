"""What the invariants run over: every registered space in every cheap variant, every method, small runs."""

import dataclasses
import functools
import typing
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from audionas.core.arch import ArchSpec, InputSpec
from audionas.core.registry import names, resolve
from audionas.core.rng import numpy_rng, seed_torch
from audionas.cost.table import CostTable, table
from audionas.data.batches import Batch
from audionas.engine.optim import Optim
from audionas.features import Features, build
from audionas.methods import Method, SearchRun
from audionas.spaces import Space, present

NARROW = {
    "width": 0.25,
    "stem": 8,
    "filters": 8,
    "longest": 9,
    "stages": 1,
    "layers": 1,
}  # values of spaces' fields in tests, where they have them
CELLS = {"darts_cell": {"layers": 3, "channels": 4}, "nas_bench_201": {"layers": 1, "channels": 4}}
INPUTS = {
    "cp_mobile": (64, 17),
    "mixednet": (40, 98),
    "mixednet_sizes": (40, 98),
}  # bands and frames, without a front-end
FIELDS: dict[str, dict[str, Any]] = {  # small settings, without warm-up
    "p_darts": {"depths": (3, 3, 4)},  # below 3 layers there is no normal cell
    "rome": {"samples": 2},
    "parsec": {"samples": 2},
    "pc_darts": {"warmup": 0.0},
    **{name: {"draws": 3} for name in ("spos", "fair_nas", "mix_path", "scarlet", "moga")},
    "random_nas": {"draws": 20, "batches": 1, "finalists": 2},
    "proxyless_nas": {"warmup": 0.0, "alpha_every": 1},
}
LATE = ("beta_darts", "darts_es", "sdarts", "dr_nas", "darts_pt")  # near DARTS: not in the fast tier
STEPS = 2  # an epoch
LARGE = (
    "asc_mobilenet",
    "cp_mobile",
    "mix_mobilenet",
    "mobilenet",
    "moga_mobilenet",
    "nas_bench_macro",
)  # a second a step, and one an epoch
CLASSES = 3


def variants(name: str) -> list[Space]:
    """The default of a space, then each other value of its Literal and bool fields, one at a time."""
    kind = resolve("space", name)
    fields = {f.name for f in dataclasses.fields(kind)}
    small = {field: value for field, value in NARROW.items() if field in fields}
    changes: list[dict[str, Any]] = [{}]
    default, types_of = kind(), typing.get_type_hints(kind)
    for field in sorted(fields):
        known = (
            typing.get_args(types_of[field]) if typing.get_origin(types_of[field]) is typing.Literal else ()
        )
        known = (False, True) if types_of[field] is bool else known
        changes += [{field: value} for value in known if value != getattr(default, field)]
    return [kind(**{**small, **change}) for change in changes]


SPACES = [space for name in names("space") for space in variants(name)]
DEFAULTS = [variants(name)[0] for name in names("space")]
SEARCHABLE = [space for space in DEFAULTS if space.choices()]
CHAIN = next(space for space in SEARCHABLE if space.name == "kws_tc_resnet")
METHODS = names("method")
TRAINED = [name for name in METHODS if resolve("method", name).trains]


def made(name: str, **fields: Any) -> Method:
    """A method with settings small enough for tests."""
    method: Method = resolve("method", name)(**{**FIELDS.get(name, {}), **fields})
    return method


def runs(name: str, space: Space) -> bool:
    """Whether a method is defined on a space."""
    return not made(name).bars(space)


@functools.cache
def home(name: str) -> Space:
    """The space on which a method's laws are fast: the keyword chain, or the first small one it takes."""
    few = [space for space in variants("darts_cell") if named(space) == "darts_cell-s3"]  # of three options
    small = (s for s in (CHAIN, *few, *SEARCHABLE, *variants("kws_mobilenet")) if s.name not in LARGE)
    return next(s for s in small if runs(name, s))


def pair(name: str, space: Space) -> Any:
    """A case: fast where the method is at home, of the laws elsewhere."""
    away = runs(name, space) and space != home(name)
    slow = pytest.mark.laws if away or name in LATE else ()
    if name == "darts_es" and space.name in (*LARGE, "darts_cell"):
        slow = pytest.mark.nightly  # the curvature takes a pass for each alpha
    return pytest.param(name, space, marks=slow, id=f"{name}-{named(space)}")


def at_home(cases: Iterable[Any]) -> list[Any]:
    """Of cases of a method and a space, those of a method at its home: for laws in which spaces are alike."""
    return [case for case in cases if case.values[1] == home(case.values[0])]


def early(names: Iterable[str]) -> list[Any]:
    """Methods by name, the late ones marked as laws."""
    return [pytest.param(name, marks=pytest.mark.laws if name in LATE else ()) for name in names]


def pairs(names: Iterable[str]) -> list[Any]:
    """Every method on every space that it takes, its home among them."""
    return [pair(n, s) for n in names for s in dict.fromkeys((*SEARCHABLE, home(n))) if runs(n, s)]


def each(spaces: Iterable[Space], but: str = "") -> Any:
    """A test of some spaces: fast on small ones as they are by default, `but` one; else of the laws."""
    fast = [space for space in DEFAULTS if space.name not in (*LARGE, but)]
    cases = [pytest.param(s, marks=() if s in fast else pytest.mark.laws, id=named(s)) for s in spaces]
    return pytest.mark.parametrize("space", cases)


def named(value: Any) -> str:
    """A short test id for a space."""
    if not isinstance(value, Space):
        return str(value)
    own = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    told = [
        str(v) if isinstance(v, str) else k
        for k, v in own.items()
        if v != getattr(type(value)(), k) and k not in NARROW
    ]
    return "-".join([value.name, *told])


@functools.cache
def input_of(space: Space, classes: int = CLASSES) -> InputSpec:
    """What one second of sound becomes under the front-end that the space was made for; or a small image."""
    if space.name in INPUTS:
        bands, frames = INPUTS[space.name]
        return InputSpec(1, bands, space.fitting(frames), classes)
    name, _, preset = space.features.partition("/")
    if not name:
        return InputSpec(3, 8, 8, classes)
    front_end = build(Features(name=name, preset=preset))
    return InputSpec(1, *front_end.shape(front_end.sample_rate), classes)


@functools.cache
def costs_of(space: Space, io: InputSpec) -> CostTable:
    """The cost table of a space, computed once a test session."""
    return table(space, io, CELLS.get(space.name))


class Later:
    """A value that is computed when something of it is asked for: most tests ask for no cost."""

    def __init__(self, make: Callable[[], Any]):
        self.make = make

    def __getattr__(self, name: str) -> Any:
        return getattr(self.make(), name)

    def __eq__(self, other: object) -> bool:
        return bool(self.make() == other)

    __hash__ = None  # type: ignore[assignment]


def some_specs(space: Space, count: int = 2) -> list[ArchSpec]:
    """Random networks, then one that keeps several options wherever it may, in a random order."""
    io, rng = input_of(space), numpy_rng("some specs", space.name)
    several = {
        c.name: tuple(rng.permutation(present(c))[: min(4, c.max_active)].tolist()) for c in space.choices()
    }
    drawn = [space.sample(rng, io) for _ in range(count)]
    return [small(spec) for spec in (*drawn, space.spec(several, io))]


def small(spec: ArchSpec) -> ArchSpec:
    """The same architecture at the size of tests."""
    return dataclasses.replace(spec, scale=CELLS.get(spec.space, {}))


def shake(net: nn.Module, most: float = 0.2) -> nn.Module:
    """Give every parameter and statistic a value that no other has."""
    rng = torch.Generator().manual_seed(1)
    for tensor in [*net.parameters(), *net.buffers()]:
        if tensor.is_floating_point():
            tensor.data.add_(most * torch.rand(tensor.shape, generator=rng))
    return net


def features_of(io: InputSpec, batch: int = 2, seed: int = 0) -> torch.Tensor:
    """Random features (batch, C, F, T)."""
    return torch.randn(batch, *io[:3], generator=torch.Generator().manual_seed(seed))


def batches(io: InputSpec, count: int, *, seed: int, size: int = 16) -> Iterator[tuple[Batch, Batch]]:
    """Pairs (train, valid) of random features that carry a pattern of their class."""
    pattern = torch.randn(io.classes, *io[:3], generator=torch.Generator().manual_seed(99))
    rng = torch.Generator().manual_seed(seed)
    for _ in range(count):
        pair = []
        for _ in range(2):
            target = torch.randint(io.classes, (size,), generator=rng)
            pair.append(Batch(pattern[target] + 0.5 * torch.randn(size, *io[:3], generator=rng), target))
        yield pair[0], pair[1]


def started(
    method: Method,
    space: Space,
    *,
    seed: int = 0,
    epochs: int = 4,
    frames: int = 25,
    dropout: float | None = None,
    optim: Optim | None = None,
) -> SearchRun:
    """A run of `method` on `space` over short inputs, before its first step."""
    method.require(space)
    io = input_of(space)
    io = io._replace(frames=space.fitting(frames)) if space.features else io
    sizes = CELLS.get(space.name, {})
    seed_torch(seed, "supernet")
    run = SearchRun(
        space=space,
        io=io,
        net=space.supernet(
            method.fill, io, dropout=dropout, sizes=sizes, bare=method.bare, k=method.k
        ).train(),
        costs=typing.cast(CostTable, Later(lambda: costs_of(space, io))),
        optim=optim or Optim(lr=0.1, final_lr=0.001, weight_decay=3e-4, clip=5.0),
        epochs=epochs,
        seed=seed,
        device=torch.device("cpu"),
        sizes=sizes,
        dropout=dropout,
        bare=method.bare,
        k=method.k,
        valid=lambda: [valid for _, valid in batches(io, 2, seed=1000, size=4)],
        train=lambda: [train for train, _ in batches(io, 2, seed=2000, size=4)],
    )
    method.setup(run)
    return run


def an_epoch(space: Space) -> int:
    """Steps in an epoch of the invariants."""
    return 1 if space.name in LARGE else STEPS


def steps(method: Method, first: int, last: int, *, size: int = 16) -> list[dict[str, float]]:
    """The steps `first` to `last` - 1 of a search of epochs of `an_epoch` steps; their metrics."""
    run, told = method.run, []
    for number in range(first, last):
        epoch, place = divmod(number, an_epoch(run.space))
        if place == 0:
            seed_torch(run.seed, "epoch", epoch)
            method.on_epoch(epoch)
        ((train, valid),) = batches(run.io, 1, seed=number, size=size)
        progress = number / an_epoch(run.space)
        metrics = method.step(train, valid if method.halves else train, progress)
        told.append({k: float(torch.as_tensor(v).detach()) for k, v in metrics.items()})
        if place == an_epoch(run.space) - 1:
            method.after_epoch()
    return told


def fields_of(method: Method) -> dict[str, Any]:
    """A copy of a method's fields."""
    return {f.name: getattr(method, f.name) for f in dataclasses.fields(method)}


def vectors(space: Space) -> Iterator[np.ndarray]:
    """Every encoding of a space."""
    return (np.array(v) for v in np.ndindex(*(len(c.options) for c in space.choices())))
