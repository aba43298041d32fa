"""The plan of the house holds, and each of its rules finds a breach that is planted."""

import ast

import pytest

from tests import _house
from tests._house import (
    LIBRARY,
    MOST_FILES,
    MOST_LINES,
    PREPARING,
    RECIPES,
    RESERVED,
    RUNG,
    SCRIPTS,
    TESTS,
    TREES,
    bare_readings,
    by_string,
    circles,
    corpora,
    crowded,
    dotted,
    fence_breaches,
    hidden,
    ladder_breaches,
    room_of,
    through_doors,
    unsafe_words,
    unsound,
)


def test_every_part_of_the_package_stands_on_a_rung() -> None:
    assert {room_of(name) for name in LIBRARY} == set(RUNG) - RESERVED | PREPARING.keys() - {"data_prep"}


def test_imports_go_down_the_ladder() -> None:
    assert [b for f, tree in TREES.items() for b in ladder_breaches(f, tree)] == []


def test_no_files_import_each_other_in_a_circle() -> None:
    assert circles({file: tree for file, tree in TREES.items() if file in LIBRARY}) == []


def test_no_file_takes_a_name_through_a_lazy_door() -> None:
    assert [b for file in LIBRARY for b in through_doors(file, TREES[file])] == []


def test_a_name_taken_through_a_lazy_door_is_found() -> None:
    code = "from audionas.spaces import space_of\nfrom audionas.spaces import _base, tc_resnet"
    assert len(through_doors("methods/x.py", ast.parse(code))) == 1


def test_no_room_is_crowded() -> None:
    assert crowded({file: text.count("\n") for file, text in (LIBRARY | SCRIPTS).items()}) == []


def test_an_underscore_stands_only_where_plug_ins_are() -> None:
    assert [b for file in LIBRARY | SCRIPTS for b in hidden(file)] == []


def test_data_and_inputs_know_no_corpus() -> None:
    assert [b for file, tree in TREES.items() for b in corpora(file, tree)] == []


def test_nothing_of_ours_is_named_by_a_string() -> None:
    assert [b for file, tree in TREES.items() for b in by_string(file, tree)] == []


def test_third_party_packages_stay_behind_their_fences() -> None:
    assert [b for f in LIBRARY for b in fence_breaches(f, TREES[f])] == []


def test_no_pickle_and_no_unsafe_yaml() -> None:
    recipes = {file: ast.parse(text) for file, text in RECIPES.items()}
    assert len(recipes) > 5
    assert [b for f, tree in (TREES | recipes).items() for b in unsafe_words(f, tree)] == []


def test_texts_are_read_at_one_door() -> None:
    assert [b for f, tree in TREES.items() for b in bare_readings(f, tree)] == []


def test_a_planted_reading_around_the_door_is_found() -> None:
    code = ast.parse("(place / 'labels.txt').read_text(encoding='utf-8')")
    assert len(bare_readings("data/labels.py", code)) == 1
    assert bare_readings("core/files.py", code) == []
    assert len(bare_readings("data/readers.py", ast.parse("json.loads(line)"))) == 1


def test_files_are_short_and_open_with_a_sentence() -> None:
    assert [b for f, text in (LIBRARY | SCRIPTS | TESTS).items() for b in unsound(f, text)] == []


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("core/x.py", "from audionas.run import search"),
        ("core/x.py", "import audionas.data.audio"),
        ("core/x.py", "from audionas import zoo"),
        ("data/x.py", "from audionas.features import build"),  # the same rung
        ("models/x.py", "def f():\n    from audionas.methods.darts import Darts"),  # the same rung
        ("searchers/x.py", "from audionas.methods._base import SearchRun"),
        ("engine/x.py", "from ..config import load"),
        ("spaces/x.py", "from importlib import import_module\nimport_module('audionas.cli')"),
        ("methods/x.py", "import audionas.nothing"),
        ("config.py", "if False:\n    from audionas.run import train"),
        ("listen/x.py", "from audionas.run.export import export"),
        ("run/x.py", "WORKER = 'audionas.study.rank:rank'"),
        ("export/x.py", "import importlib\nimportlib.import_module(f'audionas.run.{name}')"),
        ("data/x.py", "from audionas.prep import intake"),
        ("cli/x.py", "from audionas.prep import intake"),
        ("prep/x.py", "from audionas.features import build"),
        ("data_prep/x.py", "from audionas.run import search"),
    ],
)
def test_a_planted_breach_of_the_ladder_is_found(file: str, code: str) -> None:
    assert len(ladder_breaches(file, ast.parse(code))) == 1


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("cli/x.py", "from audionas.run import search"),
        ("study/x.py", "from audionas.run import search\nfrom audionas.report import html"),
        ("data_prep/x.py", "from audionas.prep import intake\nfrom audionas.data import kaldi"),
        ("run/x.py", "from audionas.config import load\nfrom audionas.run.folder import phase"),
        ("export/x.py", "from ..features import build\nfrom .bundle import ModelBundle"),
        ("run/x.py", "from audionas import __version__\nimport audionas"),
    ],
)
def test_what_the_ladder_allows_is_no_breach(file: str, code: str) -> None:
    assert ladder_breaches(file, ast.parse(code)) == []


