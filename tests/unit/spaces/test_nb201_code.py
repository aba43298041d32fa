"""Strings of NAS-Bench-201 both ways for every cell, counts of canonical forms, cells that are cut."""

import itertools
import re
import zlib

import pytest
import torch

from audionas.core.arch import InputSpec
from audionas.core.errors import UserError
from audionas.core.registry import resolve
from audionas.core.rng import numpy_rng
from audionas.spaces import code, code_of, parse, spec_from_code
from audionas.spaces.nas_bench_201 import EDGES, PRIMITIVES, NasBench201, form
from tests.unit.spaces._same_cells import flat_string, is_connected, unique_string

IO = InputSpec(3, 8, 8, 3)
SMALL = {"layers": 1, "channels": 4}
CELLS = list(itertools.product(PRIMITIVES, repeat=6))
RESNET = "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|"


def test_every_cell_comes_back_from_its_string():
    texts = [code(cell) for cell in CELLS]
    assert len(set(texts)) == 5**6 == len(CELLS)
    assert [parse(text) for text in texts] == CELLS


def test_edges_stand_in_the_order_of_the_string():
    told = [item.split("~") for block in RESNET.split("+") for item in block.split("|") if item]
    assert [(op, int(source)) for op, source in told] == list(
        zip(parse(RESNET), (source for _, source in EDGES), strict=True)
    )
    assert EDGES == ((1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2))


def test_an_architecture_and_its_string():
    spec = spec_from_code(RESNET, IO, SMALL)
    assert code_of(spec) == RESNET
    assert spec.choices["2_1"] == spec.choices["1_0"] == ("nor_conv_3x3",)
    assert spec.choices["3_0"] == spec.choices["3_2"] == ("skip_connect",)
    assert spec.scale == SMALL
    rng = numpy_rng("strings")
    for _ in range(20):
        drawn = NasBench201().sample(rng, IO)
        assert spec_from_code(code_of(drawn), IO) == drawn


def test_sources_may_stand_in_any_order_and_spaces_around():
    turned = " |nor_conv_3x3~0| + |nor_conv_3x3~1|none~0|+|skip_connect~2|skip_connect~0|none~1|\n"
    assert parse(turned) == parse(RESNET)


WRONG = [
    ("", "1 nodes"),
    ("nonsense", "1 nodes"),
    ("||+||+||", "node 1: sources , expected each of 0 once"),
    (RESNET + "+|none~0|", "4 nodes"),
    (RESNET.replace("none~0", "nor_conv_5x5~0"), "no operation 'nor_conv_5x5'. Did you mean 'nor_conv_3x3'?"),
    (RESNET.replace("none~0", "none~1"), "node 2: sources 1, 1, expected each of 0, 1 once"),
    (RESNET.replace("none~0", "none~2"), "node 2: sources 2, 1"),
    (RESNET.replace("none~0", "none~00"), "node 2: sources 00, 1"),
    (RESNET.replace("none~0", "none~²"), "node 2: sources ²"),
    (RESNET.replace("|none~0", ""), "node 2: sources 1, expected each of 0, 1 once"),
    (RESNET.replace("none~0", "none"), "expected each of 0, 1 once"),
]


@pytest.mark.parametrize(("text", "says"), WRONG)
def test_text_that_is_no_cell_is_refused(text, says):
    with pytest.raises(UserError) as caught:
        spec_from_code(text, IO)
    assert says in str(caught.value)


def test_only_architectures_of_this_space_have_a_string():
    darts = resolve("space", "darts_cell")()
    with pytest.raises(UserError, match="darts_cell has no string"):
        code_of(darts.sample(numpy_rng(0), IO))


# --- canonical forms --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fold", "count"), [("nothing", 15_625), ("skips", 12_751), ("skips and zeros", 6_466)]
)
def test_the_official_string_tells_so_many_cells_apart(fold, count):
    assert len({unique_string(cell, fold) for cell in CELLS}) == count


@pytest.mark.laws
def test_full_forms_tell_so_many_cells_apart():
    flat, whole = {}, {}
    for cell in CELLS:
        flat.setdefault(flat_string(cell), set()).add(form(cell))
        whole.setdefault(form(cell), set()).add(flat_string(cell))
    assert (len(flat), len(whole)) == (4_930, 5_260)
    assert all(len(forms) == 1 for forms in whole.values())  # the second is a refinement of the first


@pytest.mark.laws
def test_the_official_string_takes_different_networks_for_one():
    official = {}
    for cell in CELLS:
        official.setdefault(unique_string(cell, "skips and zeros"), set()).add(form(cell))
    assert sum(len(forms) > 1 for forms in official.values()) == 430


def test_a_cell_is_connected_unless_none_cuts_every_path():
    cut = [cell for cell in CELLS if not is_connected(cell)]
    assert len(cut) == 341
    assert {form(cell) for cell in cut} == {flat_string(cell) for cell in cut} == {""}
    assert all(flat_string(cell) for cell in CELLS if is_connected(cell))


def test_one_convolution_used_twice_is_not_two_convolutions():
    twice = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|skip_connect~1|skip_connect~2|"
    two = "|nor_conv_3x3~0|+|nor_conv_3x3~0|none~1|+|none~0|skip_connect~1|skip_connect~2|"
    a, b = parse(twice), parse(two)
    assert flat_string(a) == flat_string(b)
    assert unique_string(a, "skips and zeros") == unique_string(b, "skips and zeros")
    assert form(a) != form(b)


def outputs(cell, x):
    """The logits of a network of one cell a stage, its convolutions alike wherever they stand in a cell."""
    net = NasBench201().build(spec_from_code(code(cell), IO, SMALL)).double().eval()
    for name, p in net.named_parameters():
        seed = zlib.crc32(re.sub(r"edges\.\d_\d", "edge", name).encode())
        drawn = torch.randn(p.shape, generator=torch.Generator().manual_seed(seed)).double()
        p.data = 0 * drawn if name.endswith("bias") else drawn  # a convolution of zeros gives zeros then
    with torch.no_grad():
        return net(x)


@pytest.mark.laws
def test_cells_of_one_form_compute_the_same_and_nearly_all_others_do_not():
    """Where all convolutions of a kind have the same weights, the form that forgets their names is exact.

    A few different sums are equal on one image: a ReLU may see nothing above zero.
    """
    x = torch.randn(1, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    drawn = numpy_rng("forms").permutation(len(CELLS))[:120]
    by_form = {}
    for cell in (CELLS[i] for i in drawn):
        by_form.setdefault(flat_string(cell), []).append(outputs(cell, x))
    assert sum(len(found) > 1 for found in by_form.values()) > 5
    for found in by_form.values():
        for other in found[1:]:
            torch.testing.assert_close(other, found[0], rtol=1e-9, atol=1e-9)
    values = {tuple(f"{score:.9e}" for score in found[0][0].tolist()) for found in by_form.values()}
    assert len(values) > 0.95 * len(by_form)
