"""The chance level of a collapse: exact where a space is enumerated, kinds apart, few at random collapse."""

import itertools
import math

import numpy as np
import pytest

from audionas.core.arch import InputSpec
from audionas.core.registry import names, resolve
from audionas.core.rng import numpy_rng
from audionas.spaces import spec_from_code
from audionas.spaces.darts_cell import DartsCell
from audionas.spaces.kws_tc_resnet import KwsTcResnet
from audionas.spaces.nas_bench_201 import NasBench201
from audionas.study.chance import KINDS, RARE, chance, judged

IO = InputSpec(3, 32, 32, 10)
CELLS = NasBench201()
FREE = "|skip_connect~0|+|avg_pool_3x3~0|none~1|+|skip_connect~0|avg_pool_3x3~1|none~2|"


def at_least(k: int, p: float, n: int = 6) -> float:
    return sum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k, n + 1))


def test_the_level_of_nas_bench_201_is_binomial() -> None:
    found = chance(CELLS)
    assert not found.drawn
    assert found.free == pytest.approx(0.6)
    for k, (name, p) in itertools.product(
        range(7), (("skips", 0.2), ("pools", 0.2), ("nones", 0.2), ("free", 0.6))
    ):
        assert (found.shares[name] >= k / 6 - 1e-9).mean() == pytest.approx(at_least(k, p))
    assert at_least(4, 0.6) == pytest.approx(0.544, abs=1e-3)  # what 5 of 8 called collapsed


@pytest.mark.parametrize(
    ("kept", "collapsed"),
    [
        (dict.fromkeys(("1_0", "2_0", "2_1", "3_0"), "none"), True),  # 4 of 6 of a kind: 1.7 %
        (dict.fromkeys(("1_0", "2_0", "2_1", "3_0"), "skip_connect"), True),
        (dict.fromkeys(("1_0", "2_0", "2_1"), "skip_connect"), False),  # 9.9 %
        ({"1_0": "skip_connect", "2_0": "none", "2_1": "avg_pool_3x3", "3_0": "none"}, False),
        ({}, False),
    ],
)
def test_a_kind_is_compared_with_its_own_chance(kept: dict[str, str], collapsed: bool) -> None:
    taken = {c.name: (kept.get(c.name, "nor_conv_3x3"),) for c in CELLS.choices()}
    found = judged(CELLS.spec(taken, IO), CELLS)
    assert found["collapsed"] == collapsed
    assert found["free"] == found["skips"] + found["pools"] + found["nones"] == len(kept)
    assert found["chance"] == pytest.approx(at_least(len(kept), 0.6))


def test_a_cell_without_weights_is_as_rare_as_one_in_twenty() -> None:
    found = judged(spec_from_code(FREE, IO), CELLS)
    assert (found["skips"], found["pools"], found["nones"], found["kept"]) == (2, 2, 2, 6)
    assert found["collapsed"]
    assert found["chance"] == pytest.approx(0.6**6)


def test_a_space_without_free_operations_never_collapses() -> None:
    space = resolve("space", "asc_mobilenet")()
    found = judged(space.sample(numpy_rng("none"), InputSpec(1, 40, 100, 3)), space)
    assert (found["kept"], found["collapsed"], found["free_share"]) == (0, False, 0.0)


@pytest.mark.laws
@pytest.mark.parametrize("name", names("space"))
def test_few_random_networks_of_a_space_collapse(name: str) -> None:
    """At most one in twenty by each kind that the space offers; drawn levels are those of `sample`."""
    space = resolve("space", name)()
    if not space.choices():
        return
    level, rng = chance(space), numpy_rng("few", name)
    kinds = sum(bool(own.any()) for own in level.shares.values())
    assert level.collapsed <= RARE * max(kinds, 1)
    io = InputSpec(3, 64, 64, 3) if not space.features else InputSpec(1, 40, 100, 3)
    drawn = [judged(space.sample(rng, io), space) for _ in range(300)]
    if space.watched():
        for kind in KINDS:
            mean = np.mean([row[kind] / max(row["kept"], 1) for row in drawn])
            assert mean == pytest.approx(level.shares[kind].mean(), abs=0.05)
        assert np.mean([row["collapsed"] for row in drawn]) == pytest.approx(level.collapsed, abs=0.05)


@pytest.mark.laws
def test_levels_are_a_function_of_the_space() -> None:
    for space in (DartsCell(), KwsTcResnet()):
        once = chance(space).words()
        chance.cache_clear()
        assert chance(space).words() == once
