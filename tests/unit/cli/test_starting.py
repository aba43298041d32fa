"""Starting is cheap: what only helps, completes or lists imports neither torch nor NumPy."""

import json
import os
import subprocess
import sys

import pytest

from tests._tiers import story

SLOW = (  # without pydantic, by which newer versions of typer read arguments
    *(
        "torch",
        "torchaudio",
        "numpy",
        "scipy",
        "sklearn",
        "matplotlib",
        "pandas",
        "pymoo",
        "onnx",
        "onnxruntime",
    ),
    *("soundfile", "yaml", "tensorboard", "ray"),
)
ASK = f"""
import json, os, sys
sys.argv = ["audionas", *json.loads(os.environ["WORDS"])]
try:
    exec(os.environ["BEFORE"])
    from audionas.cli import run
    run()
except SystemExit as stop:
    status = stop.code
sys.stdout.flush()
print("\\n" + json.dumps([status or 0, [name for name in {SLOW} if name in sys.modules]]))
"""


def imported(*words: str, before: str = "", **variables: str) -> tuple[int, list[str]]:
    """The exit status of a command in a process of its own, and which slow packages it imported."""
    env = {**os.environ, "WORDS": json.dumps(words), "BEFORE": before, **variables}
    done = subprocess.run([sys.executable, "-c", ASK], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    status, found = json.loads(done.stdout.splitlines()[-1])
    return status, found


@pytest.mark.parametrize(
    "line",
    story(
        [
            *("--help", "list methods", "list zoo"),
            *("--version", "prep --help", "search --help", "recipe list"),
            *(f"list {kind}" for kind in ("searchers", "spaces", "ops", "models")),
        ],
        fast=3,
    ),
)
def test_nothing_slow_is_imported(line: str) -> None:
    assert imported(*line.split()) == (0, [])


@pytest.mark.parametrize("line", story(["no_such_command", "search --no-such-option", "prep no_such_page"]))
def test_a_wrong_word_is_answered_at_once(line: str) -> None:
    assert imported(*line.split()) == (1, [])


@pytest.mark.parametrize("line", story(["audionas prep m", "audionas li", "audionas search --re"]))
def test_completion_imports_nothing_slow(line: str) -> None:
    asked = {"_AUDIONAS_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": line}
    assert imported(**asked) == (0, [])


@pytest.mark.story
def test_a_page_of_prep_imports_no_torch() -> None:
    status, found = imported("prep", "mini", "--help")
    assert (status, set(found) <= {"numpy", "soundfile"}) == (0, True)


def test_a_planted_import_is_found() -> None:
    assert imported("--version", before="import numpy") == (0, ["numpy"])
