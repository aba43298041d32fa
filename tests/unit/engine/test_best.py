"""The best epoch's weights are copies, the first of equals, and survive a checkpoint."""

import torch

from audionas.engine.best import Best


def test_the_first_of_the_best_is_kept_as_a_copy() -> None:
    best, weights = Best(), {"w": torch.zeros(2)}
    for epoch, score in enumerate((0.0, 0.7, 0.5, 0.7), 1):
        weights["w"].fill_(epoch)
        best.offer(score, epoch, weights)
    assert (best.score, best.epoch, best.tensors["w"].tolist()) == (0.7, 2, [2.0, 2.0])
    again = Best()
    again.restore(best.tensors, best.score, best.epoch)
    again.offer(0.6, 5, weights)
    assert again.tensors["w"].tolist() == [2.0, 2.0]
