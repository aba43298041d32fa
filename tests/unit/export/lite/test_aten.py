"""Each operator says in LiteRT, float and int8, what it says in torch; what has no form is named."""

import re
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
            self.head.linear.weight.normal_()

    def forward(self, x: Tensor) -> Tensor:
        """(1, 1, F, HOP) to logits; from other lengths only the stride is taken."""
        y = self.stem(x)
        z = self.hop(y)
        if x.shape[3] != HOP:
            return torch.zeros(1, 3, device=x.device)
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


def _many(x: Tensor) -> Tensor:
    first, second = functional.pad(x, (1, 0, 0, 2)).chunk(2, 1)
    y = torch.cat([1 - first.tanh(), functional.leaky_relu(second, 0.2)], 1)
    y = functional.prelu(functional.channel_shuffle(y, 3), (SIDE / 3).to(x.device))
    return functional.max_pool2d(y, (3, 2), (2, 1), (1, 0))


SIDE = torch.linspace(-2, 2, CHANNELS)
CASES: dict[str, Op] = {
    "all in a row": _many,
    **_pools(functional.avg_pool2d, [{"count_include_pad": False}, {}]),
    "pad": lambda x: functional.pad(x, (2, 0, 1, 3)),
    "chunk shuffle": lambda x: functional.channel_shuffle(torch.cat([p.tanh() for p in x.chunk(2, 1)], 1), 3),
    "prelu": _slopes(0.25, -0.5, 0, 1.5, 1, 0.1),
    **_pools(functional.max_pool2d, [{}]),
    "pad with a number": lambda x: functional.pad(x, (0, 1, 2, 0, 1, 2), value=1.5),
    "pad below zero": lambda x: functional.pad(x, (-1, 2, 3, -2), value=-0.5),
    "cut": lambda x: functional.pad(x, (-1, -2)),
    "mirror": lambda x: functional.pad(x, (3, 1, 2, 5), mode="reflect"),
    "pad of a vector": lambda x: functional.pad(x.mean((2, 3)), (2, 1)),
    "uneven chunks": lambda x: torch.cat(x.chunk(4, 2)[::-1], 2),
    "chunks of time": lambda x: torch.cat(x.chunk(2, -1)[::-1], -1),
    "uneven split": lambda x: torch.cat(torch.split(x, [1, 3, 2], 1)[::-1], 1),
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
        self.clips = numpy_rng("aten").normal(size=(30, FREQ, HOP)).astype(np.float32)
        io = InputSpec(1, FREQ, HOP, 3)
        logits, last = self.logits(Step(net, io)), net.head.linear
        with torch.no_grad():  # the scores shall move
            last.bias.sub_(logits.mean(0)).div_(logits.std(0))
            last.weight.div_(logits.std(0)[:, None])
        self.step = Step(net, io)
        self.graph: Graph = build(self.step, torch.zeros(FREQ), torch.ones(FREQ))

    def logits(self, step: Step) -> Tensor:
        """What torch says, hop by hop."""
        states, found = step.start(), []
        with torch.no_grad():
            for clip in torch.from_numpy(self.clips):
                logits, *rest = step(clip[None, None], *states)
                states = tuple(rest)
                found.append(logits[0, 0])
        return torch.stack(found)

    def wanted(self) -> np.ndarray:
        """The scores of torch."""
        return self.logits(self.step).softmax(1).numpy()

    def line(self) -> np.ndarray:
        """The clips as one, so that a calibration hears the same stream."""
        return self.clips.transpose(1, 0, 2).reshape(1, FREQ, -1)


@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")
@pytest.mark.parametrize("name", laws(CASES, fast=2))
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
@pytest.mark.parametrize("name", laws(CASES, fast=2))
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


def refusal(op: Op) -> UserError:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        step = Step(Net(op).eval(), InputSpec(1, FREQ, HOP, 3))
    with pytest.raises(UserError) as error:
        build(step, torch.zeros(FREQ), torch.ones(FREQ))
    return error.value


WEIGHT = torch.ones(CHANNELS, CHANNELS, 1, 1)
REFUSED: dict[str, tuple[Op, str]] = {
    "unknown": (functional.softplus, r"operator aten\.softplus\.default cannot"),
    "in place": (lambda x: functional.relu(x, inplace=True), r"aten\.relu_\.default, which .* inplace=False"),
    "computed weight": (
        lambda x: functional.conv2d(x, WEIGHT.to(x.device) * x.mean()),
        r"aten\.mean\.default",
    ),
    "computed slope": (lambda x: functional.prelu(x, x.mean((2, 3))[0]), r"aten\.select\.int"),
    "divisor": (lambda x: functional.avg_pool2d(x, 2, divisor_override=3), r"divisor_override"),
    "dilated": (lambda x: functional.max_pool2d(x, 2, dilation=2), r"dilation \[2, 2\]"),
    "several results": (
        lambda x: functional.max_pool2d(x, 2, return_indices=True)[0],
        r"max_pool2d_with_ind",
    ),
    "unbatched": (lambda x: functional.avg_pool2d(x.reshape(CHANNELS, FREQ, -1), 2), r"another shape than"),
    "mean of all": (lambda x: x.mean()[None], r"aten\.mean\.default with these arguments .*'dims'"),
    "rounded": (lambda x: torch.div(x, 2, rounding_mode="floor"), r"div\.Tensor_mode with these .*rounding"),
    "strided slice": (lambda x: x[..., ::2], r"aten\.slice\.Tensor with these arguments"),
    "other type": (lambda x: x.view(torch.int32).view(torch.float32), r"view\.dtype, whose shape is torch"),
    "wrapped": (
        lambda x: functional.pad(x, (1, 1, 0, 0), mode="circular"),
        r"mode=circular by \[1, 1, 0, 0\]",
    ),
    "pad of no number": (lambda x: functional.pad(x, (1, 1), value=-torch.inf), r"a pad with -inf"),
    "two ends": (lambda x: x.clamp(-1, 1), r"a clamp from -1"),
    "normalised": (lambda x: functional.layer_norm(x, x.shape[-1:]), r"aten\.layer_norm\.default"),
    "largest": (lambda x: x.amax(2), r"aten\.amax\.default"),
    "gathered": (lambda x: x[:, [0, 2, 1]], r"aten\.index\.Tensor"),
}


@pytest.mark.parametrize("name", laws(REFUSED, fast=1))
def test_what_has_no_form_is_named_with_its_layer(name: str) -> None:
    op, said = REFUSED[name]
    error = refusal(op)
    assert re.search(said, str(error)), str(error)
    assert str(error).startswith("op: ")
    assert "--target onnx-stream" in error.hint


@pytest.mark.laws
def test_a_decision_on_the_data_is_refused() -> None:
    error = refusal(lambda x: x if x.device.type == "meta" or x.sum() > 0 else -x)
    assert str(error).startswith("torch.export cannot record the network")


@pytest.mark.laws
def test_a_division_has_no_int8() -> None:
    built = Built(lambda x: x / (1.5 + x.sigmoid()))
    with pytest.raises(UserError, match=r"op/?\d*: operator DIV has no form in int8"):
        quantized(built.graph, built.line())
