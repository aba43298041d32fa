"""The mixin of every class that a config file fills: unknown keys and numbers that are none are refused."""

from collections.abc import Mapping
from typing import Any, ClassVar


class Strict:
    """Makes a stdlib dataclass refuse unknown keys, NaN and infinity when config.py validates it.

    There is no pydantic here. `replaced` says, for keys of earlier versions, what to write in their place.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "allow_inf_nan": False}
    replaced: ClassVar[Mapping[str, str]] = {}
