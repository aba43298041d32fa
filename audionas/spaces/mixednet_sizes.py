"""MixedNet whose stem, depth, widths and head are searched beside its kernels and residuals.

Source: kahrendt/microWakeWord at 71677bd, microwakeword/mixednet.py; the sizes are those of its published
networks. A supernet holds the widest network, and narrower ones are slices of it (`nn/mixed/sliced.py`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from torch import nn

from audionas.core.arch import ArchSpec, Choice, InputSpec
from audionas.core.errors import UserError
from audionas.nn.edge import Edge, EdgeFactory, FixedEdge
from audionas.nn.mixed.heads import Last
from audionas.nn.mixed.sliced import Sliced
from audionas.nn.ops import OpShape
from audionas.spaces import _mixednet
from audionas.spaces._base import BuildSize, Space
from audionas.spaces._chain import one_channel
from audionas.spaces._mixednet import KERNELS, Plan

_STEM_KERNELS, _DEPTHS = (3, 5), (3, 4, 5)
_STEMS, _FILTERS = (32, 48, 64), (32, 48, 60, 64)
_HEADS = (1, 5, 6, 15, 17)  # frames
_POOLS: dict[str, Last] = {"mean": "mean", "max": "max"}


@dataclass(frozen=True, kw_only=True)
class MixednetSizes(Space):
    """Sizes are for searchers and methods that train one network at a time; kernels are operations.

    `stem` has 32, 48 or 64 channels and a `stem_kernel` of 3 or 5; `depth` is 3 to 5, and what is chosen for
    blocks beyond it changes nothing. Each block has kernels and a residual, as in `mixednet`, and 32, 48, 60
    or 64 `filters`. The `head` reads the last 1, 5, 6, 15 or 17 frames, or the mean or the maximum of the
    last `frames`. Every `stride`-th frame is taken. No kernel is longer than `longest`, no head reads more
    than `frames`, and no layer is wider than `widest`. Always causal.
    """

    stride: Literal[1, 2, 3] = 3
    longest: int = 23
    frames: int = 17
    widest: int = 64

    features: ClassVar[str] = "micro/settled"
    paper: ClassVar[str] = "MixConv: Mixed Depthwise Convolutional Kernels"
    arxiv: ClassVar[str] = "1907.09595"

    def __post_init__(self) -> None:
        """Refuse wrong values, and bounds that leave nothing."""
        super().__post_init__()
        least = {"longest": min(KERNELS), "frames": 1, "widest": min(_FILTERS)}
        problems = [
            f"{self.name}.{name} is {getattr(self, name)}, expected at least {low}"
            for name, low in least.items()
            if getattr(self, name) < low
        ]
        if problems:
            raise UserError(problems, hint="See: audionas list spaces")

    def choices(self) -> tuple[Choice, ...]:
        """stem_kernel, stem, depth, then block and filters of each of five blocks, head."""
        widths = tuple(f"c{n}" for n in _FILTERS if n <= self.widest)
        blocks = _mixednet.options(self.longest)
        return (
            _sized("stem_kernel", (f"k{n}" for n in _STEM_KERNELS)),
            _sized("stem", (f"c{n}" for n in _STEMS if n <= self.widest)),
            _sized("depth", (f"d{n}" for n in _DEPTHS)),
            *(
                choice
                for i in range(1, max(_DEPTHS) + 1)
                for choice in (Choice(f"block{i}", blocks), _sized(f"filters{i}", widths))
            ),
            _sized("head", (*(f"last{n}" for n in _HEADS if n <= self.frames), *_POOLS)),
        )

    def network(self, fill: EdgeFactory, io: InputSpec, scale: BuildSize) -> nn.Module:
        """A network of the sizes `scale.taken`; without them, all of them as slices of one.

        Raises UserError for clips that do not fit.
        """
        one_channel(io, self.name)
        dropout = scale.dropout_or(0.0)
        if not scale.taken:
            self._require(io, self._plan(self._largest()), [self._longest] * max(_DEPTHS))
            return self._whole(fill, io, scale)
        plan = self._plan({name: "".join(some) for name, some in scale.taken.items()})
        net = _mixednet.chain_of(plan, self._blocks(plan), fill, io, dropout)
        self._require(io, plan, [max(some) for some in _mixednet.kernels_of(net)])
        return net

    def fitting(self, frames: int) -> int:
        """The fewest frames, at least `frames`, that all networks of the space take."""
        plan = self._plan(self._largest())
        return _mixednet.fitting(plan, frames, _mixednet.reach(plan, [self._longest] * max(_DEPTHS)))

    def canonical(self, spec: ArchSpec) -> str:
        """The id of the network whose blocks beyond its depth have the first options."""
        depth = _count(spec.choices["depth"][0])
        beyond = {f"{what}{i}" for what in ("block", "filters") for i in range(depth + 1, max(_DEPTHS) + 1)}
        first = {c.name: c.options[:1] for c in self.choices() if c.name in beyond}
        return self.spec({**spec.choices, **first}, spec.io).id

    def _whole(self, fill: EdgeFactory, io: InputSpec, scale: BuildSize) -> Sliced:
        """The supernet: every stem and head, and every option of each block, at its greatest width."""
        largest, choices = self._largest(), {c.name: c for c in self.choices()}
        plan = self._plan(largest)

        def narrow(taken: Mapping[str, str]) -> nn.Module:
            def chosen(choice: Choice, shape: OpShape) -> Edge:
                shape = shape._replace(bare=scale.bare != "none")
                return FixedEdge(choice, shape, chosen=(taken[choice.name],))

            alone = {name: (option,) for name, option in taken.items()}
            return self.network(chosen, io, replace(scale, taken=alone))

        stems = {
            o: _mixednet.stem_of(self._plan({**largest, "stem_kernel": o}), io.freq)
            for o in choices["stem_kernel"].options
        }
        heads = {
            o: _mixednet.head_of(self._plan({**largest, "head": o}), io.classes, scale.dropout_or(0.0))
            for o in choices["head"].options
        }
        edges = _mixednet.edges_of(plan, self._blocks(plan), fill)
        named = {edge.choice.name: edge for edge in edges if edge is not None}
        parts: dict[str, Mapping[str, nn.Module]] = {"stem": stems, "edges": named, "head": heads}
        kinds = {"stem": "stem_kernel", "head": "head"}
        made = {name: nn.ModuleDict(dict(part)) for name, part in parts.items()}
        return Sliced(made, self.choices(), kinds, narrow)

    def _plan(self, taken: Mapping[str, str]) -> Plan:
        filters = tuple(_count(taken[f"filters{i}"]) for i in range(1, _count(taken["depth"]) + 1))
        head = taken["head"]
        frames = self.frames if head in _POOLS else _count(head)
        stem = (_count(taken["stem"]), _count(taken["stem_kernel"]), False, self.stride)
        return Plan(*stem, filters, 1, frames, _POOLS.get(head, "flatten"))

    def _largest(self) -> dict[str, str]:
        """The greatest size of each sized choice; the head that reads the most frames."""
        return {c.name: c.options[-1] for c in self.choices() if c.sized}

    def _blocks(self, plan: Plan) -> list[Choice]:
        return [c for c in self.choices() if c.name.startswith("block")][: len(plan.filters)]

    @property
    def _longest(self) -> int:
        return max(k for k in KERNELS if k <= self.longest)

    def _require(self, io: InputSpec, plan: Plan, kernels: list[int]) -> None:
        """Refuse clips that do not fit; all networks take the same, as if all stems had the longer kernel."""
        plan = plan._replace(stem_kernel=max(_STEM_KERNELS))
        _mixednet.require(
            self.name, plan, io.frames, _mixednet.reach(plan, kernels), lambda: self._shorter(io)
        )

    def _shorter(self, io: InputSpec) -> int:
        known = (k for k in range(self.longest - 1, min(KERNELS) - 1, -1) if k in KERNELS)
        return next((k for k in known if replace(self, longest=k).fitting(io.frames) == io.frames), 0)


def _sized(name: str, options: Iterable[str]) -> Choice:
    return Choice(name, tuple(options), sized=True)


def _count(option: str) -> int:
    """The number in an option's name: 48 of `c48`."""
    return int(option.lstrip("abcdefghijklmnopqrstuvwxyz"))
