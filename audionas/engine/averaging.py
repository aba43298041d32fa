"""Averages of a network's weights over time: an exponential one, and the mean of the last epochs.

Batch-norm statistics are averaged with the weights; integer buffers are copied.
"""

from torch import Tensor, nn


class Average:
    """Tensors that follow a network: `ema` by a decay per step, `mean` by equal parts per epoch.

    With `decay` None it is the plain mean of all updates, else an exponential moving average whose
    decay is min(decay, (1 + n) / (10 + n)) after n updates, so that the start is forgotten quickly.
    """

    def __init__(self, net: nn.Module, decay: float | None = None) -> None:
        self.decay = decay
        self.updates = 0
        self.tensors = {name: tensor.detach().clone() for name, tensor in net.state_dict().items()}

    def update(self, net: nn.Module) -> None:
        """Include the network's current weights."""
        self.updates += 1
        n = self.updates
        keep = (n - 1) / n if self.decay is None else min(self.decay, (1 + n) / (10 + n))
        for name, tensor in net.state_dict().items():
            if tensor.is_floating_point():
                self.tensors[name].lerp_(tensor.detach(), 1 - keep)
            else:
                self.tensors[name].copy_(tensor)

    def restore(self, tensors: dict[str, Tensor], updates: int) -> None:
        """Restore the values of a checkpoint."""
        self.updates = updates
        for name, tensor in tensors.items():
            self.tensors[name].copy_(tensor)
