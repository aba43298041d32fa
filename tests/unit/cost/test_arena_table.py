"""The programs that a table joins are those recorded from the networks, also in a search."""

import pytest

from audionas.cost.arena_table import ArenaTable
from audionas.cost.limits import measured
from audionas.cost.recorded import recorded
from audionas.cost.table import table
from audionas.run.candidates import Costs
from audionas.searchers import Problem
from audionas.spaces import space_of
from tests.unit.cost._drawn import IO, SPACES, chain, drawn, mixed, on_meta


@pytest.mark.laws
def test_a_table_of_a_space_has_the_programs_of_its_networks() -> None:
    """Several kernels at a place are summed as edges do; a space without choices is recorded by itself."""
    tables = {place: ArenaTable(space_of(drawn(place)), IO) for place in (0, 3, 5)}
    for number in (0, 3, 5, 6, 9, 12, 15, 18, 24, 27):
        spec = drawn(number)
        if number % len(SPACES) in tables:
            assert tables[number % len(SPACES)].of(spec) == recorded(on_meta(spec), IO)


@pytest.mark.laws
def test_a_table_of_mixednet_has_the_programs_of_its_networks() -> None:
    """Blocks with one kernel and with two, with a residual and without."""
    first = mixed(0)
    whole = ArenaTable(space_of(first), first.io)
    for number in range(0, 36, 6):
        spec = mixed(number)
        assert whole.of(spec) == recorded(on_meta(spec), spec.io)
    assert whole._frame is not None  # it was joined, not recorded anew


@pytest.mark.laws
def test_a_search_knows_the_arena_of_its_networks() -> None:
    space = space_of(chain("tc_k3"))
    names = ("arena_esp32s3", "arena_esp32")
    costs = Costs(Problem(space, IO, {}, 0), table(space, IO), None, names)
    for option in ("tc_k3", "tc_k9"):
        spec = space.spec(chain(option).choices, IO)
        found = costs.of(spec)
        assert {name: found[name] for name in names} == measured(on_meta(spec), IO, names)
