"""Freq-MixStyle as a law: statistics become mixtures of the batch's, everything else of a clip stays."""

import numpy as np
import pytest
import torch

from audionas.core.errors import UserError
from audionas.core.rng import torch_rng
from audionas.features import SpecAugment, freq_mix_style, styled

pytestmark = pytest.mark.numeric

B, F, T = 12, 9, 50


def batch() -> torch.Tensor:
    """Clips of very different levels and spreads, frequency by frequency; doubles."""
    rng = torch_rng("mix style")
    level, spread = (torch.rand(B, 1, F, 1, generator=rng, dtype=torch.float64) * 5 + 0.5 for _ in range(2))
    return level + spread * torch.randn(B, 1, F, T, generator=rng, dtype=torch.float64)


def statistics(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return x.mean((1, 3)), x.std((1, 3))


def mixed(x: torch.Tensor, p: float = 1.0, alpha: float = 0.3, seed: int = 0) -> torch.Tensor:
    return freq_mix_style(x, p, alpha, torch_rng("draws", seed))


def test_each_clip_gets_one_share_of_its_own_statistics_and_the_rest_of_one_other() -> None:
    x = batch()
    before = x.clone()
    y = mixed(x)
    (mean, deviation), (new_mean, new_deviation) = statistics(x), statistics(y)
    partners = []
    for i in range(B):
        fits = []
        for j in range(B):
            step = mean[j] - mean[i]
            share = float((new_mean[i] - mean[i]) @ step / (step @ step)) if j != i else 0.0  # 1 - lambda
            told = [(1 - share) * s[i] + share * s[j] for s in (mean, deviation)]
            close = [
                torch.allclose(a, b, atol=1e-4)
                for a, b in zip(told, (new_mean[i], new_deviation[i]), strict=True)
            ]
            if all(close) and -1e-6 <= share <= 1 + 1e-6:
                fits.append(j)
        assert fits, f"clip {i}: no partner explains its statistics"
        partners.append(fits[-1] if len(fits) == 1 else i)
    moved = [i for i in range(B) if partners[i] != i]
    assert len(moved) > B // 2
    assert len({partners[i] for i in moved}) == len(moved), "partners are a permutation"
    assert torch.equal(x, before)


def test_what_is_left_after_normalising_stays() -> None:
    """Content, and with it the class, is untouched: clip i of the output is clip i of the input."""
    x = batch()
    y = mixed(x)
    plain = [(z - z.mean((1, 3), keepdim=True)) / z.std((1, 3), keepdim=True) for z in (x, y)]
    torch.testing.assert_close(*plain, atol=1e-4, rtol=0)


def test_with_a_share_of_one_nothing_changes_and_with_none_a_clip_has_the_others_statistics() -> None:
    x = batch()
    partner = torch.arange(B).roll(1)
    whole, none = (styled(x, torch.full((B,), share, dtype=x.dtype), partner) for share in (1.0, 0.0))
    torch.testing.assert_close(whole, x, rtol=0, atol=1e-12)
    for mine, theirs in zip(statistics(none), statistics(x), strict=True):
        torch.testing.assert_close(mine, theirs.roll(1, 0), rtol=1e-5, atol=1e-5)
    own = styled(x, torch.rand(B, dtype=x.dtype), torch.arange(B))
    torch.testing.assert_close(own, x, rtol=0, atol=1e-12)


def test_each_frequency_of_a_clip_follows_the_equation() -> None:
    """Number by number, as the paper writes it; the variances are those of a sample, plus 1e-6."""
    x, share = batch(), torch.linspace(0, 1, B, dtype=torch.float64)
    partner = torch.arange(B).flip(0)
    found = styled(x, share, partner).numpy()
    for i in range(B):
        for f in range(F):
            mine, other = x[i, 0, f].numpy(), x[partner[i], 0, f].numpy()
            sigma, other_sigma = (np.sqrt(np.var(row, ddof=1) + 1e-6) for row in (mine, other))
            gamma = share[i].item() * sigma + (1 - share[i].item()) * other_sigma
            beta = share[i].item() * mine.mean() + (1 - share[i].item()) * other.mean()
            np.testing.assert_allclose(
                found[i, 0, f], gamma * (mine - mine.mean()) / sigma + beta, atol=1e-10
            )


def test_off_is_the_identity_and_draws_nothing() -> None:
    x, generator = batch(), torch_rng(1)
    before = generator.get_state()
    assert freq_mix_style(x, 0.0, 0.3, generator) is x
    assert torch.equal(generator.get_state(), before)


def test_it_is_a_function_of_the_seed() -> None:
    x = batch()
    assert torch.equal(mixed(x, seed=3), mixed(x, seed=3))
    assert not torch.equal(mixed(x, seed=3), mixed(x, seed=4))
    torch.manual_seed(5)
    first = freq_mix_style(x, 1.0, 0.3)
    torch.manual_seed(5)
    assert torch.equal(freq_mix_style(x, 1.0, 0.3), first)


def test_a_batch_is_mixed_with_the_probability() -> None:
    x = batch()
    share = np.mean([not torch.equal(mixed(x, 0.4, seed=seed), x) for seed in range(500)])
    assert share == pytest.approx(0.4, abs=0.06)


def test_alpha_says_how_even_the_shares_are() -> None:
    """A large alpha mixes half and half, a small one keeps a clip or swaps it."""
    x = torch.arange(2.0, dtype=torch.float64).reshape(2, 1, 1, 1) * 10 + batch()[:2, :, :1]
    x = x - x.mean(3, keepdim=True) + torch.tensor([0.0, 10.0]).reshape(2, 1, 1, 1)

    def levels(alpha: float) -> np.ndarray:
        return np.concatenate([mixed(x, alpha=alpha, seed=s).mean((1, 2, 3)).numpy() for s in range(200)])

    kept = (levels(0.01) % 10 < 0.5) | (levels(0.01) % 10 > 9.5)
    assert kept.mean() > 0.9
    between = levels(1000.0)
    between = between[(between > 1e-3) & (between < 10 - 1e-3)]  # partners of themselves stay
    assert len(between) > 100
    assert np.abs(between - 5).max() < 1


def test_statistics_of_the_data_may_be_taken_off_before_or_after() -> None:
    x = batch()
    mean, std = torch.randn(1, 1, F, 1, dtype=torch.float64), torch.rand(1, 1, F, 1, dtype=torch.float64) + 1
    torch.testing.assert_close(mixed((x - mean) / std), (mixed(x) - mean) / std, atol=1e-4, rtol=1e-4)


def test_a_masked_frequency_gives_finite_features() -> None:
    x = batch()
    x[0, :, 2] = 0.0
    assert torch.isfinite(mixed(x)).all()


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"mix_style": 1.5}, "mix_style: 1.5 is above 1"), ({"mix_alpha": 0.0}, "mix_alpha: 0, expected")],
)
def test_impossible_settings_are_refused(settings: dict, words: str) -> None:
    with pytest.raises(UserError, match=words):
        SpecAugment(**settings)
