"""Laws of every registered searcher: no repetition, a function of seed and scores, accepted by the space."""

import numpy as np
import pytest

from audionas.core.registry import names, resolve
from audionas.searchers import front
from audionas.spaces.darts_cell import DartsCell
from audionas.spaces.kws_mobilenet import KwsMobilenet
from tests._tiers import laws
from tests.unit.searchers._toy import Evaluator, Toy, ToyCell, problem, ran

SMALL = {
    "nsga2": {"population": 12, "generations": 6},
    "reinforced": {"population": 12, "generations": 6},
    "random": {"networks": 70},
    "exhaustive": {},
    "evolution": {"population": 10, "sample": 4, "networks": 70},
}


def searcher(name, **fields):
    return resolve("searcher", name)(**SMALL[name], **fields)


def by_length(spec):
    """A score for any space."""
    lengths = [len(option) for options in spec.choices.values() for option in options]
    accuracy = sum(n * (i % 3) for i, n in enumerate(lengths)) % 97 / 97
    return {"accuracy": accuracy, "macs": float(sum(lengths))}


def ids(evaluate):
    return [spec.id for spec in evaluate.asked]


def test_there_is_a_small_setting_of_every_searcher():
    assert set(SMALL) == set(names("searcher"))


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("space", laws([Toy(), ToyCell()]), ids=["chain", "cell"])
def test_nothing_is_asked_twice_nor_beyond_the_budget(name, space):
    evaluate = ran(searcher(name), space=space, of=by_length)
    asked = ids(evaluate)
    assert len(set(asked)) == len(asked) <= evaluate.searcher.budget(space) <= space.size()
    assert min(evaluate.batches) > 0
    for spec in evaluate.asked:
        space.check(spec)


@pytest.mark.parametrize("name", [name for name in SMALL if name != "exhaustive"])
@pytest.mark.parametrize("space", [DartsCell(preset="s2"), KwsMobilenet(preset="depth")], ids=repr)
def test_large_spaces_get_the_whole_budget_and_accept_what_is_asked(name, space):
    evaluate = ran(searcher(name), space=space, of=by_length)
    assert len(set(ids(evaluate))) == len(evaluate.asked) == evaluate.searcher.budget(space)
    for spec in evaluate.asked:
        space.check(spec)
        assert dict(spec.scale) == dict(space.sizes)
        assert all(
            sum(bool(spec.choices[c.name]) for c in n) == space.inputs for n in space.nodes() if space.inputs
        )


@pytest.mark.parametrize("name", SMALL)
def test_a_seed_is_a_search(name):
    once, again, other = (ids(ran(searcher(name), seed)) for seed in (3, 3, 4))
    assert once == again
    assert (once != other) == (name != "exhaustive")


@pytest.mark.parametrize("name", SMALL)
def test_the_global_generator_is_neither_read_nor_moved(name):
    np.random.seed(1)
    before = np.random.get_state()[1].copy()
    once = ids(ran(searcher(name)))
    assert np.array_equal(np.random.get_state()[1], before)
    np.random.seed(2)
    assert ids(ran(searcher(name))) == once


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("moment", [1, 29, 55])
def test_a_search_broken_off_and_run_again_on_its_record_asks_the_same(name, moment):
    whole = ids(ran(searcher(name)))
    record = {}

    class Killed(Exception):
        pass

    class Recording(Evaluator):
        """Remembers each score before it computes the next, and dies once."""

        alive = False

        def score(self, spec):
            if spec.id not in record:
                if len(record) == moment and not self.alive:
                    raise Killed
                record[spec.id] = super().score(spec)
            return record[spec.id]

    with pytest.raises(Killed):
        searcher(name).run(problem(), Recording(searcher(name)))
    assert list(record) == whole[:moment]
    second = Recording(searcher(name))
    second.alive = True
    searcher(name).run(problem(), second)
    assert ids(second) == whole
    assert list(record) == whole


@pytest.mark.parametrize("name", [name for name in SMALL if name != "exhaustive"])  # the space is too large
def test_sizes_go_into_every_architecture(name):
    evaluate = Evaluator(searcher(name), by_length)
    sized = problem(space=DartsCell(preset="s4"))._replace(sizes={"layers": 3, "channels": 4})
    evaluate.searcher.run(sized, evaluate)
    assert all(dict(spec.scale) == {"layers": 3, "channels": 4} for spec in evaluate.asked)


@pytest.mark.parametrize("name", SMALL)
def test_when_nothing_is_within_the_limits_a_search_still_ends(name):
    evaluate = ran(searcher(name, limits={"macs": 1.0}))
    assert evaluate.asked
    assert all(one.score.violation > 0 for one in evaluate.scored)
    assert front(evaluate.scored, evaluate.searcher.objectives) == []
