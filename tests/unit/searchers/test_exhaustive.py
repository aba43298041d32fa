"""Exhaustive search asks for all and refuses what is too much."""

import pytest

from audionas.core.errors import UserError
from audionas.searchers import front
from audionas.searchers.exhaustive import Exhaustive
from audionas.spaces.kws_mobilenet import KwsMobilenet
from tests.unit.searchers._toy import Toy, ran, values


def test_it_finds_exactly_the_front():
    evaluate = ran(Exhaustive())
    assert len(evaluate.asked) == Toy().size() == 1296
    scores = [(values(spec)["accuracy"], values(spec)["macs"]) for spec in evaluate.asked]
    expected = {
        spec.id
        for spec, (gain, cost) in zip(evaluate.asked, scores, strict=True)
        if not any(g >= gain and c <= cost and (g, c) != (gain, cost) for g, c in scores)
    }
    found = front(evaluate.scored, evaluate.searcher.objectives)
    assert {one.spec.id for one in found} == expected


def test_a_large_space_is_refused():
    with pytest.raises(UserError, match="16,777,216 networks, more than 20,000") as caught:
        ran(Exhaustive(), space=KwsMobilenet())
    assert "searcher.most" in caught.value.hint
    with pytest.raises(UserError, match="1,296 networks, more than 1,295"):
        ran(Exhaustive(most=1295))
