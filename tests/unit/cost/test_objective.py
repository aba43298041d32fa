"""The cost penalty: nothing below a target, a gradient that does not depend on the unit."""

import pytest
import torch

from audionas.core.errors import UserError
from audionas.cost.objective import CostPenalty


def gradient(conf, value):
    cost = torch.tensor(value, requires_grad=True)
    conf.penalty(cost).backward()
    return cost.grad.item()


def test_nothing_below_the_target_and_rising_above():
    conf = CostPenalty(weight=2.0, target=100.0)
    assert [conf.penalty(torch.tensor(c)).item() for c in (50.0, 100.0, 150.0)] == [0.0, 0.0, 1.0]
    assert gradient(conf, 50.0) == 0.0
    assert gradient(conf, 150.0) == pytest.approx(2.0 / 100.0)


@pytest.mark.parametrize("value", [0.5, 3.0, 1e7])
def test_the_unit_does_not_matter(value):
    """d penalty / d log cost is the same in MACs and in millions of MACs."""
    free = CostPenalty(weight=0.3)
    aimed, aimed_kilo = (
        CostPenalty(weight=0.3, target=value / 2),
        CostPenalty(weight=0.3, target=value / 2000),
    )
    assert gradient(free, value) * value == pytest.approx(0.3)
    assert gradient(aimed, value) * value == pytest.approx(gradient(aimed_kilo, value / 1000) * value / 1000)


def test_weight_zero_is_off():
    assert CostPenalty().penalty(torch.tensor(5.0)).item() == 0.0
    assert CostPenalty(target=1.0).penalty(torch.tensor(5.0)).item() == 0.0


def test_all_faults_at_once():
    with pytest.raises(UserError) as caught:
        CostPenalty(weight=-1.0, target=0.0)
    assert [problem.split()[0] for problem in caught.value.problems] == ["cost.weight", "cost.target"]
