"""What a network that listens frame by frame must remember between frames."""

import copy
from typing import Any

from torch import nn

from audionas.core.arch import InputSpec
from audionas.core.errors import UserError
from audionas.cost.graph import example
from audionas.nn.blocks import Conv


def state_bytes(net: nn.Module, io: InputSpec) -> int:
    """Bytes of the ring buffers of all temporal convolutions, in float32: past frames x channels x frequency.

    What pooling and squeeze-and-excitation remember, one value a channel, is not counted. Raises UserError
    for a network that looks ahead and therefore cannot stream.
    """
    shadow = copy.deepcopy(net).to("meta").eval()
    sizes: list[int] = []
    ahead: list[str] = []

    def watch(module: nn.Module, args: Any, name: str) -> None:
        x = args[0]
        if isinstance(module, Conv) and module.kernel_size[1] > 1:
            sizes.append(4 * module.past * x.shape[1] * x.shape[2])
            if not module.past:
                ahead.append(name)

    for name, module in shadow.named_modules():
        module.register_forward_pre_hook(lambda m, args, name=name: watch(m, args, name))
    _ = shadow(example(io))
    if ahead:
        raise UserError(
            f"state_bytes: {ahead[0]} looks ahead in time, so that the network cannot stream",
            hint="Search causal networks, where the space has them: space.causal=true",
        )
    return sum(sizes)
