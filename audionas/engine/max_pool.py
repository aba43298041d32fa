"""The max-pooling loss for wake words: of all scores of a clip only the one that would fire is taught.

Sun et al., "Max-Pooling Loss Training of Long Short-Term Memory Networks for Small-Footprint Keyword
Spotting" (2016). There a clip of the keyword is taught at its best frame, and other clips at all frames; here
other clips are taught where they are most like a keyword, as WeKws has it: there a false accept would be.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from audionas.core.errors import UserError


def keywords(labels: Sequence[str]) -> list[int]:
    """The places of the keywords, which do not begin with `_`; UserError where none or all are."""
    found = [place for place, label in enumerate(labels) if not label.startswith("_")]
    if not 0 < len(found) < len(labels):
        raise UserError(
            f"train.loss: max_pool needs a keyword and something else, not only {', '.join(labels)}",
            hint="Name what is no keyword with a first _, for example _other_.",
        )
    return found


def chosen(logits: Tensor, target: Tensor, words: Sequence[int], after: int = 0) -> Tensor:
    """The hop (B,) at which each clip of logits (B, hops, classes) is taught.

    A clip of a keyword where its own posterior is largest, another clip where that of any keyword is. The
    first `after` hops, which have heard too little, are left out, but never the last hop.
    """
    posterior = logits.detach().softmax(2)
    spoken = torch.zeros(logits.shape[2], dtype=torch.bool, device=logits.device)
    spoken[list(words)] = True
    any_word = posterior[:, :, spoken].amax(2)
    own = posterior.gather(2, target[:, None, None].expand(-1, logits.shape[1], 1))[:, :, 0]
    score = torch.where(spoken[target][:, None], own, any_word)
    score[:, : min(after, logits.shape[1] - 1)] = -1.0
    return score.argmax(1)


def max_pool(
    logits: Tensor,
    target: Tensor,
    words: Sequence[int],
    *,
    after: int = 0,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Cross-entropy in nats at the `chosen` hop of each clip, the mean over (B, hops, classes) logits."""
    hops = chosen(logits, target, words, after)
    taught = logits[torch.arange(len(hops), device=hops.device), hops]
    return functional.cross_entropy(taught, target, label_smoothing=label_smoothing)
