"""Genotypes: published networks by their text, every form read, round trips, and text that is none."""

import pytest
import torch

from audionas.core.arch import InputSpec
from audionas.core.errors import UserError
from audionas.core.registry import resolve
from audionas.core.rng import numpy_rng
from audionas.cost.graph import layers
from audionas.spaces import genotype_of, spec_from_genotype
from audionas.spaces.darts_cell import DartsCell

CIFAR, IMAGENET = InputSpec(3, 32, 32, 10), InputSpec(3, 224, 224, 1000)
TRAINED = {"layers": 20, "channels": 36}
MOBILE = {"layers": 14, "channels": 48}

DARTS_V2 = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), "
    "('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)], "
    "normal_concat=[2, 3, 4, 5], reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), "
    "('max_pool_3x3', 1), ('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), "
    "('max_pool_3x3', 1)], reduce_concat=[2, 3, 4, 5])"
)
P_DARTS = (
    "Genotype(normal=[('skip_connect', 0), ('dil_conv_3x3', 1), ('skip_connect', 0), ('sep_conv_3x3', 1), "
    "('sep_conv_3x3', 1), ('sep_conv_3x3', 3), ('sep_conv_3x3', 0), ('dil_conv_5x5', 4)], "
    "normal_concat=range(2, 6), reduce=[('avg_pool_3x3', 0), ('sep_conv_5x5', 1), ('sep_conv_3x3', 0), "
    "('dil_conv_5x5', 2), ('max_pool_3x3', 0), ('dil_conv_3x3', 1), ('dil_conv_3x3', 1), "
    "('dil_conv_5x5', 3)], reduce_concat=range(2, 6))"
)
PC_DARTS_CIFAR = (
    "Genotype(normal=[('sep_conv_3x3', 1), ('skip_connect', 0), ('sep_conv_3x3', 0), ('dil_conv_3x3', 1), "
    "('sep_conv_5x5', 0), ('sep_conv_3x3', 1), ('avg_pool_3x3', 0), ('dil_conv_3x3', 1)], "
    "normal_concat=range(2, 6), reduce=[('sep_conv_5x5', 1), ('max_pool_3x3', 0), ('sep_conv_5x5', 1), "
    "('sep_conv_5x5', 2), ('sep_conv_3x3', 0), ('sep_conv_3x3', 3), ('sep_conv_3x3', 1), "
    "('sep_conv_3x3', 2)], reduce_concat=range(2, 6))"
)
PC_DARTS_IMAGENET = (
    "Genotype(normal=[('skip_connect', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 0), ('skip_connect', 1), "
    "('sep_conv_3x3', 1), ('sep_conv_3x3', 3), ('sep_conv_3x3', 1), ('dil_conv_5x5', 4)], "
    "normal_concat=range(2, 6), reduce=[('sep_conv_3x3', 0), ('skip_connect', 1), ('dil_conv_5x5', 2), "
    "('max_pool_3x3', 1), ('sep_conv_3x3', 2), ('sep_conv_3x3', 1), ('sep_conv_5x5', 0), "
    "('sep_conv_3x3', 3)], reduce_concat=range(2, 6))"
)
FAIR_DARTS_A = (
    "Genotype(normal=[('sep_conv_3x3', 2, 0), ('sep_conv_5x5', 2, 1), ('max_pool_3x3', 4, 0), "
    "('sep_conv_3x3', 5, 0)], normal_concat=range(2, 6), reduce=[('max_pool_3x3', 2, 0), "
    "('avg_pool_3x3', 2, 1), ('avg_pool_3x3', 3, 0), ('dil_conv_5x5', 3, 1), ('avg_pool_3x3', 4, 0), "
    "('sep_conv_5x5', 4, 1), ('skip_connect', 5, 0), ('skip_connect', 5, 1)], reduce_concat=range(2, 6))"
)

FAIR_DARTS_B = (
    "Genotype(normal=[('sep_conv_3x3', 2, 0), ('sep_conv_3x3', 2, 1), ('sep_conv_3x3', 3, 1), "
    "('dil_conv_3x3', 4, 0), ('sep_conv_5x5', 4, 1), ('dil_conv_5x5', 5, 1)], normal_concat=range(2, 6), "
    "reduce=[('skip_connect', 2, 0), ('dil_conv_3x3', 2, 1), ('skip_connect', 3, 0), ('dil_conv_3x3', 3, 1), "
    "('max_pool_3x3', 4, 0), ('sep_conv_3x3', 4, 1), ('skip_connect', 5, 2), ('max_pool_3x3', 5, 0)], "
    "reduce_concat=range(2, 6))"
)


def read(text, preset="darts", io=CIFAR, sizes=None):
    return spec_from_genotype(text, DartsCell(preset=preset), io, sizes)


def measured(text, io, sizes):
    spec = read(text, io=io, sizes=sizes)
    with torch.device("meta"):
        return layers(DartsCell().build(spec), io)


