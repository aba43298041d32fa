"""The weights of the best epoch so far, by validation score."""

from collections.abc import Mapping

from torch import Tensor


class Best:
    """Copies of the tensors that were offered with the highest score; among equal scores the first stays."""

    def __init__(self) -> None:
        self.score = -1.0  # below any share
        self.epoch = -1
        self.tensors: dict[str, Tensor] = {}

    def offer(self, score: float, epoch: int, tensors: Mapping[str, Tensor]) -> None:
        """Copy `tensors` if `score`, 0 to 1, is higher than all before."""
        if score > self.score:
            self.score, self.epoch = score, epoch
            self.tensors = {name: tensor.detach().clone() for name, tensor in tensors.items()}

    def restore(self, tensors: Mapping[str, Tensor], score: float, epoch: int) -> None:
        """Restore the values of a checkpoint."""
        self.tensors, self.score, self.epoch = dict(tensors), score, epoch
