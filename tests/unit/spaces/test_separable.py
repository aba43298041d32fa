"""SparkNet and MatchboxNet: exact counts, what they refuse, and causal forms that never look ahead."""

import pytest
import torch
from torch import nn

from audionas import zoo
from audionas.core.arch import InputSpec
from audionas.core.errors import UserError
from audionas.core.registry import resolve
from audionas.run.counts import counted
from audionas.spaces import space_of

COUNTS = {  # parameters, multiply-adds
    "sparknet_c16": (4_636, 396_304),
    "sparknet_c32": (11_500, 1_066_944),
    "matchboxnet_3x1x64": (74_892, 9_192_960),
    "matchboxnet_3x2x64": (90_444, 11_134_464),
    "matchboxnet_3x1x112": (130_620, 16_252_416),
}


@pytest.mark.parametrize("name", COUNTS)
def test_counts(name: str) -> None:
    assert counted(zoo.load(name).to_json()) == dict(zip(("params", "macs"), COUNTS[name], strict=True))


@pytest.mark.parametrize("width", [16, 32])
def test_what_sparknet_prints_has_four_operations_an_output_of_a_norm(width: int) -> None:
    """454,480 and 1,170,368, printed as 454.5 K and 1.2 M."""
    spec = zoo.load(f"sparknet_c{width}")
    with torch.device("meta"):
        net = space_of(spec).build(spec).eval()
        outputs: list[int] = []
        for part in net.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.register_forward_hook(lambda _, args, out: outputs.append(out.numel()))
        net(torch.zeros(1, 1, 32, 101))
    total = COUNTS[f"sparknet_c{width}"][1] + 4 * sum(outputs)
    assert total == {16: 454_480, 32: 1_170_368}[width]
    assert f"{total:,}" in spec.note["exceptions"]["macs"]


@pytest.mark.parametrize(("classes", "params"), [(30, 77_214), (35, 77_859), (2, 73_602)])
def test_matchboxnet_has_the_printed_parameters_at_the_papers_classes(classes: int, params: int) -> None:
    spec = zoo.load("matchboxnet_3x1x64")
    with torch.device("meta"):
        net = space_of(spec).build(spec, io=spec.io._replace(classes=classes))
    assert sum(p.numel() for p in net.parameters()) == params


@pytest.mark.parametrize("name", ["sparknet", "matchboxnet"])
@pytest.mark.parametrize("causal", [True, False])
def test_causal_networks_never_look_ahead(name: str, causal: bool) -> None:
    torch.manual_seed(0)
    space = resolve("space", name)(causal=causal, filters=8)
    body = space.build(space.spec({}, InputSpec(1, 10, 80, 4))).eval().stem
    x = torch.randn(1, 10, 1, 80)
    changed = torch.cat([x[..., :64], torch.randn(1, 10, 1, 16)], 3)
    with torch.no_grad():
        before, after = body(x), body(changed)
    assert torch.equal(before[..., :64], after[..., :64]) == causal
    assert not torch.equal(before, after)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("sparknet", {"filters": 0, "gates": -1}),
        ("matchboxnet", {"repeat": 0, "filters": 0}),
        ("kws_sparknet", {"filters": 0}),
    ],
)
def test_counts_below_one_are_refused_together(name: str, params: dict[str, int]) -> None:
    with pytest.raises(UserError) as caught:
        resolve("space", name)(**params)
    assert [problem.split()[0] for problem in caught.value.problems] == [f"{name}.{key}" for key in params]


@pytest.mark.parametrize("name", ["sparknet", "matchboxnet"])
def test_only_one_feature_map(name: str) -> None:
    space = resolve("space", name)()
    with pytest.raises(UserError, match="one feature map"):
        space.build(space.spec({}, InputSpec(3, 32, 101, 12)))


def test_sparknet_is_a_network_of_the_space_around_it() -> None:
    """The same parameters and the same function."""
    options = ("tcs_k11", "tcs_k15_res", "tcs_k19_res", "tcs_k29_res")
    around, spec = resolve("space", "kws_sparknet")(filters=16), zoo.load("sparknet_c16")
    chosen = around.spec({f"block{i}": (o,) for i, o in enumerate(options, 1)}, spec.io)
    torch.manual_seed(0)
    found, wanted = around.build(chosen).eval(), space_of(spec).build(spec).eval()
    found.load_state_dict(dict(zip(found.state_dict(), wanted.state_dict().values(), strict=True)))
    x = torch.randn(2, 1, 32, 101)
    with torch.no_grad():
        assert torch.equal(found(x), wanted(x))
    assert around.size() == 2_916
