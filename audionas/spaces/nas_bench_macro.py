"""NAS-Bench-Macro: a chain of eight layers, each an identity or one of two bottlenecks (arXiv:2103.11922).

Su et al., "Prioritized Architecture Sampling with Monto-Carlo Tree Search" (CVPR 2021), trained all of it on
CIFAR-10. The networks are MobileNetV2's blocks for images of 32 pixels, with ReLU.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from audionas.core.arch import ArchSpec, Choice, InputSpec
from audionas.nn.blocks import ConvBN, WideHead
from audionas.nn.edge import EdgeFactory
from audionas.nn.ops import OpShape
from audionas.spaces._base import BuildSize, Space
from audionas.spaces._chain import Chain

OPTIONS = ("skip", "mbs_k3_e3", "mbs_k5_e6")  # 0, 1 and 2 of the benchmark's codes
_STEM, _HEAD = 32, 1280
_STAGES = ((64, 2), (128, 3), (256, 3))  # channels, layers; the first layer of each has stride 2


@dataclass(frozen=True, kw_only=True)
class NasBenchMacro(Space):
    """No parameters: 3^8 = 6,561 codes of 3,969 networks. An identity with a stride is a 1x1 convolution with
    batch norm. Identities were moved to the end of their stage before training.
    """

    features: ClassVar[str] = ""
    paper: ClassVar[str] = "Prioritized Architecture Sampling with Monto-Carlo Tree Search"
    arxiv: ClassVar[str] = "2103.11922"

    def choices(self) -> tuple[Choice, ...]:
        """layer1 to layer8."""
        return tuple(Choice(f"layer{i}", OPTIONS) for i in range(1, 1 + sum(n for _, n in _STAGES)))

    def network(self, fill: EdgeFactory, io: InputSpec, scale: BuildSize) -> nn.Module:
        """Stem without a stride, three stages, a head with 1280 channels; no dropout unless given."""
        choices, edges, c_in = iter(self.choices()), [], _STEM
        for c_out, layers in _STAGES:
            for i in range(layers):
                stride = (1, 1) if i else (2, 2)
                edges.append(fill(next(choices), OpShape(c_in, c_out, stride)))
                c_in = c_out
        head = WideHead(c_in, _HEAD, io.classes, scale.dropout_or(0.0))
        return Chain(ConvBN(io.channels, _STEM, (3, 3)), edges, head, fold=False)

    def canonical(self, spec: ArchSpec) -> str:
        """The code with the identities of each stage moved to its end; the stage's first layer stays."""
        code, start, moved = code_of(spec), 0, ""
        for _, layers in _STAGES:
            first, rest = code[start], code[start + 1 : start + layers]
            moved += first + rest.replace("0", "") + "0" * rest.count("0")
            start += layers
        return moved


def code_of(spec: ArchSpec) -> str:
    """The benchmark's code of an architecture: one digit per layer."""
    return "".join(str(OPTIONS.index(spec.choices[c.name][0])) for c in NasBenchMacro().choices())


def spec_of(code: str, io: InputSpec) -> ArchSpec:
    """The architecture of a code."""
    space = NasBenchMacro()
    pairs = zip(space.choices(), code, strict=True)
    return space.spec({choice.name: (OPTIONS[int(digit)],) for choice, digit in pairs}, io)
