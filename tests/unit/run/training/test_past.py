"""Other sound before clips in training: it comes from other clips, and the network answers for its clip."""

import pytest
import torch

from audionas.core.arch import InputSpec
from audionas.core.errors import UserError
from audionas.core.registry import resolve
from audionas.core.rng import numpy_rng, seed_torch
from audionas.engine.conf import Train
from audionas.nn.every_hop import Hops
from audionas.nn.streaming import Stream
from audionas.run.training.past import Past, apart

IO = InputSpec(1, 40, 49, 3)


def test_pasts_are_the_ends_of_other_clips_of_any_length() -> None:
    clips = torch.arange(8.0).reshape(8, 1, 1, 1).expand(8, 1, 2, 10)
    torch.manual_seed(0)
    past, lengths = Past(Hops(4, 3), 25), set()
    for _ in range(60):
        late = past.before(clips)
        lengths.add(late.shape[3] - 10)
        assert torch.equal(late[..., -10:], clips)
        assert (late[..., :-10] != clips[..., :1]).all()
    assert lengths <= set(range(1, 26))
    assert {length % 4 for length in lengths} == {0, 1, 2, 3}  # every phase of the hops


def test_the_answer_after_a_past_is_the_streams() -> None:
    """Where the past fills whole hops, and the clip ends as a clip does."""
    space = resolve("space", "kws_tc_resnet")(causal=True, width=0.25, se="none")
    seed_torch("past", "net")
    net = space.build(space.sample(numpy_rng("past"), IO)).eval()
    hops = Hops.of(net, IO)
    past, x = Past(hops, hops.hop), torch.randn(3, *IO[:3])
    whole = net(x)
    while True:
        with past.heard(net, x) as late, torch.no_grad():
            said = net(late)
        if late.shape[3] - IO.frames == hops.hop:
            break
    for clip, row in zip(late, said, strict=True):
        torch.testing.assert_close(Stream(net, IO).step(clip)[-1], row, rtol=0, atol=1e-5)
    assert torch.equal(net(x), whole)  # and the network is as it was
    assert not torch.allclose(said, whole)


def test_answers_are_apart_by_both_divergences() -> None:
    a, b = torch.tensor([[0.0, 1.0]]), torch.tensor([[2.0, 0.0]])
    p, q = a.softmax(1), b.softmax(1)
    wanted = ((p * (p / q).log()).sum() + (q * (q / p).log()).sum()) / 2
    torch.testing.assert_close(apart(a, b), wanted)
    assert apart(a, a) == 0


@pytest.mark.parametrize("seconds", [-1.0, 61.0])
def test_a_past_out_of_range_is_refused(seconds: float) -> None:
    with pytest.raises(UserError, match=r"train\.past is"):
        Train(past=seconds)
