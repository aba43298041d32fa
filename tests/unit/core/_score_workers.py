"""A worker that scores networks by a formula, and writes down what it was asked."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

Choices = Mapping[str, Sequence[str]]


def accuracy(choices: Choices) -> float:
    """Between 0 and 1, by how often the kernel is 7, and where."""
    return sum(1 / (2 + i) for i, (option,) in enumerate(choices.values()) if "k7" in option) / 2


def scorer(asked: str) -> Callable[[Choices], dict[str, float]]:
    """Choices -> scores; each question becomes a line of the file `asked`."""

    def score(choices: Choices) -> dict[str, float]:
        with Path(asked).open("a", encoding="utf-8") as file:
            file.write(json.dumps(choices) + "\n")
        return {"accuracy": accuracy(choices), "loss": 1 - accuracy(choices)}

    return score
