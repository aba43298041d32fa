"""A check of samples in memory: one-dimensional, floating-point or 16-bit, finite."""

from typing import Any

import numpy as np

from audionas.core.errors import UserError


def checked(samples: Any) -> np.ndarray:
    """Return (n,) samples in [-1, 1], or int16, as float32 in [-1, 1]. Raises UserError for anything else."""
    array = np.asarray(samples)
    if array.ndim != 1:
        raise UserError(f"expected a waveform (N,), got shape {array.shape}", hint="Give one channel.")
    if array.dtype != np.int16 and not np.issubdtype(array.dtype, np.floating):
        raise UserError(f"expected samples in [-1, 1] or int16, got {array.dtype}")
    if not np.isfinite(array).all():
        raise UserError("the waveform holds samples that are not finite numbers")
    scale = 32768.0 if array.dtype == np.int16 else 1.0
    return array.astype(np.float32) / np.float32(scale)
