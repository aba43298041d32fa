"""The ladder of packages and the other rules that hold for every file, read off the syntax trees."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "audionas"
MOST_LINES = 400

RUNGS = (
    ("core",),
    ("data", "features"),
    ("nn",),
    ("spaces", "zoo", "models"),
    ("cost", "engine"),
    ("methods", "searchers", "export"),
    ("config",),
    ("run",),
    ("cli_groups", "cli_wake"),
    ("cli",),
    ("__main__",),
)
RUNG = {part: height for height, parts in enumerate(RUNGS) for part in parts}

# Who may import what: a top-level package, and the files (or folders, with a slash) inside audionas/.
FENCES = {
    "pydantic": ("config.py",),
    "pydantic_core": ("config.py",),
    "yaml": ("config.py",),
    "onnx": ("export/", "cost/latency.py"),
    "onnxscript": ("export/", "cost/latency.py"),
    "onnxruntime": ("export/", "cost/latency.py"),
    "soundfile": ("data/audio.py",),
    "torchaudio": ("core/_torchaudio.py", "features/", "data/augment.py"),
    "PIL": ("data/_image_files.py",),
    "kornia": ("data/image_augment.py",),
    "pymoo": ("searchers/nsga2.py",),
    "ray": ("run/_pool_ray.py",),
    "rich": ("core/report.py",),
    "typer": ("cli.py", "cli_groups.py", "cli_wake.py"),
    "click": ("cli.py", "cli_groups.py", "cli_wake.py"),
    "ai_edge_litert": ("export/",),
    "flatbuffers": ("export/",),
    "tflite_micro": ("export/",),
    "pymicro_wakeword": ("export/",),
    "pymicro_features": ("features/micro.py",),
    "sounddevice": ("run/listen.py",),
}
PICKLES = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
FORBIDDEN_CALLS = {
    "torch.load": "use safetensors",
    "torch.save": "use safetensors",
    "yaml.unsafe_load": "use a SafeLoader",
    "yaml.full_load": "use a SafeLoader",
    "yaml.load_all": "use a SafeLoader",
    "numpy.load": "use safetensors or a memory map",
    "np.load": "use safetensors or a memory map",
    "eval": "parse instead",
    "exec": "import instead",
}


def imports(tree: ast.Module, file: str) -> Iterator[tuple[int, str]]:
    """(line, dotted module) of every import, those inside functions included.

    `from audionas import zoo` counts as audionas.zoo, and relative imports are made absolute.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                here = ["audionas", *Path(file).parts[:-1]]
                base = ".".join([*here[: len(here) - node.level + 1], *([base] if base else [])])
            yield from (
                (node.lineno, f"{base}.{alias.name}" if base == "audionas" else base) for alias in node.names
            )
        elif isinstance(node, ast.Call) and called(node) in (
            "import_module",
            "importlib.import_module",
            "__import__",
        ):
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield node.lineno, first.value


def called(node: ast.Call) -> str:
    """The dotted name of what is called, or an empty string."""
    parts = []
    target: ast.expr = node.func
    while isinstance(target, ast.Attribute):
        parts.append(target.attr)
        target = target.value
    return ".".join([target.id, *reversed(parts)]) if isinstance(target, ast.Name) else ""


def ladder_breaches(file: str, tree: ast.Module) -> list[str]:
    """Imports of a higher rung, or of another package on the same one."""
    mine = Path(file).parts[0].removesuffix(".py")
    found = []
    for line, module in imports(tree, file):
        package, _, rest = module.partition(".")
        other = rest.partition(".")[0]
        if package != "audionas" or not other or other == mine or other.startswith("__version"):
            continue
        if other not in RUNG:
            found.append(f"{file}:{line}: imports {module}, which stands on no rung")
        elif RUNG[other] >= RUNG[mine]:
            found.append(f"{file}:{line}: {mine} imports {other}, which is not below it")
    return found


def fence_breaches(file: str, tree: ast.Module) -> list[str]:
    """Imports of a third-party package outside its fence."""
    found = []
    for line, module in imports(tree, file):
        top = module.partition(".")[0]
        allowed = FENCES.get(top)
        if allowed is not None and not any(
            file == a or (a.endswith("/") and file.startswith(a)) for a in allowed
        ):
            found.append(f"{file}:{line}: imports {top}, which only {', '.join(allowed)} may")
    return found


