"""Equal but for rounding: a difference is told in parts of the largest value that is compared."""

import numpy as np
import numpy.typing as npt
import torch

ROUNDING = (
    2.0**-23
)  # of float32: what lies between a number and the next one, in parts of it, is at most this


def close(
    found: npt.ArrayLike | torch.Tensor, wanted: npt.ArrayLike | torch.Tensor, *, parts: float = 1e-5
) -> float:
    """The largest difference in parts of the largest magnitude of `wanted`; AssertionError above `parts`.

    A sum or a product of matrices rounds in units of its largest terms, whatever is left of them: next to a
    coefficient of 60 one of 0.01 is off by as much as the 60 is. So no tolerance may be a number by itself,
    nor follow each value. The default, 1e-5, is 84 roundings of float32. Sums of n terms in another order
    differ by about sqrt(n) roundings, 30 for the 1,000 terms of the longest sums here; processors order sums
    differently (4, 8 or 16 terms at a time, fused or not), and a few such sums follow each other. Where a
    caller allows more, it says why.
    """
    a, b = (np.asarray(torch.as_tensor(x).detach().cpu(), dtype=np.float64) for x in (found, wanted))
    assert a.shape == b.shape, f"shape {a.shape}, expected {b.shape}"
    scale, difference = (float(np.abs(x).max(initial=0.0)) for x in (b, a - b))
    share = difference / scale if scale else float(difference != 0)  # nothing but zeros is met exactly
    assert share <= parts, (  # never true of a NaN
        f"off by {difference:.2e} where the largest value is {scale:.3g}: {share:.1e} of it "
        f"({share / ROUNDING:.0f} roundings of float32), allowed {parts:.0e}"
    )
    return share
