"""`commands.sh`: the same as a run of `make`, by the verbs of audionas alone."""

from collections.abc import Sequence
from pathlib import Path

from audionas.core.files import read_text, write_text
from audionas.core.hostile import command
from audionas.expert import conf
from audionas.expert.plan import Plan
from audionas.expert.verbs import Step

FILE = "commands.sh"
_HEAD = """#!/usr/bin/env bash
# What audionas make did, by its verbs. Run it to do the same in a folder of its own: commands.sh FOLDER
set -euo pipefail
mkdir -p "${1:?usage: commands.sh FOLDER}"
cd "$1"
"""
_OPEN = "\n# The commands after the trials follow when make has chosen a network.\n"


def write(home: Path, plan: Plan, steps: Sequence[Step]) -> None:
    """Write the script for `steps`, whose paths are relative to the folder that the run's folder lies in."""
    lines = [_HEAD, command("mkdir", "-p", f"{home.name}/conf")]
    for file in [home / conf.FILE, *sorted((home / "conf").glob("*.json"))]:
        lines.append(_file(f"{home.name}/conf/{file.name}", read_text(file)))
    for step in steps:
        stop = ["--until", plan.stops[step.name]] if step.name in plan.stops else []
        lines.append(command("audionas", *step.words, *stop))
    text = "\n".join(lines) + ("\n" if "choice" in plan.decisions else _OPEN)
    write_text(home / FILE, text)
    (home / FILE).chmod(0o755)


def _file(name: str, text: str) -> str:
    """The command that writes a file."""
    return f"cat >{command(name)} <<'END_OF_FILE'\n{text.rstrip()}\nEND_OF_FILE"
