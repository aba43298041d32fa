"""Recipes to copy: those that `pip install` includes without a clone."""

import shutil
from pathlib import Path

from audionas.core.errors import Faults, UserError, did_you_mean
from audionas.core.files import shipped
from audionas.core.hostile import command, on_a_line

_LEAVE = shutil.ignore_patterns("data", "exp", "downloads", "__pycache__")


def names() -> list[str]:
    """The recipes that can be copied."""
    return sorted(folder.name for folder in shipped("recipes").iterdir() if (folder / "run.sh").exists())


def copy(name: str, folder: Path) -> str:
    """Copy a recipe to a new folder. Returns the next command in words."""
    faults = Faults()
    if name not in names():
        with faults:
            raise UserError(
                f"no recipe called '{name}'.{did_you_mean(name, names())}", hint="See: audionas recipe list"
            )
    if folder.exists():
        with faults:
            raise UserError(f"{folder}: already exists", hint="Choose a new folder.")
    faults.tell()
    shutil.copytree(shipped("recipes") / name, folder, ignore=_LEAVE)
    shutil.copy(shipped("recipes") / "parse_options.sh", folder / "parse_options.sh")
    return f"copied to {on_a_line(folder)}; next: {command('cd', folder)} && ./run.sh --help"
