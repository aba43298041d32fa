"""Exports to several targets: what is tried, told, kept and refused, and what lies beside the files."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import audionas
from audionas.core.arch import InputSpec
from audionas.core.errors import UserError
from audionas.core.files import read_json, write_json
from audionas.core.made import LIST
from audionas.core.registry import resolve
from audionas.core.reporter import Reporter
from audionas.engine.conf import Train
from audionas.engine.fake_quant import Weight
from audionas.engine.optim import Optim
from audionas.export.listeners import open_file
from audionas.features import Features
from audionas.listen.exported import find, keep
from audionas.models.bundle import ModelBundle
from audionas.models.owned import enter
from audionas.report.card import card
from audionas.run.export import export, show
from audionas.run.ship.int8 import Int8
from audionas.run.training.fine_tune import options
from tests._factory import config, tones
from tests.unit.cli._command import contents, done, refused
from tests.unit.listen._word_data import data, run

for _package in ("onnx", "onnxscript", "onnxruntime", "ai_edge_litert", "tflite_micro"):
    pytest.importorskip(_package, reason="needs the extras export and device")


CLIPS = 48


@pytest.fixture(scope="module")
def directories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return data(tmp_path_factory.mktemp("data"), CLIPS)


@pytest.fixture(scope="module")
def plain(directories: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained, and nothing exported."""
    return run(tmp_path_factory.mktemp("exp") / "word", directories)


