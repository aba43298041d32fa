"""The base of search spaces: a frozen set of parameters with choices and one skeleton.

`network(fill, io, scale)` builds the skeleton and asks `fill` for an edge at each choice: mixed edges
make the supernet, fixed edges the final network. No second copy of a network can drift apart.
"""

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, ClassVar, Literal, get_args, get_origin, get_type_hints

import numpy as np
import torch
from torch import Tensor, nn

from audionas.core.arch import ArchSpec, Choice, InputSpec
from audionas.core.errors import UserError, did_you_mean
from audionas.core.registry import resolve
from audionas.core.strict import Strict
from audionas.nn.blocks import init_weights
from audionas.nn.edge import Edge, EdgeFactory, FixedEdge, Gate, Gates
from audionas.nn.fold.fold import in_use
from audionas.nn.means import EndlessMean
from audionas.nn.mixed.sliced import Sliced
from audionas.nn.ops import FREE, OPS, OpShape
from audionas.nn.partial import partial

# What a supernet leaves without affine parameters: nothing; the norms that end its options, so that no
# option's weights can do the work of its alpha; or those that directly follow a sum of options, too.
Bare = Literal["none", "ends", "sums"]


@dataclass(frozen=True, kw_only=True)
class BuildSize:
    """Settings for building a network that are not part of its architecture's identity.

    `layers` and `channels` size a network of cells. `dropout` is applied before the last layer (None: the
    space's default). `search` builds as in searches, apart from what is `bare`: it keeps the places of nodes
    without inputs, and DARTS' norms after pools. `auxiliary` adds the second head that helps training, if the
    space has one. `taken` holds the choices of a final network, and nothing for a supernet: spaces read from
    it what no edge can tell them, such as widths.
    """

    layers: int = 0
    channels: int = 0
    dropout: float | None = None
    search: bool = False
    bare: Bare = "none"
    auxiliary: bool = False
    taken: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def dropout_or(self, usual: float) -> float:
        """The given dropout, or the usual one."""
        return usual if self.dropout is None else self.dropout


