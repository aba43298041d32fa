"""`tests/run.sh --changed`: which tests belong to which files, and which files have changed."""

import subprocess
from pathlib import Path

import pytest

from tests._changed import ALWAYS, ROOT, belonging, changed

METHODS = "tests/invariants/test_methods.py"


@pytest.mark.parametrize(
    ("file", "tests"),
    [
        ("audionas/core/rng.py", ["tests/unit/core/test_rng.py"]),
        (
            "audionas/methods/darts.py",
            [METHODS, "tests/unit/methods/test_darts.py"],
        ),
        (
            "audionas/methods/_fold.py",
            [METHODS, "tests/unit/methods/test_fold.py"],
        ),
        ("audionas/report/no_test_of_its_own.py", ["tests/unit/report"]),
        ("audionas/listen/web/static/page.js", ["tests/unit/listen"]),
        ("audionas/no_room.py", ["tests/unit"]),
        ("data_prep/esc10.py", ["tests/unit/data_prep/test_esc10.py"]),
        ("recipes/wake_word/run.sh", ["tests/recipes/test_wake_word.py"]),
        ("tests/unit/core/test_rng.py", ["tests/unit/core/test_rng.py"]),
        ("tests/unit/core/test_gone.py", []),
        ("tests/unit/cli/conftest.py", ["tests/unit/cli"]),
        ("README.md", []),
        ("docs/tour.md", []),
    ],
)
def test_tests_of_a_file_lie_on_the_mirrored_path(file, tests):
    assert belonging([file], ROOT) == sorted([*tests, *ALWAYS])


def test_what_all_depends_on_asks_for_all():
    assert belonging(["pyproject.toml", "audionas/core/rng.py"], ROOT) == ["tests"]


def test_what_lies_in_a_folder_that_is_run_is_not_named_again():
    found = belonging(["audionas/report/new.py", "tests/unit/report/test_report.py"], ROOT)
    assert found == sorted(["tests/unit/report", *ALWAYS])


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository whose branch has one commit beyond main, and more that is not committed."""

    def git(*words: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, capture_output=True)

    git("init", "-b", "main")
    for name in ("same", "committed", "edited"):
        (tmp_path / name).write_text("1")
    git("add", ".")
    git("commit", "-m", "first")
    git("checkout", "-b", "branch")
    (tmp_path / "committed").write_text("2")
    git("commit", "-am", "second")
    (tmp_path / "edited").write_text("2")
    (tmp_path / "new").write_text("1")
    return tmp_path


def test_changed_is_what_differs_from_main(clone):
    assert changed(clone) == ["committed", "edited", "new"]
