"""A JSON schema of configs, by which editors complete and check them (YAML's language server, for one)."""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from audionas.config import NAMED, SECTIONS
from audionas.core.merge import lists_of
from audionas.settings.keys import kinds
from audionas.settings.words import line

_POWER = r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"  # 1e-3, which YAML 1.1 reads as a text
DRAFT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """The schema: every section and key with a line about it; more than `load` refuses, it accepts.

    Ranges and contradictions are left to `audionas check`.
    """
    found: dict[str, Any] = {}
    classes: dict[str, list[dict[str, Any]]] = {section: [] for section in SECTIONS}
    for section, name, kind in kinds():
        made = _object(kind, section, found)
        if name:
            made["properties"] = {"name": {"const": name}, **made["properties"]}
            made["required"] = ["name", *made.get("required", [])]
        classes.setdefault(section, []).append(made)
    (top,) = classes.pop("")
    base = {"type": "string", "description": "A config whose values hold where this one has none."}
    properties = {**top["properties"], "base": base}
    properties |= {section: _section(section, several) for section, several in classes.items()}
    found = {name: _lenient(one) for name, one in found.items()}
    properties = {key: _lenient(one) for key, one in properties.items()}
    return {
        "$schema": DRAFT,
        "title": "A config of audionas",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "$defs": found,
    }


def _section(section: str, several: list[dict[str, Any]]) -> dict[str, Any]:
    """A section: its class, or one of those that its name chooses, or a class outside the package."""
    if section not in NAMED:
        several = [{**one, "required": []} for one in several]  # a base may have what it lacks
        words = [{"type": "string"}] if section == "features" else []
        return {"anyOf": [*several, *words, {"type": "null"}]}
    outside = {
        "type": "object",
        "properties": {"name": {"type": "string", "pattern": ":"}},
        "required": ["name"],
    }
    nameless = {"type": "object", "not": {"required": ["name"]}}  # changes to the section of its base
    return {"anyOf": [*several, outside, nameless, {"type": "string"}, {"type": "null"}]}


def _object(kind: type, path: str, found: dict[str, Any]) -> dict[str, Any]:
    """The schema of one class, those of classes in it added to `found`."""
    made = TypeAdapter(kind).json_schema(ref_template="#/$defs/{model}", mode="validation")
    for name, inner in made.pop("$defs", {}).items():
        found.setdefault(name, {**inner, "required": []})
    many = lists_of(kind)
    made["properties"] = {
        key: _described(value, line(kind, f"{path}.{key}"), key in many)
        for key, value in made.get("properties", {}).items()
    }
    made["required"] = [] if path == "" else made.get("required", [])
    return {key: value for key, value in made.items() if key not in ("title", "description")}


def _lenient(value: Any) -> Any:
    """The same, with numbers also as texts such as 1e-3."""
    if isinstance(value, list):
        return [_lenient(one) for one in value]
    if not isinstance(value, dict):
        return value
    made = {key: _lenient(one) for key, one in value.items()}
    return {**made, "type": ["number", "string"], "pattern": _POWER} if made.get("type") == "number" else made


def _described(value: Mapping[str, Any], about: str, many: bool) -> dict[str, Any]:
    """A key's schema with a line about it; one value stands for a list of one."""
    told = {**value, "description": about}
    if not many:
        return told
    several = told.pop("anyOf", None) or [{k: told.pop(k) for k in ("type", "items") if k in told}]
    return {**told, "anyOf": [*several, *(one["items"] for one in several if "items" in one)]}
