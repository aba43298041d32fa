"""How a recipe reads its command line: recipes/parse_options.sh, run by bash."""

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "recipes" / "parse_options.sh"

RECIPE = """#!/usr/bin/env bash
set -euo pipefail
stage=0
stop_stage=5
download=false
name=plain
help_message="Usage: run.sh [--stage N]"
. "{script}"
printf '%s|' "$stage" "$stop_stage" "$download" "$name" "$@"
"""


@pytest.fixture
def run(tmp_path):
    """Run a recipe with these words; it prints its variables and what is left, each with a bar."""
    (tmp_path / "run.sh").write_text(RECIPE.format(script=SCRIPT))
    (tmp_path / "fast.conf").write_text("stage=3\nname='from a file'\n")

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["bash", "run.sh", *words], cwd=tmp_path, capture_output=True, text=True)

    return call


@pytest.mark.parametrize(
    ("words", "printed"),
    [
        ((), "0|5|false|plain|"),
        (("--stage", "2", "--stop-stage", "4"), "2|4|false|plain|"),
        (("--stage=-1", "--name=a b=c"), "-1|5|false|a b=c|"),
        (("--stage", "-1"), "-1|5|false|plain|"),
        (("--name", ""), "0|5|false||"),
        (("--download", "true", "x", "--stage", "2"), "0|5|true|plain|x|--stage|2|"),
        (("--download",), "0|5|true|plain|"),
        (("--download", "--stage", "2"), "2|5|true|plain|"),
        (("--download", "a.b=c"), "0|5|true|plain|a.b=c|"),
        (("--stage", "1", "--", "--name"), "1|5|false|plain|--name|"),
        (("--stage", "1", "--config", "fast.conf"), "1|5|false|from a file|"),
        (("--config=./fast.conf", "--name", "n"), "3|5|false|n|"),
    ],
)
def test_options_become_variables(run, words, printed):
    done = run(*words)
    assert (done.returncode, done.stdout, done.stderr) == (0, printed, "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--stag", "2"), "unknown option --stag. Did you mean: --stage --stop-stage?"),
        (("--stge", "2"), "unknown option --stge. Did you mean: --stage --stop-stage?"),
        (("--stage2",), "unknown option --stage2. Did you mean: --stage --stop-stage?"),
        (("--help-message", "x"), "unknown option --help-message"),
        (("--PATH", "x"), "unknown option --PATH"),
        (("--a[0]", "x"), "unknown option --a[0]"),
        (("-s", "2"), "unknown option -s"),
        (("--stage",), "--stage needs a value"),
        (("--stage", "--name", "x"), "--stage needs a value"),
        (("--download", "yes"), "--download yes: expected true or false"),
        (("--config", "none.conf"), "--config none.conf: no such file"),
    ],
)
def test_wrong_options_end_the_recipe(run, words, said):
    done = run(*words)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert "run.sh --help" in done.stderr


def test_help_prints_the_message(run):
    done = run("--help")
    assert (done.returncode, done.stdout) == (0, "Usage: run.sh [--stage N]\n")


def test_nothing_is_left_behind(tmp_path):
    script = f'before=$(compgen -v; compgen -A function)\n. "{SCRIPT}"\n'
    script += 'after=$(compgen -v; compgen -A function)\ndiff <(echo "$before") <(echo "$after")'
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert {line[2:] for line in done.stdout.splitlines() if line[:1] in "<>"} <= {"before", "PIPESTATUS"}
