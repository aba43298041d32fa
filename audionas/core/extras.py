"""The extras of audionas: whether their packages are installed, and the command that installs them here."""

import re
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from audionas.core.errors import UserError
from audionas.core.files import read_text
from audionas.core.hostile import command

_CLONE = Path(__file__).resolve().parents[2]


def install(*extras: str) -> str:
    """The command that installs these extras into the environment that runs, as a shell takes it.

    In the environment that a clone's setup.sh made it is that script. Elsewhere pip gets the packages by
    their names, since no index has audionas.
    """
    setup = _CLONE / "setup.sh"
    if setup.is_file() and Path(sys.prefix).resolve() == _CLONE / ".venv":
        return f"AUDIONAS_EXTRAS={command(','.join(extras))} {command(setup)}"
    wanted = [package for extra in extras for package in _packages(extra)]
    return command(sys.executable, "-m", "pip", "install", *wanted)


def require(*extras: str) -> None:
    """Raise UserError where packages of these extras are not installed: which, and how to get them."""
    lacking = {extra: gone for extra in extras if (gone := list(_missing(extra)))}
    if lacking:
        problems = [f"the extra {extra} lacks {', '.join(gone)}" for extra, gone in lacking.items()]
        raise UserError(problems, hint=install(*lacking))


def _missing(extra: str) -> Iterator[str]:
    for package in _packages(extra):
        name = re.split(r"[^\w.-]", package, maxsplit=1)[0]
        try:
            metadata.distribution(name)
        except metadata.PackageNotFoundError:
            yield name


def _packages(extra: str) -> list[str]:
    """The requirements of an extra, such as `onnx>=1.16`."""
    project = _CLONE / "pyproject.toml"
    if project.is_file():  # what is installed of a clone may be older
        listed: list[str] = tomllib.loads(read_text(project))["project"]["optional-dependencies"][extra]
        return listed
    split = (text.partition("; extra == ") for text in metadata.requires("audionas") or ())
    return [package for package, _, of in split if of.strip("'\"") == extra]
