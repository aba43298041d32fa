"""The table of NAS-Bench-Macro: look-ups on a tiny one, faults of a file, all counts of the real one."""

import itertools

import numpy as np
import pytest
import torch

from audionas.core.arch import InputSpec
from audionas.core.errors import UserError
from audionas.cost.graph import layers
from audionas.cost.table import table as costs_of
from audionas.spaces.nas_bench_macro import OPTIONS, NasBenchMacro, code_of
from audionas.spaces.tables.nas_bench_macro import MacroTable

IO = InputSpec(3, 32, 32, 10)
SPACE = NasBenchMacro()


def spec_of(code):
    return SPACE.spec({c.name: (OPTIONS[int(d)],) for c, d in zip(SPACE.choices(), code, strict=True)}, IO)


def arrays(**changes):
    found = {
        "arch": np.array([[0] * 8, [0, 0, 2, 0, 0, 0, 1, 1]], np.uint8),
        "test_acc_seeds": np.array([[50.0, 51, 52], [80, 81, np.nan]]),
        "params": np.array([1.0, 2.0]),
        "flops": np.array([3.0, 4.0]),
    }
    return {key: value for key, value in {**found, **changes}.items() if value is not None}


def written(folder, **changes):
    np.savez_compressed(path := folder / "macro.npz", **arrays(**changes))
    return path


@pytest.mark.parametrize(
    ("code", "params", "macs"), [("00200011", 1_271_978, 30_044_672), ("21121010", 1_194_602, 55_620_096)]
)
def test_published_parameters_and_flops(code, params, macs):
    assert (SPACE.size(), code_of(spec_of(code))) == (6_561, code)
    with torch.device("meta"):
        rows = layers(SPACE.build(spec_of(code)), IO)
    assert (sum(row.params for row in rows), sum(row.macs for row in rows)) == (params, macs)


def test_identities_are_moved_to_the_end_of_their_stage():
    forms = {"02": "02", "20": "20", "102": "120", "002": "020", "010": "010", "000": "000"}
    for (stage, form), (other, moved) in itertools.product(forms.items(), forms.items()):
        if len(stage) == 2 and len(other) == 3:
            assert SPACE.canonical(spec_of(stage + other + other)) == form + moved + moved
    codes = ("".join(map(str, code)) for code in itertools.product(range(3), repeat=8))
    assert len({SPACE.canonical(spec_of(code)) for code in itertools.islice(codes, 729)}) == 3_969 // 9


def test_a_code_is_looked_up_and_another_is_told(tmp_path):
    found = MacroTable.load(written(tmp_path))
    assert found.row(spec_of("00200011")) == 1
    with pytest.raises(UserError, match="no code 11111111"):
        found.row(spec_of("11111111"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"arch": None}, "arch: missing"),
        ({"arch": np.full((2, 8), 3)}, "options other than 0 to 2"),
        ({"arch": np.zeros((2, 8), np.uint8)}, "1 codes appear twice"),
        ({"arch": np.zeros((2, 7), np.uint8)}, r"expected numbers \(2, 8\)"),
        ({"test_acc_seeds": np.full((2, 3), 101.0)}, "impossible values in 2 rows"),
        ({"params": np.ones(3), "flops": None}, r"params: .* expected numbers \(2\)"),
    ],
)
def test_another_layout_is_refused(tmp_path, changes, words):
    with pytest.raises(UserError, match=words):
        MacroTable.load(written(tmp_path, **changes))


@pytest.mark.shared
@pytest.mark.laws
def test_every_row_of_the_real_table_has_our_counts_and_equal_networks_its_accuracies(request):
    real = MacroTable.load(request.getfixturevalue("shared") / "nasbench_macro.npz")
    costs, forms = costs_of(SPACE, IO), {}
    for code, row in real.rows.items():
        spec = spec_of(code)
        assert (costs.of(spec, "params"), costs.of(spec, "macs")) == (real.params[row], real.flops[row]), code
        forms.setdefault(SPACE.canonical(spec), set()).add(tuple(real.seeds[row]))
    assert (len(real.rows), len(forms)) == (6_561, 3_969)
    assert all(len(accuracies) == 1 for accuracies in forms.values())
