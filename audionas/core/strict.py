"""The mixin of every class that a config file fills: unknown keys and numbers that are none are refused."""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields
from typing import Any, ClassVar


class Strict:
    """Makes a stdlib dataclass refuse unknown keys, NaN and infinity when config.py validates it.

    There is no pydantic here. `replaced` says, for keys of earlier versions, what to write in their place.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "allow_inf_nan": False}
    replaced: ClassVar[Mapping[str, str]] = {}

    def void(self) -> Mapping[str, str]:
        """The fields that other fields of the section make void, with the reason."""
        return {}


def usual(field: Field[Any]) -> Any:
    """The default of a field; `dataclasses.MISSING` where it must be given."""
    return field.default_factory() if field.default_factory is not MISSING else field.default


def voids(section: Strict, given: Mapping[str, Any], path: str) -> Iterator[str]:
    """A sentence for each field that is `given`, not as usual, and changes nothing; nested ones too."""
    reasons = section.void()
    for field in fields(section):  # type: ignore[arg-type]
        value, name = getattr(section, field.name), f"{path}.{field.name}"
        if isinstance(value, Strict) and isinstance(given.get(field.name), Mapping):
            yield from voids(value, given[field.name], name)
        if field.name in reasons and field.name in given and value != usual(field):
            yield f"{name} changes nothing, since {reasons[field.name]}"
