"""One kernel for several convolutions, with masks of the positions that each of them uses.

Convolution is linear in its kernel, so the sum of convolutions whose kernels are parts of one kernel,
weighted by p, is one convolution with that kernel times the sum of their masks weighted by p.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from audionas.nn.edge import Gate
from audionas.nn.ops import OPS, OpShape

SEPARABLE = ("sep_conv_", "dil_conv_")  # a depthwise kernel, then 1x1
DENSE = ("nor_conv_",)
FOLDED = {"skip_connect": 1, "avg_pool_3x3": 3}  # convolutions with fixed boxes of this size


def convolutions(options: tuple[str, ...]) -> tuple[str, ...]:
    """The options that have a kernel."""
    return tuple(o for o in options if OPS[o].kind == "conv")


def obstacle(options: tuple[str, ...]) -> str:
    """The reason why the convolutions among the options cannot be parts of one kernel; empty if they can."""
    convs = convolutions(options)
    known = [[o for o in convs if o.startswith(family)] for family in (SEPARABLE, DENSE)]
    foreign = [o for o in convs if not any(o in family for family in known)]
    if foreign:
        return f"{foreign[0]} has non-linearities inside, so it cannot share a kernel"
    if all(known):
        return f"{known[0][0]} is separable and {known[1][0]} is not: they cannot share a kernel"
    return ""


def masks(options: tuple[str, ...], size: int) -> Tensor:
    """The positions of a size x size window that each option uses: (options, size, size), boolean."""
    found = torch.zeros(len(options), size, size, dtype=torch.bool)
    for mask, option in zip(found, options, strict=True):
        if option in convolutions(options):
            mark(mask, OPS[option].kernel, OPS[option].dilation)
    return found


def mark(mask: Tensor, kernel: int, dilation: int = 1) -> None:
    """Set the positions of a kernel in the middle of a square mask, in place."""
    reach = dilation * (kernel - 1) // 2
    start = len(mask) // 2 - reach
    line = slice(start, start + 2 * reach + 1, dilation)
    mask[line, line] = True


class MergedConv(nn.Module):
    """ReLU, convolution with W * sum_c p_c M_c, 1x1 convolution (where separable), batch norm.

    The window is the smallest that encloses all convolutions among `options`. W starts with He's fan-in
    initialisation over the whole window. The options in `folded` (a skip, an average pool) are included as
    convolutions with a box of mean 1 that share ReLU and batch norm; depthwise and 1x1 kernel are then
    multiplied out to one dense kernel, which takes far more multiply-adds.
    """

    masks: Tensor
    boxes: Tensor

    def __init__(self, options: tuple[str, ...], shape: OpShape, *, folded: tuple[str, ...] = ()) -> None:
        super().__init__()
        assert shape.keeps or not folded, "an edge that changes the shape has no fixed kernel"
        convs = convolutions(options)
        reaches = [OPS[o].dilation * (OPS[o].kernel - 1) // 2 for o in convs]
        size = 2 * max([*reaches, *(FOLDED[o] // 2 for o in folded)]) + 1
        self.shape, self.folded, separable = shape, folded, convs[0].startswith(SEPARABLE)
        boxes = torch.zeros(len(options), size, size, dtype=torch.bool)
        for option in folded:
            mark(boxes[options.index(option)], FOLDED[option])
        self.register_buffer("masks", masks(options, size), persistent=False)
        self.register_buffer("boxes", boxes, persistent=False)
        rows, columns = (shape.c_in, 1) if separable else (shape.c_out, shape.c_in)
        self.kernel = nn.Parameter(nn.init.kaiming_normal_(torch.empty(rows, columns, size, size)))
        self.point = nn.Conv2d(shape.c_in, shape.c_out, 1, bias=False) if separable else None
        self.bn = nn.BatchNorm2d(shape.c_out, affine=not shape.bare)

    def forward(self, x: Tensor, gate: Gate) -> Tensor:
        """(B, c_in, H, W) to (B, c_out, ceil(H / s), ceil(W / s)); the gate is over all options."""
        y: Tensor = self.bn(self.linear(functional.relu(x), gate))
        return y

    def linear(self, x: Tensor, gate: Gate) -> Tensor:
        """The sum of the separate convolutions of `x`, weighted by the gate, as one convolution."""
        kernel = self.kernel * _sum(gate, self.masks)
        stride, padding = self.shape.stride, kernel.shape[-1] // 2
        if self.point is not None and not self.folded:
            y: Tensor = self.point(functional.conv2d(x, kernel, None, stride, padding, groups=len(kernel)))
            return y
        if self.point is not None:
            kernel = self.point.weight * kernel.transpose(0, 1)
        if self.folded:
            kernel = kernel + self._diagonal(gate)
        return functional.conv2d(x, kernel, None, stride, padding)

    def _diagonal(self, gate: Gate) -> Tensor:
        """The folded options as a kernel that maps each channel to itself, (C, C, size, size)."""
        boxes = self.boxes.to(gate.weight.dtype)
        means = boxes / boxes.sum((1, 2), keepdim=True).clamp_min(1)
        channels = torch.eye(self.shape.c_out, dtype=boxes.dtype, device=boxes.device)
        return channels[:, :, None, None] * _sum(gate, means)


def _sum(gate: Gate, patterns: Tensor) -> Tensor:
    """The sum of p_o pattern_o over the options o that run: (size, size)."""
    rows = slice(None) if gate.active is None else list(gate.active)
    summed: Tensor = torch.tensordot(gate.weight[rows], patterns[rows].to(gate.weight.dtype), 1)
    return summed
