"""Cases of a parametrised test of which some are fast, the others of another tier."""

from collections.abc import Iterable
from typing import Any

import pytest


def laws(cases: Iterable[Any], fast: int = 1) -> list[Any]:
    """The first cases are fast, the others are marked laws; a tuple is the values of several arguments."""
    return _marked(cases, fast, pytest.mark.laws)


def story(cases: Iterable[Any], fast: int = 1) -> list[Any]:
    """The first cases are fast, the others are marked story."""
    return _marked(cases, fast, pytest.mark.story)


def _marked(cases: Iterable[Any], fast: int, mark: pytest.MarkDecorator) -> list[Any]:
    return [
        pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=() if number < fast else mark)
        for number, case in enumerate(cases)
    ]
