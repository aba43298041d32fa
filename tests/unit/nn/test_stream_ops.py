"""Every operation that has a causal form streams, alone in a chain; the others are refused by name."""

import pytest
import torch

from audionas.core.arch import InputSpec
from audionas.core.errors import UserError
from audionas.nn.ops import OPS
from audionas.nn.streaming import Step, Stream
from tests._tiers import laws
from tests.unit.nn._streams import CHUNKS, chain, check_laws, features

IO = InputSpec(4, 6, 17, 3)
# The operations of cells stand in networks of images; nor_conv_1x1 looks at one position only
FORMLESS = {
    *("none", "noise", "max_pool_3x3", "avg_pool_3x3", "nor_conv_3x3"),
    *(name for name in OPS if name.startswith(("sep_conv", "dil_conv"))),
}
CAUSAL = sorted(OPS.keys() - FORMLESS)
SOME = (
    "mixdw_k5_9_res",
    "cp_k3_e15",
    "mb_k3_e3_se",
    "mix_k35_e3",
    "skip",
    "tc_k3",
    "tc_k9_se",
)  # one of each kind


@pytest.mark.parametrize("name", laws(sorted(CAUSAL, key=lambda name: name not in SOME), fast=len(SOME)))
def test_the_stream_of_an_operation_ends_as_the_clip(name: str) -> None:
    wide_mix = name.startswith("mix") and name.endswith("_e6")  # as that of expansion 3, with more channels
    if name != "skip_connect":  # of stride 2 it is a reduction in both axes
        check_laws(chain(name, (1, 2)), IO, (3,) if wide_mix else CHUNKS)
    if not wide_mix:
        check_laws(chain(name, (1, 1)), IO, (3,))


@pytest.mark.parametrize(
    "name", ["tc_k3", "mb_k3_e3_se", "mixs_k35_e3", "mixdw_k5_9_res", "cp_k3_e15", "cp_k5_e30"]
)
@pytest.mark.parametrize("stride", [(1, 1), (2, 2)])
def test_steps_of_an_operation_say_what_its_stream_says(name: str, stride: tuple[int, int]) -> None:
    if name.startswith(("tc", "mixdw")) and stride[0] > 1:
        return  # its frequencies are channels
    net = chain(name, stride)
    step = Step(net, IO).double()
    assert step.field is not None
    x = features(IO, step.field + 6 * step.hop)
    wanted = Stream(net, IO).step(x)
    x = torch.cat((x.new_zeros(*x.shape[:2], step.lead), x), 2)
    x = x[..., : x.shape[2] // step.hop * step.hop]
    with torch.inference_mode():
        scores = step(x[None])[0][0]
    settled = step.field // step.hop
    torch.testing.assert_close(scores[settled:], wanted[settled : len(scores)], rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", sorted(FORMLESS))
def test_an_operation_without_a_causal_form_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="looks ahead"):
        Stream(chain(name, (1, 1)), IO)


def test_a_reduction_that_takes_later_frames_is_refused() -> None:
    with pytest.raises(UserError, match="no causal form"):
        Stream(chain("skip_connect", (2, 2)), IO._replace(frames=16))
