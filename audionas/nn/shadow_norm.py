"""Shadow batch norm: one norm per number of active paths (MixPath, Chu et al., arXiv:2001.05887)."""

from torch import Tensor, nn


class ShadowNorm(nn.Module):
    """Batch norms over (B, `channels`, F, T) for sums of 1 to `most` paths.

    Paths of one layer compute nearly the same, so that a sum of m has about m times the mean and m^2 times
    the variance of one: one norm cannot serve them all, but a norm per subset of paths is not needed.
    With `single`, one norm does serve them all: the baseline for shadow batch norm. Where `bare`, none has
    affine parameters.
    """

    def __init__(self, channels: int, most: int, *, single: bool = False, bare: bool = False) -> None:
        super().__init__()
        self.most, self.single = most, single
        self.norms = nn.ModuleList(
            nn.BatchNorm2d(channels, affine=not bare) for _ in range(1 if single else most)
        )

    def of(self, active: int) -> nn.Module:
        """The norm of a sum of `active` paths."""
        assert 1 <= active <= self.most, f"a sum of {active} paths, expected 1 to {self.most}"
        return self.norms[0 if self.single else active - 1]

    def forward(self, x: Tensor, active: int) -> Tensor:
        """Normalise as a sum of `active` paths; the shape stays. No other norm sees the data or learns."""
        y: Tensor = self.of(active)(x)
        return y
