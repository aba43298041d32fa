"""Random numbers as pure functions of their purpose, so that a resumed run draws the same ones.

Nothing here keeps state: a generator is made from words such as (seed, "augment", epoch, utterance).
An epoch seeds torch from (seed, epoch) when it begins, so a checkpoint between epochs needs no
generator state, and any number of loader workers draws the same augmentation.
"""

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:  # it takes seconds to import, and whoever draws with NumPy alone may need none of it
    import torch


def seed_of(*words: Any) -> int:
    """A 63-bit integer that depends on every word and on their order."""
    text = "\x1f".join(str(word) for word in words)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def numpy_rng(*words: Any) -> np.random.Generator:
    """A NumPy generator for exactly this purpose."""
    return np.random.Generator(np.random.PCG64(seed_of(*words)))


def torch_rng(*words: Any) -> "torch.Generator":
    """A CPU torch generator for exactly this purpose."""
    import torch

    return torch.Generator().manual_seed(seed_of(*words))


def seed_torch(*words: Any) -> None:
    """Seed torch's global generators (CPU and every GPU): dropout and noise layers draw from them.

    Without a GPU the CPU's alone: `torch.manual_seed` would note the call, with its whole stack, for a GPU
    that may come, and every epoch seeds.
    """
    import torch

    seed = torch.manual_seed if torch.accelerator.is_available() else torch.default_generator.manual_seed
    seed(seed_of(*words))
