"""Text of others: what nobody sees is written out, and a shell and a config read what was given."""

import subprocess
from pathlib import Path

import pytest
import yaml

from audionas.config import load
from audionas.core.hostile import command, escaped, on_a_line, setting
from tests._hostile import HOSTILE, unseen
from tests._house import ROOT

PATHS = (
    "/a b/it's/train",
    "data/train",
    "a: b/c",
    "/x #y",
    "no",
    "1/2",
    "2020-01-01/x",
    ".inf",
    "a/ ",
    "~",
    "k=v",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_what_nobody_sees_is_written_out_and_the_rest_stays(text: str) -> None:
    assert not unseen(on_a_line(text))
    assert "\n" not in on_a_line(text)
    assert escaped(text) == text or unseen(text)


def test_escapes_are_those_of_python() -> None:
    assert escaped("a\x1b[31m\x7f\x85\u202e\u2028\udcfc ü 안녕 👋\n\t") == (
        "a\\x1b[31m\\x7f\\x85\\u202e\\u2028\\udcfc ü 안녕 👋\n\t"
    )
    assert on_a_line("a\n\tb") == "a\\n\\tb"


def test_a_shell_reads_the_words_of_a_command() -> None:
    line = command("printf", "%s\\0", *HOSTILE)
    assert not unseen(line)
    assert "\n" not in line
    done = subprocess.run(["bash", "-c", line], capture_output=True, check=True)
    words = done.stdout.decode(errors="surrogateescape").split("\0")
    assert words == [*HOSTILE, ""]


def test_a_path_is_never_an_option() -> None:
    assert command("audionas", "show", Path("-rf"), "--json") == "audionas show ./-rf --json"


def test_plain_words_stand_as_they_are() -> None:
    assert (
        command("audionas", "export", Path("exp/mini"), "--target", 1)
        == "audionas export exp/mini --target 1"
    )
    assert command(setting("data.train", Path("data/train"))) == "data.train=data/train"
    assert setting("arch", "exp/front.json#3") == "arch=exp/front.json#3"


def test_yaml_reads_the_text_of_a_setting() -> None:
    for text in (*PATHS, *HOSTILE[:-3]):
        assert yaml.safe_load(setting("k", text).removeprefix("k=")) == text


def test_a_config_reads_the_text_of_a_setting() -> None:
    conf = load(
        ROOT / "recipes" / "mini" / "conf" / "mini.yaml",
        [setting("data.train", "a: b #\x1b"), setting("data.dev", "no")],
    )
    assert (conf.data.train, conf.data.dev) == ("a: b #\x1b", "no")
