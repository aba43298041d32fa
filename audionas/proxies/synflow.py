"""SynFlow: how much of an input of ones flows through the weights of a network, all taken as positive.

Tanaka et al., "Pruning neural networks without any data by iteratively conserving synaptic flow" (NeurIPS
2020, arXiv:2006.05467), as a score of architectures in Abdelfattah et al., "Zero-Cost Proxies for Lightweight
NAS" (ICLR 2021, arXiv:2101.08134).
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd


def synflow(net: nn.Module, x: Tensor) -> float:
    """log(1 + S), where S is the sum of |w dR/dw| over the weights w of convolutions and linear layers.

    R is the sum of the outputs for an input of ones of the shape of one example of `x` (B, C, F, T), whose
    values do not matter, computed in double precision with the absolute values of all parameters. Batch norms
    are left out as in the code of Abdelfattah et al., and so are ReLU6s, which would cut the flow. The score
    is 0 where no path leads through the network, or where a gate (`sparknet`) saturates. The network is
    afterwards in evaluation mode.
    """
    return math.log1p(sum(flows(net, x).values()))


def flows(net: nn.Module, x: Tensor) -> dict[str, float]:
    """The part of S of each convolution and linear layer, by name.

    Flow is conserved: in a network of layers in sequence, without biases, each layer's part is R.
    """
    names = [f"{name}.weight" for name, part in net.named_modules() if isinstance(part, _ConvNd | nn.Linear)]
    state = {name: _real(buffer) for name, buffer in net.named_buffers()}
    state |= {name: _real(parameter).abs() for name, parameter in net.named_parameters()}
    weights = [state[name].requires_grad_() for name in names]
    ones = torch.ones(1, *x.shape[1:], dtype=torch.float64, device=x.device)
    with torch.enable_grad(), _bypassed(net.eval()):
        total = functional_call(net, state, (ones,)).sum()
    slopes = torch.autograd.grad(total, weights, allow_unused=True)
    pairs = zip(names, weights, slopes, strict=True)
    return {name: 0.0 if s is None else float((w.detach() * s).abs().sum()) for name, w, s in pairs}


def _real(tensor: Tensor) -> Tensor:
    return tensor.detach().double() if tensor.is_floating_point() else tensor.detach()


@contextmanager
def _bypassed(net: nn.Module) -> Iterator[None]:
    """Inside the block batch norms and ReLU6s return what enters them, times a norm's scale if given."""

    def entered(_: nn.Module, args: tuple[Any, ...], __: Tensor) -> Tensor:
        x, *scale = args
        through: Tensor = x if not scale or scale[0] is None else x * scale[0]
        return through

    parts = [part for part in net.modules() if isinstance(part, _BatchNorm | nn.ReLU6)]
    hooks = [part.register_forward_hook(entered) for part in parts]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
