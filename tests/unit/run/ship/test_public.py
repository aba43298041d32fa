"""Absolute paths lose what comes before their last two parts; nothing else changes."""

from pathlib import Path

import pytest

from audionas.run.ship.public import public, value


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("/srv/anna/data/test", "data/test"),
        ("tested on /srv/anna/data/test, 9 clips", "tested on data/test, 9 clips"),
        ("| training | `/srv/a b/my data/train` | x |", "| training | `my data/train` | x |"),
        ("audionas train '/srv/a b/c.yaml' out=/srv/anna/exp", "audionas train 'a b/c.yaml' out=anna/exp"),
        ("~/secret/data/train", "data/train"),
        ("[of](/srv/anna/data/test)", "[of](data/test)"),
        ("training:/srv/anna/data/test", "training:data/test"),
    ],
)
def test_a_path_keeps_two_parts(before: str, after: str) -> None:
    assert public(before) == after
    assert public(after) == after


@pytest.mark.parametrize(
    "text",
    ["https://example.org/a/b/c", "hf://anna/words", "data/test", "1 / 2", "a/b/c", "yes/no", "/", "`/`", ""],
)
def test_other_text_stays(text: str) -> None:
    assert public(text) == text


def test_folders_of_the_sender_go_whatever_they_hold(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "anna of (a), b"))
    found = value({"x": [f"in {tmp_path}/anna of (a), b/data/test: 3", 1, None], str(tmp_path): True})
    assert "anna" not in str(found)
    assert str(tmp_path) not in str(found)
    assert found["x"][1:] == [1, None]


def test_a_path_below_the_current_folder_keeps_two_parts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert public(f"see `{tmp_path}/a b/secret/exp/old`") == "see `exp/old`"
    assert value([f"{tmp_path}/a b/secret/exp/old", "/no where/a b/c d"]) == ["exp/old", "a b/c d"]
    assert value(f"{tmp_path}/x/run.sh --to /srv/anna/exp/a") == "x/run.sh --to exp/a"
