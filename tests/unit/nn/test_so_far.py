"""The mean over all frames so far, in float32: exact at first, and never stuck after days."""

import numpy as np
import pytest
import torch
from torch import Tensor

from audionas.nn.stream_means import MOST, SoFar, Tape

pytestmark = pytest.mark.numeric


def told(x: Tensor, state: Tensor, chunk: int) -> tuple[Tensor, Tensor]:
    """Means (C, T) of frames (C, T) after a state (C + 1,), in chunks, and the state at the end."""
    tape = Tape()
    part = SoFar(tape, "mean")
    kept, means = state.to(x.dtype)[None, :, None, None], []
    for frames in torch.split(x, chunk, 1):
        tape.given = {"mean": kept}
        means.append(part(frames[None, :, None])[0, :, 0])
        kept = tape.kept["mean"]
    return torch.cat(means, 1), kept.flatten()


def heard(frames: int, channels: int = 3) -> Tensor:
    """What follows an activation: many zeros, else of any size; the last channel never changes."""
    x = torch.randn(channels, frames, generator=torch.manual_seed(0)).clamp(min=0)
    x[-1] = 0.1
    return x


@pytest.mark.parametrize(("chunk", "frames"), [(1, 5000), (16, MOST), (999, MOST)])
def test_until_its_count_is_full_it_is_the_mean_of_all(chunk: int, frames: int) -> None:
    x = heard(frames)
    means, state = told(x, torch.zeros(4), chunk)
    wanted = x.double().cumsum(1) / torch.arange(1, frames + 1)
    torch.testing.assert_close(means.double(), wanted, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(means[-1], x[-1], rtol=3e-7, atol=0)  # 46 hours of sums in float32: 15 %
    assert state[-1] == frames


def test_after_that_the_past_fades() -> None:
    start, x = torch.tensor([0.5, 0.2, 0.1, MOST]), heard(300).double()
    means, state = told(x, start, 1)
    wanted = start[:3].double()
    for frame in range(300):
        wanted = wanted + (x[:, frame] - wanted) / (MOST + 1)
        torch.testing.assert_close(means[:, frame], wanted, rtol=0, atol=1e-12)
    assert state[-1] == MOST


@pytest.mark.laws
def test_days_later_float32_says_what_float64_says() -> None:
    """However far the count once was: 2^24 is where float32 would stop counting."""
    x = heard(6000)
    for count in (MOST, 2**24 - 1, 2**24):
        start = torch.tensor([0.4, 0.4, 0.1, count])
        found, state = told(x, start, 1)
        wanted, _ = told(x.double(), start, 1)
        torch.testing.assert_close(found.double(), wanted, rtol=6000 * 2**-24, atol=0)  # a rounding a frame
        assert state[-1] == MOST


@pytest.mark.laws
@pytest.mark.parametrize("level", [0.0, 0.101, 0.15, 30.0])
def test_it_never_sticks_far_from_what_lasts(level: float) -> None:
    """A new level, of which every single frame moves the mean by next to nothing."""
    means, _ = told(torch.full((1, 12 * MOST), level), torch.tensor([0.1, MOST]), 64)
    assert means[0, -1] == pytest.approx(level, rel=2**-8, abs=1e-5)
    reached = means[0, MOST - 1].item()
    assert reached == pytest.approx(level + (0.1 - level) / np.e, rel=2**-7)
