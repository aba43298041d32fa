"""Beta-DARTS' regulariser, for every method whose weights are a softmax (Ye et al., arXiv:2203.01665)."""

import torch
from torch import Tensor

from audionas.methods._base import SearchRun


def smooth_maximum(run: SearchRun) -> Tensor:
    """The mean over choices of logsumexp(alpha), a scalar; its gradient is a choice's softmax / choices."""
    choices = run.space.choices()
    return torch.stack([run.living(choice).logsumexp(-1) for choice in choices]).mean()
