"""What every law of streaming needs: networks whose silence is not silent, chunks, a chain around an op."""

from typing import Any

import torch
from torch import Tensor, nn

from audionas.core.arch import InputSpec
from audionas.core.registry import resolve
from audionas.nn.blocks import Head
from audionas.nn.ops import OPS, OpShape
from audionas.nn.streaming import Stream
from audionas.spaces import Space

CHUNKS = (1, 2, 3, 7)


def causal(name: str, **params: Any) -> Space:
    """A space in its causal form, which some have as a setting and some always."""
    kind = resolve("space", name)
    space: Space = kind(**({"causal": True} if hasattr(kind, "causal") else {}), **params)
    return space


def shaken(net: nn.Module) -> nn.Module:
    """The network in float64 with statistics that are not the plain ones."""
    net = net.double().eval()
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            assert part.running_mean is not None
            assert part.running_var is not None
            part.running_mean.normal_(0, 0.3)  # silence is then not silent inside
            part.running_var.uniform_(0.5, 2)
    return net


def features(io: InputSpec, frames: int) -> Tensor:
    return torch.randn(io.channels, io.freq, frames, dtype=torch.float64, generator=torch.manual_seed(1))


def told(stream: Stream, x: Tensor, chunk: int) -> Tensor:
    return torch.cat([stream.step(part) for part in torch.split(x, chunk, 2)])


def chain(name: str, stride: tuple[int, int]) -> nn.Module:
    """An operation alone between the input and a head, of 4 channels; a reduction has 8 out."""
    torch.manual_seed(0)
    c_out = 8 if stride == (2, 2) else 4
    return shaken(nn.Sequential(OPS[name].make(OpShape(4, c_out, stride, causal=True)), Head(c_out, 3)))


def check_laws(net: nn.Module, io: InputSpec, chunks: tuple[int, ...] = CHUNKS) -> None:
    """The stream ends as the clip, in chunks of any length, and after a reset again."""
    x, stream = features(io, io.frames), Stream(net, io)
    whole = stream.step(x)
    with torch.inference_mode():
        torch.testing.assert_close(whole[-1:], net(x[None]), rtol=0, atol=1e-10)
    for chunk in chunks:
        stream.reset()
        torch.testing.assert_close(told(stream, x, chunk), whole, rtol=0, atol=1e-10)
    stream.reset()
    assert torch.equal(stream.step(x), whole)
