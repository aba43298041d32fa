"""The table of NAS-Bench-201: means, look-ups and ranks on a tiny one, faults of a file, the real one."""

import io
import zipfile

import numpy as np
import pytest
import torch

from audionas.core.arch import InputSpec
from audionas.core.errors import UserError
from audionas.cost.graph import layers
from audionas.spaces import code, parse, spec_from_code
from audionas.spaces.nas_bench_201 import NasBench201
from audionas.spaces.tables.nas_bench_201 import SETS, Nb201Table

IO = InputSpec(3, 32, 32, 10)
CODES = [
    "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|",
    "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|skip_connect~1|none~2|",
    "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|",  # the same network
]


def arrays(**changes):
    """The arrays of three cells; None leaves one out."""
    found = {"arch_str": np.array(CODES), "ops": np.zeros((3, 6), np.uint8)}
    for k, name in enumerate(SETS):
        found[f"{name}/test_acc"] = np.array([10.0, 60.0, 70.0], np.float32) + k
        found[f"{name}/val_acc_seeds"] = np.array([[1, 2, np.nan], [60, 64, 68], [50, np.nan, np.nan]]) + k
        for column in ("params_m", "latency_s", "train_time_s"):
            found[f"{name}/{column}"] = np.array([0.5, 1.5, 2.5], np.float32)
    found |= {"device_names": np.array(["phone", "board"]), "device_latency_ms": np.arange(6.0).reshape(3, 2)}
    merged = {**found, **{key.replace("__", "/"): value for key, value in changes.items()}}
    return {key: value for key, value in merged.items() if value is not None}


def written(folder, **changes):
    path = folder / "table.npz"
    np.savez_compressed(path, **arrays(**changes))
    return path


def test_a_row_is_the_mean_over_the_seeds_that_were_trained(tmp_path):
    table = Nb201Table.load(written(tmp_path))
    row = table.row(spec_from_code(CODES[0], IO))
    assert row.code == CODES[0]
    assert list(row.outcomes) == list(SETS)
    assert (row.outcomes["cifar10"].val, row.outcomes["cifar10"].test) == (1.5, 10.0)
    assert (row.outcomes["ImageNet16-120"].val, row.outcomes["ImageNet16-120"].test) == (3.5, 12.0)
    assert row.outcomes["cifar100"].params_m == 0.5
    assert row.devices == {"phone": 0.0, "board": 1.0}
    assert table.of(CODES[1]).outcomes["cifar10"].val == 64.0
    assert table.of(CODES[2]).outcomes["cifar10"].val == 50.0


def test_equal_networks_keep_the_results_of_their_own(tmp_path):
    table = Nb201Table.load(written(tmp_path))
    assert table.of(CODES[1]).outcomes["cifar10"].test != table.of(CODES[2]).outcomes["cifar10"].test


def test_the_best_cell_and_ranks_are_of_one_part_of_one_data_set(tmp_path):
    table = Nb201Table.load(written(tmp_path))
    assert table.best("cifar10").code == CODES[1]
    assert table.best("cifar10", "test").code == CODES[2]
    assert [table.rank(table.of(text), "cifar100") for text in CODES] == [3, 2, 1]
    assert [table.rank(table.of(text), "cifar100", "val") for text in CODES] == [3, 1, 2]
    with pytest.raises(UserError, match=r"Did you mean 'cifar10'\?"):
        table.best("cifar-10")


def test_equal_accuracies_share_a_rank_and_the_first_is_best(tmp_path):
    table = Nb201Table.load(written(tmp_path, cifar10__test_acc=np.array([70.0, 60.0, 70.0])))
    assert [table.rank(table.of(text), "cifar10") for text in CODES] == [1, 3, 1]
    assert table.best("cifar10", "test").code == CODES[0]


def test_cells_are_found_however_their_string_is_written(tmp_path):
    turned = "|none~0|+|none~1|none~0|+|none~2|none~1|skip_connect~0|"
    table = Nb201Table.load(written(tmp_path, arch_str=np.array([turned, *CODES[1:]])))
    assert table.of(CODES[0]) == table.of(turned)


def test_a_cell_that_the_table_has_not_is_refused(tmp_path):
    table = Nb201Table.load(written(tmp_path))
    with pytest.raises(UserError, match="no cell") as caught:
        table.of(CODES[0].replace("none~1", "avg_pool_3x3~1"))
    assert "recipes/nas_bench_201" in caught.value.hint
    with pytest.raises(UserError, match="no operation 'nothing'"):
        table.of(CODES[0].replace("none~1", "nothing~1"))


def test_one_data_set_and_no_devices_are_enough(tmp_path):
    others = {key.replace("/", "__"): None for key in arrays() if key.startswith(SETS[1:])}
    table = Nb201Table.load(written(tmp_path, **others, device_names=None, device_latency_ms=None, ops=None))
    assert list(table.outcomes) == ["cifar10"]
    assert table.of(CODES[0]).devices == {}


