"""Parallel convolutions over time, each with a batch norm and summed, that are one convolution in use.

Ding et al., "RepVGG", arXiv:2101.03697. The kernels see the same frames: all centred, or, if causal, all
ending with the newest one, so that a short kernel is a long one with zeros around, or before, its taps.
"""

from collections.abc import Iterator, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from audionas.nn.blocks import ACTS, Act, Conv, ConvBN


class Branches(nn.Module):
    """The sum of batch-normed convolutions with the odd `kernels`, then the activation `act`.

    With `identity` the batch-normed input is added, where the shape stays. With `groups`, of as many channels
    as enter, the convolutions are depthwise. Where `bare`, a norm without affine parameters follows the sum:
    bare norms in the branches would not do, since two branches that come to agree make their sum larger.
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernels: Sequence[int],
        *,
        stride: int = 1,
        groups: int = 1,
        causal: bool = False,
        identity: bool = False,
        act: Act | None = "relu",
        bare: bool = False,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        self.longest, self.causal, self.act, self.bare, self.eps = max(kernels), causal, act, bare, eps
        self.sums = nn.ModuleDict()
        make = partial(ConvBN, c_in, c_out, stride=(1, stride), groups=groups, causal=causal)
        for k in kernels:
            self.sums[f"k{k}"] = make((1, k), act=None, eps=eps)
        keeps = identity and stride == 1 and c_in == c_out
        self.identity = nn.BatchNorm2d(c_in, eps) if keeps else None
        self.again = nn.BatchNorm2d(c_out, eps, affine=False) if bare else None
        self.last = nn.Identity() if act is None else ACTS[act]()

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, F, T) to (B, c_out, F, ceil(T / stride))."""
        first, *others = self.sums.values()
        total: Tensor = first(x)
        for branch in others:
            total = total + branch(x)
        total = total if self.identity is None else total + self.identity(x)
        found: Tensor = self.last(total if self.again is None else self.again(total))
        return found

    def branches(self) -> list[ConvBN]:
        """The convolutions with their norms, in the order of `kernels`."""
        return [branch for branch in self.sums.values() if isinstance(branch, ConvBN)]

    @torch.no_grad()
    def folded(self) -> ConvBN:
        """One convolution and its norm with the function that the branches have in evaluation mode.

        Its kernel is W = sum_j pad(s_j W_j), with s_j = g_j / sqrt(v_j + eps); the norm adds
        sum_j (b_j - s_j m_j) and changes nothing else. Random numbers are not drawn. Raises RuntimeError in
        training mode, where norms follow the batch and no convolution has that function.
        """
        if self.training:
            raise RuntimeError("branches that train cannot be folded: call eval() first")
        like = self.branches()[0].conv
        with torch.device("meta"):
            make = partial(ConvBN, like.in_channels, like.out_channels, stride=like.stride)
            form = {"groups": like.groups, "causal": self.causal}
            one = make((1, self.longest), act=self.act, bare=self.bare, eps=self.eps, **form)
        one = one.to_empty(device=like.weight.device).to(like.weight.dtype).eval()
        kernel, shift = self._summed(like)
        one.conv.weight.copy_(kernel)
        one.bn.reset_running_stats()
        one.bn.running_mean.copy_(-shift)  # type: ignore[union-attr]
        one.bn.running_var.fill_(1 - self.eps)  # type: ignore[union-attr]
        if one.bn.affine:
            nn.init.ones_(one.bn.weight)
            nn.init.zeros_(one.bn.bias)
        return one

    def _summed(self, like: Conv) -> tuple[Tensor, Tensor]:
        """The kernel and the shift of the one convolution."""
        kernels, shifts = zip(*self._scaled(like), strict=True)
        kernel, shift = torch.stack(kernels).sum(0), torch.stack(shifts).sum(0)
        if self.again is None:
            return kernel, shift
        scale, more = _affine(self.again)
        return kernel * scale[:, None, None, None], shift * scale + more

    def _scaled(self, like: Conv) -> Iterator[tuple[Tensor, Tensor]]:
        """Each branch's kernel, scaled and as long as the longest, and its shift."""
        for branch in self.branches():
            scale, shift = _affine(branch.bn)
            yield self._placed(branch.conv.weight * scale[:, None, None, None]), shift
        if self.identity is not None:
            scale, shift = _affine(self.identity)
            kernel = torch.zeros_like(like.weight[..., :1])
            here = torch.arange(len(kernel), device=kernel.device)
            kernel[here, here if like.groups == 1 else 0] = scale[:, None, None]
            yield self._placed(kernel), shift

    def _placed(self, kernel: Tensor) -> Tensor:
        """A kernel with zeros around its taps, or before them if causal."""
        spare = self.longest - kernel.shape[3]
        return functional.pad(kernel, (spare, 0) if self.causal else (spare // 2, spare // 2))


def _affine(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """The factor and the summand of a batch norm in evaluation mode, one of each per channel."""
    mean, var = norm.running_mean, norm.running_var
    assert mean is not None
    assert var is not None
    scale = (var + norm.eps).rsqrt() * (1 if norm.weight is None else norm.weight)
    return scale, (0 if norm.bias is None else norm.bias) - scale * mean
