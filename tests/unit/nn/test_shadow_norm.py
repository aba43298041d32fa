"""Shadow batch norm: one norm for every number of paths, and nothing reaches the others."""

import pytest
import torch

from audionas.nn.shadow_norm import ShadowNorm

pytestmark = pytest.mark.numeric

MOST = 4


def drawn(*size, seed=0):
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def bank(**options):
    norm = ShadowNorm(3, MOST, **options).double()
    for i, one in enumerate(norm.norms):
        one.weight.data += 0.1 * (i + 1)
        one.bias.data += drawn(3, seed=i)
    return norm


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("active", range(1, MOST + 1))
def test_the_number_of_paths_picks_the_norm(active, training):
    norm, x = bank().train(training), drawn(5, 3, 2, 7)
    before = {name: tensor.clone() for name, tensor in norm.state_dict().items()}
    alone = torch.nn.BatchNorm2d(3).double().train(training)
    alone.load_state_dict(norm.of(active).state_dict())
    y = norm(x, active)
    assert torch.equal(y, alone(x))
    y.square().sum().backward()
    own = f"norms.{active - 1}."
    assert {n for n, p in norm.named_parameters() if p.grad is not None} == {f"{own}weight", f"{own}bias"}
    after = norm.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    statistics = {f"{own}{name}" for name in ("running_mean", "running_var", "num_batches_tracked")}
    assert changed == (statistics if training else set())


def test_a_single_norm_serves_all():
    norm = bank(single=True)
    assert len(norm.norms) == 1
    assert len({id(norm.of(active)) for active in range(1, MOST + 1)}) == 1


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("active", [0, MOST + 1])
def test_there_is_no_norm_for_other_numbers(active, single):
    with pytest.raises(AssertionError, match=f"a sum of {active} paths"):
        bank(single=single)(drawn(2, 3, 1, 4), active)


def test_a_sum_of_m_equal_paths_has_m_times_the_mean_and_m_squared_times_the_variance():
    """5.3; each norm of the bank therefore sees its own multiple, and all give the same."""
    norm, path = ShadowNorm(3, MOST).double(), 2 + drawn(50, 3, 4, 5)
    for one in norm.norms:
        one.momentum = None  # the running statistics are those of the one batch
        one.eps = 1e-12
    outputs = [norm(torch.stack([path] * m).sum(0), m) for m in range(1, MOST + 1)]
    first, *rest = norm.norms
    for m, one in enumerate(rest, 2):
        torch.testing.assert_close(one.running_mean, m * first.running_mean)
        torch.testing.assert_close(one.running_var, m**2 * first.running_var)
        torch.testing.assert_close(outputs[m - 1], outputs[0])


def test_the_statistics_of_a_single_norm_fit_no_number_of_paths():
    """After one batch of one path and one of four: means of 1 and 4 are kept as 2.5."""
    norm, path = ShadowNorm(3, MOST, single=True).double(), 2 + drawn(50, 3, 4, 5)
    norm.of(1).momentum = None
    for m in (1, MOST):
        norm(m * path, m)
    mean = path.mean((0, 2, 3))
    torch.testing.assert_close(norm.of(1).running_mean, (1 + MOST) / 2 * mean)
    shifts = [norm.eval()(m * path, m).mean((0, 2, 3)) for m in (1, MOST)]
    assert (shifts[0] < -0.3).all()
    assert (shifts[1] > 0.3).all()