FAULTS = [
    ({"arch_str": None}, "arch_str: float64 (0,), expected strings"),
    ({"arch_str": np.arange(3)}, "arch_str: int64 (3,), expected strings"),
    ({"arch_str": np.array([*CODES[:2], "|none~0|"])}, "arch_str, row 2: '|none~0|': 1 nodes"),
    ({"arch_str": np.array([CODES[0], CODES[1], CODES[0]])}, "row 2: the same cell as in row 0"),
    ({"arch_str": np.array(CODES[:2])}, "cifar10/test_acc: float32 (3,), expected numbers (2)"),
    ({f"{s}__test_acc": None for s in SETS}, "no accuracies: expected test_acc for at least one of cifar10"),
    ({"cifar10__val_acc_seeds": None}, "cifar10/val_acc_seeds: missing"),
    ({"cifar100__params_m": None}, "cifar100/params_m: missing"),
    ({"cifar10__test_acc": np.array(["a", "b", "c"])}, "cifar10/test_acc: <U1 (3,), expected numbers (3)"),
    ({"cifar10__test_acc": np.zeros((3, 2))}, "cifar10/test_acc: float64 (3, 2), expected numbers (3)"),
    (
        {"cifar10__val_acc_seeds": np.zeros(3)},
        "cifar10/val_acc_seeds: float64 (3,), expected numbers (3, any)",
    ),
    (
        {"cifar10__test_acc": np.array([1.0, np.nan, 2.0])},
        "test_acc: impossible values in 1 rows, the first is row 1",
    ),
    ({"cifar10__test_acc": np.array([1.0, 2.0, 101.0])}, "the first is row 2"),
    ({"cifar10__val_acc_seeds": np.array([[1.0, 2], [np.nan, np.nan], [3, 4]])}, "the first is row 1"),
    ({"cifar10__val_acc_seeds": np.array([[1.0, -2], [np.nan, 1], [3, 4]])}, "the first is row 0"),
    ({"cifar10__latency_s": np.array([1.0, np.inf, 2.0])}, "cifar10/latency_s: impossible values"),
    ({"cifar10__params_m": np.array([1.0, -1, 2.0])}, "cifar10/params_m: impossible values"),
    ({"device_names": None}, "device_names: float64 (0,), expected distinct names"),
    ({"device_names": np.array(["a", "a"])}, "device_names: <U1 (2,), expected distinct names"),
    ({"device_latency_ms": None}, "device_latency_ms: missing"),
    ({"device_latency_ms": np.zeros((3, 1))}, "device_latency_ms: float64 (3, 1), expected numbers (3, 2)"),
]


@pytest.mark.parametrize(
    ("changes", "says"), FAULTS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_table_of_another_layout_is_refused(changes, says, tmp_path):
    with pytest.raises(UserError) as caught:
        Nb201Table.load(written(tmp_path, **changes))
    assert says in str(caught.value)
    assert "table.npz" in caught.value.problems[0]


def test_all_faults_are_told_at_once(tmp_path):
    changes = {"cifar10__test_acc": np.zeros(2), "cifar100__params_m": None, "device_latency_ms": None}
    with pytest.raises(UserError) as caught:
        Nb201Table.load(written(tmp_path, **changes))
    assert len(caught.value.problems) == 3


def test_what_is_no_npz_is_refused(tmp_path):
    files = {"missing.npz": None, "text.npz": b"hello", "empty.npz": b""}
    whole = written(tmp_path).read_bytes()
    files |= {"cut.npz": whole[: len(whole) // 2], "damaged.npz": whole[:80] + b"\0" * 40 + whole[120:]}
    for name, data in files.items():
        if data is not None:
            (tmp_path / name).write_bytes(data)
        with pytest.raises(UserError, match=name):
            Nb201Table.load(tmp_path / name)
    with pytest.raises(UserError, match="cannot be read"):
        Nb201Table.load(tmp_path)


def test_pickled_objects_are_refused(tmp_path):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.array(CODES, dtype=object), allow_pickle=True)
    path = written(tmp_path, arch_str=None)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("arch_str.npy", stream.getvalue())
    with pytest.raises(UserError, match="cannot be read"):
        Nb201Table.load(path)


# --- the real table ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(request):
    return Nb201Table.load(request.getfixturevalue("shared") / "nasbench201_tables.npz")


@pytest.mark.shared
def test_the_optima_of_the_real_table(real):
    assert len(real.rows) == 15_625
    best = {name: real.best(name) for name in SETS}
    assert {name: real.rows[row.code] for name, row in best.items()} == {
        "cifar10": 6111,
        "cifar100": 9930,
        "ImageNet16-120": 10676,
    }
    told = {
        name: (f"{row.outcomes[name].val:.2f}", f"{row.outcomes[name].test:.2f}")
        for name, row in best.items()
    }
    assert told == {
        "cifar10": ("91.61", "94.37"),
        "cifar100": ("73.49", "73.51"),
        "ImageNet16-120": ("46.73", "46.20"),
    }
    last = real.best("ImageNet16-120", "test")
    assert (real.rows[last.code], f"{last.outcomes['ImageNet16-120'].test:.2f}") == (857, "47.31")
    assert len(last.devices) == 27


@pytest.mark.shared
def test_our_networks_have_the_parameters_of_the_real_table(real):
    """Of cells whose every convolution reaches the output; the table's first seeds count others variously."""
    texts = [text for text in real.rows if "none" not in text][::600]
    for text in texts:
        spec = spec_from_code(text, IO)
        with torch.device("meta"):
            net = NasBench201().build(spec)
        params = sum(row.params for row in layers(net, IO)) / 1e6
        assert params == pytest.approx(real.of(text).outcomes["cifar10"].params_m, abs=1e-6)
    assert len(texts) > 5


@pytest.mark.shared
def test_strings_of_the_real_table_are_written_as_ours(real, shared):
    with np.load(shared / "nasbench201_tables.npz", allow_pickle=False) as found:
        strings, ops, names = found["arch_str"], found["ops"], found["op_names"]
    for row in range(0, len(strings), 97):
        assert code(parse(str(strings[row]))) == strings[row]
        assert parse(str(strings[row])) == tuple(names[ops[row]].tolist())
        assert real.rows[str(strings[row])] == row
