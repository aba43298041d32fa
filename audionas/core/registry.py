"""Names of classes: the file name is the registered name, nothing registers by side effect.

`resolve("method", "darts")` imports `audionas.methods.darts` and takes its one public class of that
kind. A third-party class is named in full, `"mypackage.mymethod:MyMethod"`, and is imported only if `allow`
was told its module: a config and the command line may name code, a file that a stranger made may not.
"""

import ast
import functools
import importlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from audionas.core.errors import UserError, did_you_mean
from audionas.core.hostile import command

FOLDERS = {"method": "methods", "searcher": "searchers", "space": "spaces", "features": "features"}
_ALLOWED: set[str] = set()  # modules outside the package whose classes may be resolved in this process


def allow(module: str) -> None:
    """Let classes of a module outside the package be resolved, also from the present folder.

    Raises UserError for what is no module's name. Worker processes are told `allowed`.
    """
    if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*", module):
        raise UserError(f"plug-in {module!r}: not the name of a module", hint="For example: my_space")
    _ALLOWED.add(module)
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())


def allowed() -> list[str]:
    """The modules outside the package whose classes may be resolved, sorted."""
    return sorted(_ALLOWED)


def names(kind: str) -> list[str]:
    """The registered names of a kind, sorted: its files that do not begin with an underscore."""
    folder = Path(__file__).parents[1] / FOLDERS[kind]
    return sorted(f.stem for f in folder.glob("*.py") if not f.stem.startswith("_"))


def resolve(kind: str, name: str) -> type[Any]:
    """The class behind a name.

    Raises UserError for an unknown name, with the nearest known one.
    """
    if ":" in name:
        return _third_party(kind, name)
    if name not in names(kind):
        plural = FOLDERS[kind]
        raise UserError(
            f"no {kind} called '{name}'.{did_you_mean(name, names(kind))}",
            hint=f"See: {command('audionas', 'list', plural)}",
        )
    module = importlib.import_module(f"audionas.{FOLDERS[kind]}.{name}")
    wanted = name.replace("_", "")
    found = [
        c
        for n, c in vars(module).items()
        if isinstance(c, type) and c.__module__ == module.__name__ and n.lower() == wanted
    ]
    assert len(found) == 1, f"{module.__file__} must define exactly one class named like the file"
    return found[0]


def summary(kind: str, name: str) -> str:
    """The module docstring of a registered name, read without importing it."""
    return ast.get_docstring(_parsed(f"audionas.{FOLDERS[kind]}.{name}")) or ""


def inherited(kind: str, name: str, field: str) -> str:
    """A text that the class behind a registered name defines or inherits, read without importing it."""
    module, wanted = f"audionas.{FOLDERS[kind]}.{name}", name.replace("_", "")
    found = [n.name for n in _parsed(module).body if isinstance(n, ast.ClassDef) and n.name.lower() == wanted]
    return next(_texts(module, found[0], field), "")


def _texts(module: str, name: str, field: str) -> Iterator[str]:
    """The texts of a field in a class and in its bases, of which the first holds."""
    body = _parsed(module).body
    owner = next((n for n in body if isinstance(n, ast.ClassDef) and n.name == name), None)
    if owner is None:
        return
    for node in owner.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == field:
            assert node.value is not None, f"{module}:{node.lineno}"
            yield ast.literal_eval(node.value)
    sources = {
        alias.asname or alias.name: n.module
        for n in body
        if isinstance(n, ast.ImportFrom) and n.module
        for alias in n.names
    }
    for base in owner.bases:
        source = sources.get(base.id, module) if isinstance(base, ast.Name) else ""
        if isinstance(base, ast.Name) and source.startswith("audionas."):
            yield from _texts(source, base.id, field)


@functools.cache
def _parsed(module: str) -> ast.Module:
    file = Path(__file__).parents[2] / f"{module.replace('.', '/')}.py"
    return ast.parse(file.read_text(encoding="utf-8"))


def _third_party(kind: str, name: str) -> type[Any]:
    module_name, _, class_name = name.partition(":")
    if module_name not in _ALLOWED:
        raise UserError(
            f"{kind} {name!r}: a file names code from outside audionas, which is not imported unasked",
            hint="If you know and trust that code, put --plugins MODULE before the command: "
            f"{command('audionas', '--plugins', module_name)} ...",
        )
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(
            f"{kind} '{name}': {error}", hint=f'Try: python -c "from {module_name} import {class_name}"'
        ) from error
    if not isinstance(found, type):
        raise UserError(f"{kind} '{name}': not a class")
    return found
