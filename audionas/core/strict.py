"""The mixin of every class that a config file fills: unknown keys are refused."""

from typing import Any, ClassVar


class Strict:
    """Makes a stdlib dataclass refuse unknown keys when config.py validates it (no pydantic here)."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