@pytest.fixture(scope="module")
def word(plain: Path, directories: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained, and exported in int8."""
    folder = shutil.copytree(plain, tmp_path_factory.mktemp("exported") / "word")
    export(folder, targets=("int8", "litert"), data=directories / "dev", fine_tune="never")
    return folder


@pytest.fixture
def own(plain: Path, tmp_path: Path) -> Path:
    """A copy with nothing exported."""
    return shutil.copytree(plain, tmp_path / "word")


def told(folder: Path) -> dict[str, Any]:
    return read_json(folder / "export" / "report.json")


@pytest.mark.story
def test_every_file_is_there_and_the_report_says_what_it_is_worth(word: Path, directories: Path) -> None:
    report = told(word)
    assert set(report["files"]) == {"model.int8.onnx", "model.tflite", "model.int8.tflite"}
    model, waves = audionas.load(word), np.load(word / "export" / "golden.npz", allow_pickle=False)["samples"]
    for name, row in report["files"].items():
        file = word / "export" / name
        assert row["bytes"] == file.stat().st_size
        assert str(word.parent).encode() not in file.read_bytes()
        assert row["accuracy"]["n"] == row["torch"]["n"] == CLIPS
        assert row["accuracy"]["accuracy"] >= row["torch"]["accuracy"] - 1.5 / CLIPS
        assert row["latency_ms"]["p50"] <= row["latency_ms"]["p95"]
        assert row["clips"] == CLIPS
        listener = open_file(file, model.bundle)
        assert listener.step(waves[0]).shape[1] == 2
    assert report["files"]["model.tflite"]["max_difference"] <= 1e-4
    assert 1e-4 < report["files"]["model.int8.tflite"]["max_difference"] < 0.5
    assert report["files"]["model.int8.tflite"]["arena_bytes"] > 1000
    assert report["clips_from"] == str(directories / "dev")
    assert report["torch"]["n"] == CLIPS


@pytest.mark.story
def test_nothing_else_is_left(word: Path) -> None:
    left = set(contents(word / "export"))
    files = {"model.int8.onnx", "model.tflite", "model.int8.tflite", "golden.npz", "labels.txt"}
    assert left == {*files, "model_card.md", "report.json"}


@pytest.mark.story
def test_fine_tuning_brings_back_what_int8_loses(own: Path) -> None:
    """One channel 300 times as large, and the weights of its readers so much smaller: in float nothing
    changes, in int8 little is left of the others.
    """
    bundle = ModelBundle.load(own / "model")
    weights = {name: tensor.clone() for name, tensor in bundle.weights.items()}
    for name in ("stem.bn.weight", "stem.bn.bias"):
        weights[name][0] *= 300
    readers = [f"edges.block1.ops.tc_k9.{part}.conv.weight" for part in ("first", "shortcut")]
    for name in readers:
        weights[name][:, 0] /= 300
    loud = replace(bundle, weights=weights)
    loud.save(own / "model")
    chosen = Int8(own, audionas.load(own), None, "auto", Reporter(quiet=True)).chosen
    measured = {key: chosen.told[key]["accuracy"] for key in ("float", "post_training", "fine_tuned")}
    assert measured["post_training"] < measured["float"] - 0.1
    assert measured["fine_tuned"] > measured["post_training"] + 0.1
    assert chosen.told["weights"] == "fine-tuned"
    assert chosen.told["clips"] == chosen.told["development_clips"] == CLIPS
    tuned = ModelBundle.load(own / "export" / "int8")
    assert tuned.weights.keys() == loud.weights.keys()
    for name, tensor in tuned.weights.items():
        assert torch.equal(tensor, chosen.bundle.weights[name])
        if tensor.ndim > 1:
            torch.testing.assert_close(Weight()(tensor), tensor, rtol=1e-5, atol=1e-7)
        if "running" in name:
            assert torch.equal(tensor, loud.weights[name]), "statistics are held"
    assert not (own / "export" / "int8" / "ckpt").exists()


def test_fine_tuning_leaves_what_only_training_needs() -> None:
    train = options(Train(loss="max_pool", epochs=60, init="kws12", optim=Optim(lr=0.1)))
    assert (train.loss, train.epochs, train.init, train.optim.lr) == ("cross_entropy", 5, "", 0.001)


@pytest.mark.story
def test_golden_inputs_have_the_models_own_features_and_scores(word: Path) -> None:
    arrays = np.load(word / "export" / "golden.npz", allow_pickle=False)
    assert set(arrays) == {"samples", "features", "scores", "hop_scores"}
    model = audionas.load(word)
    waves = arrays["samples"]
    np.testing.assert_allclose(arrays["scores"], model.scores(waves), atol=1e-6)
    features = model.network.front_end(torch.from_numpy(waves))[:, 0].numpy()
    np.testing.assert_allclose(arrays["features"], features, atol=1e-5)
    stream = model.stream()
    for wave, rows in zip(waves, arrays["hop_scores"], strict=True):
        stream.reset()
        np.testing.assert_allclose(stream.step(wave), rows[: len(wave) // stream.hop], atol=1e-5)
    assert told(word)["golden"]["hop_scores"] == list(arrays["hop_scores"].shape)


@pytest.mark.story
def test_the_card_has_the_figures_and_says_what_is_not_known(word: Path, directories: Path) -> None:
    text = (word / "export" / "model_card.md").read_text()
    report = told(word)
    assert text.startswith("# word\n")
    assert f"{report['files']['model.int8.tflite']['arena_bytes']:,} bytes" in text
    assert f"{report['files']['model.int8.onnx']['accuracy']['accuracy']:.2%}" in text
    assert "multiply-adds per second, streaming" in text
    assert "not tuned: audionas tune" in text
    assert f"| training | `{directories / 'train'}` | unknown |" in text
    assert "`samples` 4 x 16000" in text


@pytest.mark.story
def test_the_card_is_rewritten_with_licences_and_what_tuning_found(word: Path, directories: Path) -> None:
    at = [
        {"fa_per_hour": 1.0, "measurable": True, "rejected": 0.125, "rejected_interval": [0.0, 0.25]},
        {"fa_per_hour": 0.1, "measurable": False, "rejected": None, "rejected_interval": None},
    ]
    found = {"words": {"word": {"threshold": 0.8125}}, "hours": 4.0, "clips": 40, "at": at}
    total = {
        "rejected": 0.125,
        "rejected_interval": [0.0, 0.25],
        "accepts": 3,
        "fa_per_hour": 0.75,
        "fa_interval": [0.15, 2.2],
    }
    before = (word / "model" / "bundle.json").read_bytes()
    licence = directories / "licence.txt"
    licence.write_text("CC0 1.0\n")
    try:
        exported = find(word, Path("model.int8.tflite"))
        keep(exported, {**found, "smooth": 1, "refractory_s": 1.0, "patience": [1, 1], "sum": total})
        text = card(word).read_text()
    finally:
        (word / "model" / "bundle.json").write_bytes(before)
        licence.unlink()
    assert "(0.0 to 25.0)" in text
    assert "not measurable with 4 h" in text
    assert "`word` 0.8125, measured on 40 clips and 4 h" in text
    assert "not tuned" not in text
    assert "has changed since" not in text
    assert f"| training | `{directories / 'train'}` | CC0 1.0 |" in text


@pytest.mark.story
def test_int8_that_costs_accuracy_is_not_left(own: Path, directories: Path) -> None:
    """A coefficient that never says anything, with weights so large that int8 has no levels for others."""
    bundle = ModelBundle.load(own / "model")
    weights, std = dict(bundle.weights), bundle.std.clone()
    weights["stem.conv.weight"] = weights["stem.conv.weight"].clone()
    weights["stem.conv.weight"][:, 0], std[0] = 1e4, 1e8
    replace(bundle, weights=weights, std=std).save(own / "model")
    enter(own, ["export/model.int8.tflite"])
    (own / "export").mkdir(exist_ok=True)
    (own / "export" / "model.int8.tflite").write_bytes(b"of weights before these")
    with pytest.raises(
        UserError, match=r"model\.int8\.tflite: in int8 50\.0% of 48 clips are right"
    ) as caught:
        export(own, targets=("litert",), data=directories / "dev", fine_tune="never")
    assert "not kept" in caught.value.hint
    left = contents(own / "export")
    assert "model.tflite" in left
    assert "model.int8.tflite" not in left
    assert set(told(own)["files"]) == {"model.tflite"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--target tflite", "--target tflite: no such target. Did you mean 'litert'?"),
        ("--target onnx,espome", "Did you mean 'esphome'?"),
        ("--target ,", "--target is empty"),
        ("--input samples", "--input samples: expected waveform or frames"),
        ("--pool mean", "--pool mean: expected window or exponential"),
        ("--target onnx-stream --hops 0", "--hops 0: expected 1 to 100 hops in one call"),
        ("--target onnx --hops 4", "--hops: only model.stream.onnx takes several hops"),
        ("--fine-tune yes", "--fine-tune yes: expected auto or always or never"),
        ("--target int8 --calibrate {tmp}/nowhere", "nowhere"),
        ("--target litert --data {tmp}", "{tmp}"),
        ("--target esphome", "ESPHome computes its own features"),
    ],
)
def test_wrong_options_are_refused_and_nothing_is_written(
    own: Path, tmp_path: Path, options: str, says: str
) -> None:
    before = contents(own)
    words = options.format(tmp=tmp_path).split()
    refused("export", own, *words, says=says.format(tmp=tmp_path))
    assert {name: file for name, file in contents(own).items() if name != LIST} == before


def test_int8_without_known_data_asks_for_some(own: Path) -> None:
    (own / "train" / "config.yaml").unlink()
    result = refused("export", own, "--target", "int8", says="the model's training data are unknown")
    assert "--calibrate DIR" in result.err


def test_data_that_are_gone_are_named(own: Path, directories: Path) -> None:
    file = own / "train" / "config.yaml"
    file.write_text(file.read_text().replace(str(directories), str(directories / "gone")))
    result = refused("export", own, "--target", "int8", says=str(directories / "gone" / "train"))
    assert "--calibrate DIR" in result.err


@pytest.mark.story
def test_all_leaves_out_what_a_model_cannot_be_and_says_why(
    own: Path, directories: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A library's front-end is in no ONNX file; where nothing was evaluated the clips are noise."""
    pytest.importorskip("pymicro_features", reason="needs the extra device")
    bundle = ModelBundle.load(own / "model")
    replace(bundle, features=Features(name="micro", preset="esphome")).save(own / "model")
    manifest = own / "export" / "word.json"
    enter(own, ["export/word.json"])
    write_json(manifest, {"author": "A. Nonymous"})
    words = ("--calibrate", directories / "train", "--fine-tune", "never", "--json")
    result = done("export", own, "--target", "all", *words)
    said = " ".join(result.err.split())
    for name in ("model.onnx", "model.stream.onnx", "model.int8.onnx"):
        assert f"{name} left out: " in said
    assert "--input frames" in said
    assert result.json == told(own)
    assert set(result.json["files"]) == {"model.tflite", "model.int8.tflite", "word.tflite"}
    assert read_json(manifest)["model"] == "word.tflite"
    assert read_json(manifest)["author"] == "A. Nonymous", "what a manifest says of its author stays"
    calibrated = {"calibrated_on": str(directories / "train"), "clips": CLIPS, "weights": "post-training"}
    assert result.json["int8"] == calibrated
    assert result.json["clips_from"] == "seeded noise"
    assert result.json["stream_against_clip"] is None  # of noise every score has one label
    assert (result.json["clip_s"], result.json["settled"]) == (1.0, False)
    show(result.json)
    out = capsys.readouterr().out
    assert "features={name: micro, preset: settled}, longer clips" in out
    known = result.json["files"]["word.tflite"]["device_arena"]["bytes"]
    wanted = read_json(own / "export" / "word.json")["micro"]["tensor_arena_size"]
    assert wanted == max(known.values()) == known["esp32-s3"]
    for text in (out, (own / "export" / "model_card.md").read_text()):
        assert f"{wanted:,} bytes on an ESP32-S3 (the greater of esp-nn 1.1.2 and 1.2.3" in text
    assert result.json["files"]["word.tflite"]["accuracy"] is None
    assert "Not measured" in (own / "export" / "model_card.md").read_text()
    assert not (own / "export" / "int8").exists()
    refused("export", own, "--target", "onnx", says="no ONNX file can hold the front-end micro")


@pytest.mark.story
def test_the_report_page_and_show_list_files_without_one_that_takes_clips(word: Path) -> None:
    said = done("show", word).out
    file = word / "export" / "model.tflite"
    assert f"exported file {file} ({file.stat().st_size:,} bytes)" in said
    page = (word / "report.html").read_text()
    assert "model.int8.tflite" in page
    assert f"{told(word)['files']['model.int8.tflite']['arena_bytes']:,}" in page


@pytest.mark.story
@pytest.mark.parametrize(("stream", "warned"), [(0.97, False), (0.6, True)])
def test_listening_worse_than_hearing_clips_is_told(
    stream: float, warned: bool, word: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = told(word)
    page["torch"]["accuracy"] = 0.98
    for row in page["files"].values():
        row["torch"]["accuracy"] = stream
    show(page)
    assert (
        "Listening loses accuracy: 98.0% are right as clips, 60.0% in a stream" in capsys.readouterr().out
    ) == warned


@pytest.mark.story
def test_a_stream_is_compared_with_the_clip_and_told_in_the_card(word: Path) -> None:
    page = told(word)
    assert page["stream_against_clip"]["clips"] == CLIPS
    row = page["files"]["model.tflite"]
    assert row["past"]["from"] == "other clips of the same data"
    assert row["past"]["max_difference"] <= 1e-4
    text = (word / "export" / "model_card.md").read_text()
    shares = page["stream_against_clip"]
    assert f"Stream against clip: same label on {shares['fresh']:.1%} of {CLIPS} clips from silence" in text
    assert f"moved by up to one hop: on {shares['moved']:.1%}." in text
    assert page["memory"]["words"] in text


@pytest.mark.story
def test_a_model_of_an_earlier_version_scores_as_before_and_is_warned_of(
    directories: Path, tmp_path: Path
) -> None:
    """Its squeeze-and-excitation averages over everything heard."""
    folder = run(tmp_path / "deaf", directories, space="kws_mobilenet", preset="sf16", width=0.25, steps=4)
    bundle = ModelBundle.load(folder / "model")
    assert not bundle.deaf
    replace(bundle, endless=True).save(folder / "model")
    with pytest.warns(UserWarning, match="hears less and less"):
        before = audionas.load(folder)
    assert ModelBundle.load(folder / "model").endless
    clips = np.random.default_rng(0).normal(0, 0.1, (2, bundle.samples)).astype(np.float32)
    assert np.array_equal(before.scores(clips), bundle.network()(torch.from_numpy(clips)).detach().numpy())
    assert "depends on everything" in before.stream().module.memory.words()


@pytest.mark.story
def test_branches_are_folded_before_fine_tuning_and_in_every_file(tmp_path: Path) -> None:
    """The run keeps its branches; what was tuned for int8 has one kernel, and files say what torch says."""
    tones_in = tones(tmp_path / "data")
    optim = {"epochs": 10, "optim": {"lr": 0.05}}
    conf = config(tones_in, space=None, method=None, search=None, train=optim)
    space = resolve("space", "tenet")(filters=8, blocks=1, causal=True)
    taken = dict(zip(("block1", "block2", "block3"), (("mt_k9",), ("rep_k5",), ("mt_k9",)), strict=True))
    space.spec(taken, InputSpec(1, 40, 98, 4)).save(tmp_path / "arch.json")
    done("train", conf, f"arch={tmp_path / 'arch.json'}")
    folder = tmp_path / "exp" / "tones"
    found = done("show", folder, "--json").json
    assert found["in_training"]["macs"] > found["macs"]
    words = ("--target", "onnx,onnx-stream,int8,litert", "--data", tones_in / "dev", "--fine-tune", "always")
    report = done("export", folder, *words, "--json").json
    assert report["int8"]["weights"] == "fine-tuned"
    whole, tuned = ModelBundle.load(folder / "model"), ModelBundle.load(folder / "export" / "int8")
    assert any(".sums." in name for name in whole.weights)
    assert not any(".sums." in name or ".identity." in name for name in tuned.weights)
    assert tuned.weights.keys() == whole.network().get_submodule("net").state_dict().keys()
