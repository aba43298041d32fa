"""A comparison of methods on the made tones, one epoch each."""

from pathlib import Path
from typing import Any, NamedTuple

from tests._factory import config


class Made(NamedTuple):
    """A config and the folder of its comparison."""

    conf: Path
    exp: Path


def conf_of(data: Path, folder: Path, **changes: Any) -> Made:
    """A comparison of one epoch on tones, in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    plain: dict[str, Any] = {"method": None, "search": {"epochs": 1}, "train": {"epochs": 1}, **changes}
    return Made(config(data, file=folder / "conf.yaml", **plain), folder / "exp" / "tones")