@dataclass(frozen=True, kw_only=True)
class Space(Strict, ABC):
    """A search space; its fields are its parameters and part of an architecture's identity.

    A space has two abstract methods; everything else is derived from them. `features` names the front-end
    that the space was made for, as `name/preset` (empty for images). A space of cells has `sizes`, the
    usual size of its networks (keys `layers`, `channels`), and may keep only `inputs` incoming edges per
    node; with 0 it keeps every choice. `bare` is what its supernets leave without affine parameters, unless
    a method needs more. `added` names parameters that came later: at their default they are not part of an
    architecture's identity, so that it is the one it was.
    """

    added: ClassVar[tuple[str, ...]] = ()
    features: ClassVar[str] = "mfcc/tc_resnet"
    sizes: ClassVar[Mapping[str, int]] = {}
    inputs: ClassVar[int] = 0
    bare: ClassVar[Bare] = "none"
    paper: ClassVar[str] = ""
    arxiv: ClassVar[str] = ""

    def __post_init__(self) -> None:
        """Refuse values of a wrong type: a config checks its own, architecture files and Python do not."""
        problems, kinds = [], get_type_hints(type(self))
        for name in (f.name for f in fields(self)):
            kind, value = kinds[name], getattr(self, name)
            if kind is float and type(value) is int:
                value = float(value)
                object.__setattr__(self, name, value)  # 1 and 1.0 are the same network: one id
            if kind is float and type(value) is float and not 0 < value < math.inf:
                problems.append(f"{self.name}.{name} is {value}, expected a positive number")
            elif get_origin(kind) is Literal and value not in get_args(kind):
                known = ", ".join(str(arg) for arg in get_args(kind))
                problems.append(f"{self.name}.{name} is {value!r}, expected one of {known}")
            elif isinstance(kind, type) and type(value) is not kind:
                problems.append(f"{self.name}.{name} is {value!r}, expected {kind.__name__}")
        if problems:
            raise UserError(problems, hint="See: audionas list spaces")

    @abstractmethod
    def choices(self) -> tuple[Choice, ...]:
        """The decisions in the order of the network."""

    @abstractmethod
    def network(self, fill: EdgeFactory, io: InputSpec, scale: BuildSize) -> nn.Module:
        """The skeleton, `net(x, gates=None)`: (B, C, F, T) to (B, classes) logits.

        Raises UserError where the input does not fit.
        """

    @property
    def name(self) -> str:
        """The registered name, or `module:Class` for a class from outside the package."""
        module = type(self).__module__
        package, _, stem = module.rpartition(".")
        return stem if package == "audionas.spaces" else f"{module}:{type(self).__name__}"

    def build(
        self,
        spec: ArchSpec,
        *,
        io: InputSpec | None = None,
        dropout: float | None = None,
        search: bool = False,
        bare: Bare | None = None,
        auxiliary: bool = False,
    ) -> nn.Module:
        """The final network of a spec, freshly initialised from torch's global generator.

        With `search` it is built like a supernet with this `bare`, so that it can inherit its weights.
        """
        self.check(spec)

        def fill(choice: Choice, shape: OpShape) -> Edge | None:
            chosen = spec.choices[choice.name]
            return FixedEdge(choice, shape, chosen=chosen) if chosen else None

        scale = self._scale(
            spec.scale,
            dropout=dropout,
            search=search,
            bare=self._bare(search, bare),
            auxiliary=auxiliary,
            taken=spec.choices,
        )
        return self._initialised(fill, io or spec.io, scale)

    def supernet(
        self,
        fill: EdgeFactory,
        io: InputSpec,
        *,
        dropout: float | None = None,
        sizes: Mapping[str, int] | None = None,
        final: bool = False,
        bare: Bare | None = None,
        k: int = 1,
    ) -> nn.Module:
        """The network that holds every option, freshly initialised; `sizes` replace the usual ones.

        With `final` its operations are built as in final networks, for which costs are counted, and folded
        (`nn/fold`). `bare`, for
        example a method's, replaces the space's own. Edges search 1/`k` of their channels (`nn/partial.py`).
        """
        scale = self._scale(sizes or {}, dropout=dropout, search=not final, bare=self._bare(not final, bare))
        net = self._initialised(partial(fill, k), io, scale)
        return in_use(net) if final else net

    def inherit(self, supernet: nn.Module, spec: ArchSpec) -> dict[str, Tensor]:
        """The supernet's weights that belong to `spec`, named as `build(spec, search=True)` names them.

        Norms that have no affine parameters in the supernet, but have them there, begin with ones and zeros:
        the same function. A TC block with squeeze-and-excitation loses its second norm. Raises UserError
        where the supernet's edges hold weights of other shapes (PC-DARTS, MergeNAS).
        """
        with torch.device("meta"):
            net = self.build(spec, search=True)
        wanted = net.state_dict()
        have = dict(supernet.state_dict())
        for path, edge in supernet.named_modules():
            for option in spec.choices[edge.choice.name] if isinstance(edge, Edge) else ():
                have |= {f"{path}.ops.{option}.{n}": t for n, t in edge.weights_of(option).items()}
        if isinstance(supernet, Sliced):
            have = supernet.slices(net, {name: "".join(some) for name, some in spec.choices.items()})
        have = unscaled(wanted, self.shared(have, wanted))
        if any(name not in have or have[name].shape != t.shape for name, t in wanted.items()):
            raise UserError("this supernet's weights cannot be inherited: its edges are built differently")
        return {name: have[name].clone() for name in wanted}

    def shared(self, have: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """A supernet's weights as a network with the tensors `wanted` shares them: by default whole."""
        return have

    def spec(
        self,
        choices: Mapping[str, Iterable[str]],
        io: InputSpec,
        note: Mapping[str, Any] | None = None,
        sizes: Mapping[str, int] | None = None,
    ) -> ArchSpec:
        """A checked architecture of this space; options appear in the order of their choice."""
        taken = {name: tuple(options) for name, options in choices.items()}
        scale = {**self.sizes, **(sizes or {})}
        self.check(spec := ArchSpec(self.name, self.identity(), taken, io, note or {}, scale=scale))
        ordered = {c.name: tuple(o for o in c.options if o in taken[c.name]) for c in self.choices()}
        return replace(spec, choices=ordered)

    def sample(self, rng: np.random.Generator, io: InputSpec) -> ArchSpec:
        """A uniformly drawn architecture: one option per choice, and `inputs` edges per node if limited."""
        taken: dict[str, tuple[str, ...]] = {c.name: () for c in self.choices()}
        for edges in self.nodes():
            kept = rng.choice(len(edges), self.inputs, replace=False) if self.inputs else range(len(edges))
            for choice in (edges[int(i)] for i in kept):
                taken[choice.name] = (str(rng.choice(present(choice))),)
        return self.spec(taken, io)

    def encode(self, spec: ArchSpec) -> np.ndarray:
        """One option index per choice, the number of options for an absent edge; only for single options."""
        taken = {c.name: (*spec.choices[c.name], "")[0] for c in self.choices()}
        return np.array([(*c.options, "").index(taken[c.name]) for c in self.choices()])

    def decode(self, vector: np.ndarray, io: InputSpec) -> ArchSpec:
        """The inverse of `encode`."""
        pairs = zip(self.choices(), vector, strict=True)
        return self.spec({c.name: c.options[int(i) : int(i) + 1] for c, i in pairs}, io)

    def nodes(self) -> list[list[Choice]]:
        """The choices that enter each node of a cell; outside cells each choice is its own group."""
        groups: dict[str, list[Choice]] = {}
        for choice in self.choices():
            groups.setdefault(choice.node or choice.name, []).append(choice)
        return list(groups.values())

    def fitting(self, frames: int) -> int:
        """The fewest frames, at least `frames`, that all networks of the space take; by default any."""
        return frames

    def repair(self, choices: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
        """The nearest choices that `check` accepts; spaces with dependent choices override it."""
        return {name: tuple(options) for name, options in choices.items()}

    def canonical(self, spec: ArchSpec) -> str:
        """A text that two architectures share exactly where they are the same network: by default the id."""
        return spec.id

    def watched(self) -> tuple[Choice, ...]:
        """The choices in which collapsed searches are recognised: those that offer a free operation."""
        return tuple(c for c in self.choices() if not c.sized and any(OPS[o].kind in FREE for o in c.options))

    def one_hot(self, spec: ArchSpec) -> Gates:
        """Gates with which the supernet computes exactly `spec`: weight 1, and only chosen options active."""
        gates = {}
        for choice in self.choices():
            active = tuple(sorted(choice.options.index(o) for o in spec.choices[choice.name]))
            weight = torch.zeros(len(choice.options))
            weight[list(active)] = 1.0
            gates[choice.name] = Gate(weight, active)
        return Gates(gates)

    def size(self) -> int:
        """The number of networks in the space, with one option per choice (`inputs` edges per node)."""
        counts = [[len(present(choice)) for choice in edges] for edges in self.nodes()]
        return math.prod(
            sum(math.prod(kept) for kept in itertools.combinations(edges, self.inputs or len(edges)))
            for edges in counts
        )

    def check(self, spec: ArchSpec) -> None:
        """Raise UserError, all problems at once, unless `spec` is an architecture of this space."""
        known = {choice.name: choice for choice in self.choices()}
        problems = [
            f"no choice called '{n}'.{did_you_mean(n, known)}" for n in spec.choices if n not in known
        ]
        for name, choice in known.items():
            taken = spec.choices.get(name, ())
            if name not in spec.choices:
                problems.append(f"{name}: missing")
            elif not choice.least <= len(taken) <= choice.max_active:
                wanted = f"{choice.least} to {choice.max_active}"
                problems.append(f"{name}: {len(taken)} options taken, expected {wanted}")
            if len(set(taken)) < len(taken):
                problems.append(f"{name}: an option appears twice in {' '.join(taken)}")
            for option in taken:
                if option not in choice.options:
                    problems.append(f"{name}: no option '{option}'.{did_you_mean(option, choice.options)}")
                elif option not in present(choice):
                    problems.append(f"{name}: an edge without an operation is left out, not given '{option}'")
        if not problems and self.repair(spec.choices) != spec.choices:
            repaired = self.repair(spec.choices)
            problems = [
                f"{n}: has no input, leave it out" for n, o in repaired.items() if o != spec.choices[n]
            ]
        problems += [
            f"scale: {self.name} has no '{k}'.{did_you_mean(k, self.sizes)}"
            for k in spec.scale
            if k not in self.sizes
        ]
        if problems:
            raise UserError([f"architecture does not fit space {self.name}:", *(f"  {p}" for p in problems)])

    def identity(self) -> dict[str, Any]:
        """The parameters of an architecture: all, without later ones that are as they always were."""
        usual = {f.name: f.default for f in fields(self) if f.name in self.added}
        return {n: value for n, value in asdict(self).items() if n not in usual or value != usual[n]}

    def _bare(self, search: bool, asked: Bare | None) -> Bare:
        return (self.bare if search else "none") if asked is None else asked

    def _scale(self, sizes: Mapping[str, int], **rest: Any) -> BuildSize:
        wanted = {**self.sizes, **sizes}
        return BuildSize(layers=wanted.get("layers", 0), channels=wanted.get("channels", 0), **rest)

    def _initialised(self, fill: EdgeFactory, io: InputSpec, scale: BuildSize) -> nn.Module:
        def told(choice: Choice, shape: OpShape) -> Edge | None:
            return fill(choice, shape._replace(bare=scale.bare != "none"))

        net = self.network(told, io, scale)
        if any(type(part) is EndlessMean for part in net.modules()):
            raise UserError(
                f"space {self.name}: a mean over everything so far never forgets",
                hint="Use audionas.nn.means.RingMean, a mean over the last clip.",
            )
        init_weights(net)
        return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def present(choice: Choice) -> tuple[str, ...]:
    """The options that an edge can have, without `none` if the edge may be absent instead."""
    return tuple(o for o in choice.options if choice.least or OPS[o].kind != "none")


def unscaled(wanted: Mapping[str, Tensor], have: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """`have`, with ones and zeros for the affine parameters of its norms that have none, if `wanted`."""
    found = dict(have)
    for name, tensor in wanted.items():
        norm, _, last = name.rpartition(".")
        mean = have.get(f"{norm}.running_mean")
        if name not in have and last in ("weight", "bias") and mean is not None:
            value = 1.0 if last == "weight" else 0.0
            found[name] = mean.new_full(tensor.shape, value, dtype=tensor.dtype)
    return found


def space_of(spec: ArchSpec) -> Space:
    """The space of an architecture file; unknown names and parameters are UserErrors."""
    space = resolve("space", spec.space)
    if not issubclass(space, Space):
        raise UserError(f"space '{spec.space}': not a search space")
    known = [f.name for f in fields(space)]
    unknown = [
        f"{spec.space} has no parameter '{k}'.{did_you_mean(k, known)}" for k in spec.params if k not in known
    ]
    if unknown:
        raise UserError(unknown, hint="The architecture file was edited, or made by another version.")
    found: Space = space(**spec.params)
    return found
