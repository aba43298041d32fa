"""AZ-NAS: its views on features made by hand, and ranks that are relative to a pool."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from audionas.core.arch import InputSpec
from audionas.core.errors import UserError
from audionas.core.rng import numpy_rng
from audionas.proxies.az_nas import PARTS, az_nas, entropy, features, ranked, unshuffled
from audionas.spaces.ds_cnn import DsCnn
from audionas.spaces.nas_bench_201 import NasBench201

NAMES = (*PARTS, "macs")


def pool(*rows: tuple[float, ...]) -> list[dict[str, float]]:
    return [dict(zip(NAMES, row, strict=True)) for row in rows]


def test_ranks_are_relative_to_the_pool() -> None:
    some = pool((1, 1, 1, 1), (2, 2, 2, 2), (3, 3, 3, 1))
    found = ranked(some)
    assert found == pytest.approx([3 * math.log(1 / 3) + math.log(0.5), 3 * math.log(2 / 3), math.log(0.5)])
    stretched = [{name: math.exp(5 * v) for name, v in row.items()} for row in some]
    assert ranked(stretched) == pytest.approx(found)  # only ranks count
    assert ranked(some[::-1]) == pytest.approx(found[::-1])
    grown = ranked([*some, *pool((9, 9, 9, 9))])
    assert grown[-1] == 0
    assert (grown[:-1] < found).all()  # the same networks, among others


def test_expressivity_is_highest_where_channels_say_different_things() -> None:
    x = torch.randn(64, 5, 9, 9)
    assert entropy(x) == pytest.approx(math.log(5), abs=0.01)
    assert entropy(x[:, :1].expand(64, 5, 9, 9)) == pytest.approx(0, abs=1e-6)
    assert entropy(torch.ones(2, 5, 3, 3)) == 0


def test_places_of_a_stride_become_channels() -> None:
    x = torch.randn(2, 3, 8, 6)
    assert torch.equal(unshuffled(x, torch.zeros(2, 7, 4, 3)), nn.PixelUnshuffle(2)(x))
    odd = unshuffled(x[..., :5], torch.zeros(2, 7, 8, 3))  # stride 2 over time alone
    assert odd.shape == (2, 6, 8, 3)
    assert torch.equal(odd[:, 0::2], x[..., 0:5:2])
    assert torch.equal(odd[:, 1::2, :, -1], torch.zeros(2, 3, 8))


class _Layers(nn.Module):
    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.stem, self.body = nn.Conv2d(3, 4, 1), nn.ModuleList(layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for layer in self.body:
            x = layer(x)
        return x


class _Times(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.factor


def test_trainability_is_highest_where_gradients_keep_their_size() -> None:
    x = torch.randn(64, 3, 8, 8)
    told = {f: az_nas(_Layers(_Times(f)), x)["az_trainability"] for f in (0.1, -1.0, 10.0)}
    assert told[-1.0] == pytest.approx(0, abs=0.02)  # 2 - s - 1 / s is 0 at s = 1
    assert told[0.1] == pytest.approx(2 - 0.1 - 10, abs=1)
    assert told[10.0] == pytest.approx(2 - 10 - 0.1, abs=1)
    assert az_nas(_Layers(_Times(-1.0), nn.Identity()), x)["az_trainability"] == -1e9


def test_a_layer_that_nothing_reaches_has_no_gradient() -> None:
    space, io = NasBench201(), InputSpec(3, 16, 16, 10)
    sizes = {"layers": 1, "channels": 4}
    spec = space.spec({c.name: ("none",) for c in space.choices()}, io, sizes=sizes)
    found = az_nas(space.build(spec), torch.randn(8, 3, 16, 16))
    assert -1e9 < found["az_trainability"] < -1e5
    assert np.isfinite(list(found.values())).all()


def test_features_are_the_stem_and_the_cells() -> None:
    space, io = NasBench201(), InputSpec(3, 16, 16, 10)
    spec = space.sample(numpy_rng(0), io)
    net = space.build(spec)
    found = features(net, torch.randn(2, 3, 16, 16))
    assert [tuple(f.shape[1:]) for f in found] == [
        *[(16, 16, 16)] * 6,
        *[(32, 8, 8)] * 6,
        *[(64, 4, 4)] * 6,
    ]
    assert not any(part._forward_hooks for part in net.modules())


def test_a_network_without_layers_after_its_stem_is_refused() -> None:
    space, io = DsCnn(), InputSpec(1, 10, 49, 12)
    net = space.build(space.sample(numpy_rng(0), io))
    with pytest.raises(UserError, match="this one has 1 after its input"):
        az_nas(net, torch.randn(2, 1, 10, 49))
