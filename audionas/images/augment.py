"""Batches of images on the device: random crops, flips, colour jitter and cutout, and standardisation.

Every draw comes from torch's global generator on the CPU, which the loop seeds at each epoch: the draws are
the same after a resume, on another device and with any number of loader workers.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from audionas.core.errors import UserError
from audionas.core.extras import install
from audionas.images.conf import Images

_TRIES = 10  # shapes drawn for a resized crop; the first that fits is used
_ASPECT = math.log(4 / 3)  # limit for a resized crop, either way


class Standardize(nn.Module):
    """(x - mean) / std per channel; the statistics are buffers, stored with the model."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", torch.as_tensor(mean).reshape(1, -1, 1, 1))
        self.register_buffer("std", torch.as_tensor(std).reshape(1, -1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Standardise (B, C, H, W) in [0, 1]."""
        return (x - self.mean) / self.std


def plain(x: Tensor, size: int) -> Tensor:
    """The centre of images (B, H, W, 3) uint8 as (B, 3, size, size) in [0, 1], channels last in memory."""
    top, left = ((length - size) // 2 for length in x.shape[1:3])
    return _floats(x[:, top : top + size, left : left + size].contiguous())


def augmented(x: Tensor, conf: Images, size: int) -> Tensor:
    """Images (B, H, W, 3) uint8 in the form of `plain`, each cropped, flipped and coloured by its own draws.

    `cutout` is not included: it blanks standardised images. Raises UserError where kornia is missing.
    """
    flipped = torch.rand(len(x)) < (0.5 if conf.flip else 0.0)
    if conf.crop == "resized":
        y = _resized_crop(x, conf.area, size, flipped)
    else:
        padding = conf.padding if conf.crop == "padded" else 0
        y = _floats(_padded_crop(x, padding, size, flipped, centred=conf.crop == "none"))
    return jittered(y, conf.jitter) if any(conf.jitter) else y


def cutout(x: Tensor, side: int) -> Tensor:
    """Set one square per image, `side` pixels wide, to 0, the mean of standardised images (B, C, H, W).

    Its centre is uniform over the pixels, so it may extend beyond an edge (DeVries and Taylor 2017).
    """
    inside = []
    for length in x.shape[2:]:
        start = torch.randint(length, (len(x), 1)) - side // 2
        at = torch.arange(length)
        inside.append((at >= start) & (at < start + side))  # (B, length)
    square = inside[0][:, None, :, None] & inside[1][:, None, None, :]  # (B, 1, H, W)
    return x.masked_fill(square.to(x.device), 0.0)


def jittered(x: Tensor, strengths: tuple[float, float, float, float]) -> Tensor:
    """Change brightness, contrast, saturation and hue of (B, 3, H, W) in [0, 1], in a random order.

    A factor is uniform in 1 - strength to 1 + strength, at least 0; hue turns by up to its strength of a
    circle either way.
    """
    try:
        from kornia import enhance
    except ImportError as error:
        raise UserError(
            "images.jitter needs kornia, which is not installed", hint=install("vision")
        ) from error
    changes = (
        enhance.adjust_brightness_accumulative,
        enhance.adjust_contrast_with_mean_subtraction,
        enhance.adjust_saturation_with_gray_subtraction,
        enhance.adjust_hue,
    )
    draws = 2 * torch.rand(4, len(x)) - 1  # (4, B) in [-1, 1)
    for which in torch.randperm(4).tolist():
        strength = strengths[which]
        if strength:
            turn = draws[which] * strength
            factor = turn * 2 * math.pi if which == 3 else (1 + turn).clamp_min(0.0)
            x = changes[which](x, factor.to(x.device))
    return x


def _floats(x: Tensor) -> Tensor:
    """Turn (B, H, W, 3) uint8 into (B, 3, H, W) in [0, 1]; the memory stays channels last."""
    return x.permute(0, 3, 1, 2).float().div(255)


def _padded_crop(x: Tensor, padding: int, size: int, flipped: Tensor, *, centred: bool) -> Tensor:
    """Crop a window of `size` from zero-padded images, (B, H, W, 3) to (B, size, size, 3), in one gather."""
    x = F.pad(x, (0, 0, padding, padding, padding, padding))
    room = torch.tensor(x.shape[1:3]) - size
    corner = room // 2 if centred else (torch.rand(len(x), 2) * (room + 1)).long()  # (B, 2) top, left
    top, left = corner.expand(len(x), 2).unbind(1)
    at = torch.arange(size)
    rows = top[:, None] + at  # (B, size)
    columns = left[:, None] + torch.where(flipped[:, None], at.flip(0), at)
    image = torch.arange(len(x), device=x.device)[:, None, None]
    return x[image, rows.to(x.device)[:, :, None], columns.to(x.device)[:, None, :]]


def _resized_crop(x: Tensor, area: tuple[float, float], size: int, flipped: Tensor) -> Tensor:
    """A box of random area and aspect, read bilinearly as (B, 3, size, size); if none fits, all of it."""
    batch = len(x)
    draws = torch.rand(2, batch, _TRIES)
    share = area[0] + (area[1] - area[0]) * draws[0]
    aspect = torch.exp(_ASPECT * (2 * draws[1] - 1))
    boxes = torch.stack([(share / aspect).sqrt(), (share * aspect).sqrt()], -1)  # of height and width
    fits = (boxes <= 1).all(-1)  # (B, tries)
    first = boxes[torch.arange(batch), fits.int().argmax(1)]
    box = torch.where(fits.any(1, keepdim=True), first, torch.ones(batch, 2))  # (B, 2)
    middle = (1 - box) * (2 * torch.rand(batch, 2) - 1)  # in [-1, 1], 0 is the middle of the image
    theta = torch.zeros(batch, 2, 3)  # output to input coordinates, x first
    theta[:, 0, 0] = box[:, 1] * torch.where(flipped, -1.0, 1.0)
    theta[:, 1, 1] = box[:, 0]
    theta[:, 0, 2], theta[:, 1, 2] = middle[:, 1], middle[:, 0]
    grid = F.affine_grid(theta.to(x.device), [batch, 3, size, size], align_corners=False)
    sampled = F.grid_sample(_floats(x), grid, mode="bilinear", padding_mode="border", align_corners=False)
    return sampled.contiguous(memory_format=torch.channels_last)
