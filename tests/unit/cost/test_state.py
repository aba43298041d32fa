"""What streaming costs: states as the kernels demand, multiply-adds of a hop that add up to a clip's."""

from typing import Any

import numpy as np
import pytest

from audionas.core.arch import InputSpec
from audionas.core.errors import UserError
from audionas.core.registry import resolve
from audionas.cost.graph import layers
from audionas.cost.limits import measured
from audionas.cost.streams import stream_cost
from audionas.nn.blocks import Conv, Head

NETS: list[tuple[str, dict[str, Any]]] = [
    ("tc_resnet", {"depth": 8}),
    ("kws_mobilenet", {"preset": "depth", "width": 0.25}),
    ("bc_resnet", {"tau": 1.0}),
]
IO = InputSpec(1, 40, 48, 4)


@pytest.mark.laws
@pytest.mark.parametrize(("name", "params"), NETS)
def test_hops_add_up_to_a_clip(name: str, params: dict[str, Any]) -> None:
    space = resolve("space", name)(causal=True, **params)
    net = space.build(space.sample(np.random.default_rng(0), IO))
    found = stream_cost(net, IO)
    last = sum(layer.macs for layer in layers(net, IO) if layer.name == "head.linear")
    clip = measured(net, IO, ["macs", "hop_macs", "state_bytes"])
    assert (found.hop_macs - last) * (IO.frames // found.hop) == clip["macs"] - last
    assert (clip["hop_macs"], clip["state_bytes"]) == (found.hop_macs, found.state_bytes)


def test_states_are_the_past_of_the_kernels_and_the_window_of_the_mean() -> None:
    space = resolve("space", "tc_resnet")(causal=True, depth=8)
    net = space.build(space.sample(np.random.default_rng(0), IO))
    found = stream_cost(net, IO)
    past = [
        4 * conv.past * conv.in_channels for conv in net.modules() if isinstance(conv, Conv) and conv.past
    ]
    (head,) = (part for part in net.modules() if isinstance(part, Head))
    window = 4 * (IO.frames // found.hop - 1) * head.linear.in_features
    assert found.state_bytes == sum(past) + window
    assert found.states == len(past) + 1
    fading = stream_cost(net, IO, "exponential")
    assert fading.state_bytes == sum(past) + 4 * head.linear.in_features


def test_a_network_that_looks_ahead_has_no_such_cost() -> None:
    space = resolve("space", "tc_resnet")(depth=8)
    with pytest.raises(UserError, match=r"space\.causal=true"):
        stream_cost(space.build(space.sample(np.random.default_rng(0), IO)), IO)
