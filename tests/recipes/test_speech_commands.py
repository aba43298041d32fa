"""The recipe of Speech Commands: settings as the papers have them, a table for each protocol at the end."""

import os
import re
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from audionas import zoo
from audionas.config import Config, load
from audionas.core.arch import InputSpec
from audionas.core.files import read_json
from audionas.core.registry import names, resolve
from audionas.core.rng import numpy_rng
from audionas.cost.table import ends
from audionas.data import audio, kaldi
from audionas.data.labels import read_labels
from audionas.features import Features
from audionas.prep.speech_commands import LABELS_12, WANTED, WANTED_7, which_set
from audionas.run.train import within_limits
from audionas.study.rows import runs_of
from audionas.zoo.find import find
from tests.recipes.test_vision import copied

RECIPE = Path(__file__).parents[2] / "recipes" / "speech_commands"
CONFIGS = sorted(f for f in (RECIPE / "conf").rglob("*.yaml"))
NETS = sorted(f.stem for f in (RECIPE / "conf" / "nets").glob("*.yaml"))
PATIENCE = 600  # seconds before a recipe that does not move counts as hung
PROTOCOLS = {"v1-12": 12, "v1-30": 13, "v2-12": 12, "v2-35": 13}  # classes that the generated tree has
OTHERS = ("bed", "cat", "wow")
TINY = ("threads=1", "train.epochs=1", "train.batch_size=16")


def conf_of(name: str) -> Config:
    return load(RECIPE / "conf" / f"{name}.yaml")


# --- settings -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", CONFIGS, ids=lambda f: str(f.relative_to(RECIPE / "conf")))
def test_a_config_is_valid_and_its_method_runs_on_its_space(file: Path) -> None:
    conf = load(file)
    data = "data/v1-7" if "v1_7" in str(file.relative_to(RECIPE)) else "data"
    more = "/all/train_100" if file.stem == "all" else "/train"
    assert (conf.data.train, conf.data.dev) == (f"{data}{more}", f"{data}/dev")
    assert conf.augment.noise in ("", f"{data}/noise")
    if conf.space is not None and conf.compare is not None:  # those that cannot are left out, with a note
        assert [run for run in runs_of(conf) if run.conf.method and not run.conf.method.why_not(conf.space)]
    elif conf.space is not None and conf.method is not None:
        assert not conf.method.why_not(conf.space)
    if conf.general.arch:
        spec = find(conf.general.arch)
        within_limits(conf, spec, file.stem)
        if file.parent.name == "nets":  # the front-end is written out
            assert conf.features is not None
            assert f"{conf.features.name}/{conf.features.preset}" == spec.note["features"]


@pytest.mark.story
def test_every_method_has_a_config() -> None:
    found = {f.stem: conf_of(f"methods/{f.stem}") for f in (RECIPE / "conf" / "methods").glob("*.yaml")}
    assert set(found) == set(names("method"))
    for name, conf in found.items():
        assert conf.resolved()["method"]["name"] == name
        one_shot = name in ("spos", "fair_nas", "moga", "scarlet", "mix_path")
        assert (conf.searcher is not None) == one_shot
        assert replace(conf.train, layers=0, channels=0) == conf_of("base").train, name


def test_every_baseline_of_the_zoo_has_its_papers_settings() -> None:
    families = ("tc_resnet", "ds_cnn", "bc_resnet")
    assert sorted(n for n in zoo.names() if zoo.load(n).space in families) == NETS


@pytest.mark.parametrize(("net", "width"), [(1, 0), (2, 3), (3, 5), (6, 7), (8, 7)])
def test_bc_resnet_masks_only_wide_networks(net: int, width: int) -> None:
    conf = conf_of(f"nets/bc_resnet{net}")
    masks = conf.spec_augment
    assert (masks.freq_masks, masks.freq_width) == ((2, width) if width else (0, 0))
    assert (masks.time_masks, masks.time_width) == ((2, 20) if width else (0, 0))
    assert (conf.augment.noise_probability, conf.augment.noise_volume, conf.augment.shift_ms) == (
        0.8,
        0.1,
        100,
    )
    optim = conf.train.optim
    assert [optim.rate(e, 200) for e in (2.5, 5, 102.5, 200)] == pytest.approx([0.05, 0.1, 0.05, 0.0])
    assert (conf.train.epochs, conf.train.batch_size, optim.weight_decay) == (200, 100, 1e-3)


