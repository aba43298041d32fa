"""Each step is done once: a second call does nothing, a changed one redoes what depends on it."""

from pathlib import Path

import pytest

from audionas.expert import do
from audionas.expert.clock import Clock
from audionas.expert.plan import Plan
from audionas.expert.verbs import Step, Until


class Log:
    """Steps that write down that they were done."""

    def __init__(self, home: Path) -> None:
        self.home, self.done = home, list[str]()
        self.plan, self.failing = Plan("words", "", "cpu", 5.0, 0.5, [], []), ""

    def step(self, name: str, words: str, *after: str) -> Step:
        """A step called `name` with words of its own."""

        def call(overwrite: bool, until: Until | None) -> None:
            if name == self.failing:
                raise KeyboardInterrupt
            self.done.append(f"{name} anew" if overwrite else name)

        return Step(name, ("verb", *words.split()), call, after)

    def run(self, b: str = "2", c: str = "3") -> list[str]:
        """Do a, b and c after a, and d after b; what was done."""
        every = [
            self.step("a", "1"),
            self.step("b", b, "a"),
            self.step("c", c, "a"),
            self.step("d", "4", "b"),
        ]
        self.done.clear()
        do.run(every, do.digests(every), self.plan, self.home, Clock(5.0), lambda line: None)
        return [*self.done]


def test_steps_are_done_once(tmp_path: Path) -> None:
    log = Log(tmp_path)
    assert log.run() == ["a", "b", "c", "d"]
    assert log.run() == []


def test_a_change_redoes_what_depends_on_it(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.run()
    assert log.run(c="other") == ["c anew"]
    assert log.run(b="other", c="other") == ["b anew", "d anew"]


def test_an_interrupted_step_is_resumed_and_not_begun_anew(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.failing = "c"
    with pytest.raises(KeyboardInterrupt):
        log.run()
    log.failing = ""
    assert log.run() == ["c", "d"]


def test_seconds_of_what_is_redone_do_not_count(tmp_path: Path) -> None:
    done = do.Done(tmp_path)
    done.planned = 10.0
    done.steps = {
        "a": {"digest": "1", "seconds": 5.0, "done": True, "fresh": False},
        "b": {"digest": "2", "seconds": 7.0, "done": True, "fresh": False},
    }
    assert done.used({"a": "1", "b": "2", "c": "3"}) == 22.0
    assert done.used({"a": "1", "b": "changed"}) == 15.0