@pytest.mark.laws
@pytest.mark.parametrize(
    ("text", "params"),
    [(DARTS_V2, "3.349"), (P_DARTS, "3.434"), (PC_DARTS_CIFAR, "3.635")],
)
def test_parameters_of_published_networks_on_cifar(text, params):
    """20 cells, 36 channels, without the auxiliary head."""
    assert f"{sum(row.params for row in measured(text, CIFAR, TRAINED)) / 1e6:.3f}" == params


@pytest.mark.laws
@pytest.mark.parametrize(
    ("text", "macs"), [(DARTS_V2, "529.9"), (P_DARTS, "542.8"), (PC_DARTS_IMAGENET, "581.6")]
)
def test_multiply_adds_of_published_networks_on_imagenet(text, macs):
    """14 cells, 48 channels, 224 x 224 pixels, 1,000 classes."""
    assert f"{sum(row.macs for row in measured(text, IMAGENET, MOBILE)) / 1e6:.1f}" == macs


@pytest.mark.laws
def test_costs_of_a_published_network_whose_nodes_have_one_or_two_inputs():
    """FairDARTS prints 536 M multiply-adds, and 3.88 M parameters with the auxiliary head."""
    spec = read(FAIR_DARTS_B, sizes=TRAINED)
    assert round(sum(row.macs for row in measured(FAIR_DARTS_B, CIFAR, TRAINED)) / 1e6) == 536
    with torch.device("meta"):
        net = DartsCell().build(spec, auxiliary=True)
    assert f"{sum(p.numel() for p in net.parameters()) / 1e6:.2f}" == "3.88"


def test_a_genotype_says_which_operation_enters_which_node_from_where():
    choices = read(DARTS_V2).choices
    taken = {name: options for name, options in choices.items() if options and name.startswith("normal/")}
    assert taken == {
        **{"normal/2_0": ("sep_conv_3x3",), "normal/2_1": ("sep_conv_3x3",)},
        **{"normal/3_0": ("sep_conv_3x3",), "normal/3_1": ("sep_conv_3x3",)},
        **{"normal/4_0": ("skip_connect",), "normal/4_1": ("sep_conv_3x3",)},
        **{"normal/5_0": ("skip_connect",), "normal/5_2": ("dil_conv_3x3",)},
    }


def test_flat_nested_triples_and_assignments_are_one_architecture():
    spec = read(DARTS_V2)
    cells = {
        kind: [
            (option, int(name[-3]), int(name[-1]))
            for name, (option, *_) in ((n, o) for n, o in spec.choices.items() if o)
            if name.startswith(kind)
        ]
        for kind in ("normal", "reduce")
    }
    nested = {
        k: [[(o, s) for o, n, s in own if n == node] for node in (2, 3, 4, 5)] for k, own in cells.items()
    }
    tail = "normal_concat=range(2, 6), reduce_concat=[2, 3, 4, 5])"
    for form in (cells, nested):
        assert read(f"Genotype(normal={form['normal']}, reduce={form['reduce']}, {tail}") == spec
    turned = {k: [own[::-1] for own in nodes] for k, nodes in nested.items()}  # any order within a node
    assert read(f"Genotype(normal={turned['normal']}, reduce={turned['reduce']}, {tail}") == spec
    assert read(f"\n DARTS_V2 = {DARTS_V2}\n") == spec
    assert read(f"Genotype(normal={cells['normal']}, reduce={cells['reduce']})") == spec


@pytest.mark.parametrize("preset", ["darts", "no_none", "s1", "s2", "s3", "s4"])
def test_every_architecture_comes_back_from_its_genotype(preset):
    space, rng = DartsCell(preset=preset), numpy_rng("genotypes", preset)
    for _ in range(20):
        spec = space.sample(rng, CIFAR)
        text = genotype_of(spec)
        assert spec_from_genotype(text, space, CIFAR) == spec
        assert text.count("range(2, 6)") == 2
        assert genotype_of(spec_from_genotype(text, space, CIFAR)) == text


def test_what_is_written_is_flat_where_each_node_has_two_inputs_and_triples_otherwise():
    assert genotype_of(read(P_DARTS)) == P_DARTS  # whose inputs stand in order
    sparse = genotype_of(read(FAIR_DARTS_A))
    assert "normal=[('sep_conv_3x3', 2, 0), ('sep_conv_5x5', 2, 1), ('max_pool_3x3', 4, 0)" in sparse
    assert "normal_concat=[2, 4, 5]" in sparse  # node 3 has no input, so it has no place in the output
    assert "reduce=[('max_pool_3x3', 0), " in sparse
    assert genotype_of(read(sparse)) == sparse


def test_two_operations_on_one_edge_are_two_operations_there():
    """GDAS publishes such genotypes."""
    spec = read(
        DARTS_V2.replace(
            "('sep_conv_3x3', 0), ('sep_conv_3x3', 1)", "('sep_conv_3x3', 0), ('skip_connect', 0)", 1
        )
    )
    assert spec.choices["normal/2_0"] == ("skip_connect", "sep_conv_3x3")
    assert spec.choices["normal/2_1"] == ()
    assert "('skip_connect', 0), ('sep_conv_3x3', 0)" in genotype_of(spec)
    assert read(genotype_of(spec)) == spec


