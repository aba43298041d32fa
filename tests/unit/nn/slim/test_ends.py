"""The ends of a network of many widths: the rows that are read, and a last layer for few channels."""

import torch

from audionas.nn.slim.ends import Lowest, SlimHead


def test_the_lowest_rows_are_read() -> None:
    x = torch.randn(2, 5, 1, 7)
    assert torch.equal(Lowest(3)(x), x[:, :3])
    assert torch.equal(Lowest(9)(x), x)


def test_few_channels_use_their_own_weights_by_hand() -> None:
    head = SlimHead(3, 2).eval()
    with torch.no_grad():
        head.linear.weight.copy_(torch.tensor([[1.0, 2.0, 50.0], [3.0, 4.0, 50.0]]))
        head.linear.bias.copy_(torch.tensor([0.5, 0.0]))
        scores = head(torch.tensor([[2.0, 4.0], [1.0, 1.0]])[None, :, None])  # means 3 and 1
    assert scores.tolist() == [[5.5, 13.0]]
