"""A ranking study of two supernets whose truth is a table: nothing is trained alone, costs stand beside."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kendalltau

from audionas.core.files import read_json, write_json
from audionas.spaces.nas_bench_macro import NasBenchMacro
from tests.unit.cli._command import done, refused
from tests.unit.images._images import npz
from tests.unit.spaces.tables import test_nas_bench_macro as macro

CONF = """
name: ranked
threads: 1
space: {name: nas_bench_macro}
method: {name: spos, scoring: {batches: 1}}
search: {epochs: 1, batch_size: 8}
rank: {networks: 12, strata: none, seeds: [3, 5], sweep: [1]}
"""


@pytest.mark.story
def test_two_supernets_are_judged_by_a_table(tmp_path: Path) -> None:
    codes = np.array(list(itertools.product(range(3), repeat=8)), np.uint8)
    layers = (codes > 0).sum(1)  # the more layers the better; three seeds that disagree a little
    seeds = layers[:, None] * 10.0 + np.array([0.0, 0.5, 1.0])
    ones = np.ones(len(codes))
    file = macro.written(tmp_path, arch=codes, test_acc_seeds=seeds, params=ones, flops=ones)
    (tmp_path / "conf.yaml").write_text(CONF)
    npz(tmp_path / "tiny.npz", side=16)
    words = (
        tmp_path / "conf.yaml",
        f"out={tmp_path}",
        f"images.path={tmp_path}/tiny.npz",
        f"rank.table={file}",
    )
    done("rank", *words)
    folder = tmp_path / "ranked"
    found = read_json(folder / "rank" / "rank.json")
    assert (folder / "seed_3" / "search" / "done.json").exists()
    assert (folder / "seed_5" / "search" / "done.json").exists()
    assert not list(folder.rglob("alone"))
    for row in found["rows"]:
        assert row["recalibrated"] == pytest.approx(
            (row["recalibrated, seed 3"] + row["recalibrated, seed 5"]) / 2
        )
        assert row["alone"] == pytest.approx(np.mean([row[f"training {t}"] for t in (1, 2, 3)]))
    agreed = found["agreement"]
    assert len(agreed["recalibrated loss"]["kendall"]["supernets"]) == 2
    assert agreed["trained again"]["kendall"]["value"] == 1
    assert agreed["by parameters"]["kendall"]["interval"] is not None
    assert set(agreed["by parameters, all 3,969"]) == {"kendall"}
    text = (folder / "rank" / "rank.md").read_text()
    assert "of the best of 12 networks less the best of the first k" in text
    assert r"supernet seeds: [3, 5\]" in text
    scores = (folder / "seed_3" / "rank" / "scores.json").read_bytes()
    done(
        "rank", *words, "--resume", "rank.sweep=[1, 2]"
    )  # one more number of batches is scored, nothing is trained
    assert (folder / "seed_3" / "rank" / "scores.json").read_bytes() != scores
    again = read_json(folder / "rank" / "rank.json")["agreement"]
    assert again["recalibrated"] == agreed["recalibrated"]
    assert "recalibrated on 2" in again
    assert NasBenchMacro().size() == len(codes)
    scores = read_json(file := folder / "seed_3" / "rank" / "scores.json")
    scores[next(iter(scores))]["recalibrated"]["accuracy"] = "x"
    write_json(file, scores)
    says = refused("rank", *words, "--resume", says="recalibrated.accuracy: ").err
    assert f"{file}: scores." in says
    assert f"Delete {file}" in says


@pytest.mark.story
def test_proxies_are_judged_beside_costs_without_a_supernet(tmp_path: Path) -> None:
    codes = np.array(list(itertools.product(range(3), repeat=8)), np.uint8)
    seeds, ones = (codes > 0).sum(1)[:, None] * 10.0 + np.array([0.0, 0.5]), np.ones(len(codes))
    file = macro.written(tmp_path, arch=codes, test_acc_seeds=seeds, params=ones, flops=ones)
    npz(tmp_path / "tiny.npz", side=8, train=80)
    (tmp_path / "conf.yaml").write_text(CONF)
    words = (
        *(tmp_path / "conf.yaml", f"out={tmp_path}", f"images.path={tmp_path}/tiny.npz"),
        *(f"rank.table={file}", "method=random", "rank.networks=10", "rank.seeds=[]", "rank.sweep=[]"),
    )
    refused("rank", *words, says="trains no supernet to rank networks with")
    told = refused(
        "rank", *words, "rank.proxies=[swap]", "rank.seeds=[1]", "rank.sweep=[2]", says="Remove"
    ).err
    assert "rank.seeds: method random trains no supernet" in told
    assert "rank.sweep: method random trains no supernet" in told
    told = done("rank", *words, "rank.proxies=[synflow, swap, az_nas]").err
    assert "by swap" in told
    assert not (tmp_path / "ranked" / "search").exists()
    found = read_json(tmp_path / "ranked" / "rank" / "rank.json")
    names = ["by parameters", "by multiply-adds", "by synflow", "by swap", "by az_nas"]
    assert [name for name in found["agreement"] if "all" not in name] == [*names, "trained again"]
    swap = [row["by swap"] for row in found["rows"]]
    truth = [row["alone"] for row in found["rows"]]
    assert found["agreement"]["by swap"]["kendall"]["value"] == pytest.approx(kendalltau(swap, truth)[0])
    assert max(row["by az_nas"] for row in found["rows"]) <= 0
    assert "seed" in found["facts"]
    assert "supernet epochs" not in found["facts"]
    assert "each scored untrained" in (tmp_path / "ranked" / "rank" / "rank.html").read_text()
