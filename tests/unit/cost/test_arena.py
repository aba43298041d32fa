"""The arena of a device: its parts, what is refused, and how far the spare reaches."""

import pytest

from audionas.core.errors import UserError
from audionas.cost import esp_nn
from audionas.cost.arena import SPARE, arena, need
from audionas.cost.operators import Operator, Program, Subgraph, Tensor
from audionas.cost.tflite_micro import Runtime


def network(c_in: int, per_group: int, c_out: int = 32, kind: str = "CONV_2D", frames: int = 10) -> Program:
    """One 1x1 convolution over `frames` frames."""
    tensors = (
        Tensor((1, frames, 1, c_in)),
        Tensor((c_out, 1, 1, per_group), stored=True),
        Tensor((c_out,), 4, stored=True),
        Tensor((1, frames, 1, c_out)),
    )
    return (Subgraph(tensors, (Operator(kind, (0, 1, 2), (3,)),), (0,), (3,)),)


@pytest.mark.parametrize(
    ("layout", "short", "long"),
    [
        ("iiiiiiiiiPPiiii", 60, 72),
        ("b" + "i" * 5, 24, 24),
        ("PPPPPPiP", 32, 64),  # an operator with its kernel
        ("PPi", 12, 24),  # a tensor as kernels see it
        ("idiii", 32, 32),
        ("PPb", 12, 24),
        ("", 0, 0),
    ],
)
def test_structs_are_laid_out_as_a_compiler_does(layout: str, short: int, long: int) -> None:
    assert Runtime(4).size(layout)[0] == short
    assert Runtime(8).size(layout)[0] == long


def test_scratch_and_tensors_live_together_on_an_s3_only() -> None:
    for version in esp_nn.VERSIONS:
        s3, plain = (need(network(24, 24), chip, version) for chip in ("esp32-s3", "esp32"))
        scratch = esp_nn.convolution((10, 1, 24), (1, 1), (10, 1, 32), (1, 1), (0, 0), version)
        assert scratch > 1000
        assert 0 < s3 - plain <= scratch + 32
    wide = [need(network(24, 24, frames=n), "esp32-s3", "1.1.2") for n in (1000, 2000)]
    assert wide[1] - wide[0] == 1000 * (24 + 32)


def test_the_greater_version_counts_with_the_spare() -> None:
    found = network(40, 40)
    each = [need(found, "esp32-s3", version) for version in esp_nn.VERSIONS]
    assert each[0] != each[1]
    assert 0 <= arena(found, "esp32-s3") - SPARE * max(each) < 16
    assert 0 <= arena(found, "esp32-s3", esp_nn.VERSIONS[0]) - SPARE * each[0] < 16


def test_groups_and_unknown_operators_are_refused_together() -> None:
    (graph,) = network(32, 8)
    strange = Operator("HARD_SWISH", (3,), (3,))
    with pytest.raises(UserError) as error:
        arena((graph._replace(operators=(*graph.operators, strange)),), "esp32-s3")
    text = "\n".join(error.value.problems)
    assert "32 channels in 4 groups" in text
    assert "HARD_SWISH" in text
    assert len(error.value.problems) == 2
