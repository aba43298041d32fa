"""The run folder: its name, what --overwrite may delete, drafts of a killed run, a folder that disappears."""

from pathlib import Path

import pytest

from audionas.config import General
from audionas.core.errors import UserError
from audionas.core.files import atomic, name_fault, sweep, write_json
from audionas.run import folder as page
from audionas.run.training import kept


@pytest.mark.parametrize(
    "name",
    ["", " ", ".", "..", "../x", "/x", "con/../x", "a\\b", "a\nb", "a\x1b[2Jb", "\u202ea", "-x", "x" * 201],
)
def test_a_name_that_is_no_plain_folder_name_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="cannot name a folder"):
        General(name=name)


@pytest.mark.parametrize("name", ["x", "Ünder score", "a.b-c_1", "x" * 200])
def test_a_plain_name_is_taken(name: str) -> None:
    assert name_fault(name) == ""


def test_overwrite_leaves_a_folder_that_no_run_has_made(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years")
    with pytest.raises(UserError, match="not made by a run"):
        page._require_ours(tmp_path)
    write_json(tmp_path / "env.json", {})
    page._require_ours(tmp_path)
    (link := tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(UserError, match="not made by a run"):
        page._require_ours(link)


def test_a_model_that_was_not_trained_here_is_not_replaced(tmp_path: Path) -> None:
    write_json(tmp_path / "model" / "bundle.json", {})
    with pytest.raises(UserError, match="not trained here"):
        kept.keep_foreign(tmp_path)
    write_json(tmp_path / "train" / "env.json", {})
    kept.keep_foreign(tmp_path)


def test_only_files_of_ours_are_forgotten(tmp_path: Path) -> None:
    away = tmp_path / "away"
    for file in ("run/model/bundle.json", "run/model/notes.txt", "run/eval/test.json", "away/other.json"):
        write_json(tmp_path / file, {})
    (tmp_path / "run" / "export").symlink_to(away)
    kept.forget(tmp_path / "run")
    assert (away / "other.json").exists()
    assert [f.name for f in (tmp_path / "run" / "model").iterdir()] == ["notes.txt"]
    assert not (tmp_path / "run" / "eval").exists()


def test_drafts_of_a_killed_run_are_swept_and_nothing_else(tmp_path: Path) -> None:
    with atomic(tmp_path / "run.json") as draft:
        left = draft.name
        draft.write_text("{}")
    (tmp_path / left).write_text("half")  # as SIGKILL leaves it
    (tmp_path / ".mine.draft").write_text("a user's")
    sweep(tmp_path)
    assert {f.name for f in tmp_path.iterdir()} == {"run.json", ".mine.draft"}


def test_a_folder_that_disappears_while_a_run_works_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="disappeared while this ran"):
        page.finish(tmp_path / "gone", {})
    assert not (tmp_path / "gone").exists()
