"""Proxies of architectures: functions of network, seed and examples; finite in all spaces; taus as stated."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from audionas.core.arch import InputSpec
from audionas.core.archives.arrays import arrays
from audionas.core.errors import UserError
from audionas.cost.table import table
from audionas.engine.agreement import kendall
from audionas.engine.conf import Rank
from audionas.proxies import PROXIES, Untrained, merits
from audionas.searchers import PROXIES as OBJECTIVES
from audionas.spaces import Space
from audionas.spaces.nas_bench_201 import NasBench201
from audionas.spaces.nas_bench_macro import NasBenchMacro
from audionas.study.rank import drawn
from audionas.study.truth import Table
from tests.invariants._cases import SEARCHABLE, features_of, input_of, named, some_specs

SPACE, IO = NasBench201(), InputSpec(3, 16, 16, 10)
SIZES = {"layers": 1, "channels": 4}
SPECS = [
    SPACE.spec({c.name: (op,) for c in SPACE.choices()}, IO, sizes=SIZES)
    for op in ("nor_conv_3x3", "nor_conv_1x1")
]
X = torch.randn(24, 3, 16, 16, generator=torch.Generator().manual_seed(0))
ALL = tuple(PROXIES)


def test_searchers_know_the_proxies() -> None:
    assert {*OBJECTIVES, "az_nas"} == set(PROXIES)


def test_a_score_depends_on_network_seed_and_examples_alone() -> None:
    untrained = Untrained(SPACE, 0, lambda: X)
    names = ("synflow", "swap", "az_nas")
    first = untrained.of(SPECS[0], names)
    state = torch.random.get_rng_state()
    assert untrained.of(SPECS[1], names) != first
    assert untrained.of(SPECS[0], names) == first
    assert torch.equal(torch.random.get_rng_state(), state)
    assert untrained.of(SPECS[0], ("swap",)) == {"swap": first["swap"]}
    assert Untrained(SPACE, 1, lambda: X).of(SPECS[0], ("synflow",))["synflow"] != first["synflow"]
    other = Untrained(SPACE, 0, lambda: -X).of(SPECS[0], names)
    assert other["synflow"] == first["synflow"]
    assert other["swap"] != first["swap"]


def test_equal_examples_count_once_and_the_first_ones_are_taken() -> None:
    twice = torch.cat([X[:3], X[:3], X[3:5]])
    assert torch.equal(Untrained(SPACE, 0, lambda: twice).examples, X[:5])


@pytest.mark.parametrize(("name", "fewest"), [("swap", 16), ("naswot", 2), ("az_nas", 2)])
def test_too_few_examples_are_told(name: str, fewest: int) -> None:
    with pytest.raises(UserError, match=f"{name} needs {fewest} different training examples"):
        Untrained(SPACE, 0, lambda: X[:1].repeat(99, 1, 1, 1)).of(SPECS[0], (name,))


@pytest.mark.laws
@pytest.mark.parametrize("space", SEARCHABLE, ids=named)
def test_every_space_has_finite_scores_that_differ_between_networks(space: Space) -> None:
    specs = some_specs(space)[:2]
    untrained = Untrained(space, 0, lambda: features_of(input_of(space), 16))
    first, second = (untrained.of(spec, ALL) for spec in specs)
    assert np.isfinite([*first.values(), *second.values()]).all()
    assert first["naswot"] != second["naswot"]


STATED = {  # Kendall's tau with the mean test accuracy, as measured elsewhere with one initialisation
    "nas_bench_201": {"synflow": 0.577, "naswot": 0.421, "swap": 0.436},  # 105 cells
    "nas_bench_macro": {"synflow": 0.415, "naswot": 0.681, "swap": 0.737},  # 133 networks
}
ERROR = 0.05  # standard error of either tau at such numbers


@pytest.mark.shared
@pytest.mark.nightly
@pytest.mark.parametrize("name", STATED)
def test_taus_are_those_stated(shared: Path, name: str) -> None:
    """Within two standard errors of the difference, or above; on NAS-Bench-Macro two surpass both costs."""
    found = taus(shared, name, 105 if name == "nas_bench_201" else 133)
    for proxy, stated in STATED[name].items():
        assert found[proxy] > stated - 2 * ERROR * 2**0.5
    best_cost = max(found["params"], found["macs"])
    assert found["az_nas"] > 0
    if name == "nas_bench_macro":
        assert min(found["naswot"], found["swap"]) > best_cost


@pytest.mark.shared
@pytest.mark.laws
def test_swap_orders_a_few_networks_of_a_table(shared: Path) -> None:
    found = taus(shared, "nas_bench_macro", 24, ("swap",))
    assert found["swap"] > 0.737 - 2 * 0.1  # the standard error at 24 networks


def taus(shared: Path, name: str, networks: int, names: Sequence[str] = ALL) -> dict[str, float]:
    """Tau of each proxy, and of both costs, on networks drawn uniformly from a table of trained ones."""
    space: Space = NasBench201() if name == "nas_bench_201" else NasBenchMacro()
    file = "nasbench201_tables.npz" if name == "nas_bench_201" else "nasbench_macro.npz"
    side, sizes = (32, {"layers": 1, "channels": 16}) if name == "nas_bench_201" else (16, {})
    x, io = pictures(shared, side), InputSpec(3, side, side, 10)
    options = Rank(networks=networks, strata="none", table=str(shared / file))
    specs = drawn(space, io, sizes, options)
    untrained, costs = Untrained(space, 0, lambda: x), table(space, io, sizes)
    rows = [
        {**{what: float(costs.of(s, what)) for what in ("params", "macs")}, **untrained.of(s, names)}
        for s in specs
    ]
    truth = Table(options, space, io).truth(specs).value
    return {key: kendall(merits(key, rows), truth) for key in (*names, "params", "macs")}


def pictures(shared: Path, side: int) -> torch.Tensor:
    """128 of CIFAR-10's training images, standardised, (128, 3, side, side)."""
    pixels = arrays(shared / "cifar10_subset.npz", ("x_train",), "")["x_train"][:128]
    x = torch.tensor(pixels).permute(0, 3, 1, 2).float() / 255
    x = (x - x.mean((0, 2, 3), keepdim=True)) / x.std((0, 2, 3), keepdim=True)
    return functional.avg_pool2d(x, 32 // side)