def unsafe_words(file: str, tree: ast.Module) -> list[str]:
    """Pickle in any form, and YAML that could build objects."""
    safe = {"SafeLoader", "CSafeLoader", *safe_loaders(tree)}
    found = [
        f"{file}:{line}: imports {m}" for line, m in imports(tree, file) if m.partition(".")[0] in PICKLES
    ]
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = called(node)
        if name in FORBIDDEN_CALLS:
            found.append(f"{file}:{node.lineno}: {name}: {FORBIDDEN_CALLS[name]}")
        if name == "yaml.load":
            given = [*node.args[1:], *(k.value for k in node.keywords if k.arg == "Loader")]
            if not given or last_name(given[0]) not in safe:
                found.append(f"{file}:{node.lineno}: yaml.load without a safe loader")
        for keyword in node.keywords:
            if keyword.arg == "allow_pickle" and not is_false(keyword.value):
                found.append(f"{file}:{node.lineno}: allow_pickle")
    return found


def safe_loaders(tree: ast.Module) -> set[str]:
    """Classes of this file that extend YAML's safe loader."""
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    return {c.name for c in classes if any(last_name(b) in ("SafeLoader", "CSafeLoader") for b in c.bases)}


def last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def unsound(file: str, text: str) -> list[str]:
    """Too long, or without its opening sentence."""
    found = []
    if (lines := text.count("\n")) > MOST_LINES:
        found.append(f"{file}: {lines} lines, more than {MOST_LINES}")
    if not ast.get_docstring(ast.parse(text)):
        found.append(f"{file}: no docstring")
    return found


def modules(folder: Path) -> dict[str, str]:
    return {str(f.relative_to(folder)): f.read_text(encoding="utf-8") for f in sorted(folder.rglob("*.py"))}


LIBRARY = {name: text for name, text in modules(PACKAGE).items() if not name.startswith("shipped/")}
SCRIPTS = {f"data_prep/{name}": text for name, text in modules(ROOT / "data_prep").items()}
TESTS = {f"tests/{name}": text for name, text in modules(ROOT / "tests").items()}


def test_every_part_of_the_package_stands_on_a_rung() -> None:
    parts = {Path(name).parts[0].removesuffix(".py") for name in LIBRARY}
    assert parts - {"__init__"} == set(RUNG)


def test_imports_go_down_the_ladder() -> None:
    assert [
        b for f, text in LIBRARY.items() if f != "__init__.py" for b in ladder_breaches(f, ast.parse(text))
    ] == []


def test_third_party_packages_stay_behind_their_fences() -> None:
    assert [b for f, text in LIBRARY.items() for b in fence_breaches(f, ast.parse(text))] == []


def test_no_pickle_and_no_unsafe_yaml() -> None:
    assert [b for f, text in (LIBRARY | SCRIPTS).items() for b in unsafe_words(f, ast.parse(text))] == []


def test_files_are_short_and_open_with_a_sentence() -> None:
    assert [b for f, text in (LIBRARY | SCRIPTS | TESTS).items() for b in unsound(f, text)] == []


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("core/x.py", "from audionas.run import search"),
        ("core/x.py", "import audionas.data.audio"),
        ("core/x.py", "from audionas import zoo"),
        ("data/x.py", "from audionas.features import build"),  # the same rung
        ("export/x.py", "def f():\n    from audionas.methods.darts import Darts"),
        ("searchers/x.py", "from audionas.methods import SearchRun"),
        ("engine/x.py", "from ..config import load"),
        ("spaces/x.py", "from importlib import import_module\nimport_module('audionas.cli')"),
        ("methods/x.py", "import audionas.nothing"),
        ("config.py", "if False:\n    from audionas.run import train"),
    ],
)
def test_a_planted_breach_of_the_ladder_is_found(file: str, code: str) -> None:
    assert len(ladder_breaches(file, ast.parse(code))) == 1


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("cli.py", "from audionas.run import search"),
        ("run/x.py", "from audionas.config import load\nfrom audionas.run._folder import phase"),
        ("export/x.py", "from ..features import build\nfrom .bundle import ModelBundle"),
        ("run/x.py", "from audionas import __version__\nimport audionas"),
    ],
)
def test_what_the_ladder_allows_is_no_breach(file: str, code: str) -> None:
    assert ladder_breaches(file, ast.parse(code)) == []


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
