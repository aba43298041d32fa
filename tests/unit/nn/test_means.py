"""The mean of squeeze-and-excitation that streams: windows of blocks, of any phase in training."""

import pytest
import torch

from audionas.nn.means import BLOCKS, EndlessMean, RingMean, after_past, block_size
from audionas.nn.stream_means import Line, Ring, Tape


def wanted(x: torch.Tensor, size: int, phase: int) -> torch.Tensor:
    """Means (B, C, 1, T) over the current block and the seven before it, one frame after the other."""
    rows = []
    for t in range(x.shape[3]):
        first = max(0, ((t + phase) // size - BLOCKS + 1) * size - phase)
        rows.append(x[..., first : t + 1].mean((2, 3), keepdim=True))
    return torch.cat(rows, 3)


def image(frames: int) -> torch.Tensor:
    return torch.randn(2, 3, 4, frames, dtype=torch.float64, generator=torch.manual_seed(0))


@pytest.mark.parametrize("frames", [1, 7, 8, 98])
def test_a_clip_is_heard_as_before(frames: int) -> None:
    x = image(frames)
    assert torch.equal(RingMean().eval()(x), EndlessMean()(x))


def test_training_hears_every_phase() -> None:
    x, part, size = image(98), RingMean().train(), block_size(98)
    assert size == 13
    phases = [wanted(x, size, phase) for phase in range(size)]
    torch.manual_seed(0)
    found = set()
    for _ in range(100):
        y = part(x)
        near = [phase for phase, rows in enumerate(phases) if torch.allclose(y, rows, rtol=0, atol=1e-12)]
        assert near
        found.add(near[0])
    assert len(found) > size / 2  # phases that forget nothing within a clip are one


def test_with_a_past_the_window_is_still_one_clip() -> None:
    x, part = image(60), torch.nn.Sequential(RingMean()).eval()
    with after_past(part, 48, 120):  # a stride of two stands before it
        y = part(x)
    torch.testing.assert_close(y, wanted(x, 3, 0), rtol=0, atol=1e-12)
    assert torch.equal(part(x), EndlessMean()(x))


@pytest.mark.parametrize("chunk", [1, 5, 40])
def test_the_ring_is_the_same_mean(chunk: int) -> None:
    x, tape = image(40)[:1], Tape()
    ring, rows = Ring(tape, "mean", 17), []
    for part in torch.split(x, chunk, 3):
        tape.given, tape.kept = tape.kept, {}
        rows.append(ring(part))
    torch.testing.assert_close(torch.cat(rows, 3), wanted(x, 3, 0), rtol=0, atol=1e-12)
    assert tape.kept["mean"].shape == (1, 4, 1, BLOCKS)  # whatever the window
    empty = tape.kept
    tape.given, tape.kept = empty, {}
    assert ring(x[..., :0]).shape == (1, 3, 1, 0)
    assert torch.equal(tape.kept["mean"], empty["mean"])


@pytest.mark.parametrize("chunk", [1, 5, 40])
def test_a_ring_of_frames_is_the_mean_of_the_last_clip_and_forgets_exactly(chunk: int) -> None:
    x, rows = image(40)[:1], {}
    for name, before in (("silence", 0.0), ("noise", 1e9)):
        tape = Tape()
        line = Line(tape, "mean", 17)
        tape.kept = {"mean": torch.full((1, 3, 1, line.past), before, dtype=torch.float64)}
        found = []
        for part in torch.split(x, chunk, 3):
            tape.given, tape.kept = tape.kept, {}
            found.append(line(part))
        rows[name] = torch.cat(found, 3)
    assert tape.kept["mean"].shape == (1, 3, 1, 16)
    for t in range(40):
        mean = x[..., max(0, t - 16) : t + 1].mean(2).sum(2) / 17
        torch.testing.assert_close(rows["silence"][..., 0, t], mean, rtol=0, atol=1e-12)
    torch.testing.assert_close(rows["silence"][..., 16], EndlessMean()(x)[..., 16])  # a whole clip
    assert torch.equal(rows["noise"][..., 16:], rows["silence"][..., 16:])
    assert not torch.equal(rows["noise"][..., :16], rows["silence"][..., :16])