def test_tc_resnet_and_ds_cnn_take_the_steps_of_their_authors() -> None:
    steps = 22_246 // 100  # an epoch of v1-12
    for net, rates in (("tc_resnet8", (0.1, 0.01, 0.001)), ("ds_cnn_s", (5e-4, 1e-4, 2e-5))):
        train = conf_of(f"nets/{net}").train
        assert train.epochs * steps == pytest.approx(30_000, rel=0.01)
        at = [(10_000 * k + 5_000) / steps for k in range(3)]
        assert [train.optim.rate(e, train.epochs) for e in at] == pytest.approx(rates)
    assert conf_of("nets/ds_cnn_s").train.optim.name == "adam"
    features = conf_of("nets/tc_resnet8").features
    assert features is not None
    assert {"window_ms": 30.0, "hop_ms": 10.0, "n_mfcc": 40}.items() <= features.resolved().items()
    assert isinstance(features, Features)


# --- run.sh -------------------------------------------------------------------------------------------


def sound(path: Path, seed: str) -> None:
    wave = 0.1 * numpy_rng("clip", seed).normal(size=16_000)
    audio.write(path, wave.astype(np.float32), 16_000)


def speakers() -> list[str]:
    """Three for training, one each for dev and test, by the official hash."""
    wanted = {"train": 3, "dev": 1, "test": 1}
    found: list[str] = []
    for number in range(200):
        name = f"{number * 7919:08x}"
        split = which_set(f"{name}_nohash_0")
        if wanted[split]:
            wanted[split] -= 1
            found.append(name)
    return found


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`tree` with thirteen words and noise, `tree.tar`, and `second`, a test archive of two speakers."""
    folder = tmp_path_factory.mktemp("corpus")
    for word in (*WANTED, *OTHERS):
        for speaker in speakers():
            sound(folder / "tree" / word / f"{speaker}_nohash_0.wav", word + speaker)
    sound(folder / "tree" / "_background_noise_" / "tap.wav", "tap")
    with tarfile.open(folder / "tree.tar", "w") as tar:
        tar.add(folder / "tree", arcname=".")
    for label in LABELS_12:
        for number in range(2):
            stem = {"_silence_": str(number), "_unknown_": f"bed_{number:08x}_nohash_0"}
            sound(
                folder / "second" / label / f"{stem.get(label, f'{number:08x}_nohash_0')}.wav",
                f"{label}{number}",
            )
    return folder


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied("speech_commands", tmp_path_factory.mktemp("recipe"))


def ran(recipe: Path, commands: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "run.sh", *words],
        cwd=recipe,
        env=commands,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def finished(recipe: Path, commands: dict[str, str], *words: str) -> str:
    result = ran(recipe, commands, *words)
    assert result.returncode == 0, result.stdout
    return result.stdout


@pytest.mark.story
def test_an_unknown_protocol_is_refused(recipe: Path, commands: dict[str, str]) -> None:
    result = ran(recipe, commands, "--protocol", "v2-30")
    assert result.returncode == 1
    assert "expected v1-12, v1-30, v2-12, v2-35 or v1-7" in result.stdout


@pytest.mark.story
def test_v2_12_is_searched_trained_scored_on_both_test_sets_and_exported(
    recipe: Path, commands: dict[str, str], corpus: Path
) -> None:
    pytest.importorskip("onnxruntime", reason="the extra export is not installed")
    source = ("--src", str(corpus / "tree.tar"), "--test-archive", str(corpus / "second"))
    small = ("space.width=0.25", "search.epochs=1", "search.batch_size=16", *TINY)
    said = finished(recipe, commands, *source, "--stop-stage", "1", *small)
    assert "v2-12: train, dev, test hold 36, 12, 12 clips" in said
    assert "test_archive: 24 of the 4,890 clips" in said
    assert not (recipe / "exp").exists()
    said = finished(recipe, commands, "--stage", "2", *small)
    run = recipe / "exp" / "tc_small_0"
    assert {f.stem: read_json(f)["n"] for f in (run / "eval").iterdir()} == {"test": 12, "test_archive": 24}
    assert (run / "export" / "model.onnx").exists()
    rows = [line for line in said.splitlines() if "tc_small_0 |" in line]
    assert [row.split(" | ")[1:4] for row in rows] == [
        ["test", "v2-12", "zeros"],
        ["test_archive", "v2-12", "zeros"],  # of the lists; the archive has silence of its own
    ]
    assert rows == [
        line for line in (recipe / "exp" / "RESULTS.md").read_text().splitlines() if "tc_small_0" in line
    ]
    assert "finished earlier" in finished(recipe, commands, "--stage", "3", "--stop-stage", "3", *small)


@pytest.mark.story
@pytest.mark.parametrize("protocol", ["v1-12", "v1-30", "v2-35"])
def test_the_other_protocols_from_a_tree_to_scores(
    recipe: Path, commands: dict[str, str], corpus: Path, protocol: str
) -> None:
    words = (
        "--protocol",
        protocol,
        "--src",
        str(corpus / "tree"),
        "--paper",
        "tc_resnet8",
        "--stop-stage",
        "4",
    )
    said = finished(recipe, commands, *words, *TINY)
    assert f"{protocol}: train, dev, test hold" in said
    data, run = recipe / "data" / protocol, recipe / "exp" / f"{protocol}_paper_tc_resnet8_0"
    assert read_json(data / "protocol.json")["name"] == protocol
    assert len(read_labels(data / "train")) == PROTOCOLS[protocol]
    assert read_json(run / "eval" / "test.json")["n"] == len(kaldi.read(data / "test"))
    said = finished(recipe, commands, "--protocol", protocol, "--paper", "tc_resnet8", "--stage", "6", *TINY)
    found = read_json(run / "eval" / "test.json")
    cells = f"| {run.name} | test | {protocol} | zeros | {found['n']:,} | {100 * found['accuracy']:.1f} ["
    assert cells in said
    assert cells in (recipe / "exp" / "RESULTS.md").read_text()


# --- seven classes ------------------------------------------------------------------------------------


def test_the_study_trains_every_network_alike_and_searches_one_space() -> None:
    shared, searched = conf_of("v1_7"), [conf_of(f"v1_7/{n}") for n in ("fair_1m", "random_1m", "price_1m")]
    assert all(conf.train == shared.train and conf.augment == shared.augment for conf in searched)
    assert len({conf.space for conf in searched}) == 1
    fair, drawn, priced = (conf.resolved() for conf in searched)
    most = fair["searcher"]["limits"]["macs"]
    assert most == drawn["method"]["limit"]["most"] == priced["method"]["cost"]["target"]
    assert shared.data.balance == "undersample"


def test_the_wide_supernet_serves_budgets_that_its_space_has() -> None:
    wide, shared = conf_of("v1_7/wide"), conf_of("v1_7")
    assert (wide.train, wide.augment) == (shared.train, shared.augment)
    assert wide.searcher is not None
    script = (RECIPE / "local" / "study.sh").read_text()
    pairs = re.findall(r"(wide_\w+m) ([\d.]+e6)", script)
    assert len(pairs) == 3
    assert float(pairs[0][1]) == wide.searcher.limits["macs"]  # the supernet's own search is the first
    found = ends(resolve("space", "kws_wide")(), InputSpec(1, 40, 98, 7))
    for _, most in pairs:
        assert found["cheapest"]["macs"] < float(most) / 5 < float(most) < found["dearest"]["macs"] / 3


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`first` with lists; `second` with a test set of twelve folders, more words, and noise."""
    folder = tmp_path_factory.mktemp("parts")
    listed: dict[str, list[str]] = {"train": [], "dev": []}
    for speaker in (s for s in speakers() if which_set(f"{s}_nohash_0") != "test"):
        split = which_set(f"{speaker}_nohash_0")
        for word in (*WANTED_7, "zero"):
            listed[split].append(f"{word}/{speaker}_nohash_0.wav")
            sound(folder / "first" / listed[split][-1], word + speaker)
        sound(folder / "second" / "v1_bed_cat_happy" / "bed" / f"{speaker}_nohash_0.wav", "bed" + speaker)
    for file, split in (("training_list", "train"), ("validation_list", "dev")):
        (folder / "first" / f"{file}.txt").write_text("\n".join(listed[split]))
    for label in LABELS_12:
        stem = {"_silence_": "0", "_unknown_": "bed_0000000a_nohash_0"}.get(label, "0000000a_nohash_0")
        sound(folder / "second" / "v2_test_set" / label / f"{stem}.wav", "test" + label)
    sound(folder / "second" / "_background_noise_" / "tap.wav", "tap")
    return folder


