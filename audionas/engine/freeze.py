"""Parts of a network that training does not change, chosen by patterns as in a `.gitignore`.

A pattern without a dot is compared with the last name of every parameter and module (`head`, `block*`, `bn`),
one with a dot with the whole path (`edges.block1.*`). A module includes its parameters. The last pattern that
matches decides, and `!pattern` excludes its parts again.
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from audionas.core.errors import UserError, did_you_mean


class Frozen(NamedTuple):
    """The names of frozen parameters, and the batch norms that keep their running statistics."""

    names: tuple[str, ...]
    norms: tuple[_BatchNorm, ...]

    def hold(self) -> None:
        """Keep the norms in evaluation mode; call it after `net.train()`."""
        for norm in self.norms:
            norm.eval()


def freeze(net: nn.Module, patterns: Sequence[str]) -> Frozen:
    """Exclude the parts that match the patterns from training: no gradient or decay, fixed statistics.

    Raises UserError for a pattern that matches nothing, and if nothing would be left to train.
    """
    names = [name for name, _ in net.named_parameters()]
    paths = sorted({path for name in names for path in _above(name)})
    if unknown := [p for p in patterns if not any(_fits(p.removeprefix("!"), path) for path in paths)]:
        raise UserError([_unknown(p, paths) for p in unknown], hint=f"Parts of this network: {_parts(net)}")
    chosen = tuple(name for name in names if _frozen(name, patterns))
    if patterns and len(chosen) == len(names):
        raise UserError(
            f"train.freeze: {' '.join(patterns)} freezes everything: nothing is left to train",
            hint=f"Freeze some parts: {_parts(net)}; or exclude some: train.freeze=['*', '!head']",
        )
    for name in chosen:
        net.get_parameter(name).requires_grad_(False)
    norms = [(path, m) for path, m in net.named_modules() if isinstance(m, _BatchNorm)]
    # include those without parameters, by the names that these would have
    held = [m for path, m in norms if all(_frozen(f"{path}.{n}", patterns) for n in ("weight", "bias"))]
    return Frozen(chosen, tuple(held))


def _frozen(name: str, patterns: Sequence[str]) -> bool:
    """True where the last pattern that matches the parameter, or a module it belongs to, freezes it."""
    decision = False
    for pattern in patterns:
        if any(_fits(pattern.removeprefix("!"), path) for path in _above(name)):
            decision = not pattern.startswith("!")
    return decision


def _above(name: str) -> list[str]:
    """A parameter's path and those of the modules that it belongs to: a, a.b, a.b.weight."""
    words = name.split(".")
    return [".".join(words[:count]) for count in range(1, len(words) + 1)]


def _fits(pattern: str, path: str) -> bool:
    return fnmatchcase(path if "." in pattern else path.rpartition(".")[2], pattern)


def _unknown(pattern: str, paths: Sequence[str]) -> str:
    known = {*paths, *(path.rpartition(".")[2] for path in paths)}
    near = did_you_mean(pattern.removeprefix("!"), sorted(known))
    return f"train.freeze: '{pattern}' matches no part of this network.{near}"


def _parts(net: nn.Module) -> str:
    """The network's outer modules that have parameters, and their parts."""
    found = []
    for name, part in net.named_children():
        own = [inner for inner, m in part.named_children() if any(True for _ in m.parameters())]
        if any(True for _ in part.parameters()):
            found.append(f"{name} ({' '.join(own)})" if own else name)
    return ", ".join(found)
