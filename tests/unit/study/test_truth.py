"""What a ranking study holds for true: a table's columns for the networks drawn, costs over all."""

from pathlib import Path

import numpy as np
import pytest

from audionas.core.arch import InputSpec
from audionas.core.errors import UserError
from audionas.core.rng import numpy_rng
from audionas.engine.agreement import kendall
from audionas.engine.conf import Rank
from audionas.spaces.kws_mobilenet import KwsMobilenet
from audionas.spaces.nas_bench_201 import NasBench201
from audionas.spaces.nas_bench_macro import NasBenchMacro, spec_of
from audionas.study.rank import drawn
from audionas.study.truth import Table, trained
from tests.unit.spaces.tables import test_nas_bench_201 as nb201
from tests.unit.spaces.tables import test_nas_bench_macro as macro

IO = InputSpec(3, 32, 32, 10)


@pytest.mark.laws
def test_macros_truth_is_the_mean_over_seeds_and_its_costs_are_over_networks(tmp_path: Path) -> None:
    """Of three codes two are one network: tau of the parameters is over two networks."""
    arch = np.array([[0] * 8, [0, 0, 0, 2, 0, 0, 1, 1], [0, 0, 0, 0, 2, 0, 1, 1]], np.uint8)
    seeds = np.array([[90.0, 92, 94], [80, 81, 82], [80, 81, 82]])
    file = macro.written(tmp_path, arch=arch, test_acc_seeds=seeds, params=np.ones(3), flops=np.ones(3))
    table = Table(Rank(table=str(file)), NasBenchMacro(), IO)
    found = table.truth([spec_of("00020011", IO), spec_of("00000000", IO)])
    assert found.value.tolist() == found.choice.tolist() == pytest.approx([0.81, 0.92])
    assert found.trainings.tolist() == [[0.8, 0.81, 0.82], [0.9, 0.92, 0.94]]
    assert (found.many, found.whole) == (2, {"by parameters": -1.0, "by multiply-adds": -1.0})
    assert "no validation accuracy" in found.chosen


def test_validation_chooses_and_test_judges_where_the_table_has_both(tmp_path: Path) -> None:
    table = Table(Rank(table=str(nb201.written(tmp_path)), on="cifar100"), NasBench201(), IO)
    found = table.truth([nb201.spec_from_code(text, IO) for text in nb201.CODES])
    assert found.value.tolist() == pytest.approx([0.11, 0.61, 0.71])
    assert found.choice.tolist() == pytest.approx([0.025, 0.65, 0.51])
    assert found.trainings[0, :2].tolist() == pytest.approx([0.02, 0.03])
    assert (found.many, found.chosen) == (3, "both chosen by validation accuracy")


def test_another_space_and_another_data_set_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no table for space kws_mobilenet"):
        Table(Rank(table="t.npz"), KwsMobilenet(), IO)
    with pytest.raises(UserError, match="cifar10 only"):
        Table(Rank(table=str(macro.written(tmp_path)), on="cifar100"), NasBenchMacro(), IO)
    arrays = {f"cifar100__{c}": None for c in ("test_acc", "val_acc_seeds")}
    with pytest.raises(UserError, match="no data set 'cifar100'"):
        Table(Rank(table=str(nb201.written(tmp_path, **arrays)), on="cifar100"), NasBench201(), IO)


@pytest.mark.laws
def test_networks_of_a_study_are_different_ones() -> None:
    space = NasBenchMacro()
    found = drawn(space, IO, {}, Rank(networks=200, strata="none"))
    assert len({space.canonical(spec) for spec in found}) == 200
    assert drawn(space, IO, {}, Rank(networks=150, strata="none")) == found[:150]
    with pytest.raises(UserError, match=r"has about 3,?969 networks"):
        drawn(space, IO, {}, Rank(networks=3970, strata="none"))


def test_the_mean_of_trainings_is_the_truth() -> None:
    found = trained([[0.5, 0.7], [0.9, 0.7]], "7 clips", 7)
    assert found.clips == 7
    assert found.value.tolist() == pytest.approx([0.6, 0.8])
    assert "7 clips" in found.words


@pytest.mark.shared
@pytest.mark.laws
@pytest.mark.parametrize(
    ("space", "file", "many", "parameters", "costs"),
    [
        (NasBench201(), "nasbench201_tables.npz", 15_625, 0.577, 0.577),
        (NasBenchMacro(), "nasbench_macro.npz", 3_969, 0.216, 0.546),
    ],
    ids=["201", "macro"],
)
def test_costs_order_the_real_tables_as_is_known(request, space, file, many, parameters, costs) -> None:
    table = Table(Rank(table=str(request.getfixturevalue("shared") / file)), space, IO)
    found = table.truth([space.sample(numpy_rng("real"), IO)])
    assert found.many == many
    assert found.whole["by parameters"] == pytest.approx(parameters, abs=1e-3)
    assert found.whole["by multiply-adds"] == pytest.approx(costs, abs=1e-3)


@pytest.mark.shared
@pytest.mark.laws
def test_one_training_orders_macro_as_is_known_like_the_mean_of_the_others(request) -> None:
    """Over the 3,969 networks: 0.895, which is what no predictor can exceed by much."""
    space = NasBenchMacro()
    file = str(request.getfixturevalue("shared") / "nasbench_macro.npz")
    specs = list(
        {space.canonical(s): s for s in drawn(space, IO, {}, Rank(networks=3_969, strata="none"))}.values()
    )
    found = Table(Rank(table=file), space, IO).truth(specs).trainings
    taus = [kendall(found[:, s], np.delete(found, s, 1).mean(1)) for s in range(3)]
    assert np.mean(taus) == pytest.approx(0.895, abs=2e-3)
