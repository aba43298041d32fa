"""The filter of a searcher: a share of all so far is kept, each network is judged once, also after a kill."""

import pytest

from audionas.core.arch import InputSpec
from audionas.core.rng import numpy_rng
from audionas.proxies import Sieve, merits
from audionas.spaces.nas_bench_macro import NasBenchMacro

SPACE, IO = NasBenchMacro(), InputSpec(3, 16, 16, 10)
SPEC = SPACE.sample(numpy_rng(0), IO)


def sieve(keep: float = 0.5) -> Sieve:
    return Sieve(lambda spec: {}, (), "macs", keep)


def asked(**macs: float):
    return {form: (SPEC, {"macs": value}) for form, value in macs.items()}


def kept(found: Sieve) -> set[str]:
    return {form for form, behind in found.behind.items() if behind == 0}


def test_the_best_share_is_kept_and_the_others_are_ordered() -> None:
    found = sieve()
    found.judge(asked(a=1, b=4, c=3, d=2))
    assert kept(found) == {"b", "c"}
    assert 0 < found.behind["d"] < found.behind["a"]


def test_later_networks_are_judged_among_all_so_far_and_verdicts_stay() -> None:
    found = sieve()
    found.judge(asked(a=1, b=4, c=3, d=2))
    before = dict(found.behind)
    found.judge(asked(e=2.5, a=1, f=5))
    assert {form: found.behind[form] for form in before} == before
    assert kept(found) == {"b", "c", "f"}


def test_one_at_least_is_kept_and_equals_share_a_verdict() -> None:
    found = sieve(0.01)
    found.judge(asked(a=1, b=4, c=4))
    assert kept(found) == {"b", "c"}


def test_what_was_judged_before_a_kill_changes_nothing() -> None:
    whole, resumed = sieve(), sieve()
    group = asked(c=3, d=2, e=2.5, f=5)
    whole.judge(asked(a=1, b=4))
    whole.judge(group)
    for form in "abcd":  # killed in the middle of the second group
        resumed.remember(form, whole.values[form], whole.behind[form])
    resumed.judge(group)
    assert resumed.behind == whole.behind


def test_parts_are_measured_once_and_told() -> None:
    calls = []
    found = Sieve(lambda spec: calls.append(spec) or {"swap": 7.0}, ("swap",), "none", 0.5)  # type: ignore[func-returns-value]
    found.judge(asked(a=1))
    found.judge(asked(a=1, b=2))
    assert len(calls) == 2
    assert found.own("a") == {"swap": 7.0}
    assert found.behind == {"a": 0.0, "b": 0.0}


@pytest.mark.parametrize("by", ["swap", "params"])
def test_a_merit_is_the_value(by: str) -> None:
    assert merits(by, [{by: 3.0}, {by: 1.0}]).tolist() == [3, 1]
