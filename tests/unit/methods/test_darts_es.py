"""DARTS-ES: the epoch at which it stops, the architecture that it goes back to."""

import math

import pytest

from audionas.core.errors import UserError
from audionas.engine import checkpoint
from audionas.methods import darts_es
from audionas.methods.darts import Darts
from audionas.methods.darts_es import DartsEs
from tests.invariants._cases import CHAIN, started, steps

EPOCHS = 50


@pytest.fixture
def searched(monkeypatch):
    """A search whose eigenvalue is a series made by hand; its alphas lead to another network each time."""

    def run(series, **fields):
        method = DartsEs(**fields)
        started(method, CHAIN, frames=9, epochs=EPOCHS)
        values = iter(series)
        monkeypatch.setattr(darts_es, "largest_eigenvalue", lambda method: next(values))
        for epoch in range(EPOCHS):
            method.on_epoch(epoch)
            for number, choice in enumerate(CHAIN.choices()):
                favour = (epoch // 2 // 3**number) % 3
                method.run.alphas[choice.name].data.zero_()[favour] = 1 + epoch / EPOCHS
            method.after_epoch()
            if method.stop():
                break
        return method

    return run


def network(method, epoch):
    """The options that lead in an epoch."""
    return {
        choice.name: (choice.options[(epoch // 2 // 3**number) % 3],)
        for number, choice in enumerate(CHAIN.choices())
    }


def test_it_stops_where_the_series_rises_and_goes_back(searched):
    """Values after epochs 0, 2, ...: 1 until epoch 16, then 2. Window means pass 1.3 with two 2s: epoch 20.

    The middle of the window is epoch 16, four values before is 8: too early. At 22 it is 10.
    """
    method = searched([1.0] * 9 + [2.0] * 16)
    assert method.run.epoch == 22
    assert "rose from 1 to 1.6; back to epoch 11" in method.stop()
    assert method.derive().choices == network(method, 10)
    assert Darts.derive(method).choices == network(method, 22)  # as DARTS would have ended
    assert network(method, 10) != network(method, 22)
    choice, lead = CHAIN.choices()[0], math.exp(1 + 10 / EPOCHS)
    margin = (lead - 1) / (lead + len(choice.options) - 1)
    assert method.margins()[choice.name] == pytest.approx(margin) != Darts.margins(method)[choice.name]


@pytest.mark.laws
def test_it_may_go_back_earlier_where_that_is_allowed(searched):
    method = searched([1.0] * 9 + [2.0] * 16, rest=0.0)
    assert method.run.epoch == 20
    assert method.derive().choices == network(method, 8)


def test_without_a_rise_it_ends_as_darts(searched):
    method = searched([1.0 + 0.02 * n for n in range(25)])
    assert method.run.epoch == EPOCHS - 1
    assert method.stop() == ""
    assert method.derive() == Darts.derive(method)


@pytest.mark.laws
def test_a_resumed_search_stops_for_the_same_reason(searched, tmp_path):
    method = searched([1.0] * 9 + [2.0] * 16)
    checkpoint.save(tmp_path, 1, method.state())
    again = DartsEs()
    started(again, CHAIN, frames=9, epochs=EPOCHS)
    again.restore(checkpoint.load(tmp_path))
    assert again.stop() == method.stop()
    assert again.derive() == method.derive()
    assert again.margins() == method.margins()


@pytest.mark.laws
def test_its_steps_are_those_of_darts_and_the_eigenvalue_is_logged():
    told = []
    for method in (Darts(), DartsEs(every=1)):
        started(method, CHAIN, frames=9)
        told.append(steps(method, 0, 3))
        logged = method.run.told()
    assert told[0] == told[1]
    assert logged.keys() == {"eigenvalue"}
    assert method.run.told() == {}


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"every": 0}, "at least 1"),
        ({"factor": 0.5}, "factor"),
        ({"rest": 1.0}, "rest"),
        ({"level": "one"}, "validation loss"),
    ],
)
def test_impossible_settings_are_refused(fields, problem):
    with pytest.raises(UserError, match=problem):
        DartsEs(**fields)
