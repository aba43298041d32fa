"""Which recordings a run reads: the `data` section of a config."""

import math
from dataclasses import dataclass
from typing import Literal

from audionas.core.errors import UserError
from audionas.core.strict import Strict


@dataclass(frozen=True, kw_only=True)
class Data(Strict):
    """Kaldi data directories, relative to the current folder or absolute.

    Clips are padded with zeros or cut to `seconds`. A clip that cannot be read or has another
    sample rate than the features' stops the run (`on_bad: error`) or is left out with a note
    (`skip`); `resample` converts other rates. `labels` is a file of one label a line, by default
    `labels.txt` beside the training directory. `cache` holds decoded clips and features, by default
    `cache/` beside the training directory.
    """

    train: str = "data/train"
    dev: str = "data/dev"
    seconds: float = 1.0
    on_bad: Literal["error", "skip"] = "error"
    resample: bool = False
    labels: str = ""
    cache: str = ""

    def __post_init__(self) -> None:
        if not 0 < self.seconds < math.inf:
            raise UserError(f"data.seconds is {self.seconds}, expected a positive length")
