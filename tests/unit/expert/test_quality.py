"""What a result is worth: a wake word that is never heard is no 95 %."""

from pathlib import Path

import numpy as np
import pytest

from audionas.core.files import write_json
from audionas.engine.metrics import summary
from audionas.expert import decide, quality, tell
from audionas.expert.clock import Clock
from audionas.expert.decide import Decision
from audionas.expert.plan import Plan


def plan(task: str, split: str = "", epochs: int = 20, word: str = "") -> Plan:
    """A plan with what the lines on a result read."""
    rows = {"net": {"init": "", "epoch": 6.0, "trial_epochs": 1, "epochs": epochs}}
    values = {"task": task, "split": split, "networks": rows, "choice": "net"}
    decided = {key: Decision(value, "") for key, value in values.items()}
    return Plan("words", word, "cpu", 2.0, 0.5, [], [], decided)


def told(made: Plan, confusion: list[list[int]], labels: tuple[str, ...]) -> str:
    """The lines for clips that were answered so, each of its own recording but for two."""
    truth = np.repeat(np.arange(len(labels)), [sum(row) for row in confusion])
    answers = np.concatenate([np.repeat(np.arange(len(labels)), row) for row in confusion])
    scores = np.where(np.eye(len(labels))[answers] > 0, 0.9, 0.1 / max(1, len(labels) - 1))
    groups = ["first", *(f"r{number}" for number in range(len(truth) - 2)), "first"]
    return "\n".join(quality.lines(made, summary(scores, truth, labels, groups)))


def test_a_wake_word_that_is_never_heard_is_no_result() -> None:
    said = told(plan("wake_word"), [[313, 0], [16, 0]], ("_other_", "jarvis"))
    assert "recall    jarvis: 0 of 16 test recordings heard, 0.0% (95 % interval 0.0% to 20.6%)" in said
    assert "NEVER HEARD: jarvis" in said
    assert "NO BETTER THAN CHANCE: balanced accuracy is 50.0%" in said
    assert "328 recordings" in said
    assert "speaker" not in said


def test_a_wake_word_that_is_heard_has_no_limit() -> None:
    said = told(plan("wake_word", split="x"), [[300, 13], [2, 14]], ("_other_", "jarvis"))
    assert "14 of 16 test recordings heard" in said
    assert "unseen speakers" in said
    assert "limit" not in said


@pytest.mark.parametrize(("confusion", "limited"), [([[9, 6], [7, 8]], True), ([[30, 2], [1, 31]], False)])
def test_words_that_may_be_guessed_are_told(confusion: list[list[int]], limited: bool) -> None:
    assert ("MAY BE CHANCE" in told(plan("keywords"), confusion, ("yes", "no"))) is limited


def test_a_threshold_is_told_with_misses_and_false_accepts(tmp_path: Path) -> None:
    each = {"threshold": 0.31, "clips": 8, "rejected": 0.25, "rejected_interval": [0.03, 0.65]}
    each |= {"accepts": 2, "fa_per_hour": 46.04, "fa_interval": [0.0, 166.3]}
    row = {"file": "model.tflite", "hours": 0.0434, "words": {"jarvis": each}}
    write_json(tmp_path / "tune" / "tune.json", {"target": 69.0, "files": [row], "deaf": ["a.onnx: deaf"]})
    said = "\n".join(quality.tuned(tmp_path))
    for part in ("misses 2 of 8 recordings", "2 false accepts in 0.04 h, 46.0 per hour", "target 69"):
        assert part in said
    assert "limit     a.onnx: deaf" in said


def test_a_plan_that_cannot_keep_the_time_says_how_much_it_needs() -> None:
    late = "\n".join(tell.late(plan("keywords", epochs=1), Clock(2.0, used=53.0, now=lambda: 0.0), 148.0))
    assert "the plan needs 3 min 21 s, and 2 min 00 s were given" in late
    assert "training for 1 epoch teaches little: give --minutes 5 or more" in late
    assert not [*tell.late(plan("keywords"), Clock(2.0, used=53.0, now=lambda: 0.0), 60.0)]


def test_a_high_rate_is_a_plain_number() -> None:
    found = decide.rate(0.5, 0.01)
    assert found.value == 300
    assert "300" in found.warning
    assert "e+" not in found.warning + found.why
