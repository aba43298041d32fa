"""Average viable recall, by which `train.select` keeps weights and a searcher may choose networks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from audionas.config import Config
from audionas.core.errors import UserError
from audionas.core.reporter import Reporter
from audionas.data.labels import is_background
from audionas.engine.viable_recall import above, average_viable_recall
from audionas.inputs.ambience import Ambience, open_ambience
from audionas.inputs.audio import ClipInputs
from audionas.inputs.split import Inputs

_SELECT = "train.select: average_viable_recall"
_OFF = "Or leave train.select empty."
Net = Callable[[Tensor], Tensor]  # features to logits


@dataclass(frozen=True)
class Viable:
    """The recall of the class at index `word` on development clips, against false accepts on `ambience`."""

    inputs: ClipInputs
    ambience: Ambience
    word: int

    @property
    def facts(self) -> Mapping[str, str]:
        """The facts that must be equal for a run to resume bit for bit, besides the config."""
        return {"ambience": f"{self.ambience.fingerprint[:12]} every {self.ambience.hop} frames"}

    def told(
        self, net: Net, scores: np.ndarray, targets: np.ndarray, device: torch.device
    ) -> dict[str, float]:
        """The figure, for a log, of a network in evaluation mode that gave the development clips `scores` (n,
        classes); their classes are `targets` (n,). A false accept is a window whose score is above a cutoff.
        """
        own = scores[targets == self.word, self.word]
        recall = above(own) / len(own)
        rate = above(self._ambient(net, device)) / self.ambience.hours
        return {"valid_average_viable_recall": average_viable_recall(recall, rate)}

    def _ambient(self, net: Net, device: torch.device) -> np.ndarray:
        """The scores of the word in every window of the ambience."""
        found = []
        with torch.inference_mode():
            for batch in self.ambience.batches():
                x = self.inputs.ready(torch.from_numpy(batch).to(device), None, final=False)
                found.append(net(x).float().softmax(1)[:, self.word].cpu().numpy())
        return np.concatenate(found)


def find(conf: Config, inputs: Inputs, reporter: Reporter) -> Viable | None:
    """The judge of weights, if the config asks for one. Raises UserError where it cannot be measured."""
    return opened(conf, inputs, reporter, _SELECT, _OFF) if conf.train.select else None


def opened(conf: Config, inputs: Inputs, reporter: Reporter, what: str, otherwise: str) -> Viable:
    """The judge that `what` in the config asks for. Raises UserError where it cannot be measured, which says
    what to do `otherwise`.
    """
    if not isinstance(inputs, ClipInputs) or inputs.channels > 1:
        raise UserError(f"{what} is for recordings of one channel", hint=otherwise)
    words = [label for label in inputs.labels if not is_background(label)]
    problems = []
    if len(words) != 1:
        problems.append(
            f"{what} is for one word, and the labels are {', '.join(inputs.labels)}: several words share the "
            "false accepts of an hour, and have thresholds of their own"
        )
    elif not (inputs.dev.targets == inputs.labels.index(words[0])).any():
        problems.append(f"{what}: {conf.data.dev} has no clips of '{words[0]}'")
    if len(inputs.labels) == len(words):
        problems.append(f"{what} needs a label for other sounds, which begins with _, for example _other_")
    if not conf.data.ambient:
        problems.append(f"{what} needs data.ambient, continuous audio without the word, and it is empty")
    if problems:
        raise UserError(problems, hint=f"Set data.ambient=DIR, for example data/dev_long. {otherwise}")
    ambience = open_ambience(conf.data, inputs, words[0], reporter)
    return Viable(inputs, ambience, inputs.labels.index(words[0]))
