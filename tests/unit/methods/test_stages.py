"""Laws of shares of a search: at the papers' lengths they are the papers' epochs, at others never all."""

import dataclasses

import pytest

from audionas.core.registry import names, resolve
from audionas.methods import whole
from audionas.methods.pc_darts import PcDarts
from audionas.methods.proxyless_nas import ProxylessNas


def test_no_method_counts_epochs() -> None:
    """A number of epochs has a meaning for searches of one length only: schedules are shares of a search."""
    for name in names("method"):
        fields = dataclasses.fields(resolve("method", name))
        assert not [field.name for field in fields if "epoch" in field.name], name


@pytest.mark.parametrize(
    ("share", "epochs", "rests"),
    [
        (ProxylessNas().warmup, 160, 40),
        (PcDarts().warmup, 50, 15),
        (0.7, 50, 35),
        (0.4, 25, 10),
        (0.29, 100, 29),
    ],
)
def test_the_papers_epochs_are_exact(share: float, epochs: int, rests: int) -> None:
    assert whole(share, epochs) == rests


@pytest.mark.parametrize("share", [0.0, 0.25, 0.3, 0.5, 0.99])
def test_something_of_every_search_is_left(share: float) -> None:
    assert all(0 <= whole(share, epochs) < epochs for epochs in range(1, 400))
