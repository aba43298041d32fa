"""The recordings that a run reads: the `data` section of a config."""

import math
from dataclasses import dataclass
from typing import Literal

from audionas.core.errors import UserError
from audionas.core.strict import Strict


@dataclass(frozen=True, kw_only=True)
class Data(Strict):
    """Kaldi data directories, relative to the current folder or absolute.

    Clips are padded with zeros or cut to `seconds`. A clip that cannot be read, is far too loud, has changed
    since it was prepared, or whose sample rate differs from that of the features, stops the run
    (`on_bad: error`) or is left out with a note (`skip`); `keep` reads loud ones, cut at full scale, and
    changed ones. `resample` converts other rates. `labels` is a file with one label per line, by default
    `labels.txt` beside the training directory. `cache` holds decoded clips and features, by default
    `cache/` beside the training directory; `workers` processes compute them (default: one per
    core; the result does not depend on their number).

    In recordings with several `channels`, each channel is an example of its own, and the answer to a
    recording is the mean of the answers to its channels. With `balance: undersample` every epoch of training
    draws as many recordings of each class as the rarest has.
    """

    train: str = "data/train"
    dev: str = "data/dev"
    seconds: float = 1.0
    on_bad: Literal["error", "skip", "keep"] = "error"
    resample: bool = False
    labels: str = ""
    cache: str = ""
    workers: int | None = None
    channels: int = 1
    balance: Literal["none", "undersample"] = "none"

    def __post_init__(self) -> None:
        problems = []
        if not 0 < self.seconds < math.inf:
            problems.append(f"data.seconds is {self.seconds}, expected a positive length")
        if self.workers is not None and self.workers < 1:
            problems.append(f"data.workers is {self.workers}, expected at least 1")
        if self.channels < 1:
            problems.append(f"data.channels is {self.channels}, expected at least 1")
        if self.channels > 1 and (self.resample or self.on_bad != "error"):
            problems.append(f"data.channels above 1 excludes data.resample and data.on_bad: {self.on_bad}")
        if problems:
            raise UserError(problems)