def test_an_entry_of_none_is_an_edge_left_out():
    spec = read(
        DARTS_V2.replace("('skip_connect', 0), ('dil_conv_3x3', 2)", "('none', 0), ('dil_conv_3x3', 2)")
    )
    assert spec.choices["normal/5_0"] == ()
    assert spec.choices["normal/5_2"] == ("dil_conv_3x3",)


def changed(old, new, text=DARTS_V2):
    assert old in text
    return text.replace(old, new, 1)


WRONG = [
    ("", "not a genotype"),
    ("Genotype(", "not a genotype"),
    ("darts_v2", "not a genotype"),
    ("Genotype(normal=[], reduce=[])", "expected a list"),
    ("Genotype(1, 2)", "with keywords"),
    ("Genome(normal=[], reduce=[])", "a call of Genome"),
    ("x.Genotype(normal=[], reduce=[])", "not a genotype"),
    ("Genotype(**{'normal': []})", "not one of"),
    ("Genotype(normal=[('sep_conv_3x3', 0)])", "no 'reduce'"),
    ("Genotype(normal=__import__('os').system('true'), reduce=[])", "not a genotype"),
    ("Genotype(normal=[open('x')], reduce=[])", "not a genotype"),
    (f"{DARTS_V2}; {DARTS_V2}", "not a genotype"),
    ("Genotype(normal=" + "[" * 3000, "not a genotype"),
    ("Genotype(normal=\0)", "not a genotype"),
    (changed("normal=", "normal=5, x="), "'x' is not one of"),
    (changed("reduce=", "normal=[], reduce="), "appears twice"),
    (changed("sep_conv_3x3", "sep_conv_3"), "Did you mean 'sep_conv_3x3'?"),
    (changed("('sep_conv_3x3', 0)", "('noise', 0)"), "no option 'noise'"),
    (changed("('sep_conv_3x3', 0), ", ""), "7 entries, expected 8"),
    (changed("('sep_conv_3x3', 0), ", "('sep_conv_3x3', 2), "), "inputs are 0 to 1"),
    (changed("('sep_conv_3x3', 0), ", "('sep_conv_3x3', -1), "), "inputs are 0 to 1"),
    (changed("('sep_conv_3x3', 0), ", "('sep_conv_3x3', True), "), "inputs are 0 to 1"),
    (changed("('sep_conv_3x3', 0), ", "('sep_conv_3x3',), "), "expected (operation, input)"),
    (changed("('sep_conv_3x3', 0), ", "'sep_conv_3x3', "), "expected (operation, input)"),
    (
        changed("('sep_conv_3x3', 0), ('sep_conv_3x3', 1)", "('skip_connect', 1), ('skip_connect', 1)"),
        "appears twice",
    ),
    (changed("[2, 3, 4, 5]", "[2, 3, 4]"), "node 5 is left out"),
    (changed("[2, 3, 4, 5]", "range(1, 6)"), "expected nodes among 2 to 5"),
    (changed("[2, 3, 4, 5]", "range(2, 10**9)"), "not a genotype"),
    (changed("[2, 3, 4, 5]", "range(2, 10000000)"), "not a genotype"),
    (changed("[2, 3, 4, 5]", "range(2, 6, 0)"), "not a genotype"),
    (changed("[2, 3, 4, 5]", "'2345'"), "expected nodes among"),
    ("Genotype(normal=[('skip_connect', 6, 0)], reduce=[('skip_connect', 2, 0)])", "no node 6"),
    ("Genotype(normal=[('skip_connect', 'x', 0)], reduce=[('skip_connect', 2, 0)])", "no node 'x'"),
    ("Genotype(normal=[[('skip_connect', 0)]], reduce=[('skip_connect', 2, 0)])", "1 lists, expected 4"),
    ("Genotype(normal=[[], [], [], []], reduce=[('skip_connect', 2, 0)])", "the normal cell has no edge"),
    (
        "Genotype(normal=[('skip_connect', 4, 3)], reduce=[('skip_connect', 2, 0)])",
        "the normal cell has no edge",
    ),
]


@pytest.mark.parametrize(("text", "says"), WRONG)
def test_what_is_no_genotype_is_refused(text, says):
    with pytest.raises(UserError) as caught:
        read(text)
    assert says in str(caught.value)


def test_all_faults_are_told_at_once():
    with pytest.raises(UserError) as caught:
        read(
            changed("('sep_conv_3x3', 0)", "('sep_conv_3x3', 7)").replace(
                "reduce_concat=[2, 3, 4, 5]", "reduce_concat=[2]"
            )
        )
    assert len(caught.value.problems) == 4
    assert caught.value.hint.startswith("Expected Genotype(")


def test_only_architectures_of_these_cells_have_a_genotype():
    space = resolve("space", "nas_bench_201")()
    with pytest.raises(UserError, match="nas_bench_201 has no genotype"):
        genotype_of(space.sample(numpy_rng(0), CIFAR))
