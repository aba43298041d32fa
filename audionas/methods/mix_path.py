"""MixPath: several kernels of a layer at once (Chu et al., "MixPath", 2020, arXiv:2001.05887).

A layer sums one to m depthwise kernels. In the supernet all of its options share one branch per kernel, and
the layers before and after the branches; as sums of more branches have larger statistics, there is one last
batch norm per number of branches, the shadow batch norm, and a network uses the one for its number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeVar

import numpy as np
from torch import Tensor, nn

from audionas.core.arch import Choice
from audionas.core.rng import numpy_rng
from audionas.methods._one_shot import OneShot, Route
from audionas.nn.edge import Edge, Gates
from audionas.nn.mix import Mix, SharedMix
from audionas.nn.ops import OPS, OpShape
from audionas.nn.shadow_norm import ShadowNorm
from audionas.spaces._base import Space

T = TypeVar("T")
Tree = dict[int, dict[int, list[str]]]  # the options by expansion, then by number of kernels


class MixEdge(Edge):
    """One `SharedMix` per expansion, `mixes`; `ops` is empty, since no option has its own weights."""

    def __init__(self, choice: Choice, shape: OpShape, *, shadow: bool) -> None:
        super().__init__(choice, shape, ())
        self.mixes = nn.ModuleDict()
        for expansion, counts in tree(choice).items():
            options = [option for some in counts.values() for option in some]
            kernels = tuple(sorted({k for option in options for k in mix_of(option).kernels}))
            self.mixes[f"e{expansion}"] = SharedMix(
                shape.c_in,
                shape.c_out,
                Mix(kernels, expansion),
                axes=OPS[options[0]].axes,
                stride=shape.stride,
                causal=shape.causal,
                act=shape.act,
                norm=ShadowNorm(shape.c_out, max(counts), single=not shadow, bare=shape.bare),
            )

    def forward(self, x: Tensor, gates: Gates | None = None) -> Tensor:
        """(B, c_in, F, T) to (B, c_out, F', T') by the active option, times its weight."""
        assert gates is not None, "a supernet runs only with gates"
        gate = gates[self.choice.name]
        assert gate.active is not None, "one option of a layer runs at a time"
        (index,) = gate.active
        mix = mix_of(self.choice.options[index])
        return gate.weight[index] * self.mixes[f"e{mix.expansion}"](x, mix.kernels)

    def weights_of(self, option: str) -> dict[str, Tensor]:
        """The option's part of the shared state: the branches of its kernels, the norm for their number."""
        mix = mix_of(option)
        shared = self.mixes[f"e{mix.expansion}"]
        assert isinstance(shared, SharedMix)
        return shared.weights_of(mix.kernels)


@dataclass(kw_only=True)
class MixPath(OneShot):
    """An update trains one network: in every layer an expansion is drawn, then the kernels.

    With `sampling: count`, as in the official code, the number of kernels is drawn uniformly, then a set of
    that size, so that the few large sets are trained as often as the many small ones together; with
    `subset` all sets are equally likely. Without `shadow` all sets share one batch norm, for comparison.

    It needs a space whose layers choose between sets of kernels: `mix_mobilenet`, or `kws_mobilenet` with the
    presets `mix2`, `mix3` and `mix4`. The official code trains CIFAR-10 for 200 epochs of batches of 96 with
    SGD, a rate from 0.025 to 0 (cosine), momentum 0.9, decay 3e-4 and gradients clipped at 5.
    """

    paper: ClassVar[str] = "MixPath: A Unified Approach for One-shot Neural Architecture Search"
    arxiv: ClassVar[str] = "2001.05887"

    shadow: bool = True
    sampling: Literal["count", "subset"] = "count"

    def refuses(self, space: Space) -> str:
        """The reason to refuse a space with options other than parallel kernels."""
        for choice in space.choices():
            for option in choice.options:
                if OPS[option].mix is None:
                    return (
                        f"{choice.name} offers {option}, which has no kernels in parallel; mix_mobilenet has "
                        "them, and kws_mobilenet with preset=mix2, mix3 or mix4"
                    )
        return ""

    def fill(self, choice: Choice, shape: OpShape) -> Edge:
        """An edge whose options share their weights."""
        return MixEdge(choice, shape, shadow=self.shadow)

    def idle(self, space: Space) -> Mapping[str, str]:
        """The sharing of gradients among paths, of which an update has one."""
        return {"shared_gradients": "an update trains one path"}

    def paths(self) -> Sequence[Route]:
        """The path of the next update."""
        rng = numpy_rng(self.run.seed, "mix_path", self.run.steps)
        return [{choice.name: (self._drawn(choice, rng),) for choice in self.run.space.choices()}]

    def _drawn(self, choice: Choice, rng: np.random.Generator) -> str:
        counts = _any(list(tree(choice).values()), rng)
        groups = list(counts.values())
        if self.sampling == "subset":
            return _any([option for group in groups for option in group], rng)
        return _any(_any(groups, rng), rng)


def tree(choice: Choice) -> Tree:
    """The options of a choice by expansion, then by number of kernels."""
    found: Tree = {}
    for option in choice.options:
        mix = mix_of(option)
        found.setdefault(mix.expansion, {}).setdefault(len(mix.kernels), []).append(option)
    return found


def mix_of(option: str) -> Mix:
    """The kernels and the expansion of an option."""
    mix = OPS[option].mix
    assert mix is not None, f"{option} has no kernels in parallel"
    return mix


def _any(items: Sequence[T], rng: np.random.Generator) -> T:
    """One of the items, uniformly."""
    return items[int(rng.integers(len(items)))]
