"""Each operator of torch says in LiteRT, float and int8, what it says in torch; and what has no form is named."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from audionas.core.arch import InputSpec
from audionas.core.errors import UserError
from audionas.core.rng import numpy_rng
from audionas.export import litert
from audionas.export.lite.file import pack
from audionas.export.lite.graph import Graph
from audionas.export.lite.int8 import quantized
from audionas.export.lite.run import run, start
from audionas.export.lite.trace import build
from audionas.nn.blocks import Conv, Head
from audionas.nn.streaming import Step
from tests._tiers import laws
from tests.unit.export._lite import micro

for _package in ("ai_edge_litert", "tflite_micro"):
    pytest.importorskip(_package, reason="the extra device is not installed")

FREQ, HOP, CHANNELS = 7, 5, 6  # an operator sees (1, 6, 7, 5): odd sizes
Op = Callable[[Tensor], Tensor]


class Net(nn.Module):
    """An operator over the frames of one hop, then weights of their own for all places of its result."""

    def __init__(self, op: Op) -> None:
        super().__init__()
        self.stem = Conv(1, CHANNELS, (3, 3), causal=True, bias=True)
        self.hop = Conv(CHANNELS, 2, (1, HOP), stride=(1, HOP), causal=True)
        self.op = op if isinstance(op, nn.Module) else _Called(op)
        with torch.no_grad():
            self.head = Head(2 * FREQ + op(torch.ones(1, CHANNELS, FREQ, HOP)).numel(), 3)
            self.head.linear.weight.normal_(0, 3 / self.head.linear.in_features**0.5)

    def forward(self, x: Tensor) -> Tensor:
        """(1, 1, F, HOP) to logits; from other lengths only the stride is taken."""
        y = self.stem(x)
        z = self.hop(y)
        if x.shape[3] != HOP:
            return z.new_zeros(1, 3)
        parts = [part.reshape(1, -1, 1, 1) for part in (z, self.op(y))]
        scores: Tensor = self.head(torch.cat(parts, 1))
        return scores


class _Called(nn.Module):
    def __init__(self, op: Op) -> None:
        super().__init__()
        self.op = op

    def forward(self, x: Tensor) -> Tensor:
        return self.op(x)


def _pools(op: Callable[..., Tensor], kinds: list[dict[str, Any]]) -> dict[str, Op]:
    shapes = {
        "3 by 3": {"kernel_size": 3, "stride": 1, "padding": 1},
        "step 2": {"kernel_size": (3, 2), "stride": 2, "padding": (1, 1)},
        "flat": {"kernel_size": (4, 1), "stride": (3, 1), "padding": (2, 0)},
        "wide": {"kernel_size": (2, 5), "stride": (1, 3), "padding": (0, 2)},
        "valid": {"kernel_size": (3, 2), "stride": (2, 3)},
        "over the end": {"kernel_size": (2, 3), "stride": (2, 2), "padding": (1, 1), "ceil_mode": True},
        "all": {"kernel_size": (7, 5), "stride": 1, "padding": (3, 2)},
        "whole": {"kernel_size": (FREQ, HOP)},
    }
    return {
        f"{op.__name__} {name} {' '.join(kind)}": lambda x, op=op, form=form, kind=kind: op(x, **form, **kind)  # type: ignore[misc]
        for kind in kinds
        for name, form in shapes.items()
    }


def _slopes(*values: float) -> nn.PReLU:
    found = nn.PReLU(len(values))
    found.weight.data = torch.tensor(values)
    return found


SIDE = torch.linspace(-2, 2, CHANNELS)
CASES: dict[str, Op] = {
    "pad": lambda x: functional.pad(x, (2, 0, 1, 3)),
    "chunk shuffle": lambda x: functional.channel_shuffle(torch.cat([p.tanh() for p in x.chunk(2, 1)], 1), 3),
    "prelu": _slopes(0.25, -0.5, 0, 1.5, 1, 0.1),
    **_pools(functional.avg_pool2d, [{"count_include_pad": False}, {}]),
    **_pools(functional.max_pool2d, [{}]),
    "pad with a number": lambda x: functional.pad(x, (0, 1, 2, 0, 1, 2), value=1.5),
    "pad below zero": lambda x: functional.pad(x, (-1, 2, 3, -2), value=-0.5),
    "cut": lambda x: functional.pad(x, (-1, -2)),
    "mirror": lambda x: functional.pad(x, (3, 1, 2, 5), mode="reflect"),
    "pad of a vector": lambda x: functional.pad(x.mean((2, 3)), (2, 1)),
    "uneven chunks": lambda x: torch.cat(x.chunk(4, 2)[::-1], 2),
    "chunks of time": lambda x: torch.cat(x.chunk(2, -1)[::-1], -1),
    "uneven split": lambda x: torch.cat(x.split([1, 3, 2], 1)[::-1], 1),
    "shuffle": nn.ChannelShuffle(2),
    "one slope": _slopes(0.3),
    "slopes of a vector": lambda x: functional.prelu(x.mean((2, 3)), SIDE.to(x.device)),
    "leaky relu": lambda x: functional.leaky_relu(x, 0.2),
    "leaky relu below zero": lambda x: functional.leaky_relu(x, -0.7),
    "leaky relu above one": lambda x: functional.leaky_relu(x, 1.7),
    "tanh": torch.tanh,
    "tanh and sigmoid": lambda x: torch.cat([torch.sigmoid(x[:, :3]), torch.tanh(x[:, 2:]), x], 1),
    "rsub": lambda x: 1.5 - x,
    "rsub with a factor": lambda x: torch.rsub(x, x[:, :1], alpha=2),
    "sub with a factor": lambda x: torch.sub(x, x[..., :1], alpha=0.5) - SIDE.to(x.device).reshape(-1, 1, 1),
    "sum with a factor": lambda x: torch.add(x, x[..., :1], alpha=3),
    "sum of ranks": lambda x: x.mean((2, 3)) + SIDE.to(x.device) + 1,
    "clamp": lambda x: x.clamp(max=0.4),
    "join with a constant": lambda x: torch.cat([x, 3 * torch.ones(1, 1, FREQ, HOP, device=x.device)], 1),
    "padding same": lambda x: functional.conv2d(
        x, SIDE.to(x.device).reshape(1, 6, 1, 1).expand(2, 6, 2, 4), padding="same"
    ),
    "negative axes": lambda x: x.permute(0, -1, -3, -2).transpose(-1, -2).flatten(-2),
    "mean of three axes": lambda x: x.flatten(2).mean(-1),
}


class Built:
    """A case's step, its graph and hops of noise."""

    def __init__(self, op: Op) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            net = Net(op).eval()
        self.step = Step(net, InputSpec(1, FREQ, HOP, 3))
        self.graph: Graph = build(self.step, torch.zeros(FREQ), torch.ones(FREQ))
        self.clips = numpy_rng("aten").normal(size=(30, FREQ, HOP)).astype(np.float32)

    def wanted(self) -> np.ndarray:
        """The scores of torch, hop by hop."""
        states, found = self.step.start(), []
        with torch.inference_mode():
            for clip in torch.from_numpy(self.clips):
                logits, *rest = self.step(clip[None, None], *states)
                states = tuple(rest)
                found.append(logits[0, 0].softmax(0))
        return torch.stack(found).numpy()

    def line(self) -> np.ndarray:
        """The clips as one, so that a calibration hears the same stream."""
        return self.clips.transpose(1, 0, 2).reshape(1, FREQ, -1)


