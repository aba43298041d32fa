"""Tries drawn by a seed: AUDIONAS_TORTURE_SEED, _TRIES and _ONLY choose; a lost one says how to repeat it."""

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from audionas.core.rng import numpy_rng

SEED = int(os.environ.get("AUDIONAS_TORTURE_SEED", "0"))


def sizes(sample: int, whole: int) -> list[tuple[str, int, pytest.MarkDecorator]]:
    """Tries of a test as (name, number, marker): a sample among the stories, the whole at night.

    The sample is the first part of the whole.
    """
    both = [("sample", sample, pytest.mark.story), ("whole", whole, pytest.mark.nightly)]
    return [size for size in both if size[1]]


def survived(name: str, tries: int, attempt: Callable[[np.random.Generator], None]) -> None:
    """Call `attempt` with the generator of each try; fail with all that are lost, each with its command.

    AUDIONAS_TORTURE_LOG names a file that gets a line of JSON for each try.
    """
    lost = []
    for number in _chosen(tries):
        try:
            attempt(numpy_rng("torture", SEED, name, number))
        except AssertionError as error:
            lost.append(f"{name}, try {number}: {error}\nRepeat it: {_command(number)}")
            _log(name, number, str(error))
        else:
            _log(name, number, "")
    assert not lost, f"{len(lost)} of {tries} lost\n\n" + "\n\n".join(lost)


def _chosen(tries: int) -> Iterable[int]:
    if only := os.environ.get("AUDIONAS_TORTURE_ONLY"):
        return [int(only)]
    return range(int(os.environ.get("AUDIONAS_TORTURE_TRIES", tries)))


def _command(number: int) -> str:
    test = os.environ["PYTEST_CURRENT_TEST"].rpartition(" ")[0]
    chosen = f"AUDIONAS_TORTURE_SEED={SEED} AUDIONAS_TORTURE_ONLY={number}"
    return f"{chosen} .venv/bin/python -m pytest -n 0 '{test}'"


def _log(name: str, number: int, why: str) -> None:
    if file := os.environ.get("AUDIONAS_TORTURE_LOG"):
        with Path(file).open("a", encoding="utf-8") as log:
            log.write(json.dumps({"name": name, "seed": SEED, "try": number, "lost": why}) + "\n")
