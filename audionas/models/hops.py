"""A listener that works hop by hop: gather samples until a hop is complete, then run one step."""

from abc import abstractmethod

import numpy as np
import torch

from audionas.features import FrameStream
from audionas.models.listener import Listener
from audionas.models.samples import checked
from audionas.models.scores import probabilities

States = list[np.ndarray]


class HopListener(Listener):
    """A runtime's step function with its states. Subclasses set the attributes below and those of Listener,
    then call `reset`.

    One step takes `width` samples or, where `frames` runs the front-end, that many frames; one call takes at
    most `most` steps, and whole multiples of `every`.
    """

    width: int
    frames: FrameStream | None
    most = 1

    @abstractmethod
    def start(self) -> States:
        """The states of silence."""

    @abstractmethod
    def run(self, part: np.ndarray, states: States) -> tuple[np.ndarray, States]:
        """Map samples (1, n * width) or frames (1, 1, F, n * width) and the states to scores (n, classes)
        and the next states.
        """

    def reset(self) -> None:
        """Forget everything heard."""
        self.states = self.start()
        self.waiting: list[np.ndarray] = []
        if self.frames is not None:
            self.frames.reset()

    def step(self, samples: np.ndarray) -> np.ndarray:
        """Take a step as in Listener; int16 is also accepted. Raises UserError unless given a
        waveform, and where what comes out is no probability.
        """
        heard = checked(samples)
        part = heard if self.frames is None else self.frames.step(torch.from_numpy(heard)).numpy()
        part = np.concatenate([*self.waiting, part[None]], -1)
        hops, rows = part.shape[-1] // self.width, [np.zeros((0, len(self.labels)), np.float32)]
        hops -= hops % self.every
        for at in range(0, hops, self.most):
            taken = slice(at * self.width, min(at + self.most, hops) * self.width)
            scores, self.states = self.run(np.ascontiguousarray(part[..., taken]), self.states)
            rows.append(probabilities(scores, len(self.labels), self.source))
        self.waiting = [part[..., hops * self.width :].copy()]
        return np.concatenate(rows)
