"""The run folder: its name, what --overwrite may delete, drafts of a killed run, a folder that disappears."""

from pathlib import Path

import pytest

from audionas.core.errors import UserError
from audionas.core.files import atomic, name_fault, sweep, write_json
from audionas.engine.conf import General
from audionas.run import folder as page


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
        page._require_ours(tmp_path, overwrite=True)
    page._require_ours(tmp_path, overwrite=False)  # nothing of that name is written
    write_json(tmp_path / "env.json", {})
    page._require_ours(tmp_path, overwrite=True)
    (link := tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(UserError, match="not made by a run"):
        page._require_ours(link, overwrite=True)


@pytest.mark.parametrize("name", ["config.yaml", "ckpt/latest", "metrics.jsonl"])
def test_a_phase_does_not_write_over_files_that_no_run_has_made(tmp_path: Path, name: str) -> None:
    write_json(tmp_path / name, {})
    with pytest.raises(UserError, match=f"{name}: not made by a run of audionas, and would be replaced"):
        page._require_ours(tmp_path, overwrite=False)
    write_json(tmp_path / "env.json", {})
    page._require_ours(tmp_path, overwrite=False)


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
