"""Parameters and multiply-adds of the hand-made networks, against the published counts."""

import pytest
import torch

from audionas.core.arch import InputSpec
from audionas.core.registry import resolve
from audionas.cost.graph import layers

TC, DS, BC = (1, 40, 98), (1, 10, 49), (1, 40, 101)

# space, parameters of the space, input, classes, parameters, millions of multiply-adds to three digits
COUNTS = [
    ("tc_resnet", {"depth": 8, "width": 1.0}, TC, 12, 65_180, "1.52"),
    ("tc_resnet", {"depth": 8, "width": 1.5}, TC, 12, 144_276, "3.28"),
    ("tc_resnet", {"depth": 14, "width": 1.0}, TC, 12, 135_868, "3.03"),
    ("tc_resnet", {"depth": 14, "width": 1.5}, TC, 12, 303_012, "6.68"),
    ("ds_cnn", {"variant": "s"}, DS, 12, 23_756, "2.66"),
    ("ds_cnn", {"variant": "m"}, DS, 12, 138_128, "9.82"),
    ("ds_cnn", {"variant": "l"}, DS, 12, 416_772, "28.3"),
    ("bc_resnet", {"tau": 1.0}, BC, 12, 9_232, "2.48"),
    ("bc_resnet", {"tau": 1.5}, BC, 12, 17_154, "4.61"),
    ("bc_resnet", {"tau": 2.0}, BC, 12, 27_284, "7.32"),
    ("bc_resnet", {"tau": 3.0}, BC, 12, 54_168, "14.5"),
    ("bc_resnet", {"tau": 6.0}, BC, 12, 187_812, "50.3"),
    ("bc_resnet", {"tau": 8.0}, BC, 12, 321_068, "85.9"),
    ("bc_resnet", {"tau": 1.0}, BC, 35, 9_991, "2.48"),
    ("bc_resnet", {"tau": 8.0}, BC, 35, 326_979, "85.9"),
]


def found(name, conf, shape, classes):
    io = InputSpec(*shape, classes)
    space = resolve("space", name)(**conf)
    with torch.device("meta"):
        net = space.build(space.spec({}, io))
    return layers(net, io)


@pytest.mark.parametrize(("name", "conf", "shape", "classes", "params", "macs"), COUNTS)
def test_published_counts(name, conf, shape, classes, params, macs):
    rows = found(name, conf, shape, classes)
    assert sum(row.params for row in rows) == params
    assert f"{sum(row.macs for row in rows) / 1e6:#.3g}" == macs


@pytest.mark.parametrize("conf", [{"depth": 8}, {"depth": 14, "width": 1.5}])
def test_causality_costs_nothing(conf):
    """A causal convolution has the same weights and keeps as many frames."""
    assert found("tc_resnet", conf, TC, 12) == found("tc_resnet", {**conf, "causal": True}, TC, 12)


def test_tc_resnet14_is_a_point_of_the_space_that_is_searched():
    fixed = found("tc_resnet", {"depth": 14, "width": 1.5}, TC, 12)
    space = resolve("space", "kws_tc_resnet")(width=1.5)
    io = InputSpec(*TC, 12)
    spec = space.spec({c.name: ("tc_k9",) for c in space.choices()}, io)
    searched = layers(space.build(spec), io)
    assert [(r.kind, r.params, r.macs, r.output) for r in fixed] == [
        (r.kind, r.params, r.macs, r.output) for r in searched
    ]
