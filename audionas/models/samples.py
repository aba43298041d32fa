"""A check of samples in memory: one-dimensional, floating-point or 16-bit, finite, not far too loud."""

from typing import Any

import numpy as np

from audionas.core.errors import UserError
from audionas.data.audio import LOUDEST


def checked(samples: Any) -> np.ndarray:
    """Return (n,) samples in [-1, 1], or int16, as float32 in [-1, 1]. Raises UserError for anything else."""
    array = np.asarray(samples)
    if array.ndim != 1:
        raise UserError(f"expected a waveform (N,), got shape {array.shape}", hint="Give one channel.")
    if array.dtype != np.int16 and not np.issubdtype(array.dtype, np.floating):
        raise UserError(f"expected samples in [-1, 1] or int16, got {array.dtype}")
    if not np.isfinite(array).all():
        raise UserError("the waveform holds samples that are not finite numbers")
    peak = float(np.abs(array).max(initial=0)) if array.dtype != np.int16 else 0.0
    if peak > LOUDEST:
        raise UserError(
            f"the waveform reaches {peak:.6g}, but full scale is 1",
            hint="Give 16-bit samples as int16, or divide them by 32768.",
        )
    scale = 32768.0 if array.dtype == np.int16 else 1.0
    return array.astype(np.float32) / np.float32(scale)
