"""The schema for editors takes every config of the recipes, and refuses what is misspelt."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from audionas.core.registry import names
from audionas.settings.schema import schema

jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
CONFIGS = sorted((Path(__file__).parents[3] / "recipes").rglob("conf/**/*.yaml"))


@pytest.fixture(scope="module")
def validator() -> Any:
    jsonschema.Draft202012Validator.check_schema(schema())
    return jsonschema.Draft202012Validator(schema())


def test_every_config_of_the_recipes_is_taken(validator: Any) -> None:
    assert len(CONFIGS) > 50
    texts = {str(file): yaml.safe_load(file.read_text(encoding="utf-8")) for file in CONFIGS}
    assert [file for file, plain in texts.items() if not validator.is_valid(plain)] == []


@pytest.mark.parametrize(
    "text",
    [
        *("serach: {epochs: 3}", "train: {epohs: 3}", "method: {name: darts, std: 0.1}", "seed: x"),
        *("train: {loss: hinge}", "search: {optim: {lr: fast}}", "space: {name: kws_tc_resnt}"),
    ],
)
def test_a_mistake_is_refused(validator: Any, text: str) -> None:
    assert not validator.is_valid(yaml.safe_load(text))


@pytest.mark.parametrize(
    "text",
    [
        *(
            "method: darts",
            "train: {freeze: stem}",
            "rank: {seeds: 3}",
            "limits: {macs: 1e6}",
            "images: null",
        ),
        *("method: {std: 0.2}", "method: {name: 'mine:Mine', whatever: 3}", "compare: {methods: [darts]}"),
    ],
)
def test_what_a_config_may_say_is_taken(validator: Any, text: str) -> None:
    assert validator.is_valid(yaml.safe_load(text))


def test_every_key_says_what_it_means() -> None:
    found = schema()
    (darts,) = [one for one in found["properties"]["method"]["anyOf"] if _named(one) == "darts"]
    assert "rate" in darts["properties"]["alpha_lr"]["description"]
    assert {_named(one) for one in found["properties"]["method"]["anyOf"]} >= {*names("method")}


def _named(one: dict[str, Any]) -> str:
    return str(one.get("properties", {}).get("name", {}).get("const", ""))
