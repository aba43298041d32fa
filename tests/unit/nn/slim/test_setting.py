"""A setting: its choice, and the value that gates name or leave open."""

import pytest
import torch

from audionas.nn.edge import Gate, Gates
from audionas.nn.slim.setting import Setting

WIDTH = Setting("width", (8, 16, 24))


def test_its_options_are_the_numbers_as_text() -> None:
    assert WIDTH.choice.name == "width"
    assert WIDTH.choice.options == ("8", "16", "24")


@pytest.mark.parametrize(("active", "value"), [((0,), 8), ((1,), 16), ((0, 1), 24), (None, 24)])
def test_the_dearest_where_gates_leave_it_open(active: tuple[int, ...] | None, value: int) -> None:
    assert WIDTH.of(Gates({"width": Gate(torch.ones(3), active)})) == value
    assert WIDTH.of(Gates({})) == 24
