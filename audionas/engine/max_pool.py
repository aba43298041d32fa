"""The max-pooling loss for wake words: it is taken only at the score of a clip that would fire.

Sun et al., "Max-Pooling Loss Training of Long Short-Term Memory Networks for Small-Footprint Keyword
Spotting" (2016). There the loss of a keyword clip is taken at its best frame, of other clips at all frames;
here of other clips where they are most like a keyword, as in WeKws: a false accept would occur there.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from audionas.core.errors import UserError


def keywords(labels: Sequence[str]) -> list[int]:
    """The places of the keywords, which do not begin with `_`; UserError if none or all labels are."""
    found = [place for place, label in enumerate(labels) if not label.startswith("_")]
    if not 0 < len(found) < len(labels):
        raise UserError(
            f"train.loss: max_pool needs a keyword and another label, not only {', '.join(labels)}",
            hint="Labels other than keywords begin with _, for example _other_.",
        )
    return found


def chosen(logits: Tensor, target: Tensor, words: Sequence[int], after: int = 0) -> Tensor:
    """The hop (B,) at which the loss is taken for each clip of logits (B, hops, classes).

    For a keyword clip, the hop with the largest posterior of its word; for another clip, of any keyword. The
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
    criterion: Callable[[Tensor, Tensor], Tensor] = functional.cross_entropy,
) -> Tensor:
    """The `criterion` of logits (B, hops, classes) at the `chosen` hop of each clip: a mean, in nats."""
    hops = chosen(logits, target, words, after)
    taught = logits[torch.arange(len(hops), device=hops.device), hops]
    return criterion(taught, target)
