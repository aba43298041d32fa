"""The command that installs an extra: in a clone's environment its setup.sh, elsewhere pip and packages."""

import shlex
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from audionas.core.extras import install, require

ROOT = Path(__file__).resolve().parents[3]
ASK = "from audionas.core.extras import {0}; print({0}({1}))"
RULES = ("no-such-thing>=2", "numpy>=1.26")


def elsewhere(folder: Path) -> Path:
    """A folder with what a wheel leaves in site-packages, as far as extras need it."""
    for name in ("__init__", "extras", "errors", "files", "hostile", "strict"):
        if (file := ROOT / "audionas" / "core" / f"{name}.py").exists():
            (folder / "audionas" / "core").mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, folder / "audionas" / "core" / f"{name}.py")
    (folder / "audionas" / "__init__.py").write_text("")
    (folder / "audionas-0.1.0.dist-info").mkdir()
    listed = "".join(f"Requires-Dist: {rule}; extra == 'device'\n" for rule in RULES)
    (folder / "audionas-0.1.0.dist-info" / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: audionas\nVersion: 0.1.0\nProvides-Extra: device\n{listed}"
        "Requires-Dist: scipy; extra == 'mini'\n"
    )
    return folder


def asked(python: Path | str, folder: Path, what: str, *extras: str) -> subprocess.CompletedProcess[str]:
    code = f"import sys; sys.path.insert(0, {str(folder)!r}); " + ASK.format(what, str(list(extras))[1:-1])
    return subprocess.run([str(python), "-c", code], capture_output=True, text=True)


def test_a_wheel_gets_the_packages_by_name(tmp_path: Path) -> None:
    done = asked(sys.executable, elsewhere(tmp_path), "install", "device", "mini")
    assert shlex.split(done.stdout) == [sys.executable, "-m", "pip", "install", *RULES, "scipy"], done.stderr


def test_a_clones_environment_is_set_up_again(tmp_path: Path) -> None:
    """The command, as a shell takes it: setup.sh of that clone, which is told the extras."""
    clone = elsewhere(tmp_path / "a clone")
    (clone / "setup.sh").write_text('echo "$0: $AUDIONAS_EXTRAS"')
    (clone / "setup.sh").chmod(0o755)
    venv.create(clone / ".venv", symlinks=True)
    told = asked(clone / ".venv" / "bin" / "python", clone, "install", "device", "mic")
    done = subprocess.run(["bash", "-c", told.stdout], cwd="/", capture_output=True, text=True, check=True)
    assert done.stdout == f"{clone / 'setup.sh'}: device,mic\n"


def test_what_an_extra_lacks_is_named_with_its_command(tmp_path: Path) -> None:
    code = (
        "from audionas.core.errors import UserError\n"
        "from audionas.core.extras import require\n"
        "require('mini')\n"
        "try: require('device', 'mini')\n"
        "except UserError as error: print(*error.problems, error.hint, sep=chr(10))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=elsewhere(tmp_path),
        env={},
        capture_output=True,
        text=True,
        check=True,
    )
    problem, hint = done.stdout.splitlines()
    assert problem == "the extra device lacks no-such-thing"
    assert hint == f"{sys.executable} -m pip install 'no-such-thing>=2' 'numpy>=1.26'"


def test_the_extras_of_this_clone_are_those_of_its_project() -> None:
    own = install("mic")
    assert "sounddevice>=0.4" in shlex.split(own) or own.startswith("AUDIONAS_EXTRAS=mic ")
    require("dev")  # a test runs
    with pytest.raises(KeyError):
        require("devices")


def test_setup_keeps_the_extras_of_an_earlier_call(tmp_path: Path) -> None:
    """The next `./setup.sh`, which recipes call, neither takes them away nor installs again."""
    shutil.copy(ROOT / "setup.sh", tmp_path)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(
        '#!/bin/sh\n[ "$1" = - ] && echo "digest 3.11 /a path $2"\necho "$@" >> "$0.log"\nexit 0\n'
    )
    python.chmod(0o755)

    def called(**extras: str) -> str:
        done = subprocess.run(
            ["bash", tmp_path / "setup.sh"],
            env={"PATH": "/usr/bin:/bin", **extras},
            capture_output=True,
            text=True,
        )
        return done.stdout + done.stderr

    assert "installing audionas[mini,export,vision,dev,device]" in called(AUDIONAS_EXTRAS="device")
    assert called() == "setup: .venv is up to date\n"
    assert "installing audionas[mini,export,vision,dev,device,mic]" in called(AUDIONAS_EXTRAS="mic,mini")
    assert "-e .[mini,export,vision,dev,device,mic]" in python.with_suffix(".log").read_text()
