"""The public door of a room whose shared files are hidden: names that are imported when first asked for.

In the rooms of plug-ins a file without an underscore is a registered name, so that what the plug-ins share
lies in files with one. `from audionas.methods import Method` goes through the door, and imports no plug-in.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def door(room: str, files: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of a package: from hidden files to the names, apart by blanks, that each shows.

    A hidden file that is listed is there as a whole, too, by its name without the underscore.
    """
    shown = {name: file for file, names in files.items() for name in names.split()}

    def find(name: str) -> Any:
        if name in shown:
            return getattr(import_module(f"{room}.{shown[name]}"), name)
        if f"_{name}" in files:
            return import_module(f"{room}._{name}")
        raise AttributeError(f"module '{room}' has no attribute '{name}'")

    return find
