"""Numbers of a config that no setting has are found wherever they are."""

import math

from audionas.core.faults import beyond


def test_every_number_has_an_end() -> None:
    value: dict[str, object] = {
        "lr": 10**400,
        "list": [1, -1e300],
        "inner": {"epochs": 10**15 + 1},
        "most": 10**15,
        "open": math.inf,
    }
    assert [line.partition(": ")[0] for line in beyond(value, ("train",))] == [
        *("train.lr", "train.list.1", "train.inner.epochs"),
    ]
    assert "at most 1,000,000,000,000,000" in next(beyond(value, ()))


def test_some_end_earlier_and_seeds_never() -> None:
    assert list(beyond({"workers": 4096, "seed": 10**30, "seeds": [10**30]}, ("search",))) == []
    assert len(list(beyond({"workers": 4097}, ("search",)))) == 1
    assert len(list(beyond({"width": 1e5}, ("space",)))) == 1
