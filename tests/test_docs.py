"""The documentation holds: its code runs, its links lead somewhere, its commands and names exist."""

import ast
import os
import re
import runpy
import shlex
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import typer

from audionas import zoo
from audionas.cli.app import app
from audionas.cli.data import page_names, register_preps
from audionas.core.registry import names
from audionas.data import audio
from audionas.export import onnx_stream
from audionas.features import Features
from audionas.models.bundle import ModelBundle
from audionas.nn.ops import OPS
from audionas.spaces import space_of

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("audionas", "data_prep", "recipes", "tests", "docs")
GROUPS = ("prep", "recipe")  # commands that have commands
SUFFIXES = {".md", ".py", ".sh", ".yaml", ".toml", ".json", ".txt"}
FORBIDDEN = ("/wo" + "rk/", "/ro" + "ot/", "/tmp/" + "bash", ".." + "/shared")  # apart, or this file has them
LISTENS, STREAM = "exp/my_wake_word", "export/model.stream.onnx"  # a run that pages take for granted
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# file: (\S+)\n")


def pages() -> list[Path]:
    """Every Markdown file of the project."""
    return sorted([*ROOT.glob("*.md"), *(page for part in PARTS for page in tracked(part, "*.md"))])


def tracked(part: str, pattern: str) -> Iterator[Path]:
    """Files below a folder, without what recipes make and what tools leave."""
    made = {"data", "exp", "downloads", "__pycache__"}
    for path in (ROOT / part).rglob(pattern):
        inside = path.relative_to(ROOT).parts[2:] if part == "recipes" else path.parts
        if (
            path.is_file()
            and not (part == "recipes" and made & set(inside))
            and "__pycache__" not in path.parts
        ):
            yield path


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


PAGES = [pytest.param(page, id=named(page)) for page in pages()]


def prose(page: Path) -> str:
    """A page without its fenced blocks and comments."""
    return re.sub(r"<!--.*?-->", "", FENCE.sub("", page.read_text(encoding="utf-8")), flags=re.DOTALL)


def blocks(page: Path) -> dict[str, str]:
    """The fenced blocks of a page that say which file they are, by that name."""
    found = {}
    for _, body in FENCE.findall(page.read_text(encoding="utf-8")):
        if head := FILE.match(body):
            found[head[1]] = body
    return found


# --- code ---------------------------------------------------------------------------------------------

WITH_CODE = [
    pytest.param(
        page, id=named(page), marks=pytest.mark.story if page.stem in ("stream", "use_from_python") else ()
    )
    for page in pages()
    if blocks(page)
]


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to run in, with what the pages take for granted: a trained model and a recording."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for run in ("recipes/mini/exp/mini", "exp/my_words"):
        untrained(tmp_path / run / "model")
    audio.write(tmp_path / "recording.wav", np.zeros(16_000, dtype=np.float32), 16_000)
    operations = dict(OPS)
    yield tmp_path
    OPS.clear()
    OPS.update(operations)
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


def untrained(folder: Path, **params: bool) -> None:
    """A model folder whose network nobody has trained."""
    spec = zoo.load("tc_resnet8")
    spec = replace(spec, params={**spec.params, **params})
    weights = dict(space_of(spec).build(spec).state_dict())
    labels = tuple(f"word{i}" for i in range(spec.io.classes))
    statistics = {"mean": torch.zeros(40), "std": torch.ones(40)}
    bundle = ModelBundle(
        spec=spec, features=Features(), labels=labels, samples=16_000, weights=weights, note={}, **statistics
    )
    bundle.save(folder)


@pytest.mark.parametrize("page", WITH_CODE)
def test_code_runs(page: Path, workplace: Path) -> None:
    """Blocks that name a file are written; those called try_*.py are run."""
    written = blocks(page)
    for name, body in written.items():
        (workplace / name).write_text(body, encoding="utf-8")
    if any(LISTENS in body for body in written.values()):
        pytest.importorskip("onnxscript", reason="the extra export is not installed")
        untrained(workplace / LISTENS / "model", causal=True)
        onnx_stream.export(ModelBundle.load(workplace / LISTENS / "model"), workplace / LISTENS / STREAM)
    tries = [name for name in written if name.startswith("try_")]
    assert tries, f"{named(page)}: shows files, but no try_*.py that runs them"
    for name in tries:
        runpy.run_path(str(workplace / name), run_name="__main__")


def test_howto_method_and_space_can_be_configured(workplace: Path) -> None:
    from audionas.config import load

    for page in ("add_a_method", "add_a_space"):
        for name, body in blocks(ROOT / "docs" / "howto" / f"{page}.md").items():
            (workplace / name).write_text(body, encoding="utf-8")
    conf = load("my_search.yaml", ["method.name=my_method:MyMethod", "method.end=0.5"])
    assert (type(conf.space).__name__, type(conf.method).__name__) == ("MySpace", "MyMethod")


# --- links, names, commands -----------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_links_resolve(page: Path) -> None:
    """Relative links lead to files, and their anchors to headings."""
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken, f"{named(page)}: {broken}"