@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")
@pytest.mark.parametrize("name", laws(CASES, fast=4))
def test_an_operator_says_what_torch_says(name: str, tmp_path: Path) -> None:
    built = Built(CASES[name])
    wanted = built.wanted()
    file = tmp_path / "model.tflite"
    file.write_bytes(pack(built.graph, None, internal=False, about="test"))
    opened = litert.LiteFile(file)
    found = np.stack([opened.step(clip) for clip in built.clips])
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)
    assert np.ptp(wanted, 0).max() > 0.3  # the scores move
    states = start(built.graph, 1)
    for clip, score in zip(torch.from_numpy(built.clips), wanted, strict=True):
        mine, states = run(built.graph, clip.t()[None], states)
        np.testing.assert_allclose(mine[0], score, rtol=0, atol=1e-5)


@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")
@pytest.mark.parametrize("name", laws(CASES, fast=4))
def test_in_int8_it_is_near_and_equals_a_microcontroller(name: str, tmp_path: Path) -> None:
    built = Built(CASES[name])
    int8 = quantized(built.graph, built.line())
    file = tmp_path / "model.int8.tflite"
    file.write_bytes(pack(built.graph, int8, internal=False, about="test"))
    opened = litert.LiteFile(file)
    found = np.stack([opened.step(clip) for clip in built.clips])
    whole = int8.quants[built.graph.frames].whole(built.clips.transpose(0, 2, 1)[:, None])
    theirs = int8.quants[built.graph.scores].real(micro(file, whole))
    assert np.array_equal(found, theirs)
    error = np.abs(found - built.wanted())
    assert error.mean() < 0.03
    assert error.max() < 0.2
