"""Impossible lengths, shares and averages are refused when a config is read, each with its key."""

from typing import Any

import pytest

from audionas.core.errors import UserError
from audionas.engine.conf import Search, Train


@pytest.mark.parametrize(
    ("kind", "values", "key"),
    [
        *(
            (kind, {key: value}, key)
            for kind in (Search, Train)
            for key in ("epochs", "batch_size")
            for value in (0, -3)
        ),
        *((kind, {"workers": -1}, "workers") for kind in (Search, Train)),
        *((kind, {"dropout": value}, "dropout") for kind in (Search, Train) for value in (-0.1, 1.5)),
        *(
            (kind, {"label_smoothing": value}, "label_smoothing")
            for kind in (Search, Train)
            for value in (-0.1, 1.5)
        ),
        *((Search, {"split": value}, "split") for value in (0.0, 1.0, -1.0, float("nan"))),
        *((Train, {"ema": value}, "ema") for value in (0.0, 1.0, 1.5, float("nan"))),
        *((kind, {key: -1}, key) for kind in (Search, Train) for key in ("layers", "channels")),
        *((Train, {"auxiliary": value}, "auxiliary") for value in (-0.4, float("inf"), float("nan"))),
        *((Train, {"drop_path": value}, "drop_path") for value in (-0.1, 1.0, float("nan"))),
        (Train, {"average": -1}, "average"),
        (Train, {"patience": -1}, "patience"),
        (Train, {"average": 3, "ema": 0.99}, "average"),
        (Train, {"average": 3, "patience": 2}, "average"),
    ],
    ids=str,
)
def test_impossible_values_name_their_key(kind: type, values: dict[str, Any], key: str) -> None:
    with pytest.raises(UserError, match=rf"{kind.__name__.lower()}\.{key}"):
        kind(**values)


def test_several_impossible_values_are_told_together() -> None:
    with pytest.raises(UserError) as caught:
        Train(epochs=0, batch_size=0)
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"ema": 0.999, "patience": 3},
        {"average": 5},
        {"dropout": 0.0, "workers": 2},
        {"auxiliary": 0.4, "drop_path": 0.2},
    ],
)
def test_possible_values_are_taken(values: dict[str, Any]) -> None:
    Train(**values)
