"""The error that a user can fix says its problems, then its hint; suggestions are near words only."""

import copy

import pytest

from audionas.core.errors import Faults, Problem, UserError, did_you_mean, grouped
from audionas.core.pool.failure import Failure


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


def rates(count: int, rate: int = 8000) -> list[Problem]:
    return [
        Problem(f"{n}.wav", f"its sample rate is {rate} Hz, expected 16000 Hz")
        for n in range(rate, rate + count)
    ]


def test_many_problems_of_a_kind_are_a_line_with_a_count_and_an_example() -> None:
    error = UserError([*rates(2500), Problem("x.wav", "cut off: {} of {} samples", 1, 2), *rates(4, 44100)])
    assert str(error).splitlines() == [
        "8000.wav: its sample rate is 8000 Hz, expected 16000 Hz (and 2,499 more of this kind)",
        "x.wav: cut off: 1 of 2 samples",
        "44100.wav: its sample rate is 44100 Hz, expected 16000 Hz (and 3 more of this kind)",
    ]
    assert len(error.problems) == 2505
    assert error.shortened


def test_few_problems_of_a_kind_stand_alone() -> None:
    error = UserError([*rates(3), "3 files are gone", "4 files are gone"])
    assert str(error).splitlines() == error.problems
    assert not error.shortened


def test_a_kind_is_the_template_and_not_the_text() -> None:
    cut = [Problem(f"{n}.wav", "cut off: {} of {} samples", n, n + 1) for n in range(9)]
    assert grouped(cut) == ["0.wav: cut off: 0 of 1 samples (and 8 more of this kind)"]
    assert str(Problem("a{}.wav", "holds {} and {label}")) == "a{}.wav: holds {} and {label}"
    alike = [Problem("x", f"kind {n}") for n in range(9)]
    assert grouped(alike) == alike


def test_a_problem_survives_its_way_to_another_process() -> None:
    there = copy.copy(Problem("a.wav", "cut off: {} of {}", 1, 2))
    assert (there, there.kind, there.where) == ("a.wav: cut off: 1 of 2", "cut off: {} of {}", "a.wav")
    with pytest.raises(UserError) as caught:
        Failure.of(UserError(rates(9), hint="Mend.", listed="all.txt")).throw()
    assert (caught.value.hint, caught.value.listed) == ("Mend.", "all.txt")
    assert "8 more" in str(caught.value)


def test_a_message_is_never_longer_than_thirty_lines_and_says_where_all_is() -> None:
    error = UserError([f"{n}: wrong" for n in range(100)], hint="Mend.", listed="all.txt")
    shown = str(error).splitlines()
    assert shown[28:] == ["28: wrong", "and 71 lines more", "all 100 of them: all.txt", "Mend."]


def test_faults_of_several_checks_are_told_together_each_once_with_every_remedy() -> None:
    faults = Faults("a: missing")
    for problem, hint in (("b: wrong", "Mend b."), ("b: wrong", "Mend b."), ("c: wrong", "")):
        with faults:
            raise UserError(problem, hint=hint, listed="all.txt")
    assert faults
    with pytest.raises(UserError) as caught:
        faults.tell("Look.")
    assert caught.value.problems == ["a: missing", "b: wrong", "c: wrong"]
    assert (caught.value.hint, caught.value.listed) == ("Mend b.\nLook.", "all.txt")


def test_what_is_no_fault_of_the_user_passes_and_no_fault_tells_nothing() -> None:
    faults = Faults()
    with pytest.raises(KeyError), faults:
        raise KeyError("a bug")
    assert not faults
    faults.tell("Look.")
