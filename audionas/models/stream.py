"""A bundle as a step: one hop of samples or frames and the states in, scores and the next states out."""

import math
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from audionas.core.errors import UserError
from audionas.cost.memory import memory
from audionas.features import build
from audionas.models.bundle import KeywordModel, ModelBundle
from audionas.models.hops import HopListener, States
from audionas.nn.streaming import Pooling, Step

Input = Literal["waveform", "frames"]


class StreamStep(nn.Module):
    """`step(samples, sound, *states)` to (scores, sound, *states): a pure function.

    `samples` are (1, n * hop_samples) in [-1, 1], `sound` (1, tail) the samples before them; with the input
    `frames` there is no `sound`, and the first input is (1, 1, F, n * hop) frames. `scores` are (n, classes)
    probabilities. The states, including `sound`, have `names` and `shapes` and are zeros at the start.

    The first `warm_up` scores are computed before a whole clip was heard. From number `settled` on no score
    depends on the start (with an exponential mean: by more than an eighth); None where it is never forgotten.
    Raises UserError for an image model, a network that looks ahead, and for samples where no file can hold
    the front-end.
    """

    def __init__(self, bundle: ModelBundle, *, input: Input = "waveform", pool: Pooling = "window") -> None:
        super().__init__()
        model = bundle.network()
        if not isinstance(model, KeywordModel):
            raise UserError("an image model has nothing to stream", hint="Train a sound model.")
        ears = model.front_end
        if input == "waveform" and ears.foreign:
            raise UserError(
                f"no file can hold the front-end {ears.settings['front_end'].lower()}, computed by a library",
                hint="Export a file that takes features: --input frames",
            )
        self.input, self.sample_rate = input, ears.sample_rate
        self.step = Step(model.net, bundle.spec.io, pool)
        self.normalize, self.front_end = model.normalize, ears if input == "waveform" else None
        self.hop, self.hop_samples = self.step.hop, self.step.hop * ears.hop
        sound = {"sound": (1, ears.tail)} if input == "waveform" else {}
        states = {**sound, **dict(zip(self.step.names, self.step.shapes, strict=True))}
        self.names, self.shapes = tuple(states), tuple(states.values())
        lead = 0 if ears.foreign else ears.lead
        self.warm_up = math.ceil((bundle.spec.io.frames + lead) / self.hop) - 1
        known = self.step.field
        fading = (self.step.window - 1) * self.hop if self.step.fades else 0
        self.settled = None if known is None else math.ceil((known + fading + lead) / self.hop)
        self.memory = memory(known, self.step.fades, self.hop, ears)
        self.eval()

    def forward(self, part: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """Return scores and the states for the next call."""
        kept: tuple[Tensor, ...] = ()
        if self.front_end is not None:
            sound = torch.cat((states[0], part), 1)
            part, kept = self.front_end.frames(sound), (sound[:, -self.front_end.tail :],)
        logits, *rest = self.step(self.normalize(part), *states[len(kept) :])
        return logits[0].softmax(1), *kept, *rest

    def start(self) -> tuple[Tensor, ...]:
        """The states of silence: zeros."""
        return tuple(torch.zeros(shape) for shape in self.shapes)

    def example(self, hops: int = 1) -> Tensor:
        """Silence of so many hops: (1, hops * hop_samples) samples, or (1, 1, F, hops * hop) frames."""
        if self.front_end is not None:
            return torch.zeros(1, hops * self.hop_samples)
        return torch.zeros(1, 1, self.normalize.mean.shape[2], hops * self.hop)


class TorchStream(HopListener):
    """The model itself, in torch, as a listener."""

    most = 64  # hops in one call: much faster for long audio

    def __init__(self, bundle: ModelBundle, pool: Pooling = "window") -> None:
        ears = None if bundle.features is None else build(bundle.features)
        self.frames = ears.stream() if ears is not None and ears.foreign else None
        self.module = StreamStep(bundle, input="frames" if self.frames else "waveform", pool=pool)
        self.width = self.module.hop if self.frames else self.module.hop_samples
        self.labels, self.sample_rate = bundle.labels, self.module.sample_rate
        self.hop, self.warm_up = self.module.hop_samples, self.module.warm_up
        self.reset()

    def start(self) -> States:
        """The states of silence."""
        return [state.numpy() for state in self.module.start()]

    def run(self, part: np.ndarray, states: States) -> tuple[np.ndarray, States]:
        """Run several hops at once."""
        with torch.inference_mode():
            scores, *after = self.module(torch.from_numpy(part), *map(torch.from_numpy, states))
        return scores.numpy(), [state.numpy() for state in after]
