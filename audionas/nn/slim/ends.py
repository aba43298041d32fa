"""The two ends of a network of many widths: the rows of its input that it reads, and its last layer."""

from torch import Tensor, nn
from torch.nn import functional

from audionas.nn.blocks import Head


class Lowest(nn.Module):
    """Reads the first `most` channels: of folded features the lowest bands, or the first coefficients."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, 1, T) to (B, at most `most`, 1, T)."""
        return x[:, : self.most]


class SlimHead(Head):
    """`Head` for as many channels as come: the last layer uses the weights of these."""

    def classified(self, pooled: Tensor) -> Tensor:
        """(B, C, 1, 1) to (B, classes) logits."""
        x = self.dropout(pooled.flatten(1))
        return functional.linear(x, self.linear.weight[:, : x.shape[1]], self.linear.bias)
