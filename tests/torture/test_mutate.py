"""The mutators are functions of their generator, change what they say, and call nonsense only what is."""

import json

import pytest

from audionas.core.rng import numpy_rng
from tests.torture import _mutate
from tests.torture._mutate import BYTES, TEXT, in_bytes, in_json, in_text, places, plain, replaced
from tests.torture._tally import table

PLAIN = {"a": 1, "b": [0.5, {"c": "word"}], "d": True, "note": {"free": 2}}
RAW = json.dumps(PLAIN).encode()


def test_the_same_generator_makes_the_same_mutation() -> None:
    for mutate in (in_json, in_text, in_bytes):
        both = [[mutate(numpy_rng("x", n), RAW) for n in range(50)] for _ in range(2)]
        assert both[0] == both[1]
        assert len({mutation.raw for mutation in both[0]}) > 20


def test_a_place_is_replaced_and_the_rest_stays() -> None:
    assert replaced(PLAIN, ("b", 1, "c"), 7) == {**PLAIN, "b": [0.5, {"c": 7}]}
    assert len(list(places(PLAIN))) == 9


@pytest.mark.parametrize("free", [(), (("note",),)])
def test_nonsense_is_a_value_of_another_type(free: tuple[tuple[str, ...], ...]) -> None:
    found = [plain(numpy_rng("y", n), PLAIN, json.dumps, free) for n in range(400)]
    assert any(m.nonsense for m in found)
    assert any(not m.nonsense for m in found)
    assert any(m.nonsense and m.told.startswith("note") for m in found) == (not free)
    for mutation in found:
        if mutation.nonsense and mutation.told.startswith("a: "):
            assert not isinstance(json.loads(mutation.raw)["a"], int)


def test_every_mutator_takes_every_text() -> None:
    for name, change in {**TEXT, **BYTES}.items():
        for raw in (b"", b"a", RAW):
            assert isinstance(change(numpy_rng(name), raw), bytes), name
    assert all(isinstance(name, str) for name in _mutate.STRANGE)


def test_the_table_counts_the_last_try_of_a_number() -> None:
    rows = [{"name": "kill", "seed": 0, "try": n, "lost": why} for n, why in ((0, "x"), (0, ""), (1, "x"))]
    assert table(rows).endswith("| kill | 2 | 1 | 1 |")
