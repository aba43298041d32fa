"""Random search: uniform, within its limit, a function of the seed."""

from collections import Counter

import pytest
from scipy import stats

from audionas.core.errors import UserError
from audionas.methods.random import Limit, Random
from audionas.spaces.kws_tc_resnet import KwsTcResnet
from tests.invariants._cases import started

SPACE = KwsTcResnet(width=0.25)


def found(seeds, **conf):
    method = Random(**conf)
    run = started(method, SPACE, frames=9)
    for seed in seeds:
        run.seed = seed
        yield method.derive()


@pytest.mark.laws
def test_every_option_is_equally_likely_and_choices_are_independent():
    drawn = list(found(range(2000)))
    for choice in SPACE.choices():
        counts = Counter(spec.choices[choice.name][0] for spec in drawn)
        assert stats.chisquare([counts[o] for o in choice.options]).pvalue > 1e-3
    first, second = SPACE.choices()[1], SPACE.choices()[3]
    pairs = Counter((spec.choices[first.name], spec.choices[second.name]) for spec in drawn)
    table = [[pairs[(a,), (b,)] for b in second.options] for a in first.options]
    assert stats.chi2_contingency(table).pvalue > 1e-3


def test_a_seed_is_a_network():
    once, again = list(found(range(20))), list(found(range(20)))
    assert once == again
    assert len({spec.id for spec in once}) == 20


@pytest.mark.parametrize("name", ["macs", "params"])
def test_the_limit_holds_and_binds(name):
    method = Random()
    run = started(method, SPACE, frames=9)
    free = [run.costs.of(spec, name) for spec in found(range(100))]
    most = sorted(free)[10]
    limited = [run.costs.of(spec, name) for spec in found(range(100), limit=Limit(name=name, most=most))]
    assert max(limited) <= most < max(free)
    assert len(set(limited)) > 10


@pytest.mark.parametrize("name", ["macs", "params"])
def test_the_cheapest_network_is_possible_and_anything_below_is_refused(name):
    run = started(Random(), SPACE, frames=9)
    least = run.costs.of(SPACE.spec(run.costs.extremes(SPACE, name)[0], run.io), name)
    with pytest.raises(UserError, match=f"{least:,}") as caught:
        list(found([0], limit=Limit(name=name, most=least - 1)))
    assert "method.limit.most" in caught.value.hint


def test_all_options_are_held_alike():
    method = Random()
    started(method, SPACE, frames=9)
    for choice in SPACE.choices():
        assert method.probabilities()[choice.name] == dict.fromkeys(choice.options, 1 / len(choice.options))
