"""TENet's networks have the counts of the authors' code, with MTConv as without, and a search counts so."""

import pytest
import torch

from audionas import zoo
from audionas.core.arch import InputSpec
from audionas.core.errors import UserError
from audionas.core.registry import resolve
from audionas.cost.arena import arena
from audionas.cost.arena_table import ArenaTable
from audionas.cost.graph import layers, unfolded
from audionas.cost.limits import NOUNS, measured
from audionas.cost.table import table
from audionas.nn.fold.fold import folded
from audionas.spaces import space_of
from tests._tiers import laws

COUNTS = {  # parameters, with a scale and a shift in each norm; multiply-adds at 98 frames
    "tenet12": (97_036, 3_165_696),
    "tenet6": (52_300, 1_946_304),
    "tenet12_narrow": (29_324, 960_768),
    "tenet6_narrow": (16_172, 618_336),
}
PRINTED = {"tenet12": 99_852, "tenet6": 53_772, "tenet12_narrow": 30_732, "tenet6_narrow": 16_908}


FORMS = [("tenet6_narrow", "_mt"), *((n, "") for n in COUNTS), *((n, "_mt") for n in COUNTS)]


@pytest.mark.parametrize(("name", "form"), laws(dict.fromkeys(FORMS), fast=5))
def test_counts(name: str, form: str) -> None:
    spec = zoo.load(name + form)
    with torch.device("meta"):
        net = space_of(spec).build(spec)
    rows = layers(net, spec.io)
    assert (sum(row.params for row in rows), sum(row.macs for row in rows)) == COUNTS[name]
    assert bool(unfolded(net, spec.io)) == bool(form)
    norms = sum(row.params for row in rows if row.kind == "norm") // 2
    assert COUNTS[name][0] + norms == PRINTED[name]  # the authors print shift, mean and variance


def test_the_folded_network_is_the_one_with_one_kernel() -> None:
    many, one = zoo.load("tenet6_narrow_mt"), zoo.load("tenet6_narrow")
    with torch.device("meta"):
        used = folded(space_of(many).build(many).eval()).state_dict()
        plain = space_of(one).build(one).state_dict()
    assert [(n.replace("mt_k9", "te_k9"), t.shape) for n, t in used.items()] == [
        (n, t.shape) for n, t in plain.items()
    ]


def test_a_search_counts_folded_networks() -> None:
    space, spec = resolve("space", "tenet")(blocks=1, filters=4), zoo.load("tenet6")
    costs = table(space, spec.io)
    for option, other in (("mt_k9", "te_k9"), ("rep_k5", "rep_k5")):
        drawn = space.spec({c.name: (option,) for c in space.choices()}, spec.io)
        rows = layers(space.build(drawn), spec.io)
        assert costs.of(drawn, "params") == sum(row.params for row in rows)
        assert costs.of(drawn, "macs") == sum(row.macs for row in rows)
        assert costs.options["block1"][option] == costs.options["block1"][other]


@pytest.mark.laws
def test_every_limit_sees_the_folded_network() -> None:
    """Activations, streams and arenas too, each network alone and from the table of a search."""
    space, io = resolve("space", "tenet")(filters=8, causal=True), InputSpec(1, 40, 98, 2)
    names = [name for name in NOUNS if name != "arena_esp32"]
    arenas, found, sizes = ArenaTable(space, io), [], []
    for option in ("mt_k9", "te_k9"):
        spec = space.spec({c.name: (option,) for c in space.choices()}, io)
        with torch.device("meta"):
            found.append(measured(space.build(spec), io, names))
        sizes.append(arena(arenas.of(spec), "esp32-s3"))
    assert found[0] == found[1]
    assert sizes == [one["arena_esp32s3"] for one in found]


def test_counts_below_one_are_refused_together() -> None:
    with pytest.raises(UserError) as caught:
        resolve("space", "tenet")(filters=0, blocks=0)
    assert len(caught.value.problems) == 2
