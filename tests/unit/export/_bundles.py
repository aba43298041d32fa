"""Untrained bundles of any space, with weights and statistics that are not the plain ones."""

from dataclasses import replace

import torch

from audionas.core.arch import InputSpec
from audionas.core.registry import resolve
from audionas.core.rng import numpy_rng, seed_torch
from audionas.features import Features, build
from audionas.models.bundle import ModelBundle
from tests.invariants._cases import CELLS

LABELS = ("_silence_", "yes", "no")
SAMPLES = 16000


SIDE = 32
# by space: a front-end that a file can hold, and settings whose networks fit a second of it
SMALL: dict[str, tuple[str, dict[str, object]]] = {
    "mixednet": ("mfcc/tc_resnet", {"longest": 9, "depth": 3}),
    "mixednet_sizes": ("mfcc/tc_resnet", {"longest": 5, "frames": 6}),
}


def bundle_of(space_name: str, ears: str = "", **params: object) -> ModelBundle:
    """A random architecture of a space, on one second of its own front-end, or of `ears`, or on small images.

    Spaces of cells are built with few cells of few channels; others as `SMALL` says, where nothing is given.
    """
    if not (ears or params):
        ears, params = SMALL.get(space_name, (ears, params))
    space = resolve("space", space_name)(**params)
    name, _, preset = (ears or space.features).partition("/")
    features = Features(name=name, preset=preset) if name else None
    io = InputSpec(3, SIDE, SIDE, len(LABELS))
    if features is not None:
        io = InputSpec(1, *build(features).shape(SAMPLES), len(LABELS))
    spec = space.sample(numpy_rng("bundles", space_name), io)
    spec = replace(spec, scale=CELLS.get(space_name, {}))
    with torch.random.fork_rng(devices=[]):
        seed_torch("bundles", space_name)
        net = space.build(spec)
        for (
            tensor
        ) in net.state_dict().values():  # batch norm's statistics too: zero and one would hide mistakes
            if tensor.is_floating_point():
                tensor.add_(0.05 * torch.rand_like(tensor))
        rows = io.channels if features is None else io.freq
        mean, std = torch.randn(rows), 0.5 + torch.rand(rows)
    return ModelBundle(
        spec,
        features,
        LABELS,
        SAMPLES if features is not None else 0,
        mean,
        std,
        dict(net.state_dict()),
        {"seed": 3, "name": "ü"},
        resize=0 if features is not None else SIDE + 8,
    )
