"""Ranking studies: which networks are drawn, what is kept, what the figures mean."""

import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from audionas.core.arch import InputSpec
from audionas.core.files import read_json
from audionas.core.rng import numpy_rng
from audionas.cost.table import table
from audionas.engine.agreement import agreement
from audionas.engine.conf import Rank
from audionas.spaces.kws_mobilenet import KwsMobilenet
from audionas.study.rank import drawn
from tests._run import Run
from tests.unit.cli._command import contents, done, refused

SETTINGS = (
    "space={name: kws_mobilenet, preset: sf6, width: 0.25}",
    "method={name: spos, scoring: {calibration: 2}}",
    "search.epochs=1",
    "train.epochs=1",
    "rank={networks: 3, top: [1, 2]}",
)


def words(run: Run, out: Path, *more: object) -> tuple[object, ...]:
    return ("rank", run.conf, *SETTINGS, f"out={out}", *more)


@pytest.fixture(scope="module")
def whole(trained: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("ranked")
    done(*words(trained, out))
    return out / "tones"


@pytest.mark.story
def test_a_study_has_a_row_a_network_with_both_accuracies(whole: Path) -> None:
    found = read_json(whole / "rank" / "rank.json")
    with (whole / "rank" / "rank.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["arch"] for row in rows] == [row["arch"] for row in found["rows"]]
    assert len({row["arch"] for row in rows}) == 3
    assert {"alone", "recalibrated", "running", "macs", "params", "network"} <= set(rows[0])
    costs = {"by parameters", "by multiply-adds"}
    supernets = {"recalibrated", "running", "recalibrated loss", "running loss"}
    assert set(found["agreement"]) == supernets | costs
    figures = {"kendall", "kendall of half", "spearman", "regret@1", "regret@2", "mean", "sd"}
    assert set(found["agreement"]["running"]) == figures
    assert "kendall" in (whole / "rank" / "rank.md").read_text()
    page = (whole / "rank" / "rank.html").read_text()
    assert len(re.findall(r"<title>[^<]*MACs</title>", page)) >= 6
    assert rows[0]["network"] in page


@pytest.mark.story
def test_finished_trainings_are_kept_and_shared_by_another_supernet(
    whole: Path, trained: Run, tmp_path: Path
) -> None:
    alone = tmp_path / "alone"
    shutil.copytree(whole / "rank" / "alone", alone)
    before = contents(alone)
    found = done(*words(trained, tmp_path, "seed=5", f"rank.alone={alone}"))
    assert found.err.count("finished earlier; the model is") == 3
    assert contents(alone) == before
    mine, theirs = (read_json(f / "rank" / "rank.json")["rows"] for f in (tmp_path / "tones", whole))
    assert [row["alone"] for row in mine] == [row["alone"] for row in theirs]
    mine, theirs = (read_json(f / "rank" / "scores.json") for f in (tmp_path / "tones", whole))
    assert mine != theirs


@pytest.mark.story
def test_a_second_training_tells_what_can_be_hoped_for(whole: Path, trained: Run, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "tones")
    done(*words(trained, tmp_path, "rank.trainings=2", "--resume"))
    once, twice = (read_json(f / "rank" / "rank.json") for f in (whole, tmp_path / "tones"))
    for before, after in zip(once["rows"], twice["rows"], strict=True):
        assert after["training 1"] == before["alone"]
        assert after["alone"] == pytest.approx((after["training 1"] + after["training 2"]) / 2)
    weights = [f.read_bytes() for f in (tmp_path / "tones/rank/alone").glob("*/model/*.safetensors")]
    assert len(set(weights)) == len(weights) == 6
    assert set(twice["agreement"]) - set(once["agreement"]) == {"trained again"}


@pytest.mark.story
def test_an_unfinished_training_is_gone_on_with(whole: Path, trained: Run, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "tones")
    (lost,) = [f for f in sorted((tmp_path / "tones/rank/alone").glob("*/train/done.json"))][:1]
    lost.unlink()
    (tmp_path / "tones" / "rank" / "scores.json").unlink()
    done(*words(trained, tmp_path, "--resume"))
    mine, theirs = (read_json(f / "rank" / "rank.json") for f in (tmp_path / "tones", whole))
    assert json.dumps(mine["rows"]) == json.dumps(theirs["rows"])
    assert mine["agreement"] == theirs["agreement"]


@pytest.mark.laws
def test_networks_are_spread_over_the_cost_and_the_same_for_every_supernet() -> None:
    space, io = KwsMobilenet(preset="sf6", width=0.25), InputSpec(1, 40, 25, 3)
    specs = drawn(space, io, {}, Rank(networks=12))
    assert drawn(space, io, {}, Rank(networks=12)) == specs
    assert drawn(space, io, {}, Rank(networks=12, seed=1)) != specs
    costs = np.array([table(space, io).of(spec, "macs") for spec in specs], dtype=float)
    wanted = np.linspace(costs.min(), costs.max(), 12)
    assert np.abs(costs - wanted).max() < 0.1 * np.ptp(costs)


@pytest.mark.story
def test_correlations_are_scipys_with_ties() -> None:
    a, b = [1.0, 2.0, 2.0, 3.0, 5.0], [2.0, 1.0, 4.0, 4.0, 6.0]
    found = agreement(a, b)
    assert found["kendall"]["value"] == pytest.approx(stats.kendalltau(a, b).statistic)
    assert found["spearman"]["value"] == pytest.approx(stats.spearmanr(a, b).statistic)
    assert found["kendall"]["interval_why"] == "5 networks, fewer than 10"
    more = numpy_rng("correlations").random((2, 12)).tolist()
    low, high = agreement(*more)["kendall"]["interval"]
    assert low <= stats.kendalltau(*more).statistic <= high


WRONG = {
    "rank={networks: 2}": "rank.networks is 2",
    "rank={trainings: 0}": "rank.trainings is 0",
    "rank={networks: 4, top: [5]}": "rank.top: 5",
    "rank={network: 4}": "Did you mean 'networks'",
    "method={name: random}": "trains no supernet",
    "rank={networks: 3, top: [1], test: nowhere}": "nowhere",
    "rank={networks: 3, seeds: [1, 1]}": "rank.seeds: 1 appears twice",
    "rank={networks: 3, sweep: [0]}": "rank.sweep: 0",
    "rank={networks: 3, table: t.npz, trainings: 2}": "the table stands for the trainings",
    "rank={networks: 3, table: t.npz}": "there is no table for space kws_mobilenet",
}


@pytest.mark.parametrize("override", WRONG)
def test_wrong_input_is_told(override: str, trained: Run, tmp_path: Path) -> None:
    refused(*words(trained, tmp_path, override), says=WRONG[override])
