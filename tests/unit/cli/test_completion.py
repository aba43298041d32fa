"""Completion in a real shell: installed as the help says, and asked for with the tabulator in a terminal."""

import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from audionas.cli import completion

TELL = "\x18\x07\nexit\n"  # what the settings below bind; "exit" ends a shell that did not hear it
BINDINGS = {
    "bash": """bind -x '"\\C-x\\C-g": printf "%s" "$READLINE_LINE" > ~/line; exit'\n""",
    "zsh": "tell() { printf %s $BUFFER > ~/line; exit }; zle -N tell; bindkey '^X^G' tell\n",
}
TERMINAL = (
    "import pty, sys; pty.spawn(sys.argv[1:])"  # the shell has a terminal; what it is typed comes from a pipe
)


def surroundings(home: Path) -> dict[str, str]:
    """An empty home, and the command beside this Python first on the PATH."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "HOME": str(home), "ZDOTDIR": str(home), "PATH": path, "TERM": "xterm"}


def completed(shell: str, typed: str, home: Path) -> str:
    """The line that a shell makes of a typed one."""
    (home / "line").unlink(missing_ok=True)
    command = [sys.executable, "-c", TERMINAL, shell, "-i"]
    done = subprocess.run(
        command,
        input=(typed + "\t" + TELL).encode(),
        capture_output=True,
        env=surroundings(home),
        timeout=300,
    )
    assert (home / "line").exists(), done.stdout.decode(errors="replace")
    return (home / "line").read_text(encoding="utf-8")


@pytest.mark.story
@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_shell_completes_commands_and_options(shell: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    assert completed(shell, "audionas sear", _bound(shell, tmp_path)) == "audionas sear"
    install = [shell, "-c", "audionas --install-completion; true"]  # true: the shell stays its parent
    subprocess.run(install, check=True, capture_output=True, env=surroundings(tmp_path), timeout=300)
    _bound(shell, tmp_path)
    assert completed(shell, "audionas sear", tmp_path).rstrip() == "audionas search"
    assert completed(shell, "audionas search --res", tmp_path).rstrip() == "audionas search --resume"
    assert completed(shell, "audionas no_such", tmp_path).rstrip() == "audionas no_such"


def _bound(shell: str, home: Path) -> Path:
    """The home, with the binding at the end of the shell's settings."""
    with (home / f".{shell}rc").open("a", encoding="utf-8") as settings:
        settings.write(f"\n{BINDINGS[shell]}")
    return home


def test_no_command_needs_what_typer_does_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another version of typer may lack it: only the installation of completion asks for it."""
    monkeypatch.delattr(typer, "_completion_shared")
    monkeypatch.setitem(sys.modules, "typer._completion_shared", None)
    found = runpy.run_path(completion.__file__)
    with pytest.raises(ImportError):
        found["repair"]()
