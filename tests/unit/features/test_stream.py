"""Front-ends fed in chunks: the frames of the clip, whatever the chunks."""

from typing import Any

import pytest
import torch

from audionas.features import Features, FeatureStream, FrontEnd, build
from tests._close import close
from tests.unit.features.test_frontends import ALL, speech_like

pytestmark = pytest.mark.numeric
CONFS = [
    *(Features(name=name, preset=preset) for name, preset in ALL),
    Features(preset="tc_resnet", hop_ms=7.3),  # a window of hops and a part of one
    Features(preset="tc_resnet", window_ms=8.0),  # windows that leave samples out
    Features(preset="bc_resnet", name="logmel", hop_ms=7.3),
]
SAMPLES = 12_345


def told(stream: FeatureStream, wave: torch.Tensor, *chunks: int) -> torch.Tensor:
    parts, at, turn = [], 0, 0
    while at < len(wave):
        size = chunks[turn % len(chunks)]
        parts.append(stream.step(wave[at : at + size]))
        at, turn = at + size, turn + 1
    return torch.cat(parts, 2)


@pytest.fixture(params=range(len(CONFS)), ids=lambda n: f"{CONFS[n].preset}{n}")
def front_end(request: pytest.FixtureRequest) -> FrontEnd:
    return build(CONFS[request.param])


def inside(front_end: FrontEnd, wave: torch.Tensor) -> torch.Tensor:
    """The frames of the clip whose window lies inside it, (1, F, T)."""
    mel: Any = getattr(front_end, "mel", front_end)
    frames = front_end(wave[None])[0]
    before = mel.n_fft // 2 - (mel.n_fft - mel.window) // 2 if mel.center else 0
    starts = torch.arange(frames.shape[2]) * mel.hop - before
    return frames[..., (starts >= 0) & (starts + mel.window <= len(wave))]


def test_the_stream_gives_the_frames_of_the_clip(front_end: FrontEnd) -> None:
    wave = speech_like(1, SAMPLES)[0]
    stream = front_end.stream()
    assert isinstance(stream, FeatureStream)
    found = told(stream, wave, 997, 1, 40, 0, 3000)
    assert found.shape[2] == SAMPLES // front_end.hop  # one for every hop
    wanted = inside(front_end, wave)
    found = found[..., stream.lead :]
    assert 0 <= wanted.shape[2] - found.shape[2] <= 1  # the stream waits for a hop to be whole
    close(found, wanted[..., : found.shape[2]])


def test_chunks_of_any_length_give_the_same(front_end: FrontEnd) -> None:
    wave = speech_like(1, SAMPLES)[0]
    whole = told(front_end.stream(), wave, SAMPLES)
    for chunks in ((front_end.hop,), (1, 777), (3001, 0, 13)):
        found = told(front_end.stream(), wave, *chunks)
        close(found, whole)


def test_a_reset_stream_is_a_new_one(front_end: FrontEnd) -> None:
    wave = speech_like(1, SAMPLES)[0]
    stream = front_end.stream()
    before = told(stream, wave, 500)
    stream.reset()
    assert torch.equal(told(stream, wave, 500), before)


def test_a_chunk_that_completes_no_frame_gives_none(front_end: FrontEnd) -> None:
    stream = front_end.stream()
    height, _ = front_end.shape(SAMPLES)
    assert stream.step(torch.zeros(front_end.hop - 1)).shape == (1, height, 0)
    assert stream.step(torch.zeros(1)).shape == (1, height, 1)
