"""The faults of the arrays of a table file."""

from collections.abc import Mapping

import numpy as np


def problems_of(arrays: Mapping[str, np.ndarray], key: str, shape: tuple[int | None, ...]) -> list[str]:
    """The faults of an array: missing, of another shape, not numbers, or impossible numbers."""
    if key not in arrays:
        return [f"{key}: missing"]
    found = arrays[key]
    told = ", ".join("any" if size is None else str(size) for size in shape)
    fits = len(found.shape) == len(shape) and all(
        want in (None, have) for want, have in zip(shape, found.shape, strict=True)
    )
    if found.dtype.kind not in "fiu" or not fits or not found.size:
        return [f"{key}: {found.dtype} {found.shape}, expected numbers ({told})"]
    limit = 100.0 if "_acc" in key else np.finfo(np.float64).max
    possible = (found >= 0) & (found <= limit)
    if key.endswith("_seeds"):
        absent = np.isnan(found)
        possible = (possible | absent) & ~absent.all(1, keepdims=True)
    bad = ~possible.reshape(len(found), -1).all(1)
    count, first = int(bad.sum()), int(bad.argmax())
    return [f"{key}: impossible values in {count} rows, the first is row {first}"] if count else []
