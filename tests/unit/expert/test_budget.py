"""What is left after the trials: the last training is shortened by the pace of epochs, not of a start."""

from pathlib import Path

import pytest

from audionas.expert.budget import few, replanned
from audionas.expert.clock import START, Clock
from audionas.expert.do import Done
from audionas.expert.steps import final_epochs
from tests.unit.expert.test_steps import decided


@pytest.mark.parametrize(
    ("seconds", "epochs"), [(16.0, 40), (1.0, 40), (16.0 + START, 40), (64.0 + START, 10)]
)
def test_only_slow_epochs_shorten_the_last_training(tmp_path: Path, seconds: float, epochs: int) -> None:
    """A trial of 8 epochs of 2 s, and 100 s for 40 of 2.5 s beside what follows them."""
    plan, done = decided(rest=0.0), Done(tmp_path)
    done.steps["try small"] = {"seconds": seconds}
    replanned(plan, done, Clock(100 / 60, now=lambda: 0.0))
    assert final_epochs(plan) == epochs
    assert ("epochs" in plan.decisions) is (epochs < 40)


def test_voices_are_few_whether_or_not_those_of_dev_are_learnt() -> None:
    assert few(decided(few=True, refit=False))
    assert few(decided(refit=True))  # of an earlier version
    assert not few(decided(few=False, refit=False))
    assert not few(decided())
