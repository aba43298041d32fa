"""Finite memory: causal operations, spaces and published networks forget after their stated field."""

import numpy as np
import pytest
import torch
from torch import nn

from audionas.core.arch import InputSpec
from audionas.core.errors import UserError
from audionas.cost.memory import memory
from audionas.features import Features, build
from audionas.nn.blocks import make_endless
from audionas.nn.streaming import Step
from audionas.spaces import space_of
from tests._memory import after_pasts, forgets
from tests._tiers import laws
from tests.unit.nn._streams import chain, shaken
from tests.unit.nn.test_stream_ops import CAUSAL as OPERATIONS
from tests.unit.nn.test_stream_ops import IO
from tests.unit.nn.test_stream_zoo import CAUSAL as ZOO
from tests.unit.nn.test_stream_zoo import streaming
from tests.unit.nn.test_streaming import CAUSAL as SPACES
from tests.unit.nn.test_streaming import made

FIRST = ("tc_k9_se",)  # a mean over the past


@pytest.mark.parametrize("name", laws(sorted(OPERATIONS, key=lambda name: name not in FIRST), fast=1))
@pytest.mark.parametrize("stride", [(1, 1), (1, 2)])
def test_an_operation_forgets(name: str, stride: tuple[int, int]) -> None:
    if name == "skip_connect" and stride != (1, 1):
        return  # a reduction in both axes, which has no causal form
    forgets(Step(chain(name, stride), IO), IO)


@pytest.mark.laws
@pytest.mark.parametrize("name", SPACES)
def test_a_network_of_every_space_forgets(name: str) -> None:
    net, io = made(name)
    forgets(Step(net, io), io)


@pytest.mark.laws
@pytest.mark.parametrize("name", ZOO)
def test_a_published_network_forgets(name: str) -> None:
    spec = streaming(name)
    torch.manual_seed(0)
    net = shaken(space_of(spec).build(spec))
    forgets(Step(net, spec.io), spec.io)


def squeezed() -> tuple[nn.Module, InputSpec]:
    return chain("tc_k3_se", (1, 1)), IO


def test_a_mean_over_everything_breaks_the_law() -> None:
    """Squeeze-and-excitation as it was: a loud past is heard long after the field of the ring."""
    net, io = squeezed()
    field = Step(net, io).field
    make_endless(net)
    step = Step(net, io)
    assert step.field is None
    one, other = after_pasts(step, io, field + 100)
    assert (one[field:] - other[field:]).abs().amax(1).min() > 1e-4  # to the last hop


@pytest.mark.parametrize("name", laws(["tc_resnet", "bc_resnet", "depth", "asc", "mixed mean"]))
def test_an_exponential_mean_falls_by_its_factor(name: str) -> None:
    net, io = made(name)
    step = Step(net, io, "exponential")
    settled = -(-step.field // step.hop)
    one, other = after_pasts(step, io, settled + 20)
    left = (one - other)[settled:].abs()
    assert left[0].min() > 0
    torch.testing.assert_close(left[1:], step.fades * left[:-1], rtol=1e-6, atol=1e-13)


def test_the_noise_estimate_of_micro_falls_by_its_factor() -> None:
    """200 frames later less than that factor's 200th power is left, but for a step of the integers."""
    pytest.importorskip("pymicro_features")
    ears, rng = build(Features(name="micro", preset="settled")), np.random.default_rng(0)
    present, said = torch.from_numpy(rng.normal(0, 0.1, 8 * 16000).astype(np.float32)), []
    for level in (0.05, 0.2):
        heard = ears.stream()
        heard.step(torch.from_numpy(rng.normal(0, level, 3 * 16000).astype(np.float32)))
        said.append(heard.step(present)[0])
    left = (said[0] - said[1]).abs().mean(0)  # over the channels
    early, late = left[60:120].mean(), left[260:320].mean()
    assert early > 10 * 0.0390625
    assert late <= early * ears.fades**200 + 0.0390625
    kept = memory(0, 0.0, 1, ears)
    assert kept.to_left == pytest.approx(kept.field + 1.83, abs=0.01)
    assert not torch.equal(said[0][:, 183], said[1][:, 183])  # it fades, and is not gone


def test_a_space_refuses_a_mean_that_never_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    from audionas.spaces import tc_resnet

    class Deaf(tc_resnet.TcResnet):
        def network(self, fill, io, scale):
            net, _ = squeezed()
            make_endless(net)
            return net

    space = Deaf(causal=True)
    with pytest.raises(UserError, match="never forgets"):
        space.build(space.spec({}, InputSpec(1, 40, 98, 2)))
