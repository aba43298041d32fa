"""The cells in the zoo are those published, and what their notes say of printed counts is so."""

import ast
import json
import math
from collections import Counter
from pathlib import Path

import pytest
import torch
from torch import nn

from audionas import zoo
from audionas.core.arch import ArchSpec
from audionas.cost.graph import LayerCost, example, layers
from audionas.nn.cell_blocks import DilConv, FactorizedReduce, PoolNorm, ReluConvBN
from audionas.spaces import genotype_of, space_of, spec_from_genotype
from tests import _printed
from tests._tiers import laws

NODES = (2, 3, 4, 5)
TEXTS = json.loads((Path(__file__).parent / "genotypes.json").read_text(encoding="utf-8"))
PUBLISHED = {name: text for names, text in TEXTS.items() for name in names.split()}  # as their code has them


def entries(text: str) -> set[tuple[str, str, int, int]]:
    """(cell, operation, node, input) of a genotype in any of its three forms, without dead edges."""
    call = ast.parse(text).body[0].value  # type: ignore[attr-defined]
    cells = {k.arg: ast.literal_eval(k.value) for k in call.keywords if not k.arg.endswith("_concat")}
    found = set()
    for kind, listed in cells.items():
        if isinstance(listed[0], list):
            edges = [(op, node, i) for node, own in zip(NODES, listed, strict=True) for op, i in own]
        elif len(listed[0]) == 2:
            edges = [(op, 2 + place // 2, i) for place, (op, i) in enumerate(listed)]
        else:
            edges = listed
        alive = {0, 1, *(node for _, node, _ in edges)}
        found |= {(kind, *edge) for edge in edges if edge[2] in alive}
    return found


def test_each_cell_network_of_the_zoo_has_a_published_genotype() -> None:
    assert set(PUBLISHED) == {name for name in zoo.names() if zoo.load(name).space == "darts_cell"}


@pytest.mark.parametrize("name", PUBLISHED)
def test_an_entry_is_the_published_genotype(name: str) -> None:
    spec, text = zoo.load(name), PUBLISHED[name]
    assert {
        (choice.partition("/")[0], option, int(choice[-3]), int(choice[-1]))
        for choice, options in spec.choices.items()
        for option in options
    } == entries(text)
    for told in (text, genotype_of(spec)):
        back = spec_from_genotype(told, space_of(spec), spec.io, spec.scale)  # type: ignore[arg-type]
        assert (back.id, back.choices, back.scale) == (spec.id, spec.choices, spec.scale)


@pytest.mark.parametrize(("name", "dead"), [("fair_darts_c", 5), ("fair_darts_g", 4)])
def test_an_edge_from_a_node_without_inputs_is_left_out(name: str, dead: int) -> None:
    assert f"('skip_connect', {dead}, 3)" in PUBLISHED[name].partition("reduce=")[0]
    assert zoo.load(name).choices[f"normal/{dead}_3"] == ()


def built(spec: ArchSpec, *, auxiliary: bool = False) -> nn.Module:
    with torch.device("meta"):
        return space_of(spec).build(spec, auxiliary=auxiliary)


def normed(found: list[LayerCost]) -> int:
    """How many values batch norms give."""
    return sum(math.prod(layer.output) for layer in found if layer.kind == "norm")


@pytest.mark.laws
@pytest.mark.parametrize("name", laws(["p_darts_imagenet", "pc_darts_cifar_imagenet", "pc_darts_imagenet"]))
def test_printed_multiply_adds_that_count_norms_relus_and_pools(name: str) -> None:
    spec = zoo.load(name)
    net = built(spec).eval()
    found = layers(net, spec.io)
    values: Counter[str] = Counter()

    def count(module: nn.Module, args: tuple[torch.Tensor, ...], _: torch.Tensor) -> None:
        values["pool" if isinstance(module, PoolNorm) else "relu"] += args[0].numel()

    for module in net.modules():
        if isinstance(module, ReluConvBN | DilConv | FactorizedReduce | nn.ReLU | PoolNorm):
            module.register_forward_hook(count)
    net(example(spec.io))
    total = sum(layer.macs for layer in found) + 2 * normed(found) + values["relu"] + values["pool"]
    assert int(total / 1e6) == spec.note["published"]["macs_m"]
    assert f"{total / 1e6:.1f} M" in spec.note["exceptions"]["macs"]


@pytest.mark.parametrize(("name", "operations"), laws([("c", 2), ("a", 4), ("h", 4), ("j", 2)]))
def test_printed_multiply_adds_that_count_norms(name: str, operations: int) -> None:
    spec = zoo.load(f"noisy_darts_cifar_{name}")
    found = layers(built(spec), spec.io)
    total = sum(layer.macs for layer in found) + operations * normed(found)
    assert _printed.agrees(total, spec.note["published"]["macs_m"])
    assert (
        f"{operations} operations per value: so counted the network makes {total / 1e6:.1f} M"
        in (spec.note["exceptions"]["macs"])
    )


@pytest.mark.laws
@pytest.mark.parametrize("name", ["a", "f"])
def test_printed_parameters_with_the_auxiliary_head(name: str) -> None:
    spec = zoo.load(f"fair_darts_{name}")
    params = sum(p.numel() for p in built(spec, auxiliary=True).parameters())
    assert _printed.agrees(params, spec.note["published"]["params_m"])
    assert f"{params / 1e6:.2f} M" in spec.note["exceptions"]["params"]
