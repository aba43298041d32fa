"""`audionas latency`: measured for real on a small space, resumed after an interruption, checked honestly."""

import json
import math
import sys
from dataclasses import asdict
from html import unescape

import numpy as np
import pytest
from scipy import stats
from torch import nn

from audionas.config import load
from audionas.core.arch import InputSpec
from audionas.core.errors import UserError
from audionas.core.reporter import Reporter
from audionas.cost.lookup import LatencyTable
from audionas.engine.agreement import agreement, kendall
from audionas.run import latency
from audionas.run.times import Timed, forget, times
from tests.unit.cli._command import done, refused

pytest.importorskip("onnxruntime")

SPACE = '''"""Two edges of one shape, each a convolution or nothing."""

from dataclasses import dataclass

from audionas.core.arch import Choice
from audionas.nn.ops import OpShape
from audionas.spaces import Space
from audionas.spaces import temporal_chain


@dataclass(frozen=True, kw_only=True)
class Small(Space):
    width: int = 4

    def choices(self):
        return tuple(Choice(f"layer{i}", ("tc_k3", "skip")) for i in (1, 2))

    def network(self, fill, io, scale):
        channels, strides = [self.width] * 3, [1, 1]
        return temporal_chain(
            self.choices(), fill, io, channels=channels, strides=strides, causal=False, dropout=0.0
        )
'''


class Impatient(Reporter):
    """Is interrupted before the first item of a kind beyond a count."""

    def __init__(self, label, count):
        super().__init__(quiet=True)
        self.label, self.count = label, count

    def progress(self, items, label, total=None):
        for number, item in enumerate(items):
            if label == self.label and number == self.count:
                raise KeyboardInterrupt
            yield item


MODELS = {"nothing": Timed(nn.Identity, (2, 3)), "relu": Timed(nn.ReLU, (4, 1))}


