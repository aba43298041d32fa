"""Runs that are finished, unfinished, killed, changed or thrown away; nothing that was found is lost."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests._run import Run
from tests.unit.cli._command import contents, done, refused

PHASES = ("search", "train")


def unfinished(run: Run, phase: str) -> None:
    """As if killed after the last epoch, before the result was written."""
    (run.exp / phase / "done.json").unlink()


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("options", [(), ("--resume",)])
def test_a_finished_run_says_so_and_changes_nothing(phase: str, options: tuple[str, ...], own: Run) -> None:
    before = contents(own.exp)
    result = done(phase, own.conf, *options)
    assert f"{own.exp / phase}: finished earlier" in result.err
    assert contents(own.exp) == before


@pytest.mark.parametrize("phase", PHASES)
def test_an_unfinished_run_names_both_ways_out(phase: str, own: Run) -> None:
    unfinished(own, phase)
    before = contents(own.exp)
    result = refused(phase, own.conf, says=f"{own.exp / phase}: holds an unfinished run")
    assert "--resume" in result.err
    assert "--overwrite" in result.err
    assert contents(own.exp) == before


@pytest.mark.parametrize("phase", PHASES)
def test_resumed_after_the_last_epoch_it_only_ends(phase: str, own: Run) -> None:
    before = contents(own.exp)
    unfinished(own, phase)
    done(phase, own.conf, "--resume")
    after = contents(own.exp)
    same = {name for name in before if "tfevents" not in name}
    assert {name: after[name] for name in same} == {name: before[name] for name in same}


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("options", [(), ("--resume",)])
def test_other_settings_are_named_and_nothing_is_touched(
    phase: str, options: tuple[str, ...], own: Run
) -> None:
    before = contents(own.exp)
    result = refused(
        phase, own.conf, f"{phase}.epochs=5", "seed=3", *options, says="holds a run with other settings"
    )
    assert f"{phase}.epochs: {2 if phase == 'search' else 12} there, 5 now" in result.err
    assert "seed: 0 there, 3 now" in result.err
    assert "--overwrite" in result.err
    assert contents(own.exp) == before


def test_other_data_are_other_settings(own: Run) -> None:
    result = refused("train", own.conf, f"data.dev={own.data / 'test'}", says="data_fingerprint")
    assert "Give this run another name" in result.err


def test_another_architecture_is_another_setting(own: Run) -> None:
    before = contents(own.exp)
    refused("train", own.conf, "arch=tc_resnet8", says="not the architecture to train")
    assert contents(own.exp) == before


@pytest.mark.story
@pytest.mark.parametrize("phase", PHASES)
def test_overwritten_it_starts_afresh_and_ends_the_same(phase: str, own: Run) -> None:
    before = contents(own.exp)
    done(phase, own.conf, "--overwrite")
    after = contents(own.exp)
    for name in ("arch.json", "model/weights.safetensors", f"{phase}/done.json"):
        assert after[name] == before[name], name


@pytest.mark.story
def test_a_search_that_fails_keeps_the_earlier_architecture(own: Run) -> None:
    kept = contents(own.exp)
    refused("search", own.conf, "--overwrite", "search.optim.lr=1e15", says="in epoch 1")
    after = contents(own.exp)
    for name in ("arch.json", "model/weights.safetensors", "model/bundle.json", "eval.json"):
        assert after[name] == kept[name], name


@pytest.mark.story
def test_a_training_that_fails_keeps_the_architecture_and_may_be_repeated(own: Run) -> None:
    kept = contents(own.exp)
    refused("train", own.conf, "--overwrite", "train.optim.lr=1e15", says="in epoch 1")
    assert contents(own.exp)["arch.json"] == kept["arch.json"]
    done("train", own.conf)  # no epoch was lost, so a corrected run may follow at once
    assert contents(own.exp)["model/weights.safetensors"] == kept["model/weights.safetensors"]


def test_a_lost_result_is_made_again(own: Run) -> None:
    before = contents(own.exp)
    shutil.rmtree(own.exp / "model")
    done("train", own.conf, "--resume")
    assert contents(own.exp)["model/weights.safetensors"] == before["model/weights.safetensors"]


def test_a_damaged_checkpoint_says_what_to_do(own: Run) -> None:
    unfinished(own, "train")
    for file in (own.exp / "train" / "ckpt").glob("*/weights.safetensors"):
        file.write_bytes(b"")
    refused("train", own.conf, "--resume", says="Start again with --overwrite")


def rows(file: Path) -> list[dict[str, Any]]:
    read = [json.loads(line) for line in file.read_text().splitlines()]
    return [{k: v for k, v in row.items() if k != "seconds"} for row in read]


@pytest.mark.story
@pytest.mark.parametrize("phase", PHASES)
def test_killed_and_resumed_it_ends_as_if_never_stopped(phase: str, trained: Run, tmp_path: Path) -> None:
    """SIGKILL within a real process, as soon as it has told of its first epoch."""
    words = [phase, trained.conf, f"arch={trained.exp / 'arch.json'}", f"{phase}.epochs=4"]
    command = [sys.executable, "-m", "audionas", *map(str, words), f"out={tmp_path / 'killed'}"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        seen = next((line for line in process.stderr if line.startswith("epoch 1/")), "")
        process.send_signal(signal.SIGKILL)
    assert seen, "the process ended before its first epoch"
    killed = tmp_path / "killed" / "tones"
    assert not (killed / phase / "done.json").exists()
    refused(*words, f"out={tmp_path / 'killed'}", says="--resume")
    done(*words, f"out={tmp_path / 'killed'}", "--resume")
    done(*words, f"out={tmp_path / 'whole'}")
    whole = tmp_path / "whole" / "tones"
    assert rows(killed / phase / "metrics.jsonl") == rows(whole / phase / "metrics.jsonl")
    if phase == "search":
        assert rows(killed / "search" / "alphas.jsonl") == rows(whole / "search" / "alphas.jsonl")
    else:
        weights = "model/weights.safetensors"
        assert (killed / weights).read_bytes() == (whole / weights).read_bytes()
    assert (killed / "arch.json").read_text() == (whole / "arch.json").read_text()


@pytest.mark.parametrize("phase", PHASES)
def test_a_second_process_is_kept_out(phase: str, own: Run) -> None:
    import fcntl

    with (own.exp / f".{phase}.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        refused(phase, own.conf, says="another process is running this")


IMPOSSIBLE = [
    ("method.name=random", "method.limit={name: macs, most: 10}"),
    ("method.cost={name: params, weight: 1, target: 10}",),
]


@pytest.mark.parametrize("command", ["check", "search"])
@pytest.mark.parametrize("overrides", IMPOSSIBLE, ids=" ".join)
def test_a_budget_below_the_cheapest_network_is_told(
    command: str, overrides: tuple[str, ...], trained: Run, tmp_path: Path
) -> None:
    result = refused(command, trained.conf, *overrides, f"out={tmp_path}", says="cheapest")
    assert "method." in result.err
    assert not list(tmp_path.rglob("run.json")), "a corrected search must not be kept out"


IMPOSSIBLE_SETTINGS = [
    ("search", "space.width=0"),
    ("search", "space.width=-1"),
    ("search", "method.alpha_lr=-1"),
    ("search", "method.alpha_betas=[2, 3]"),
    ("search", "search.split=0.01"),
    ("train", "data.seconds=0.001"),
    ("train", "data.seconds=.inf"),
    ("train", "features.n_mels=0"),
    ("train", "train.optim={nesterov: true, momentum: 0}"),
    ("train", "augment.noise={tmp}/nowhere"),
]


@pytest.mark.parametrize(("phase", "override"), IMPOSSIBLE_SETTINGS)
def test_impossible_settings_are_refused_without_a_trace(
    phase: str, override: str, trained: Run, tmp_path: Path
) -> None:
    words = [phase, trained.conf, "arch=tc_resnet8", f"out={tmp_path}"]
    refused(*words, override.replace("{tmp}", str(tmp_path)))
    assert not list(tmp_path.rglob("run.json")), "a corrected run must not be kept out"


@pytest.mark.story
@pytest.mark.parametrize(
    ("phase", "override"), [("search", "search.split=0.01"), ("train", "augment.noise=nowhere")]
)
def test_a_corrected_run_may_follow_a_refused_one(
    phase: str, override: str, trained: Run, tmp_path: Path
) -> None:
    words = [phase, trained.conf, "arch=tc_resnet8", f"out={tmp_path}", f"{phase}.epochs=1"]
    refused(*words, override)
    done(*words)


@pytest.mark.story
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("search", "method.alpha_lr=1e6"), "alpha of"),
        (("search", "method={name: spos, draws: 2}", "search.optim.lr=1e12"), "the loss"),
        (("train", "arch=tc_resnet8", "train.optim.lr=1e12"), "the loss"),
    ],
    ids=lambda words: " ".join(words[:2]) if isinstance(words, tuple) else "",
)
def test_what_explodes_ends_with_an_error_and_leaves_no_result(
    words: tuple[str, ...], says: str, trained: Run, tmp_path: Path
) -> None:
    phase, *overrides = words
    own = (trained.conf, f"out={tmp_path}", f"{phase}.epochs=3")
    result = refused(phase, own[0], *overrides, *own[1:], says=says)
    assert f"--overwrite {phase}.optim.lr=" in result.err
    assert not list(tmp_path.rglob("arch.json")) or phase == "train"
    assert not list(tmp_path.rglob("bundle.json"))
