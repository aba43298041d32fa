"""`audionas make` from recordings to files: resumed, repeated by its script, and changed; on tones."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from audionas.core.files import read_json
from audionas.expert.decide import Decision
from audionas.expert.plan import Plan, load
from tests.unit.cli._command import contents, done, refused
from tests.unit.expert._recordings import planned, recordings

pytestmark = pytest.mark.story
ROOT = Path(__file__).parents[3]
FILES = ("model/weights.safetensors", "export/model.onnx", "export/golden.npz", "export/labels.txt")


@pytest.fixture(scope="module", name="planned")
def _planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return planned(tmp_path_factory.mktemp("make"))


@pytest.fixture(scope="module")
def whole(planned: Path) -> Path:
    """The plan done without an interruption."""
    home = copied(planned, planned.parent / "whole")
    result = done("make", home / "make.yaml")
    for part in ("chosen", "accuracy", "model.onnx", "report.html", "make.yaml", "commands.sh"):
        assert part in result.out
    return home


def copied(planned: Path, folder: Path) -> Path:
    """A copy of the plan in a folder of its own."""
    return shutil.copytree(planned, folder / planned.name)


def same(one: Path, other: Path) -> None:
    """Assert that two runs ended in the same files."""
    assert {name: (one / name).read_bytes() for name in FILES} == {
        name: (other / name).read_bytes() for name in FILES
    }


@pytest.mark.parametrize(
    "moment", ["trials/tc_resnet8_w0_5/train/ckpt/latest", "train/ckpt/latest", "eval.json"]
)
def test_a_killed_run_resumes_to_the_same_model(
    planned: Path, whole: Path, tmp_path: Path, moment: str
) -> None:
    home = copied(planned, tmp_path)
    words = [sys.executable, "-m", "audionas", "make", str(home / "make.yaml")]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(words, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (home / moment).exists() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it ended before it was killed"
    assert not (home / "report.html").exists()
    done("make", home / "make.yaml")
    same(whole, home)
    assert load(home / "make.yaml").decisions == load(whole / "make.yaml").decisions


def test_its_commands_give_the_same_files(whole: Path, tmp_path: Path) -> None:
    bin = tmp_path / "bin"
    bin.mkdir()
    (bin / "audionas").write_text(f'#!/bin/sh\nexec {sys.executable} -m audionas "$@"\n', encoding="utf-8")
    (bin / "audionas").chmod(0o755)
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{bin}:{os.environ['PATH']}"}
    script = [str(whole / "commands.sh"), str(tmp_path / "by hand")]
    subprocess.run(script, env=env, check=True, cwd=tmp_path, capture_output=True)
    same(whole, tmp_path / "by hand" / "tones")


def test_the_last_training_of_few_voices_tells_that_it_heard_those_that_watch_it(whole: Path) -> None:
    told = read_json(whole / "train" / "done.json")["development"]
    assert told["data"].endswith("data/known")
    speakers = {line.split()[1] for line in (whole / "data" / "known" / "utt2spk").read_text().splitlines()}
    assert told["heard"] == len(speakers) > 0
    trials = read_json(whole / "trials" / "kws12_network" / "train" / "done.json")["development"]
    assert trials["data"].endswith("data/dev")
    assert "heard" not in trials


def test_a_finished_run_does_nothing_again(whole: Path) -> None:
    before = contents(whole)
    done("make", whole / "make.yaml")
    assert contents(whole) == before


def test_a_change_redoes_only_what_it_concerns(whole: Path, tmp_path: Path) -> None:
    home = copied(whole, tmp_path)
    before = contents(home)
    result = done("make", home / "make.yaml", "train.epochs=4")
    began = [line.rpartition(": ")[2] for line in result.err.splitlines()]
    assert began == ["train", "eval", "export", "show"]
    after = contents(home)
    assert {
        name for name in before if name.startswith(("trials/", "data/")) and before[name] != after[name]
    } == set()
    assert before["model/weights.safetensors"] != after["model/weights.safetensors"]
    assert load(home / "make.yaml").changes[-1] == "train.epochs=4"


def test_where_no_network_fits_the_nearest_limit_is_named(tmp_path: Path) -> None:
    source = recordings(tmp_path / "words")
    words = ("make", source, "--for", "cpu", "--minutes", 5, f"out={tmp_path}", "limits.params=100")
    result = refused(*words, "name=none")
    assert "no network fits cpu" in result.err
    assert "tc_resnet8_w0_5" in result.err
    assert "over limits.params 100" in result.err


def test_with_time_a_search_finds_the_finalists(tmp_path: Path) -> None:
    source = recordings(tmp_path / "words", takes=6)
    small = ("searcher.population=4", "searcher.generations=1", "space.width=0.25", "search.batch_size=16")
    done("make", source, "--for", "cpu", "--minutes", 20, "--plan", f"out={tmp_path}", "name=x", *small)
    plan, home = load(tmp_path / "x" / "make.yaml"), tmp_path / "x"
    assert plan.value("search") is True
    supernet = {**plan.value("supernet"), "epochs": 1}
    plan.decisions["supernet"] = plan.decisions["supernet"]._replace(value=supernet)
    rows = {name: plan.value("networks")[name] for name in ("searched_best_0", "kws12_network_0")}
    rows = {name: {**row, "epoch": 100.0, "trial_epochs": 1, "epochs": 1} for name, row in rows.items()}
    plan.decisions["networks"] = plan.decisions["networks"]._replace(value=rows)
    plan.minutes = 600.0
    plan.save(home)
    done("make", home / "make.yaml")
    assert (home / "trials" / "search" / "front.json").is_file()
    assert (home / "trials" / "searched_best_0" / "train" / "init.json").is_file()  # from the supernet
    assert load(home / "make.yaml").value("choice") in rows
    assert (home / "export" / "model.onnx").is_file()
    script = (home / "commands.sh").read_text(encoding="utf-8")
    assert script.index("audionas search") < script.index("audionas train") < script.index("audionas eval")


def test_a_wake_word_is_tuned_for_the_rate_that_its_hours_can_show(tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader")
    source = recordings(tmp_path / "words", ("low",), takes=2)
    recordings(tmp_path / "others", ("mid", "high"), takes=4)
    (source / "_other_").mkdir()
    for file in (tmp_path / "others").rglob("*.wav"):
        shutil.copy(file, source / "_other_" / f"{file.parent.name}-{file.name}")
    words = ("make", source, "--for", "esp32-s3", "--minutes", 1, f"out={tmp_path}", "name=low")
    home = tmp_path / "low"
    done(*words, "--plan")
    tried(home, "tc_resnet8_w0_5", "tc_resnet8_w1")
    result = done("make", home / "make.yaml")
    plan = load(home / "make.yaml")
    assert plan.value("task") == "wake_word"
    assert plan.value("voices") == 10
    assert plan.value("rate") > 0.5
    assert "0.5 false accepts per hour cannot be measured" in result.out
    assert f"target {plan.value('rate'):g})" in result.out
    assert "test recordings heard" in result.out
    assert "audionas detect" in result.out
    names = {file.name for file in (home / "export").iterdir()}
    assert {"low.tflite", "low.json", "model.stream.onnx", "model.int8.tflite"} <= names
    assert read_json(home / "tune" / "tune.json")["target"] == plan.value("rate")
    mined_and_chosen(home, plan)


def tried(home: Path, *names: str) -> None:
    """Edit a plan of one network, so that two are tried and false accepts are collected."""
    plan = load(home / "make.yaml")
    row = {"init": "", "epoch": 100.0, "trial_epochs": 1, "epochs": 1}
    plan.decisions["networks"] = Decision(dict.fromkeys(names, row), "")
    plan.decisions["mine"] = Decision("train_long", "")
    plan.decisions.pop("choice", None)  # a slow computer plans one network and chooses it at once
    plan.minutes = 600.0
    plan.save(home)


def mined_and_chosen(home: Path, plan: Plan) -> None:
    """Assert that continuous sound chose the network, and that what fooled its trial was learnt."""
    assert "average viable recall and accuracy of the trials" in plan.decisions["choice"].why
    done_ = read_json(home / "trials" / plan.value("choice") / "train" / "done.json")
    assert "valid_average_viable_recall" in done_
    before, after = (
        len((home / "data" / name / "text").read_text().splitlines()) for name in ("train", "mined")
    )
    assert after - before == len((home / "data" / "mined" / "mined.jsonl").read_text().split('"clip"')) - 1
    config = (home / "train" / "config.yaml").read_text(encoding="utf-8")
    assert f"train: {home}/data/mined" in config
    script = (home / "commands.sh").read_text(encoding="utf-8")
    verbs = [line.split()[1] for line in script.splitlines() if line.startswith("audionas ")]
    assert verbs == [*("prep", "train", "train", "export", "mine", "train"), "eval", "export", "tune", "show"]


def test_another_plan_of_the_same_name_is_refused(planned: Path) -> None:
    where = (f"out={planned.parent}", "name=tones")
    source = planned.parent / "words"
    result = refused("make", source, "--for", "browser", "--minutes", 5, *where)
    assert "device: cpu there, browser now" in result.err
    assert isinstance(load(planned / "make.yaml"), Plan)


def test_recordings_that_were_added_are_in_the_plan_that_again_makes(tmp_path: Path) -> None:
    source = recordings(tmp_path / "words", ("low", "mid"))
    words = ("make", source, "--for", "cpu", "--minutes", 0.5, "--plan", f"out={tmp_path}/exp", "name=x")
    done(*words)
    home = tmp_path / "exp" / "x"
    recordings(source, ("high",))
    assert "1 word more (high), 18 files more" in refused(*words).err
    done("make", home / "make.yaml", "--plan", "--again")
    assert "high" in (home / "data" / "labels.txt").read_text(encoding="utf-8").split()
    assert "high" in load(home / "make.yaml").value("recordings")
    done(*words)
