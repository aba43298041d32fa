"""`audionas config`: what is printed can be read back, by people and by programs."""

from pathlib import Path

import yaml

from audionas.config import load
from tests.unit.cli._command import audionas, done, refused


def test_a_key_is_one_line() -> None:
    lines = done("config", "keys", "rank").out.splitlines()
    assert lines[0].split() == ["key", "type", "default", "range", "meaning"]
    assert [line.split()[0] for line in lines[1:]] == [
        k["key"] for k in done("config", "keys", "rank", "--json").json
    ]
    assert refused("config", "keys", "rnak", says="Did you mean 'rank'")


def test_a_config_that_is_shown_is_a_config(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("method: darts\nspace: kws_tc_resnet\n")
    text = done("config", "show", tmp_path / "a.yaml", "seed=3").out
    (tmp_path / "b.yaml").write_text(text)
    assert load(tmp_path / "b.yaml").resolved() == load(tmp_path / "a.yaml", ["seed=3"]).resolved()
    told = done("config", "show", tmp_path / "a.yaml", "seed=3", "--sources").out
    assert next(line for line in told.splitlines() if line.startswith("seed ")).split() == [
        "seed",
        "3",
        "seed=3",
    ]
    rows = done("config", "show", tmp_path / "a.yaml", "seed=3", "--sources", "--json").json
    assert {"key": "seed", "value": 3, "origin": "seed=3"} in rows


def test_a_new_config_is_printed_alone(tmp_path: Path) -> None:
    text = done("config", "new", "keywords", "--for", "cortex-m4").out
    assert yaml.safe_load(text)["profile"] == "cmsis"
    assert yaml.safe_load(text)["limits"]["peak_bytes"] == 256_000
    assert text.startswith("# keywords: several words, one per clip; for cortex-m4.")
    refused("config", "new", "keywords", "--for", "esp-32", says="Did you mean 'esp32'?")
    assert refused("config", "new", "nothing", says="Tasks: keywords")


def test_a_difference_is_a_line(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("name: x\nseed: 1\n")
    (tmp_path / "b.yaml").write_text("name: x\nseed: 2\n")
    lines = done("config", "diff", tmp_path / "a.yaml", tmp_path / "b.yaml").out.splitlines()
    assert [line.split() for line in lines[1:]] == [["seed", "1", "2"]]
    assert "same values" in done("config", "diff", tmp_path / "a.yaml", tmp_path / "a.yaml").out
    assert audionas("config", "diff", tmp_path / "a.yaml", tmp_path / "none").status == 1


def test_the_schema_is_json() -> None:
    assert done("config", "schema").json["title"] == "A config of audionas"
