"""CP-Mobile: the baseline of DCASE 2024 layer by layer as its README prints it, shortcuts, widths."""

import pytest
import torch

from audionas import zoo
from audionas.core.arch import InputSpec
from audionas.cost.graph import layers
from audionas.nn.cp_block import CPBlock
from audionas.spaces import space_of
from audionas.spaces.cp_mobile import CpMobile
from tests import _golden as g
from tests.golden import cp_mobile as official

# parameters (those of the norms included) and multiply-adds (2 for each channel of a norm included)
README = [
    *((88, 304_144), (2_368, 2_506_816)),
    *((2_176, 2_228_352), (704, 626_816), (2_112, 2_228_288)),
    *((2_176, 2_228_352), (704, 626_816), (2_112, 2_228_288)),
    *((2_176, 2_228_352), (704, 331_904), (2_112, 1_179_712)),
    *((2_176, 1_179_776), (704, 166_016), (3_696, 1_032_304)),
    *((6_960, 1_935_600), (1_320, 311_280), (6_832, 1_935_472)),
    *((6_960, 1_935_600), (1_320, 311_280), (12_688, 3_594_448)),
    (1_040 + 20, 299_520 + 20),
]


def test_the_baseline_is_the_published_network_layer_by_layer() -> None:
    spec = zoo.load("dcase2024_baseline")
    with torch.device("meta"):
        rows = layers(space_of(spec).build(spec), spec.io)
    pairs = list(zip(rows[::2], rows[1::2], strict=True))  # each convolution and its norm
    assert {(conv.macs > 0, norm.kind) for conv, norm in pairs} == {(True, "norm")}
    found = [(conv.params + norm.params, conv.macs + norm.params) for conv, norm in pairs]
    assert found == README
    assert [sum(column) for column in zip(*found, strict=True)] == [61_148, 29_419_156]


@pytest.mark.numeric
def test_the_baseline_computes_what_the_official_code_computes() -> None:
    """With equal weights and inputs, in training and afterwards; also the gradient of the first weights."""
    spec = zoo.load("dcase2024_baseline")
    net = space_of(spec).build(spec).double()
    g.fill(net.named_parameters())
    recorded = g.load(official.CASE)
    assert recorded["commit"] == official.COMMIT
    for name, tensor in official.results(net).items():
        expected = torch.tensor(recorded[name], dtype=torch.float64)
        assert expected.std() > 1e-3, name
        torch.testing.assert_close(tensor.flatten(), expected, rtol=1e-9, atol=1e-9, msg=name)


@pytest.mark.parametrize(
    ("c_out", "stride", "shortcut"), [(8, (1, 1), "itself"), (8, (2, 1), "mean"), (16, (1, 1), "none")]
)
def test_the_shortcut(c_out: int, stride: tuple[int, int], shortcut: str) -> None:
    """With the last norm's scale at 0 only the shortcut is left."""
    block = CPBlock(8, c_out, (3, 3), expansion=2.1, stride=stride).eval()
    torch.nn.init.zeros_(block.project.bn.weight)
    x = torch.randn(2, 8, 6, 5, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        y = block(x)
    expected = {
        "itself": x.relu(),
        "mean": torch.nn.AvgPool2d(3, stride, 1)(x).relu(),
        "none": torch.zeros(2, 16, 6, 5),
    }
    torch.testing.assert_close(y, expected[shortcut])


def test_widths_and_expansions_are_multiples_of_eight() -> None:
    space = CpMobile(width=0.5)
    spec = space.spec({c.name: ("cp_k5_e15",) for c in space.choices()}, InputSpec(1, 256, 65, 10))
    with torch.device("meta"):
        rows = layers(space.build(spec), spec.io)
    depthwise = [row.output[0] for row in rows if row.kind == "depthwise"]
    assert depthwise == [24, 24, 24, 24, 48, 48]
    assert rows[-1].output == (10, 32, 9)
