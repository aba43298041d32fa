"""Groups of utterances: what is written is read back in any order, and every fault of a file is told."""

from pathlib import Path

import pytest

from audionas.core.errors import UserError
from audionas.data.groups import read_groups, write_groups


def test_what_was_written_is_read_in_the_order_asked_for(tmp_path: Path) -> None:
    write_groups(tmp_path, "device", {"u2": "s1", "u1": "a", "u3": "a"})
    assert (tmp_path / "utt2device").read_text() == "u1 a\nu2 s1\nu3 a\n"
    assert read_groups(tmp_path, "device", ["u3", "u2"]) == ["a", "s1"]


def test_a_missing_file_names_those_that_exist(tmp_path: Path) -> None:
    write_groups(tmp_path, "device", {"u1": "a"})
    with pytest.raises(UserError) as caught:
        read_groups(tmp_path, "devise", ["u1"])
    assert "no 'devise'. Did you mean 'device'?" in str(caught.value)
    assert caught.value.hint.endswith("existing groups: device")


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "utt2node").write_text("u1 n1\nu2\nu1 n2\nu3 n1 n2\n")
    with pytest.raises(UserError) as caught:
        read_groups(tmp_path, "node", ["u1", *(f"v{i}" for i in range(7))])
    told = [problem.replace(f"{tmp_path}/", "") for problem in caught.value.problems]
    assert told == [
        "utt2node:2: expected an utterance and its group, not 'u2'",
        "utt2node:3: 'u1' appears twice",
        "utt2node:4: expected an utterance and its group, not 'u3 n1 n2'",
        "utt2node: no line for v0, v1, v2, v3, v4 and 2 more",
    ]


@pytest.mark.parametrize("group", ["", "two words"])
def test_a_group_that_is_no_word_is_not_written(group: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a group is one word"):
        write_groups(tmp_path, "device", {"u1": group})
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "utt2device").write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="not UTF-8"):
        read_groups(tmp_path, "device", [])
