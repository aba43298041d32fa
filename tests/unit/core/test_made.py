"""The list of a folder's files: others are refused by name, and deleting follows the list alone."""

import fcntl
from pathlib import Path

import pytest

from audionas.core.errors import UserError
from audionas.core.made import LIST, claim, delete, made


def _written(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("mine")


def _left(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()} - {LIST}


def test_a_file_that_no_list_names_is_refused_by_name_and_nothing_is_entered(tmp_path: Path) -> None:
    _written(tmp_path, "export/notes.json", "b.json")
    with pytest.raises(UserError) as refused:
        claim(tmp_path, ["a.json", "b.json", "export/notes.json"])
    told = " not made by audionas, and would be replaced"
    assert refused.value.problems == [f"{tmp_path}/b.json:{told}", f"{tmp_path}/export/notes.json:{told}"]
    assert made(tmp_path) == set()
    (tmp_path / "b.json").unlink()
    (tmp_path / "b.json").symlink_to("nowhere")  # a link that leads nowhere is somebody's, too
    with pytest.raises(UserError, match=r"b\.json"):
        claim(tmp_path, ["b.json"])


def test_what_was_entered_once_is_ours_and_so_is_what_an_earlier_version_made(tmp_path: Path) -> None:
    _written(tmp_path, "old.json")
    claim(tmp_path, ["new.json", "old.json"], earlier=lambda: ["old.json", "elsewhere.json"])
    _written(tmp_path, "new.json")
    claim(tmp_path, ["new.json", "old.json", "line\nbreak \udce9"])
    assert made(tmp_path) == {"new.json", "old.json", "line\nbreak \udce9"}
    assert (tmp_path / LIST).read_text().count("new.json") == 1


def test_a_line_that_was_cut_off_loses_no_other(tmp_path: Path) -> None:
    claim(tmp_path, ["a", "b"])
    whole = (tmp_path / LIST).read_bytes()
    (tmp_path / LIST).write_bytes(whole[:-2])
    claim(tmp_path, ["c"])
    assert made(tmp_path) == {"a", "c"}


def test_a_head_that_was_cut_off_is_no_list_yet(tmp_path: Path) -> None:
    _written(tmp_path, "old.json")
    for text in ("", "made by au"):
        (tmp_path / LIST).write_text(text)
        assert made(tmp_path) == set()
    claim(tmp_path, ["a"], earlier=lambda: ["old.json"])
    assert made(tmp_path) == {"a", "old.json"}


def test_records_count_only_until_there_is_a_list(tmp_path: Path) -> None:
    claim(tmp_path, [])
    _written(tmp_path, "old.json")
    with pytest.raises(UserError, match="would be replaced"):
        claim(tmp_path, ["old.json"], earlier=lambda: ["old.json"])


def test_a_list_of_another_kind_is_refused(tmp_path: Path) -> None:
    _written(tmp_path, LIST)
    with pytest.raises(UserError, match="not a list of audionas"):
        claim(tmp_path, ["a"])
    assert (tmp_path / LIST).read_text() == "mine"


def test_deleting_follows_the_list_and_never_leaves_the_folder(tmp_path: Path) -> None:
    run, victim = tmp_path / "run", tmp_path / "victim"
    _written(victim, "thesis.tex", "a.json")
    _written(run, "a.json", "notes.json")
    (run / "export").symlink_to(victim)
    (run / "linked").symlink_to(victim / "thesis.tex")
    names = ["a.json", "../victim/thesis.tex", f"{victim}/thesis.tex", "export/a.json", "linked", "", "gone"]
    claim(run, names, earlier=lambda: names)
    with (run / LIST).open("a") as stranger:
        stranger.write('"gone"\n"/\\u0000"\n[1]\nnonsense\n')
    delete(run, [*names, "notes.json"])
    assert _left(run) == {"notes.json", "linked"}
    assert _left(victim) == {"thesis.tex", "a.json"}


def test_drafts_of_listed_files_are_swept_unless_a_process_writes_them(tmp_path: Path) -> None:
    claim(tmp_path, ["a.json", "text"])
    _written(tmp_path, ".a.json.draft.json", ".text.draft", ".b.json.draft.json", "sub/.a.json.draft.json")
    with (tmp_path / ".a.json.draft.json").open("ab") as writing:
        fcntl.flock(writing, fcntl.LOCK_EX)
        claim(tmp_path, ["c"])
        assert (tmp_path / ".a.json.draft.json").exists()
    claim(tmp_path, ["c"])
    assert _left(tmp_path) == {".b.json.draft.json", "sub/.a.json.draft.json"}
