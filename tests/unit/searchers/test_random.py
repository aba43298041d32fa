"""Random search asks for what its seed says, whatever the scores are."""

from audionas.searchers.random import Random
from tests.unit.searchers._toy import Toy, ran


def test_scores_change_nothing():
    asked = [
        [spec.id for spec in ran(Random(networks=250), of=of).asked]
        for of in (lambda spec: {"accuracy": 0.0, "macs": 1.0}, lambda spec: {"accuracy": 1.0, "macs": 2.0})
    ]
    assert asked[0] == asked[1]
    assert len(asked[0]) == 250


def test_networks_are_asked_for_in_batches_of_a_hundred():
    assert ran(Random(networks=250)).batches == [100, 100, 50]


def test_of_a_small_space_all_is_asked():
    assert len(ran(Random(networks=5000)).asked) == Toy().size()