@pytest.mark.story
@pytest.mark.parametrize(("label", "count"), [("exported", 1), ("measured", 4)])
def test_an_interruption_loses_nothing(tmp_path, label, count):
    with pytest.raises(KeyboardInterrupt):
        times(MODELS, tmp_path, rounds=3, threads=1, reporter=Impatient(label, count))
    record = tmp_path / "times.jsonl"
    kept = record.read_text() if record.exists() else ""
    assert kept.count("\n") == (count if label == "measured" else 0)
    files = {file: file.stat().st_mtime_ns for file in (tmp_path / "models").iterdir()}
    assert len(files) == (count if label == "exported" else len(MODELS))
    record.write_text(kept + '{"round": 1, "mod')  # killed while it wrote
    found = times(MODELS, tmp_path, rounds=3, threads=1, reporter=Reporter(quiet=True))
    rows = [json.loads(line) for line in record.read_text().splitlines()]
    assert record.read_text().startswith(kept)
    assert sorted((row["round"], row["model"]) for row in rows) == [(r, m) for r in range(3) for m in MODELS]
    ms = {(row["model"], row["round"]): row["ms"] for row in rows}
    assert found == {model: [ms[model, number] for number in range(3)] for model in MODELS}
    assert all(file.stat().st_mtime_ns == then for file, then in files.items())
    assert times(MODELS, tmp_path, rounds=3, threads=1, reporter=Impatient("measured", 0)) == found
    (mine := tmp_path / "models" / "mine.onnx").write_text("mine")
    forget(MODELS, tmp_path)
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [mine]
    mine.unlink()
    forget(MODELS, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A config of the small space, and the table built of it."""
    folder = tmp_path_factory.mktemp("latency")
    (folder / "small_space_for_latency.py").write_text(SPACE)
    sys.path.insert(0, str(folder))
    file = folder / "conf.yaml"
    file.write_text(f"name: here\nout: {folder / 'exp'}\nspace: {{name: small_space_for_latency:Small}}\n")
    conf = load(file)
    yield conf, latency.build(conf, check=2, rounds=2, shape="1x8x10", classes=3)
    sys.path.remove(str(folder))
    del sys.modules["small_space_for_latency"]


@pytest.mark.story
def test_a_table_is_built_of_measurements(built):
    conf, file = built
    table = latency.load(file)
    assert file == conf.folder / "latency.json"
    assert (table.space, dict(table.params)) == (conf.space.name, asdict(conf.space))
    assert table.io == InputSpec(1, 8, 10, 3)
    assert [(e.option, dict(e.at)) for e in table.entries] == [
        ("tc_k3", {"layer1": 1, "layer2": 1}),
        ("skip", {"layer1": 1, "layer2": 1}),
    ]
    conv, skip = table.entries
    assert (skip.ms, skip.model) == (0.0, "")
    assert (conf.folder / "latency" / "models" / f"{conv.model}.onnx").exists()
    rows = [json.loads(line) for line in (conf.folder / "latency" / "times.jsonl").read_text().splitlines()]
    alone, call = (np.median([r["ms"] for r in rows if r["model"] == m]) for m in (conv.model, "call"))
    assert conv.ms == pytest.approx(max(alone - call, 0), abs=1e-6)


@pytest.mark.story
def test_the_check_is_of_networks_that_the_base_does_not_know(built):
    conf, file = built
    table = latency.load(file)
    specs = latency.drawn(conf.space, table.io, table.scale, 4)
    check = table.about["check"]
    points = {point["arch"]: point for point in check["points"]}
    assert check["networks"] == len(points) == 2
    assert list(points) == [spec.id for spec in specs[2:]]
    assert table.about["base_networks"] == [spec.id for spec in specs[:2]]
    kept = (conf.folder / "latency" / "networks").iterdir()
    assert sorted(file.stem for file in kept) == sorted(spec.id for spec in specs)
    rows = [json.loads(line) for line in (conf.folder / "latency" / "times.jsonl").read_text().splitlines()]
    measured = {
        spec.id: np.median([row["ms"] for row in rows if row["model"] == f"network-{spec.id}"])
        for spec in specs
    }
    for spec in specs[2:]:
        assert points[spec.id]["predicted_ms"] == pytest.approx(table.of(spec), abs=1e-6)
        assert points[spec.id]["measured_ms"] == pytest.approx(measured[spec.id], abs=1e-6)
    rest = [measured[spec.id] - (table.of(spec) - table.base) for spec in specs[:2]]
    assert table.base == pytest.approx(np.median(rest), abs=1e-6)


@pytest.mark.story
def test_what_is_finished_is_left_alone_and_other_settings_are_refused(built):
    conf, file = built
    before = file.read_bytes()
    assert latency.build(conf, check=2, rounds=2, shape="1x8x10", classes=3) == file
    assert file.read_bytes() == before
    with pytest.raises(UserError, match=r"io\.frames: 10 there, 12 now"):
        latency.build(conf, check=2, rounds=2, shape="1x8x12", classes=3)


@pytest.mark.story
def test_the_page_and_the_text_hold_the_figures(built, capsys):
    conf, file = built
    page = (conf.folder / "latency.html").read_text()
    table = LatencyTable.load(file)
    assert (
        f"<code>{json.loads((conf.folder / 'latency/env.json').read_text())['command']}</code>"
        in unescape(page)
    )
    assert all(point["arch"] in page for point in table.about["check"]["points"])
    latency.show(conf.folder)
    text = capsys.readouterr().out
    for words in (table.device, "Kendall", "RMSE", "layer2", f"base {table.base:.4f} ms"):
        assert words in text
    assert done("latency", "show", conf.folder).out == text
    assert done("latency", "show", file, "--json").json == json.loads(file.read_text())


def test_nothing_to_look_up_is_refused(tmp_path):
    file = tmp_path / "conf.yaml"
    for space, says in (("", "no section 'space'"), ("space: {name: tc_resnet}", "without choices")):
        file.write_text(f"name: here\nout: {tmp_path / 'exp'}\n{space}\n")
        with pytest.raises(UserError, match=says):
            latency.build(load(file), shape="1x40x98", classes=12)
    refused("latency", "show", file, says="not valid JSON")


# --- agreement ----------------------------------------------------------------------------------------


@pytest.mark.story
def test_a_constant_error_is_bias_and_leaves_ranks_alone():
    measured = np.random.default_rng(0).normal(10, 1, size=30)
    found = agreement(measured + 0.25, measured)
    for name, value in (
        ("bias", 0.25),
        ("rmse", 0.25),
        ("pearson", 1.0),
        ("spearman", 1.0),
        ("kendall", 1.0),
    ):
        assert found[name]["value"] == pytest.approx(value)
        assert found[name]["interval"] is None
        assert found[name]["interval_why"] == "all networks give the same"
    assert found["r2"]["value"] == pytest.approx(1 - 0.25**2 / measured.var())
    assert found["relative_rmse"]["value"] == pytest.approx(0.25 / measured.mean())


@pytest.mark.laws
def test_figures_are_scipys_and_lie_in_their_intervals():
    rng = np.random.default_rng(1)
    measured = rng.integers(0, 12, size=40).astype(float) + 5  # with ties
    predicted = measured + rng.normal(0, 3, size=40).round()
    found = agreement(predicted, measured)
    assert found["kendall"]["value"] == pytest.approx(stats.kendalltau(predicted, measured).statistic)
    assert found["spearman"]["value"] == pytest.approx(stats.spearmanr(predicted, measured).statistic)
    assert found["pearson"]["value"] == pytest.approx(stats.pearsonr(predicted, measured).statistic)
    for figure in found.values():
        low, high = figure["interval"]
        assert low < figure["value"] < high
    assert agreement(predicted, measured) == found


def test_what_cannot_be_correlated_has_no_figure():
    assert math.isnan(kendall(np.ones(4), np.arange(4.0)))
    flat = agreement([1.0] * 5, [1.0, 2.0, 3.0, 4.0, 5.0])
    assert flat["kendall"] == flat["pearson"] == nothing("all networks are equal")
    assert flat["rmse"]["value"] == pytest.approx(math.sqrt(6))
    assert agreement([1.0, 2.0], [1.0, 2.0])["rmse"] == nothing("2 networks, fewer than 3")


def test_intervals_take_ten_networks():
    for many in (3, 9, 10):
        predicted, measured = np.arange(many, dtype=float), 1.0 + np.arange(many) + np.arange(many) % 3
        found = agreement(predicted, measured)["kendall"]
        assert found["value"] is not None
        assert (found["interval"] is None) == (many < 10)
        assert many == 10 or found["interval_why"] == f"{many} networks, fewer than 10"


def nothing(why: str) -> dict:
    return {"value": None, "interval": None, "interval_why": why}
