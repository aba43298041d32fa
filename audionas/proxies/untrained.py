"""The proxies of an architecture by name, of a network that is freshly initialised with one seed."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from audionas.core.arch import ArchSpec
from audionas.core.errors import UserError
from audionas.core.rng import seed_torch
from audionas.proxies.az_nas import PARTS, az_nas
from audionas.proxies.naswot import naswot
from audionas.proxies.swap import FEWEST, swap
from audionas.proxies.synflow import synflow
from audionas.spaces._base import Space

EXAMPLES = 128  # the most that a proxy asks for
_LEAST = -1e9  # in place of minus infinity, which JSON does not have


class Proxy(NamedTuple):
    """A score of an untrained network; the `examples` it takes, of which it needs `fewest`; its `parts`."""

    score: Callable[[nn.Module, Tensor], float | Mapping[str, float]]
    examples: int
    fewest: int
    parts: tuple[str, ...]


PROXIES = {  # with the batches of the authors' code
    "synflow": Proxy(synflow, 1, 1, ("synflow",)),
    "naswot": Proxy(naswot, 128, 2, ("naswot",)),
    "swap": Proxy(swap, 16, FEWEST, ("swap",)),
    "az_nas": Proxy(az_nas, 64, 2, PARTS),  # ranked in a pool: `az_nas.ranked`
}


class Untrained:
    """Networks of a space at initialisation: the same weights in equal networks, drawn with `seed`.

    `examples` returns training examples (B, C, F, T), not augmented, on the device on which networks are
    scored; equal ones count once, as they tell networks nothing.
    """

    def __init__(self, space: Space, seed: int, examples: Callable[[], Tensor]) -> None:
        self.space, self.seed, self._examples = space, seed, examples

    @cached_property
    def examples(self) -> Tensor:
        """Different examples, in the order given."""
        x = self._examples()
        _, first = np.unique(x.flatten(1).cpu().numpy(), axis=0, return_index=True)
        return x[sorted(first.tolist())]

    def of(self, spec: ArchSpec, names: Sequence[str]) -> dict[str, float]:
        """The parts of these proxies, finite. Raises UserError for too few examples, or an unfit network."""
        found: dict[str, float] = {}
        for name in names:
            proxy, x = PROXIES[name], self.examples
            if len(x) < proxy.fewest:
                raise UserError(
                    f"{name} needs {proxy.fewest} different training examples, and there are {len(x)}",
                    hint="Give more training data, or use another proxy, for example: synflow",
                )
            with torch.random.fork_rng([x.device] if x.device.type == "cuda" else []):
                seed_torch(self.seed, "proxy")
                told = proxy.score(self.space.build(spec).to(x.device), x[: proxy.examples])
            values = told if isinstance(told, Mapping) else {name: told}
            found |= {part: _finite(value) for part, value in values.items()}
        return found


def _finite(value: float) -> float:
    return value if math.isfinite(value) else _LEAST
