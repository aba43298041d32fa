"""The limits of runtimes, as data, and the parts of a network or space that exceed them."""

import copy
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from audionas.core.arch import InputSpec
from audionas.core.errors import UserError
from audionas.core.reporter import amount
from audionas.core.rng import numpy_rng
from audionas.cost.graph import LayerCost, layers
from audionas.nn.blocks import SE
from audionas.nn.edge import Edge, MixedEdge
from audionas.nn.fold.fold import in_use
from audionas.nn.ops import OPS, OpShape
from audionas.nn.streaming import Step
from audionas.spaces._base import Space, present

ACTIVATIONS = {  # torch's operator: its name in messages
    **{"relu": "relu", "hardtanh": "relu6", "silu": "swish", "hardswish": "hswish", "gelu": "gelu"},
    **{"sigmoid": "sigmoid", "hardsigmoid": "hard sigmoid", "tanh": "tanh", "elu": "elu"},
    **{"leaky_relu": "leaky relu", "_prelu_kernel": "prelu", "mish": "mish"},
}
CONVOLUTIONS = ("conv", "depthwise")


@dataclass(frozen=True)
class Profile:
    """The conditions on a network; None and empty set no condition.

    `activations` are those that the runtime has; `squeeze` says whether it has squeeze-and-excitation,
    `groups` whether it has convolutions in groups that are not depthwise;
    `states` is the most tensors that it can remember between frames; `front_end` names the only one,
    name/preset. `bytes` limits all parameters, one byte each (int8), `macs` those of DCASE's counter.
    """

    told: str
    causal: bool = False
    squeeze: bool = True
    groups: bool = True
    activations: tuple[str, ...] = ()
    states: int | None = None
    front_end: str = ""
    bytes: int | None = None
    macs: int | None = None

    @property
    def asks(self) -> bool:
        """True where it sets a condition other than on costs."""
        return self.causal or not self.squeeze or bool(self.activations)

    @property
    def limits(self) -> dict[str, float]:
        """The same as limits for a search: the most that a network within the profile costs."""
        given = {"params": self.bytes, "macs": self.macs}
        return {name: float(most) for name, most in given.items() if most is not None}


PROFILES: Mapping[str, Profile] = {
    "esphome": Profile(
        told="ESPHome's 20 operators and 20 variables",
        causal=True,
        squeeze=False,
        groups=False,
        activations=("relu",),
        states=20,
        front_end="micro/settled",
    ),
    "cmsis": Profile(told="the int8 kernels of CMSIS-NN", activations=("relu", "relu6")),
    "dcase": Profile(
        told="task 1's 128,000 bytes and 30 million multiply-adds", bytes=128_000, macs=30_000_000
    ),
}


class Restricted(NamedTuple):
    """A space restricted by a profile, and the changes, each with its reason, in sentences."""

    space: Space
    changes: tuple[str, ...]


class _Fault(NamedTuple):
    """The reason why an option cannot be computed, or the number of tensors that it remembers if it can."""

    why: str
    states: int


def restrict(space: Space, name: str, io: InputSpec) -> Restricted:
    """`space` without the options that the runtime of profile `name` cannot compute, causal if it must be.

    Of `io` only the kind of input matters: clips are as long as the space needs. The networks that remain
    are those of the whole space, with the same ids. Raises UserError, with all problems, where a choice is
    left without an option, or a part common to all networks does not fit.
    """
    profile, changes = PROFILES[name], []
    io = io._replace(frames=space.fitting(io.frames))
    if profile.causal and not getattr(space, "causal", True):
        space = replace(space, causal=True)  # type: ignore[call-arg]
        changes.append(f"profile {name}: space.causal is true, a frame is heard before the next one comes")
    if not profile.asks:
        return Restricted(space, ())
    found = _examined(space, profile, io)
    kept = {choice: tuple(o for o, f in options.items() if not f.why) for choice, options in found.items()}
    changes += _told(name, found)
    if empty := [choice for choice, options in kept.items() if not options]:
        problem = f"space {space.name}: no option left for {', '.join(empty)}"
        raise UserError([problem, *changes], hint="Use another space or another profile.")
    if any(fault.why for options in found.values() for fault in options.values()):
        space = with_options(space, kept)
    states = {name: {o: found[name][o].states for o in options} for name, options in kept.items()}
    most = {c.name: max(present(c), key=states[c.name].__getitem__) for c in space.choices()}
    require(_network(space, io, most), io, name, f"space {space.name}", costs=False)
    return Restricted(space, tuple(changes))


def require(net: nn.Module, io: InputSpec, name: str, what: str, *, costs: bool = True) -> None:
    """Raise UserError with everything in network `what` that the runtime of profile `name` cannot do.

    Without `costs`, the network's size is ignored.
    """
    profile, shadow = PROFILES[name], copy.deepcopy(in_use(net)).to("meta").eval()
    problems = _faults(shadow, profile, (1, *io[:3]))
    if profile.causal:
        try:
            states = len(Step(shadow, io).shapes)
        except UserError as error:
            problems += error.problems
        else:
            if profile.states is not None and states > profile.states:
                problems.append(
                    f"{amount(states, 'tensor')} remembered between frames, at most {profile.states} can be"
                )
    if costs:
        problems += _over(layers(shadow, io), profile)
    if problems:
        raise UserError(
            [f"{what} does not fit profile {name} ({profile.told}):", *(f"  {p}" for p in problems)],
            hint="Use another network or space, for example one searched with this profile.",
        )