def test_a_planted_circle_is_found() -> None:
    run = {
        "run/a.py": "from audionas.run import b",
        "run/b.py": "def f():\n    from audionas.run.c import g",
        "run/c.py": "WORKER = 'audionas.run.a'",
        "run/d.py": "from audionas.run import a",
    }
    names = ["audionas.run.a", "audionas.run.b", "audionas.run.c"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_house, "known", lambda: {dotted(file) for file in run})
        assert circles({file: ast.parse(code) for file, code in run.items()}) == [names]
        del run["run/c.py"]
        assert circles({file: ast.parse(code) for file, code in run.items()}) == []


def test_a_planted_crowd_is_found() -> None:
    small = {f"{room}/x.py": 100 for room in map(str, range(10))}
    assert crowded(small) == []
    assert len(crowded(small | {f"run/{n}.py": 1 for n in range(MOST_FILES + 1)})) == 1
    assert crowded(small | {f"methods/{n}.py": 1 for n in range(MOST_FILES + 1)}) == []
    assert len(crowded(small | {"run/x.py": 90, "run/ship/x.py": 100})) == 1  # of rooms with all below them


@pytest.mark.parametrize(("file", "found"), [("run/_x.py", 1), ("nn/_x.py", 0), ("run/__init__.py", 0)])
def test_a_planted_underscore_is_found(file: str, found: int) -> None:
    assert len(hidden(file)) == found


@pytest.mark.parametrize(
    ("file", "code", "found"),
    [
        ("data/x.py", "from audionas.data.dcase2018 import LABELS", 1),
        ("data/x.py", "TAU_SCENES = 10", 1),
        ("inputs/x.py", "def wake_clips(): ...", 1),
        ("data/esc10.py", "", 1),
        ("data/x.py", "described = rescued = 1", 0),
        ("prep/x.py", "TAU_SCENES = 10", 0),
    ],
)
def test_a_planted_corpus_is_found(file: str, code: str, found: int) -> None:
    assert len(corpora(file, ast.parse(code))) == found


def test_a_planted_name_in_a_string_is_found() -> None:
    assert len(by_string("run/x.py", ast.parse("WORKER = 'audionas.run.supernet:scorer'"))) == 1
    assert by_string("run/x.py", ast.parse("HINT = 'mypackage.module:Class'")) == []


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("core/x.py", "import yaml"),
        ("engine/conf.py", "from pydantic import BaseModel"),
        ("run/x.py", "import onnxruntime as ort"),
        ("cost/graph.py", "import onnx.helper"),
        ("run/x.py", "__import__('soundfile')"),
        ("nn/x.py", "def f():\n    import torchaudio.functional"),
        ("run/x.py", "from PIL import Image"),
        ("features/x.py", "import kornia.enhance"),
        ("searchers/_front.py", "from pymoo.indicators.hv import HV"),
        ("run/x.py", "from rich.table import Table"),
        ("run/x.py", "import typer"),
        ("study/x.py", "from matplotlib.figure import Figure"),
    ],
)
def test_a_planted_breach_of_a_fence_is_found(file: str, code: str) -> None:
    assert len(fence_breaches(file, ast.parse(code))) == 1


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from joblib import dump",
        "torch.load('x')",
        "torch.save(x, 'x')",
        "yaml.load(text)",
        "yaml.load(text, Loader=yaml.Loader)",
        "class _L(yaml.Loader): pass\nyaml.load(text, Loader=_L)",
        "memmap(file, allow_pickle=True)",
        "eval('1')",
        "from nats_bench import create",
        "import tarfile",
        "def f():\n    from zipfile import ZipFile",
        "shutil.unpack_archive('x.zip', 'y')",
    ],
)
def test_a_planted_unsafe_word_is_found(code: str) -> None:
    assert len(unsafe_words("x.py", ast.parse(code))) == 1


@pytest.mark.parametrize(
    "code", ["class _L(yaml.SafeLoader): pass\nyaml.load(t, Loader=_L)", "yaml.load(t, yaml.SafeLoader)"]
)
def test_a_safe_loader_is_no_breach(code: str) -> None:
    assert unsafe_words("x.py", ast.parse(code)) == []


def test_a_planted_long_file_and_a_missing_sentence_are_found() -> None:
    assert len(unsound("x.py", "x = 1\n" * (MOST_LINES + 1))) == 2
    assert unsound("x.py", '"""A file."""\n') == []
