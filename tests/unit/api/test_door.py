"""What `import audionas` shows: every name is there, is completed, and costs nothing before it is used."""

import ast
import os
import pydoc
import re
import subprocess
import sys
from pathlib import Path

import pytest

import audionas

SLOW = ("torch", "numpy", "sklearn", "yaml", "pydantic", "rich", "audionas.api")
WANTED = (
    *("prepare", "make", "search", "train", "evaluate", "export", "compare", "load", "create_model"),
    *("list_models", "list_methods", "list_spaces", "UserError", "Dataset", "Run", "Model", "Epoch"),
)


@pytest.mark.parametrize("name", WANTED)
def test_the_door_shows_it(name: str) -> None:
    assert name in dir(audionas)
    assert getattr(audionas, name).__name__ == name
    assert getattr(audionas, name).__doc__


def test_everything_that_is_shown_is_there() -> None:
    assert [name for name in dir(audionas) if getattr(audionas, name, None) is None] == []
    assert audionas.sklearn.KeywordClassifier.__name__ == "KeywordClassifier"


def test_a_room_of_the_same_name_takes_no_place_at_the_door() -> None:
    from audionas.export import verify

    assert verify.__name__ == "audionas.export.verify"
    assert callable(audionas.export)
    import audionas.export as function

    assert function is audionas.export
    audionas.mine_own = 3  # type: ignore[attr-defined]  # other names can be set
    assert audionas.__dict__.pop("mine_own") == 3


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'audionas' has no attribute 'serach'"):
        _ = audionas.serach  # type: ignore[attr-defined]


def test_editors_are_shown_the_same_names() -> None:
    tree = ast.parse(Path(audionas.__file__).read_text(encoding="utf-8"))
    told = {
        f"{node.module}.{alias.asname}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module.startswith("audionas.")
        for alias in node.names
    }
    assert told == {f"{module}.{name}" for name, module in audionas._LAZY.items()}


def test_help_lists_every_name() -> None:
    assert set(audionas.__all__) == {*audionas._LAZY}
    page = pydoc.plain(pydoc.render_doc(audionas))
    lead = str(audionas.__doc__)
    for name in WANTED:
        assert name in lead
        assert re.search(rf"^    (class )?{name}\(", page, re.MULTILINE), name
    assert "sklearn.KeywordClassifier" in lead


def test_the_import_alone_imports_nothing_slow() -> None:
    ask = f"import sys, audionas; dir(audionas); print([n for n in {SLOW} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", ask], env=os.environ, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