def counted_macs(rows: Iterable[LayerCost]) -> int:
    """Multiply-adds by DCASE's counter (torchinfo's): each weight and bias of a convolution once per
    position of its output, each other parameter once.
    """
    return sum(row.params * (prod(row.output[1:]) if row.kind in CONVOLUTIONS else 1) for row in rows)


def _over(rows: list[LayerCost], profile: Profile) -> list[str]:
    """The costs above the profile's limits."""
    size, macs = sum(row.params for row in rows), counted_macs(rows)
    pairs = (("bytes of parameters in int8", size, profile.bytes), ("multiply-adds", macs, profile.macs))
    return [f"{have:,} {noun}, at most {most:,}" for noun, have, most in pairs if most and have > most]


def _examined(space: Space, profile: Profile, io: InputSpec) -> dict[str, dict[str, _Fault]]:
    """The fault of every option of every choice, built as in final networks, on the meta device."""
    with torch.device("meta"):
        net = space.supernet(MixedEdge, io, sizes=space.sizes, final=True).eval()
    found: dict[str, dict[str, _Fault]] = {  # a choice of a width has no operation that could be at fault
        choice.name: {} if OPS.keys() & choice.options else dict.fromkeys(choice.options, _Fault("", 0))
        for choice in space.choices()
    }
    known: dict[tuple[str, OpShape], _Fault] = {}
    for edge in (part for part in net.modules() if isinstance(part, Edge)):
        for option, module in edge.ops.items():
            what = (option, edge.shape)
            if what not in known:
                why = "; ".join(_faults(module, profile, (1, edge.shape.c_in, 8, 16)))
                known[what] = _Fault(why, sum(bool(getattr(part, "past", 0)) for part in module.modules()))
            found[edge.choice.name][option] = known[what]
    return found


def _faults(part: nn.Module, profile: Profile, shape: tuple[int, ...]) -> list[str]:
    """The features of `part`, on the meta device with input (B, C, F, T), that the runtime does not have."""
    if not profile.squeeze and any(isinstance(module, SE) for module in part.modules()):
        return ["squeeze-and-excitation, a mean over time"]
    convs = [] if profile.groups else [m for m in part.modules() if isinstance(m, nn.Conv2d)]
    shapes = {(conv.in_channels, conv.groups) for conv in convs if 1 < conv.groups < conv.in_channels}
    found = [f"a convolution of {c} channels in {groups} groups" for c, groups in sorted(shapes)]
    with torch.no_grad(), _Watch() as seen:
        _ = part(torch.empty(shape, device="meta"))
    unknown = [a for a in dict.fromkeys(seen.names) if profile.activations and a not in profile.activations]
    return found + [
        f"activation {a}, where {' and '.join(profile.activations)} can be computed" for a in unknown
    ]


def _told(name: str, found: Mapping[str, Mapping[str, _Fault]]) -> list[str]:
    """One sentence per reason: the options removed for it, and where."""
    removed: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for choice, options in found.items():
        for option, fault in options.items():
            if fault.why:
                removed[fault.why][option].append(choice)
    lines = []
    for why, lost in removed.items():
        for place in sorted({tuple(choices) for choices in lost.values()}):
            which = ", ".join(option for option, choices in lost.items() if tuple(choices) == place)
            where = f"all {len(found)} choices" if len(place) == len(found) else ", ".join(place)
            lines.append(f"profile {name} removes {which} from {where}: {why}")
    return lines


def with_options(space: Space, kept: Mapping[str, tuple[str, ...]]) -> Space:
    """The space with fewer options, as a separate class with the same name."""
    whole = type(space)

    def choices(self: Space) -> tuple[Any, ...]:
        return tuple(
            replace(c, options=kept[c.name], max_active=min(c.max_active, len(kept[c.name])))
            for c in whole.choices(self)
        )

    body = {"choices": choices, "__module__": whole.__module__, "__qualname__": whole.__qualname__}
    narrow: Callable[..., Space] = type(whole.__name__, (whole,), body)
    return narrow(**vars(space))


def _network(space: Space, io: InputSpec, wanted: Mapping[str, str]) -> nn.Module:
    """A network with these options, at choices that have an operation."""
    drawn = space.sample(numpy_rng("profile"), io)
    taken = {name: (wanted[name],) if options else () for name, options in drawn.choices.items()}
    with torch.device("meta"):
        return space.build(space.spec(space.repair(taken), io, sizes=space.sizes))


class _Watch(TorchDispatchMode):
    """Records the activations that are computed, however the code calls them."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__.rstrip("_")
        if name in ACTIVATIONS:
            self.names.append(ACTIVATIONS[name])
        return func(*args, **(kwargs or {}))
