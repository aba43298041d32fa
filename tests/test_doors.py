"""Tests import through public doors: no file or name of the library that begins with an underscore."""

import ast
import sys
from pathlib import Path

import pytest

from audionas.core.doors import door
from tests._house import TESTS, called

# What stays, each for a reason; a line may go, none may come.
EXCEPTIONS = {
    "tests/unit/engine/test_sync_norm.py: audionas.engine.sync_norm._Synced": "its gradient is checked alone",
}
MOST = 1


def hidden(file: str, tree: ast.Module) -> list[str]:
    """Imports of hidden files and names of the library: `file: module.name`."""
    asked = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            asked |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            asked |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Call) and called(node).endswith("import_module"):
            asked |= {a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)}
    ours = (name.split(".") for name in asked if name.startswith(("audionas.", "data_prep.")))
    return sorted(f"{file}: {'.'.join(parts)}" for parts in ours if any(is_hidden(part) for part in parts))


def is_hidden(part: str) -> bool:
    return part.startswith("_") and not part.startswith("__")


FOLDERS = sorted({str(Path(file).parent) for file in TESTS})


@pytest.mark.parametrize("folder", FOLDERS)
def test_tests_import_through_public_doors(folder: str) -> None:
    files = {file: text for file, text in TESTS.items() if str(Path(file).parent) == folder}
    found = {breach for file, text in files.items() for breach in hidden(file, ast.parse(text))}
    allowed = {breach for breach in EXCEPTIONS if breach.partition(":")[0] in files}
    assert found == allowed, "go through the door of the room: its __init__.py"


def test_the_list_of_exceptions_does_not_grow() -> None:
    assert len(EXCEPTIONS) <= MOST
    assert all(breach.partition(":")[0] in TESTS for breach in EXCEPTIONS)


@pytest.mark.parametrize(
    "code",
    [
        "from audionas.methods._base import Method",
        "import audionas.searchers._front",
        "def f():\n    from audionas.spaces import _base",
        "from audionas.nn.streaming import _SoFar",
        "from importlib import import_module\nimport_module('audionas.methods._base')",
    ],
)
def test_a_planted_breach_is_found(code: str) -> None:
    assert len(hidden("tests/x.py", ast.parse(code))) == 1


@pytest.mark.parametrize(
    "code",
    [
        "from audionas.methods import Method",
        "from audionas import __version__\nimport audionas.__main__",
        "from tests.unit.nn._streams import x\nfrom _pytest.runner import y",
    ],
)
def test_public_doors_and_helpers_of_tests_are_no_breach(code: str) -> None:
    assert hidden("tests/x.py", ast.parse(code)) == []


@pytest.mark.parametrize("room", ["methods", "searchers", "spaces", "nn"])
def test_every_name_that_a_door_shows_is_there(room: str) -> None:
    tree = ast.parse((Path(sys.modules["audionas"].__path__[0]) / room / "__init__.py").read_text())
    (files,) = (node for node in ast.walk(tree) if isinstance(node, ast.Dict))
    for file, names in ast.literal_eval(files).items():
        shown = door(f"audionas.{room}", {file: names})
        assert [shown(name) for name in names.split()]
        assert shown(file[1:]) is sys.modules[f"audionas.{room}.{file}"] or file[1:] in names.split()


def test_a_door_shows_nothing_else() -> None:
    with pytest.raises(AttributeError, match=r"'audionas\.methods' has no attribute 'nothing'"):
        door("audionas.methods", {"_base": "Method"})("nothing")
