"""Which tests belong to the files that differ from main, by mirrored path; as a program, one a line.

audionas/run/ship/int8.py has tests/unit/run/ship/test_int8.py; without that file, all of tests/unit/run/ship.
"""

import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ALWAYS = ("tests/test_layering.py", "tests/test_docs.py")
EVERYTHING = ("pyproject.toml", "constraints.txt", "setup.sh")
PRODUCTS = {"methods": "test_methods.py", "spaces": "test_spaces.py", "nn": "test_ops.py"}  # in invariants/


def changed(root: Path = ROOT) -> list[str]:
    """Files that differ from where this branch left main, uncommitted and new ones included."""

    def git(*words: str) -> list[str]:
        return subprocess.run(
            ["git", *words], cwd=root, capture_output=True, text=True, check=True
        ).stdout.splitlines()

    main = next((name for name in ("main", "origin/main") if known(name, root)), "HEAD")
    (base,) = git("merge-base", "HEAD", main)
    return sorted({*git("diff", "--name-only", base), *git("ls-files", "--others", "--exclude-standard")})


def known(name: str, root: Path) -> bool:
    """Whether a clone has a branch."""
    asked = ["git", "rev-parse", "--verify", "--quiet", name]
    return subprocess.run(asked, cwd=root, capture_output=True, check=False).returncode == 0


def belonging(files: Iterable[str], root: Path = ROOT) -> list[str]:
    """The test files and folders of some changed files, and those that are always run."""
    found = {path for file in files for path in mirrored(Path(file), root)} | set(ALWAYS)
    return sorted(p for p in found if not any(str(above) in found for above in Path(p).parents))


def mirrored(file: Path, root: Path) -> Iterator[str]:
    """The tests of one file; none for pages, which the always tested documentation covers."""
    top, inside = file.parts[0], file.parts[1:-1]
    if str(file) in EVERYTHING:
        yield "tests"
    elif top == "tests":
        if file.name.startswith("test_") and file.suffix == ".py":
            yield from (str(file) for _ in (1,) if (root / file).exists())
        elif file.suffix in (".py", ".json"):  # a helper of the tests beside it
            yield from (str(file.parent) for _ in (1,) if (root / file.parent).exists())
    elif top == "recipes" and inside:
        yield from existing(root, Path("tests/recipes") / f"test_{inside[0]}.py")
    elif top in ("audionas", "data_prep") and file.suffix != ".md":
        folder = Path("tests/unit", *(("data_prep",) if top == "data_prep" else ()), *inside)
        yield from existing(root, folder / f"test_{file.stem.removeprefix('_')}.py")
        if inside and inside[0] in PRODUCTS:
            yield from existing(root, Path("tests/invariants") / PRODUCTS[inside[0]])


def existing(root: Path, path: Path) -> Iterator[str]:
    """The test file, or the next folder above it that is there."""
    yield str(next(p for p in (path, *path.parents) if (root / p).exists()))


if __name__ == "__main__":
    print("\n".join(belonging(changed())))
