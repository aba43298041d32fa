"""Architectures as values: a round trip, an identity that covers exactly the choices, and hostile files."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from audionas.core.arch import ArchSpec, InputSpec
from audionas.core.errors import UserError

IO = InputSpec(1, 40, 98, 12)
SPEC = ArchSpec(
    "kws_tc_resnet",
    {"width": 0.5, "causal": False},
    {"block1": ("tc_k3",), "block2": ("tc_k5", "skip")},
    IO,
    {"seed": 3},
)


def plain() -> dict[str, Any]:
    return json.loads(SPEC.to_json())


def test_json_brings_back_an_equal_value() -> None:
    again = ArchSpec.from_json(SPEC.to_json())
    assert again == SPEC
    assert again.id == SPEC.id
    assert again.to_json() == SPEC.to_json()


def test_a_saved_file_is_the_json(tmp_path: Path) -> None:
    SPEC.save(tmp_path / "new" / "arch.json")
    assert (tmp_path / "new" / "arch.json").read_text(encoding="utf-8") == SPEC.to_json()


def test_the_id_ignores_input_and_note() -> None:
    assert replace(SPEC, io=InputSpec(1, 10, 49, 35), note={"anything": ["else"]}).id == SPEC.id


def test_the_id_ignores_the_order_of_keys() -> None:
    turned = replace(
        SPEC,
        params=dict(reversed(SPEC.params.items())),
        choices=dict(reversed(SPEC.choices.items())),
    )
    assert turned.id == SPEC.id


@pytest.mark.parametrize(
    "change",
    [
        {"space": "kws_mobilenet"},
        {"params": {"width": 0.75, "causal": False}},
        {"choices": {"block1": ("tc_k3",), "block2": ("tc_k5",)}},
        {"choices": {"block1": ("tc_k5", "skip"), "block2": ("tc_k3",)}},
    ],
)
def test_the_id_depends_on_space_parameters_and_choices(change: dict[str, Any]) -> None:
    assert replace(SPEC, **change).id != SPEC.id


def test_a_file_edited_by_hand_is_refused_until_its_id_goes() -> None:
    edited = plain()
    edited["choices"]["block1"] = "tc_k9"
    with pytest.raises(UserError, match=rf"mine: its id is {SPEC.id}") as caught:
        ArchSpec.from_json(json.dumps(edited), "mine")
    assert '"id" line' in caught.value.hint
    del edited["id"]
    assert ArchSpec.from_json(json.dumps(edited)).choices["block1"] == ("tc_k9",)


def test_a_change_of_input_or_note_needs_no_new_id() -> None:
    changed = plain()
    changed["io"]["classes"] = 35
    changed["note"] = {}
    assert ArchSpec.from_json(json.dumps(changed)).io.classes == 35


def test_diff_says_what_differs_on_both_sides() -> None:
    other = replace(
        SPEC, params={"width": 1.0, "causal": False}, choices={"block1": ("tc_k3",), "block3": ("skip",)}
    )
    assert SPEC.diff(other) == {
        "width": (0.5, 1.0),
        "block2": (("tc_k5", "skip"), None),
        "block3": (None, ("skip",)),
    }
    assert SPEC.diff(SPEC) == {}


def test_another_schema_is_refused() -> None:
    newer = {**plain(), "schema": 2}
    with pytest.raises(UserError, match="schema 2, this version reads schema 1"):
        ArchSpec.from_json(json.dumps(newer))


def without(key: str) -> dict[str, Any]:
    return {k: v for k, v in plain().items() if k != key}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        "3",
        '"arch"',
        "[" * 100_000,
        *(json.dumps(without(key)) for key in ("space", "params", "choices", "io", "schema")),
        *(
            json.dumps({**without("id"), "choices": bad})
            for bad in (None, [], "x", {"b": 3}, {"b": [["tc_k3"]]}, {"b": [3]})
        ),
        *(json.dumps({**without("id"), "params": bad}) for bad in (None, [], "width", 3)),
        *(json.dumps({**plain(), "params": bad}) for bad in (None, "width", 3)),
        *(json.dumps({**without("id"), "note": bad}) for bad in (None, ["x"], "x", 3)),
        *(json.dumps({**without("id"), "space": bad}) for bad in (None, [], {}, 3)),
        *(
            json.dumps({**without("id"), "io": bad})
            for bad in (None, [], 3, {"channels": 1}, {**IO._asdict(), "x": 1})
        ),
        *(
            json.dumps({**without("id"), "io": {**IO._asdict(), "freq": bad}})
            for bad in (None, "forty", float("nan"), float("inf"), 0, -40, [40])
        ),
    ],
)
def test_what_is_no_architecture_is_named_and_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"^here: "):
        ArchSpec.from_json(text, "here")


@pytest.mark.parametrize("text", ["1x40x98", "3x1x1"])
def test_input_text_and_value_agree(text: str) -> None:
    parsed = InputSpec.parse(text, 12)
    assert "x".join(map(str, parsed[:3])) == text
    assert parsed.classes == 12


@pytest.mark.parametrize(
    ("text", "classes"),
    [
        ("40x98", 12),
        ("1x40x0", 12),
        ("1x40x98x2", 12),
        ("1x-4x98", 12),
        ("", 12),
        ("axbxc", 12),
        ("1x40x98", 0),
        ("1x40x98", -3),
    ],
)
def test_an_impossible_input_is_refused(text: str, classes: int) -> None:
    with pytest.raises(UserError, match="expected CxFxT"):
        InputSpec.parse(text, classes)
