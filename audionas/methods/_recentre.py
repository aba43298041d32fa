"""Updates of some logits that leave the probabilities of all others unchanged."""

from collections.abc import Sequence

import torch
from torch import Tensor


def recentre(before: Tensor, logits: Tensor, touched: Sequence[int], *, restore: bool = True) -> None:
    """Shift the `touched` entries of `logits`, (options,), in place, so that their mass is that `before`.

    The shift is logsumexp(before) - logsumexp(now) over the touched: DropNAS' alpha-adjust (Hong et al.,
    arXiv:2201.11679) and ProxylessNAS' rescaling (Cai et al., arXiv:1812.00332), without the singularity
    of the printed forms. With `restore`, the others go back to `before`, since Adam's momentum moves even an
    entry whose gradient is zero. If all entries are touched, nothing is kept.
    """
    if len(touched) == len(logits):
        return
    index = torch.tensor(touched, dtype=torch.long)
    moved = logits[index]
    if restore:
        logits.copy_(before)
    if len(index):
        logits[index] = moved + before[index].logsumexp(0) - moved.logsumexp(0)
