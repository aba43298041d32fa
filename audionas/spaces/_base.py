"""What every search space is: a frozen set of parameters with choices and one skeleton.

`network(fill, io)` builds the skeleton and asks `fill` for an edge at each choice: mixed edges make
the supernet, fixed edges the final network. There is no second copy of a network to drift away.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
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
from audionas.nn.ops import OpShape


@dataclass(frozen=True, kw_only=True)
class Space(Strict, ABC):
    """Its fields are its parameters and part of an architecture's identity.

    A space has two abstract methods; all else is derived from them. `features` names the front-end
    that the space was made for, as `name/preset`.
    """

    features: ClassVar[str] = "mfcc/tc_resnet"
    paper: ClassVar[str] = ""
    arxiv: ClassVar[str] = ""

    def __post_init__(self) -> None:
        """Refuse values of a wrong type: architecture files and Python callers pass no config's checks."""
        problems, kinds = [], get_type_hints(type(self))
        for name in (f.name for f in fields(self)):
            kind, value = kinds[name], getattr(self, name)
            if kind is float and type(value) is int:
                value = float(value)
                object.__setattr__(self, name, value)  # 1 and 1.0 are one network: one id
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
    def network(self, fill: EdgeFactory, io: InputSpec, *, dropout: float | None = None) -> nn.Module:
        """The skeleton, `net(x, gates=None)`: (B, C, F, T) to (B, classes) logits.

        `dropout` (before the last layer) overrides the space's usual one. Raises UserError where
        the input does not fit.
        """

    @property
    def name(self) -> str:
        """The registered name, or `module:Class` for a class from outside the package."""
        module = type(self).__module__
        package, _, stem = module.rpartition(".")
        return stem if package == "audionas.spaces" else f"{module}:{type(self).__name__}"

    def build(
        self, spec: ArchSpec, *, io: InputSpec | None = None, dropout: float | None = None
    ) -> nn.Module:
        """The final network of a spec, freshly initialised from torch's global generator."""
        self.check(spec)

        def fill(choice: Choice, shape: OpShape) -> Edge:
            return FixedEdge(choice, shape, chosen=spec.choices[choice.name])

        return self._initialised(fill, io or spec.io, dropout)

    def supernet(self, fill: EdgeFactory, io: InputSpec, *, dropout: float | None = None) -> nn.Module:
        """The network that holds every option, freshly initialised."""
        return self._initialised(fill, io, dropout)

    def inherit(self, supernet: nn.Module, spec: ArchSpec) -> dict[str, Tensor]:
        """The supernet's weights that belong to `spec`, named as `build(spec)` names them."""
        with torch.device("meta"):
            wanted = self.build(spec).state_dict()
        have = supernet.state_dict()
        return {name: have[name].clone() for name in wanted}

    def spec(
        self, choices: Mapping[str, Iterable[str]], io: InputSpec, note: Mapping[str, Any] | None = None
    ) -> ArchSpec:
        """A checked architecture of this space; options stand in the order of their choice."""
        taken = {name: tuple(options) for name, options in choices.items()}
        self.check(spec := ArchSpec(self.name, asdict(self), taken, io, note or {}))
        ordered = {c.name: tuple(o for o in c.options if o in taken[c.name]) for c in self.choices()}
        return replace(spec, choices=ordered)

    def sample(self, rng: np.random.Generator, io: InputSpec) -> ArchSpec:
        """A uniformly drawn architecture."""
        return self.decode(np.array([rng.integers(len(c.options)) for c in self.choices()]), io)

    def encode(self, spec: ArchSpec) -> np.ndarray:
        """One option index a choice; only for specs with a single option everywhere."""
        return np.array([c.options.index(spec.choices[c.name][0]) for c in self.choices()])

    def decode(self, vector: np.ndarray, io: InputSpec) -> ArchSpec:
        """The inverse of `encode`."""
        taken = {c.name: (c.options[int(i)],) for c, i in zip(self.choices(), vector, strict=True)}
        return self.spec(taken, io)

    def one_hot(self, spec: ArchSpec) -> Gates:
        """Gates under which the supernet computes exactly `spec`: weight 1 and active for what was chosen."""
        gates = {}
        for choice in self.choices():
            active = tuple(sorted(choice.options.index(o) for o in spec.choices[choice.name]))
            weight = torch.zeros(len(choice.options))
            weight[list(active)] = 1.0
            gates[choice.name] = Gate(weight, active)
        return Gates(gates)

    def size(self) -> int:
        """How many networks with one option a choice the space holds."""
        return math.prod(len(choice.options) for choice in self.choices())

    def check(self, spec: ArchSpec) -> None:
        """Raise UserError, all problems at once, unless `spec` is an architecture of this space."""
        known = {choice.name: choice for choice in self.choices()}
        problems = [
            f"no choice called '{n}'.{did_you_mean(n, known)}" for n in spec.choices if n not in known
        ]
        for name, choice in known.items():
            taken = spec.choices.get(name, ())
            if not 1 <= len(taken) <= choice.max_active:
                problems.append(f"{name}: {len(taken)} options taken, expected 1 to {choice.max_active}")
            if len(set(taken)) < len(taken):
                problems.append(f"{name}: an option stands twice in {' '.join(taken)}")
            for option in taken:
                if option not in choice.options:
                    problems.append(f"{name}: no option '{option}'.{did_you_mean(option, choice.options)}")
        if problems:
            raise UserError([f"architecture does not fit space {self.name}:", *(f"  {p}" for p in problems)])

    def _initialised(self, fill: EdgeFactory, io: InputSpec, dropout: float | None) -> nn.Module:
        net = self.network(fill, io, dropout=dropout)
        init_weights(net)
        return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def space_of(spec: ArchSpec) -> Space:
    """The space of an architecture file; unknown names and parameters are UserErrors."""
    space = resolve("space", spec.space)
    known = [f.name for f in fields(space)]
    unknown = [
        f"{spec.space} has no parameter '{k}'.{did_you_mean(k, known)}" for k in spec.params if k not in known
    ]
    if unknown:
        raise UserError(unknown, hint="The architecture file was edited, or made by another version.")
    found: Space = space(**spec.params)
    return found
