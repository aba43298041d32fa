"""The CPU seconds of commands that answer at once, each in a process of its own.

    python benchmarks/starting.py
    python benchmarks/starting.py --rounds 5 --only list

CPU seconds are those of the process in user and system mode together, best of the rounds: what else the
machine does counts little. `complete` asks as a shell does that completes a line.
"""

import argparse
import os
import resource
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = (
    "--version",
    "--help",
    "prep --help",
    "prep mini --help",
    "search --help",
    "search --no-such-option",
    "no_such_command",
    "complete: ",
    "complete: list ",
    "complete: prep ",
    "complete: prep mini --",
    "list methods",
    "list searchers",
    "list spaces",
    "list ops",
    "list zoo",
    "list models",
    "list zoo --json",
    "cost tc_resnet8",
)
# Completion asks by the name of the command
AS_SCRIPT = "import sys; sys.argv[0] = 'audionas'; from audionas.cli import run; run()"
BARE = ("python alone", "pass"), ("typer and rich alone", "import typer, rich.console, rich.table")


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="only commands that contain this text")
    options = parser.parse_args()
    print("| command | CPU s | exit |\n|---|---:|---:|")
    jobs: list[tuple[str, list[str], dict[str, str]]] = [(name, ["-c", code], {}) for name, code in BARE]
    jobs += [(f"`{command}`", *call(command)) for command in COMMANDS]
    for name, words, more in jobs:
        if options.only in name:
            rounds = [run(words, more) for _ in range(options.rounds)]
            print(f"| {name} | {min(seconds for seconds, _ in rounds):.2f} | {rounds[0][1]} |", flush=True)


def call(command: str) -> tuple[list[str], dict[str, str]]:
    """Arguments of python, and variables of the environment."""
    _, colon, line = command.partition(": ")
    if not colon:
        return ["-m", "audionas", *command.split()], {}
    asked = {"_TYPER_COMPLETE_ARGS": f"audionas {line}", "_AUDIONAS_COMPLETE": "complete_zsh"}
    return ["-c", AS_SCRIPT], asked


def run(words: list[str], more: Mapping[str, str]) -> tuple[float, int]:
    """CPU seconds of a process, and its exit status."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **more}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    status = subprocess.run([sys.executable, *words], env=env, capture_output=True).returncode
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, status


if __name__ == "__main__":
    main()