@pytest.mark.story
def test_v1_7_is_prepared_trained_and_tested_in_one_command_and_the_study_leaves_the_test_closed(
    recipe: Path, commands: dict[str, str], parts: Path
) -> None:
    source = ("--src", str(parts / "first"))
    result = ran(recipe, commands, "--protocol", "v1-7", *source)
    assert result.returncode == 1
    assert "--protocol v1-7 needs --src ARCHIVE and --test-archive ARCHIVE" in result.stdout
    whole = (*source, "--test-archive", str(parts / "second"), "--arch", "sparknet_c16", "--stop-stage", "4")
    said = finished(recipe, commands, "--protocol", "v1-7", *whole, *TINY)
    assert "v1-7: train, dev, test hold" in said
    found = read_json(recipe / "exp" / "v1-7_sparknet_c16_0" / "eval" / "test.json")
    assert (found["n"], found["trained_on"]) == (7, {"clips": 0, "speakers": 0})
    assert (recipe / "exp" / "v1-7_sparknet_c16_0" / "train" / "config.yaml").read_text().count("undersample")

    def study(*words: str) -> subprocess.CompletedProcess[str]:
        script = ["bash", *words]
        return subprocess.run(
            script, cwd=recipe, env=commands, capture_output=True, text=True, timeout=PATIENCE, check=False
        )

    one = study("local/study.sh", "one", "mixednet", "1", *TINY[1:])
    assert one.stdout == "done mixednet_1\n", one.stdout + one.stderr
    assert study("local/study.sh", "one", "mixednet", "1").stdout == ""  # it is finished
    for name in ("random_1m", "wide_0_4m"):
        assert study("local/study.sh", "one", name, "0").stdout == f"later {name}_0: waits for others\n"
    run = recipe / "exp" / "v1-7_mixednet_1"
    assert sorted(f.name for f in (run / "eval").iterdir()) == ["dev.json"]
    told = study("local/study.sh", "list").stdout.splitlines()
    assert [line for line in told if line.startswith("done")] == ["done mixednet_1"]
    lock = recipe / "exp" / "v1-7_log" / "lock"
    lock.mkdir()
    (lock / "pid").write_text(str(os.getpid()))
    again = study("local/study.sh")
    assert (again.returncode, again.stdout) == (1, "")
    assert f"process {os.getpid()} is at it already" in again.stderr
    assert "| mixednet | 1 |" in study("local/study_table.sh", "dev").stdout
    closed = study("local/study_table.sh", "test")
    assert closed.returncode == 1
    assert "commit conf/v1_7/chosen.txt first" in closed.stderr
    assert not (run / "eval" / "test.json").exists()
