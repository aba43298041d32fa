"""Random numbers are pure functions of their words."""

import traceback
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch

from audionas.core import rng


def from_torch(*words: Any) -> list[float]:
    rng.seed_torch(*words)
    return torch.rand(4).tolist()


DRAWS: list[Callable[..., list[float]]] = [
    lambda *words: rng.numpy_rng(*words).random(4).tolist(),
    lambda *words: torch.rand(4, generator=rng.torch_rng(*words)).tolist(),
    from_torch,
]
WORDS = [
    (0,),
    (1,),
    (0, "augment"),
    ("augment", 0),
    (0, "augment", 1),
    (0, "augment", "1-a"),
    (0, "", "augment"),
    (10,),
    (1, 0),
]


@pytest.mark.parametrize("draw", DRAWS, ids=["numpy", "torch", "global"])
def test_the_same_words_draw_the_same_numbers_whatever_was_drawn_before(
    draw: Callable[..., list[float]],
) -> None:
    with torch.random.fork_rng(devices=[]):
        first = draw(3, "x")
        np.random.default_rng().random(7)
        draw(4, "y")
        torch.rand(3)
        assert draw(3, "x") == first


@pytest.mark.parametrize("draw", DRAWS, ids=["numpy", "torch", "global"])
def test_other_words_draw_other_numbers(draw: Callable[..., list[float]]) -> None:
    with torch.random.fork_rng(devices=[]):
        drawn = [draw(*words) for words in WORDS]
    assert all(a != b for a, b in combinations(drawn, 2))


def test_the_global_generators_draw_what_torch_draws_from_that_seed() -> None:
    with torch.random.fork_rng(devices=[]):
        expected = torch.manual_seed(rng.seed_of(3, "x")) and torch.rand(4).tolist()
        assert from_torch(3, "x") == expected


@pytest.mark.skipif(torch.accelerator.is_available(), reason="the GPU is seeded, too")
def test_without_a_gpu_no_stack_is_written_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch.manual_seed does so at every call, which took a twentieth of a search of small epochs."""
    read: list[object] = []
    monkeypatch.setattr(traceback, "format_stack", lambda *words: read.append(words))
    with torch.random.fork_rng(devices=[]):
        rng.seed_torch("x")
    assert read == []


def test_generators_leave_the_global_one_alone() -> None:
    before = torch.random.get_rng_state()
    torch.rand(4, generator=rng.torch_rng("x"))
    rng.numpy_rng("x").random(4)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_seeds_fit_torch_and_spread() -> None:
    seeds = [rng.seed_of("spread", i) for i in range(1000)]
    assert len(set(seeds)) == 1000
    assert all(0 <= seed < 2**63 for seed in seeds)
    # the mean of 1,000 uniform draws lies within 5 deviations, 5 / sqrt(12 * 1000)
    assert abs(np.mean(seeds) / 2**63 - 0.5) < 0.046


def test_the_value_is_fixed_for_ever() -> None:
    """Runs of an earlier version must stay repeatable: half of a SHA-256's first 8 bytes."""
    assert rng.seed_of("audionas") == 0x657C15EB57370562
    assert rng.seed_of(0, "epoch", 3) == rng.seed_of("0", "epoch", "3") == 5760730398666235913
