"""The plan of the house: which room may import which, how big rooms are, and rules that hold for every file.

Imports inside functions and under TYPE_CHECKING count, and so do strings that name a module of audionas: they
are imported later.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "audionas"
MOST_LINES = 400  # of a file
MOST_FILES = 20  # of a folder
MOST_SHARE = 0.15  # of all lines, in one room

# A room imports only rooms of lower rungs; rooms of one rung do not see each other.
RUNGS = (
    ("core",),
    ("data", "images", "features"),
    ("nn",),
    ("spaces",),
    ("zoo", "cost", "engine"),
    ("models", "methods", "searchers", "proxies"),
    ("config",),
    ("inputs", "export", "settings"),
    ("report",),
    ("run", "listen"),
    ("study",),
    ("expert",),
    ("api",),
    ("cli", "sklearn"),
    ("__main__", "__init__"),
)
RUNG = {room: height for height, rooms in enumerate(RUNGS) for room in rooms}
RESERVED: set[str] = set()  # rooms to come: leave this set when they are built
# Pages that prepare corpora stand beside the ladder, and only they see what corpora need.
PREPARING = {"prep": {"core", "data", "images"}, "data_prep": {"core", "data", "images", "prep"}}
PLUG_INS = ("methods", "searchers", "spaces", "zoo")  # one file per plug-in: as many as there are
UNDERSCORES = ("methods", "searchers", "spaces", "features", "nn")  # there an underscore says: no plug-in
NEUTRAL = ("data", "inputs")  # rooms that know no corpus
CORPORA = re.compile(
    r"(?:^|_)(?:dcase\w*|tau\d*|speech_?commands|esc\d*|wake\w*|ilsvrc|imagenet)(?:_|$)", re.I
)

# Who may import what: a top-level package, and the files (or folders, with a slash) inside audionas/.
FENCES = {
    "pydantic": ("config.py", "core/records/", "settings/schema.py"),
    "pydantic_core": ("config.py", "core/records/"),
    "yaml": ("config.py", "run/ship/page.py"),
    "safetensors": ("core/tensors.py",),
    "onnx": ("export/", "cost/latency.py"),
    "onnxscript": ("export/", "cost/latency.py"),
    "onnxruntime": ("export/", "cost/latency.py"),
    "soundfile": ("data/audio.py", "data/files/codec.py"),
    "torchaudio": ("features/", "data/augment.py"),
    "librosa": ("data/effects.py",),
    "PIL": ("images/files.py",),
    "kornia": ("images/augment.py",),
    "matplotlib": ("report/",),
    "pymoo": ("searchers/nsga2.py",),
    "moocore": ("searchers/_front.py",),
    "ray": ("core/pool/ray.py",),
    "rich": ("core/reporter.py",),
    "typer": ("cli/",),
    "click": ("cli/",),
    "ai_edge_litert": ("export/",),
    "flatbuffers": ("export/",),
    "tflite_micro": ("export/",),
    "pymicro_wakeword": ("export/",),
    "pymicro_features": ("features/micro.py",),
    "sounddevice": ("listen/live.py",),
    "huggingface_hub": ("models/hub.py",),
}
DOORS = {f"audionas.{room}" for room in ("methods", "searchers", "spaces", "nn")}  # lazy: core/doors.py
PICKLES = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "shelve", "marshal", "nats_bench"}
ARCHIVES = {"tarfile", "zipfile"}  # opened at one door, which says and bounds what they write
FORBIDDEN_CALLS = {
    "torch.load": "use safetensors",
    "torch.save": "use safetensors",
    "yaml.unsafe_load": "use a SafeLoader",
    "yaml.full_load": "use a SafeLoader",
    "yaml.load_all": "use a SafeLoader",
    "numpy.load": "use safetensors or a memory map",
    "np.load": "use safetensors or a memory map",
    "shutil.unpack_archive": "use core/archives",
    "eval": "parse instead",
    "exec": "import instead",
}
IMPORTERS = ("import_module", "importlib.import_module", "__import__")

READERS = ("core/files.py", "core/registry.py")  # who read text themselves: the door, and Python's own files
PARSERS = (  # who parse JSON themselves: the door, and those who hear only our own processes
    *("core/files.py", "core/pool/worker.py", "engine/processes.py", "prep/espeak.py", "prep/voices.py"),
    "searchers/_fronts.py",  # what it has just made
)

NAMED = re.compile(r"audionas(?:\.\w+)+(?::\w+)?")


def imports(tree: ast.Module, file: str) -> Iterator[tuple[int, str]]:
    """(line, dotted module) of every import and of every string that names a module of audionas.

    `from audionas import zoo` counts as audionas.zoo, `from audionas.run import check` as audionas.run.check
    where there is such a file, and relative imports are made absolute.
    """
    for node in walked(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                here = ["audionas", *Path(file).parts[:-1]]
                base = ".".join([*here[: len(here) - node.level + 1], *([base] if base else [])])
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                yield node.lineno, whole if whole in known() or base == "audionas" else base
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if NAMED.fullmatch(node.value):
                yield node.lineno, node.value.partition(":")[0]
        elif isinstance(node, ast.JoinedStr) and isinstance(
            first := (node.values or [None])[0], ast.Constant
        ):
            if (room := str(first.value).rpartition(".")[0]).startswith("audionas."):
                yield node.lineno, room
        elif isinstance(node, ast.Call) and called(node) in IMPORTERS and node.args:
            name = getattr(node.args[0], "value", None)
            if isinstance(name, str) and not NAMED.fullmatch(name):
                yield node.lineno, name


@cache
def walked(tree: ast.Module) -> tuple[ast.AST, ...]:
    """All nodes of a file; every rule asks for them."""
    return tuple(ast.walk(tree))


@cache
def known() -> frozenset[str]:
    """The dotted names of all files of the package."""
    return frozenset(map(dotted, LIBRARY))


def dotted(file: str) -> str:
    """run/check.py is audionas.run.check, run/__init__.py audionas.run."""
    return ".".join(["audionas", *Path(file).with_suffix("").parts]).removesuffix(".__init__")


def room_of(file: str) -> str:
    """The part of the house that a file is of."""
    return Path(file).parts[0].removesuffix(".py")


def called(node: ast.Call) -> str:
    """The dotted name of what is called, or an empty string."""
    parts = []
    target: ast.expr = node.func
    while isinstance(target, ast.Attribute):
        parts.append(target.attr)
        target = target.value
    return ".".join([target.id, *reversed(parts)]) if isinstance(target, ast.Name) else ""


def ladder_breaches(file: str, tree: ast.Module) -> list[str]:
    """Imports of a higher rung, of another room on the same one, or of what prepares corpora."""
    mine = room_of(file)
    found = []
    for line, module in imports(tree, file):
        package, _, rest = module.partition(".")
        other = rest.partition(".")[0]
        if package != "audionas" or not other or other == mine or other.startswith("__version"):
            continue
        if mine in PREPARING:
            allowed = other in PREPARING[mine]
        else:
            allowed = other in RUNG and RUNG[other] < RUNG[mine]
        if not allowed:
            found.append(f"{file}:{line}: {mine} imports {module}, which is not below it")
    return found


def through_doors(file: str, tree: ast.Module) -> list[str]:
    """Names that a file takes through the lazy door of a room: an import that no circle would show."""
    return [
        f"{file}:{node.lineno}: takes {alias.name} through the door of {node.module}; import its file"
        for node in walked(tree)
        if isinstance(node, ast.ImportFrom) and node.module in DOORS
        for alias in node.names
        if f"{node.module}.{alias.name}" not in known()
    ]


def circles(trees: Mapping[str, ast.Module]) -> list[list[str]]:
    """Groups of files that reach each other by imports (Tarjan's strongly connected components)."""
    graph = {
        dotted(file): {module for _, module in imports(tree, file)} - {dotted(file), "audionas"}
        for file, tree in trees.items()
    }
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    open_, found = [], []

    def visit(file: str) -> None:
        order[file] = lowest[file] = len(order)
        open_.append(file)
        for other in sorted(graph[file] & graph.keys()):
            if other not in order:
                visit(other)
            if other in open_:
                lowest[file] = min(lowest[file], lowest[other])
        if lowest[file] == order[file]:
            group = [open_.pop()]
            while group[-1] != file:
                group.append(open_.pop())
            if len(group) > 1:
                found.append(sorted(group))

    for file in graph:
        if file not in order:
            visit(file)
    return found


def crowded(lines: Mapping[str, int]) -> list[str]:
    """Folders with too many files, and rooms with too great a share of all lines, from file to its lines."""
    files = Counter(str(Path(file).parent) for file in lines)
    rooms: Counter[str] = Counter()
    for file, count in lines.items():
        rooms[room_of(file)] += count
    total = rooms.total()
    return [
        *(
            f"{folder}: {count} files, more than {MOST_FILES}"
            for folder, count in files.items()
            if count > MOST_FILES and folder not in PLUG_INS
        ),
        *(
            f"{room}: {count / total:.1%} of the lines, more than {MOST_SHARE:.0%}"
            for room, count in rooms.items()
            if count > MOST_SHARE * total
        ),
    ]


def hidden(file: str) -> list[str]:
    """A name that begins with an underscore, where the room is the fence."""
    private = Path(file).name.startswith("_") and not Path(file).name.startswith("__")
    return [f"{file}: an underscore, but its room has no plug-ins"] * (
        private and room_of(file) not in UNDERSCORES
    )


def by_string(file: str, tree: ast.Module) -> list[str]:
    """Strings that name a thing in a module of ours, where an import can."""
    return [
        f"{file}:{node.lineno}: names {node.value} in a string; import it"
        for node in walked(tree)
        if isinstance(node, ast.Constant) and NAMED.fullmatch(str(node.value)) and ":" in str(node.value)
    ]


def corpora(file: str, tree: ast.Module) -> list[str]:
    """Names of corpora that a file of a neutral room bears, imports or defines."""
    if room_of(file) not in NEUTRAL:
        return []
    names = [(0, Path(file).stem)]
    for node in walked(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.append((node.lineno, node.name))
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.append((node.lineno, node.id))
        elif isinstance(node, ast.ImportFrom | ast.Import):
            words = [alias.name for alias in node.names] + [getattr(node, "module", "") or ""]
            names += [(node.lineno, part) for word in words for part in word.split(".")]
    return [f"{file}:{line}: names a corpus, {name}" for line, name in names if CORPORA.search(name)]


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
    """Pickle in any form, YAML that could build objects, and archives around their door."""
    safe = {"SafeLoader", "CSafeLoader", *safe_loaders(tree)}
    refused = PICKLES | (set() if file.startswith("core/archives/") else ARCHIVES)
    found = [
        f"{file}:{line}: imports {m}" for line, m in imports(tree, file) if m.partition(".")[0] in refused
    ]
    for node in walked(tree):
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


def bare_readings(file: str, tree: ast.Module) -> list[str]:
    """Text files that are read around the door that names them in its errors, and JSON beside `parsed`."""
    found = []
    for node in walked(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        where = f"{file}:{node.lineno}: {called(node) or node.func.attr}"
        if node.func.attr == "read_text" and file not in READERS:
            found.append(f"{where}: use read_text of audionas/core/files.py")
        if called(node) in ("json.loads", "json.load") and file not in PARSERS:
            found.append(f"{where}: use parsed or read_json of audionas/core/files.py")
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
    if not re.match(r'(?:#.*\n)*"""\S', text):  # to parse every file again takes a second
        found.append(f"{file}: no docstring")
    return found


def modules(folder: Path) -> dict[str, str]:
    return {str(f.relative_to(folder)): f.read_text(encoding="utf-8") for f in sorted(folder.rglob("*.py"))}


LIBRARY = {name: text for name, text in modules(PACKAGE).items() if not name.startswith("shipped/")}
SCRIPTS = {f"data_prep/{name}": text for name, text in modules(ROOT / "data_prep").items()}
TREES = {file: ast.parse(text) for file, text in (LIBRARY | SCRIPTS).items()}
RECIPES = {f"recipes/{name}": text for name, text in modules(ROOT / "recipes").items()}
TESTS = {f"tests/{name}": text for name, text in modules(ROOT / "tests").items()}
