"""Recentring: the probabilities of what was not touched stay, the touched keep their proportions."""

import itertools

import pytest
import torch

from audionas.methods._recentre import recentre

pytestmark = pytest.mark.numeric

SUBSETS = [s for n in range(1, 5) for s in itertools.combinations(range(5), n)]


def two(seed):
    rng = torch.Generator().manual_seed(seed)
    before, after = torch.randn(2, 5, generator=rng, dtype=torch.double)
    return before, after


@pytest.mark.parametrize("touched", SUBSETS)
def test_other_probabilities_stay_and_the_touched_share_their_mass_as_the_step_says(touched):
    before, after = two(len(touched))
    logits = after.clone()
    recentre(before, logits, touched)
    index = list(touched)
    others = [i for i in range(5) if i not in touched]
    assert torch.equal(logits[others], before[others])
    then, now = before.softmax(0), logits.softmax(0)
    torch.testing.assert_close(now[others], then[others], rtol=0, atol=1e-15)
    torch.testing.assert_close(now[index].sum(), then[index].sum(), rtol=0, atol=1e-15)
    torch.testing.assert_close(logits[index].softmax(0), after[index].softmax(0), rtol=0, atol=1e-15)


def test_it_is_the_printed_form_of_drop_nas():
    """k = log(rho / (1 - rho) * sum over dropped exp(alpha) / sum over kept exp(alpha'))."""
    before, after = two(7)
    kept, dropped = [0, 2, 3], [1, 4]
    rho = before.softmax(0)[kept].sum()
    shift = torch.log(rho / (1 - rho) * before[dropped].exp().sum() / after[kept].exp().sum())
    logits = after.clone()
    recentre(before, logits, kept)
    torch.testing.assert_close(logits[kept], after[kept] + shift)


def test_without_restoring_the_others_keep_what_moved_them():
    before, after = two(8)
    logits = after.clone()
    recentre(before, logits, (1, 2), restore=False)
    assert torch.equal(logits[[0, 3, 4]], after[[0, 3, 4]])
    torch.testing.assert_close(logits[1:3].exp().sum(), before[1:3].exp().sum())


def test_all_touched_is_left_as_it_is_and_none_touched_restores_all():
    before, after = two(9)
    logits = after.clone()
    recentre(before, logits, range(5))
    assert torch.equal(logits, after)
    recentre(before, logits, ())
    assert torch.equal(logits, before)


def test_large_logits_do_not_overflow():
    before, logits = torch.tensor([900.0, -900.0, 0.0]), torch.tensor([901.0, -900.0, 5.0])
    recentre(before, logits, (0, 1))
    assert torch.equal(logits, torch.tensor([900.0, -901.0, 0.0]))
