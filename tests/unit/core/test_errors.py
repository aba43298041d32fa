"""The error that a user can fix says its problems, then its hint; suggestions are near words only."""

import pytest

from audionas.core.errors import UserError, did_you_mean


def test_problems_then_hint_a_line_each() -> None:
    assert str(UserError("it broke")) == "it broke"
    error = UserError(["a: wrong", "b: wrong"], hint="Mend them.")
    assert str(error) == "a: wrong\nb: wrong\nMend them."
    assert error.problems == ["a: wrong", "b: wrong"]
    assert error.hint == "Mend them."


def test_problems_may_come_from_a_generator() -> None:
    error = UserError(f"{i}: wrong" for i in range(3))
    assert error.problems == ["0: wrong", "1: wrong", "2: wrong"]
    assert str(error).count("wrong") == 3


@pytest.mark.parametrize("word", ["epochs", "epoch", "epohcs", "eepochs"])
def test_near_words_are_suggested(word: str) -> None:
    assert did_you_mean(word, ["batch_size", "epochs", "workers"]) == " Did you mean 'epochs'?"


@pytest.mark.parametrize("word", ["", "zzz", "q"])
def test_far_words_are_not(word: str) -> None:
    assert did_you_mean(word, ["batch_size", "epochs"]) == ""


def test_nothing_is_suggested_from_nothing() -> None:
    assert did_you_mean("epochs", []) == ""