def anchors(page: Path) -> set[str]:
    """What the headings of a page are called in links."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES)
def test_commands_exist(page: Path) -> None:
    """Every `audionas VERB --option` in code is one that the command line knows."""
    register_preps(page_names())
    root = typer.main.get_command(app)
    problems = []
    for line in commands(page):
        command, words = root, line
        while words and re.fullmatch(r"[a-z][a-z0-9_-]*", words[0]) and getattr(command, "commands", None):
            if words[0] not in command.commands:
                problems.append(f"no command {words[0]}: {' '.join(line)}")
                break
            command, words = command.commands[words[0]], words[1:]
        known = {
            "--help",
            "-h",
            "--version",
            *(o for p in command.params for o in (*p.opts, *p.secondary_opts)),
        }
        unknown = [w for w in words if w.startswith("--") and w.partition("=")[0] not in known]
        problems += [f"no option {w}: {' '.join(line)}" for w in unknown]
    assert not problems, f"{named(page)}: {problems}"


def commands(page: Path) -> Iterator[list[str]]:
    """The words after `audionas` wherever a page shows a command line, as code in a line or a block."""
    text = page.read_text(encoding="utf-8")
    shown = [
        line for lang, body in FENCE.findall(text) if lang in ("", "sh", "bash") for line in body.splitlines()
    ]
    rest = FENCE.sub("", text)
    shown += [line for line in rest.splitlines() if line.startswith("    ")]
    shown += re.findall(r"`([^`\n]+)`", rest)
    for line in shown:
        if match := re.match(r"\s*(?:\$ )?(?:[A-Z]\w*=\S+ )*(?:python -m )?audionas( .+)", line):
            yield shlex.split(match[1], comments=True)


@pytest.mark.parametrize("page", PAGES)
def test_code_references_exist(page: Path) -> None:
    """`run/search.py::Searching.step` names a file of the library and something defined in it."""
    missing = []
    for path, name in re.findall(r"`(?:audionas/)?([\w/]+\.py)(?:::([\w.]+))?`", prose(page)):
        candidates = [ROOT / "audionas" / path, ROOT / path]
        file = next((c for c in candidates if c.is_file()), None)
        if file is None and "/" in path and "NAME" not in path:
            missing.append(path)
        elif file is not None and name and name not in definitions(file):
            missing.append(f"{path}::{name}")
    assert not missing, f"{named(page)}: {missing}"


def definitions(file: Path) -> set[str]:
    """Functions, classes and their methods in a file, and the names that it assigns."""
    found: set[str] = set()

    def visit(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                found.add(prefix + node.name)
                if isinstance(node, ast.ClassDef):
                    visit(node.body, f"{prefix}{node.name}.")
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                found.add(prefix + node.target.id)
            elif isinstance(node, ast.Assign):
                found.update(prefix + t.id for t in node.targets if isinstance(t, ast.Name))

    visit(ast.parse(file.read_text(encoding="utf-8")).body, "")
    return found


# --- what must not fall behind ----------------------------------------------------------------------------


def test_pages_of_methods_and_settings_are_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))  # the script puts the clone on it
    made = runpy.run_path(str(ROOT / "docs" / "_generate.py"))
    pages = {**made["methods"](), made["SETTINGS"]: made["settings"]()}
    stale = [named(page) for page, text in pages.items() if page.read_text(encoding="utf-8") != text]
    assert not stale, "run: python docs/_generate.py"
    assert {page.stem for page in (ROOT / "docs" / "methods").iterdir()} == set(names("method"))


def test_commands_page_is_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("COLUMNS", "40")  # the page does not depend on the terminal
    made = runpy.run_path(str(ROOT / "docs" / "_generate.py"))
    assert made["COMMANDS"].read_text(encoding="utf-8") == made["cli"](), "run: python docs/_generate.py"


def tree() -> dict[str, str]:
    """The tree of the README: path to purpose."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    body = re.search(r"<!-- tree -->\n```text\n(.*?)```", text, re.DOTALL)
    assert body, "README.md has no tree"
    found, folders = {}, [""]
    for line in body[1].splitlines():
        if line.startswith("# "):  # a group of rooms
            continue
        match = re.match(r"( *)(\S+)  +(\S.*)$", line)
        assert match, f"not `name  purpose`: {line}"
        depth = len(match[1]) // 2
        folders[depth + 1 :] = [folders[depth] + match[2]]
        found[folders[depth] + match[2]] = match[3]
    return found


def test_readme_tree_is_the_tree() -> None:
    shown = set(tree())
    assert not [path for path in shown if not (ROOT / path).exists()]
    packages = {f"audionas/{p.parent.name}/" for p in (ROOT / "audionas").glob("*/__init__.py")}
    top = {f"{part}/" for part in PARTS if part != "audionas"}
    recipes = {f"recipes/{p.parent.name}/" for p in (ROOT / "recipes").glob("*/run.sh")}
    assert packages | top | recipes <= shown


def test_decisions_are_numbered_and_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    files = sorted(path.name for path in folder.glob("[0-9]*.md"))
    assert [name[:4] for name in files] == [f"{i:04d}" for i in range(1, len(files) + 1)]
    index = (folder / "README.md").read_text(encoding="utf-8")
    assert not [name for name in files if f"({name})" not in index]


@pytest.mark.parametrize("folder", [".", "tutorials", "howto"])
def test_pages_are_listed(folder: str) -> None:
    docs = ROOT / "docs"
    index = (docs / "index.md").read_text(encoding="utf-8")
    found = [page.relative_to(docs).as_posix() for page in (docs / folder).glob("*.md")]
    assert found
    assert not [page for page in found if page != "index.md" and f"({page})" not in index]


def test_no_path_of_one_machine() -> None:
    files = [*(f for f in ROOT.iterdir() if f.is_file()), *(f for part in PARTS for f in tracked(part, "*"))]
    found = [
        f"{named(file)}: {word}"
        for file in files
        if file.suffix in SUFFIXES
        for word in FORBIDDEN
        if word in file.read_text(encoding="utf-8", errors="replace")
    ]
    assert not found


def test_scripts_named_in_the_readme_can_be_run() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    scripts = set(re.findall(r"(?:recipes|tests)/[\w/]*\w+\.sh", text))
    assert {"recipes/mini/run.sh", "tests/run.sh"} <= scripts
    assert not [script for script in scripts if not os.access(ROOT / script, os.X_OK)]
