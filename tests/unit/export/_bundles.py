"""Untrained bundles of any space, with weights and statistics that are not the plain ones."""

import torch

from audionas.core.arch import InputSpec
from audionas.core.registry import resolve
from audionas.core.rng import numpy_rng, seed_torch
from audionas.export.bundle import ModelBundle
from audionas.features import Features, build

LABELS = ("_silence_", "yes", "no")
SAMPLES = 16000


def bundle_of(space_name: str, **params: object) -> ModelBundle:
    """A random architecture of a space on one second of its own front-end."""
    space = resolve("space", space_name)(**params)
    name, _, preset = space.features.partition("/")
    features = Features(name=name, preset=preset)
    freq, frames = build(features).shape(SAMPLES)
    spec = space.sample(numpy_rng("bundles", space_name), InputSpec(1, freq, frames, len(LABELS)))
    with torch.random.fork_rng(devices=[]):
        seed_torch("bundles", space_name)
        net = space.build(spec)
        for (
            tensor
        ) in net.state_dict().values():  # batch norm's statistics too: zero and one would hide mistakes
            if tensor.is_floating_point():
                tensor.add_(0.05 * torch.rand_like(tensor))
        mean, std = torch.randn(freq), 0.5 + torch.rand(freq)
    return ModelBundle(
        spec, features, LABELS, SAMPLES, mean, std, dict(net.state_dict()), {"seed": 3, "name": "ü"}
    )
