"""A supernet of networks of many sizes, whose weights are the first ones of the greatest network's.

A narrower layer is a slice of a wider one, as in slimmable networks (Yu et al., ICLR 2019, arXiv:1812.08928).
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm

from audionas.core.arch import Choice
from audionas.nn.edge import Gates
from audionas.nn.mixed.heads import FramesLinear


class Sliced(nn.Module):
    """Holds `parts` at their greatest size, and runs one network at a time with slices of their weights.

    `build` makes a network from the option of each choice, by name. `kinds` names the choice by whose option
    a part is taken from several: the network's `head.linear` is `head.last5.linear` here. Gradients and
    batch statistics reach the slices; mode and momentum of a network's norms are those of its supernet.
    """

    def __init__(
        self,
        parts: Mapping[str, nn.Module],
        choices: tuple[Choice, ...],
        kinds: Mapping[str, str],
        build: Callable[[Mapping[str, str]], nn.Module],
    ) -> None:
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)
        self.choices, self.kinds, self.build = choices, dict(kinds), build

    def forward(self, x: Tensor, gates: Gates | None = None) -> Tensor:
        """(B, 1, F, T) to (B, classes) logits of the one network whose options are active in `gates`."""
        assert gates is not None, "a supernet runs only with gates"
        taken = {choice.name: self._option(choice, gates) for choice in self.choices}
        with torch.device("meta"):
            net = self.build(taken)
        for path, part in net.named_modules():
            mine = self.get_submodule(self.place(path, taken))
            part.training = mine.training
            if isinstance(part, _BatchNorm):
                assert isinstance(mine, _BatchNorm)
                part.momentum = mine.momentum
        logits: Tensor = functional_call(net, self.slices(net, taken), (x,))
        return logits

    def place(self, path: str, taken: Mapping[str, str]) -> str:
        """The path here of a part of a network with these options."""
        part, dot, rest = path.partition(".")
        return path if part not in self.kinds else f"{part}.{taken[self.kinds[part]]}{dot}{rest}"

    def slices(self, net: nn.Module, taken: Mapping[str, str]) -> dict[str, Tensor]:
        """The weights and statistics here that a network with these options has, by its own names.

        What it has and the supernet does not, as the affine parameters of bare norms, is left out.
        """
        own = {**dict(self.named_parameters()), **dict(self.named_buffers())}
        found = {}
        for name, wanted in net.state_dict().items():
            if (whole := own.get(self.place(name, taken))) is not None:
                layer = net.get_submodule(name.rpartition(".")[0])
                frames = layer.frames if isinstance(layer, FramesLinear) and wanted.dim() == 2 else 0
                found[name] = first(whole, wanted, frames)
        return found

    def _option(self, choice: Choice, gates: Gates) -> str:
        active = gates[choice.name].active
        assert active is not None, f"{choice.name}: sizes cannot be mixed"
        assert len(active) == 1, f"{choice.name}: a network has one option of each choice"
        return choice.options[active[0]]


def first(whole: Tensor, wanted: Tensor, frames: int) -> Tensor:
    """The first of each axis of `whole`, as many as `wanted` has; a last axis of channels times `frames` is
    cut by channels.
    """
    if whole.shape == wanted.shape:
        return whole
    if frames:
        channels = whole.view(len(whole), -1, frames)[: len(wanted), : wanted.shape[1] // frames]
        return channels.flatten(1)
    part = whole[tuple(slice(size) for size in wanted.shape)]
    if not isinstance(whole, nn.Parameter):
        return part  # a view: its norm writes statistics into it
    return part.contiguous(memory_format=torch.channels_last) if part.dim() == 4 else part.contiguous()
