"""The mini recipe end to end; killed at three moments and started again, it ends as if never interrupted."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PATIENCE = 600  # seconds before a recipe that does not move counts as hung

pytestmark = pytest.mark.story
pytest.importorskip("espeakng_loader", reason="the extra mini is not installed")
pytest.importorskip("onnxruntime", reason="the extra export is not installed")


def small_copy(folder: Path) -> Path:
    """The recipe with fewer epochs, outside the clone, so that it uses the environment of the tests."""
    recipe = folder / "mini"
    shutil.copytree(
        ROOT / "recipes" / "mini", recipe, ignore=shutil.ignore_patterns("data", "exp", "downloads")
    )
    shutil.copy(ROOT / "recipes" / "parse_options.sh", recipe)
    conf = recipe / "conf" / "mini.yaml"
    text = conf.read_text()
    fewer = {"epochs: 12": "epochs: 3", "epochs: 20": "epochs: 3"}
    for before, after in fewer.items():
        assert before in text, before
        text = text.replace(before, after)
    conf.write_text(text)
    return recipe


def start(recipe: Path) -> subprocess.Popen[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.Popen(
        ["bash", "run.sh", "--clips", "900"],
        cwd=recipe,
        env={**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(recipe: Path) -> str:
    process = start(recipe)
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, output
    return output


def kill_when(recipe: Path, sign: str) -> None:
    """Start the recipe and SIGKILL its whole process group as soon as a file that matches `sign` exists."""
    process = start(recipe)
    end = time.monotonic() + PATIENCE
    while not any(recipe.glob(sign)) and time.monotonic() < end and process.poll() is None:
        time.sleep(0.05)
    assert process.poll() is None, f"ended before {sign} appeared: {process.communicate()[0]}"
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def outcome(recipe: Path) -> dict[str, Any]:
    """All that must not depend on interruptions: everything but times and the machine's description."""
    exp = recipe / "exp" / "mini"
    rows = {}
    for phase in ("search", "train"):
        lines = (exp / phase / "metrics.jsonl").read_text().splitlines()
        rows[phase] = [{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in lines]
    return {
        "arch": json.loads((exp / "arch.json").read_text()),
        "alphas": (exp / "search" / "alphas.jsonl").read_text(),
        "metrics": rows,
        "weights": (exp / "model" / "weights.safetensors").read_bytes(),
        "eval": json.loads((exp / "eval.json").read_text()),
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of an uninterrupted recipe, and what it said."""
    recipe = small_copy(tmp_path_factory.mktemp("whole"))
    return recipe, finish(recipe)


def test_from_spoken_words_to_a_report(whole: tuple[Path, str]) -> None:
    recipe, said = whole
    for word in (
        "accuracy",
        "interval",
        "parameters",
        "multiply-adds",
        "model.onnx",
        "report.html",
        "prep folder",
    ):
        assert word in said, word
    assert "finished earlier" in finish(recipe)


@pytest.mark.nightly
def test_killed_three_times_equals_uninterrupted(whole: tuple[Path, str], tmp_path: Path) -> None:
    broken = small_copy(tmp_path / "broken")
    kill_when(broken, "data/audio/*/*.wav")
    kill_when(broken, "exp/mini/search/ckpt/000001")
    kill_when(broken, "exp/mini/train/ckpt/000002")
    finish(broken)
    assert outcome(broken) == outcome(whole[0])
    assert "finished earlier" in finish(broken)
