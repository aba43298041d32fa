"""AZ-NAS: four views of an untrained network, which rank it among the networks of a pool.

Lee and Ham, "AZ-NAS: Assembling Zero-Cost Proxies for Network Architecture Search" (CVPR 2024,
arXiv:2403.19232). A feature is what the stem or one of the layers (cells) after it returns.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.conv import _ConvNd

from audionas.core.errors import UserError
from audionas.engine.recalibrate import of_each_batch

PARTS = ("az_expressivity", "az_progressivity", "az_trainability")  # the fourth is the cost, `macs`
_LEAST = -1e9  # in place of minus infinity, which JSON does not have


def az_nas(net: nn.Module, x: Tensor) -> dict[str, float]:
    """The three `PARTS` of a network for a batch `x` (B, C, F, T); it gets new weights, Kaiming's, fan in.

    Expressivity is the sum over features of the entropy of their channels' normalised eigenvalues,
    progressivity the least increase of it from a feature to the next, and trainability the mean over layers
    of 2 - s - 1 / (s + 1e-6), s being the largest singular value of a layer's Jacobian as signs drawn for its
    output see it; minus infinity (here -1e9) where a layer is the identity. Raises UserError for a network
    with fewer than two features. Draws from torch's global generator.
    """
    net.apply(_initialised)
    with torch.enable_grad(), of_each_batch(net):
        found = features(net, x)
        entropies = [entropy(feature.detach()) for feature in found]
        slopes = [_trainable(before, after) for before, after in pairwise(found)]
    values = (sum(entropies), min(b - a for a, b in pairwise(entropies)), sum(slopes) / len(slopes))
    return dict(zip(PARTS, (max(value, _LEAST) for value in values), strict=True))


def ranked(pool: Sequence[Mapping[str, float]]) -> np.ndarray:
    """The sum over parts and `macs` of log(rank / n) of each network in a pool of n, (n,): 0 is best in all.

    Ranks go from 1, the worst, to n; equal values share the mean of their ranks.
    """
    columns = ([row[name] for row in pool] for name in (*PARTS, "macs"))
    found: np.ndarray = sum(np.log(rankdata(column) / len(pool)) for column in columns)
    return found


def features(net: nn.Module, x: Tensor) -> list[Tensor]:
    """The outputs (B, C, F, T) of the stem and of each layer after it, in order, in one graph."""
    found: list[Tensor] = []
    layers = next(
        (list(p.children()) for p in net.children() if isinstance(p, nn.ModuleList | nn.ModuleDict)), []
    )
    parts = [part for name, part in net.named_children() if name == "stem"] + layers
    hooks = [part.register_forward_hook(lambda _, __, y: found.append(y)) for part in parts]
    try:
        net(x)
    finally:
        for hook in hooks:
            hook.remove()
    if len(found) < 2:
        raise UserError(
            f"az_nas compares a network's layers, and this one has {len(found)} after its input",
            hint="Use another proxy, for example: synflow",
        )
    return found


def entropy(feature: Tensor) -> float:
    """-sum p log p over the eigenvalues of the covariance (C, C) of a feature (B, C, F, T), with sum 1."""
    rows = feature.double().movedim(1, -1).flatten(0, -2)
    rows = rows - rows.mean(0)
    values = torch.linalg.eigvalsh(rows.T @ rows / len(rows)).clamp(min=0)
    if not (total := float(values.sum())) > 0:
        return 0.0  # nothing reaches it
    p = values / total
    return float(-(p * torch.log(p + 1e-8)).sum())


def _trainable(before: Tensor, after: Tensor) -> float:
    """2 - s - 1 / (s + 1e-6) of the layer from one feature to the next; minus infinity for the identity."""
    if after is before:
        return -math.inf
    drawn = torch.randint(2, after.shape, device=after.device).to(after.dtype) * 2 - 1
    slope: Tensor | None = None
    if after.requires_grad and before.requires_grad:  # neither is zeros that come from nothing
        (slope,) = torch.autograd.grad(after, before, drawn, retain_graph=True, allow_unused=True)
    slope = torch.zeros_like(before) if slope is None else slope
    if slope.shape == drawn.shape and torch.equal(slope, drawn):
        return -math.inf
    down, up = _places(unshuffled(slope, after)), _places(drawn)
    s = float(torch.linalg.matrix_norm(down.T @ up / len(up), 2))
    return 2 - s - 1 / (s + 1e-6)


def unshuffled(x: Tensor, like: Tensor) -> Tensor:
    """(B, C, F, T) to (B, C sF sT, F', T') for the F', T' of `like`: the places of a stride become channels.

    What a stride leaves incomplete is filled with zeros.
    """
    size = like.shape[2:]
    steps = [-(-old // new) for old, new in zip(x.shape[2:], size, strict=True)]
    (f, t), (df, dt) = size, steps
    x = functional.pad(x, (0, t * dt - x.shape[3], 0, f * df - x.shape[2]))
    parts = x.reshape(*x.shape[:2], f, df, t, dt)
    return parts.permute(0, 1, 3, 5, 2, 4).flatten(1, 3)


def _places(x: Tensor) -> Tensor:
    """(B, C, F, T) to (B F T, C)."""
    return x.movedim(1, -1).flatten(0, -2)


def _initialised(part: nn.Module) -> None:
    if isinstance(part, _ConvNd | nn.Linear):
        nn.init.kaiming_normal_(part.weight, mode="fan_in", nonlinearity="relu")
        if part.bias is not None:
            nn.init.zeros_(part.bias)
