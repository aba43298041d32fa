"""Networks that ESPHome can run, for tests of the arena."""

import torch

from audionas.core.arch import ArchSpec, InputSpec
from audionas.core.rng import numpy_rng
from audionas.spaces import space_of

IO = InputSpec(1, 40, 98, 2)
SPACES = (
    *(("kws_tc_resnet", {"width": width}) for width in (0.5, 1.0, 1.5)),
    *(("kws_mobilenet", {}), ("bc_resnet", {}), ("tc_resnet", {})),
)


def drawn(number: int) -> ArchSpec:
    """A random network that ESPHome can run; every third of the chain has two kernels at a place."""
    name, params = SPACES[number % len(SPACES)]
    rng = numpy_rng("arena", number)
    empty = ArchSpec(name, {**params, "causal": True}, {}, IO)
    choices = {}
    for choice in space_of(empty).choices():
        options = [o for o in choice.options if "_se" not in o and "swish" not in o]
        most = 2 if choice.max_active > 1 and number % 3 == 0 and len(options) > 2 else 1
        choices[choice.name] = tuple(str(o) for o in rng.choice(options, most, replace=False))
    return ArchSpec(name, empty.params, choices, IO)


def mixed(number: int) -> ArchSpec:
    """A random MixedNet of one of six shapes."""
    params = {
        "pool": ("flatten", "mean", "max")[number % 3],
        "stem": 30,
        "filters": 60,
        "depth": 3 + number % 2,
    }
    space = space_of(ArchSpec("mixednet", params, {}, IO))
    return space.sample(numpy_rng("arena", number), IO._replace(frames=space.fitting(98)))


def chain(option: str, width: float = 1.0, classes: int = 2) -> ArchSpec:
    """The keyword chain with one option everywhere."""
    choices = {f"block{i}": (option,) for i in range(1, 7)}
    return ArchSpec("kws_tc_resnet", {"width": width, "causal": True}, choices, IO._replace(classes=classes))


def on_meta(spec: ArchSpec) -> torch.nn.Module:
    with torch.device("meta"):
        return space_of(spec).build(spec)
