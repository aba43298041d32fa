"""The values of a config one by one, where each comes from, and what differs between two."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from audionas.config import Config, layers, load, worded
from audionas.core.errors import Faults, UserError
from audionas.core.reporter import lined, say

_PHASES = ("train", "search")  # of a run folder; the later one holds every value of the earlier


class Value(NamedTuple):
    """A value, by its dotted key, and its origin: a file, an override, a profile, or `default`."""

    key: str
    value: Any
    origin: str


def sourced(path: Path, overrides: Sequence[str] = ()) -> list[Value]:
    """Every value of a config with its origin. Raises UserErrors as `load` does."""
    path, trusted = config_file(path), not path.is_dir()
    conf = load(path, overrides, trusted=trusted)
    given = [(layer.origin, worded(layer.raw)) for layer in layers(path, overrides)]
    bare = (
        conf if conf.general.profile == "none" else load(path, [*overrides, "profile=none"], trusted=trusted)
    )
    before = dict(flat(bare.resolved()))
    found = []
    for key, value in flat(conf.resolved()):
        origin = next((name for name, raw in reversed(given) if _has(raw, key)), "default")
        if origin == "default" and key == "name":
            origin = "name of the file"
        elif not _has(conf.raw, key):  # given in a section that another name replaced
            origin = "default"
        if key != "profile" and before.get(key) != value:
            origin = f"profile {conf.general.profile}"
        found.append(Value(key, value, origin))
    return found


def show(found: Sequence[Value]) -> None:
    """Print one line per value on standard output: key, value, origin."""
    say(*lined(("key", "value", "from"), [(v.key, written(v.value), v.origin) for v in found]))


def differences(first: Path, second: Path) -> list[dict[str, Any]]:
    """The keys whose values differ between two configs or run folders; None stands for no such key."""
    faults = Faults()
    with faults:
        mine = dict(flat(opened(first).resolved()))
    with faults:
        theirs = dict(flat(opened(second).resolved()))
    faults.tell()
    every = [*mine, *(key for key in theirs if key not in mine)]
    differing = [key for key in every if mine.get(key) != theirs.get(key) or (key in mine) != (key in theirs)]
    return [{"key": key, "a": mine.get(key), "b": theirs.get(key)} for key in differing]


def show_differences(found: Sequence[Mapping[str, Any]], first: Path, second: Path) -> None:
    """Print one line per difference on standard output."""
    if not found:
        say(f"{first} and {second} have the same values")
        return
    rows = [(row["key"], written(row["a"]), written(row["b"])) for row in found]
    say(*lined(("key", first, second), rows))


def opened(place: Path, overrides: Sequence[str] = ()) -> Config:
    """The config in a file, or in the file of a run folder that `config_file` finds, under the overrides."""
    return load(config_file(place), overrides, trusted=not place.is_dir())


def config_file(place: Path) -> Path:
    """The path itself, or the config with which a run folder or one of its phases was made.

    Of a run that has searched and trained, that of the training. Raises UserError for a folder without one.
    """
    if not place.is_dir():
        return place
    files = [place / "config.yaml", *(place / phase / "config.yaml" for phase in _PHASES)]
    file = next((file for file in files if file.is_file()), None)
    if file is None:
        raise UserError(f"{place}: holds no config of a run", hint="Give a YAML config, or a run folder.")
    return file


def flat(found: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Values by dotted keys; an empty mapping is a value."""
    for key, value in found.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def written(value: Any) -> str:
    """A value as an override gives it."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    return '""' if value == "" else str(value)


def _has(raw: Any, key: str) -> bool:
    """True where nested mappings say something about a dotted key."""
    first, _, rest = key.partition(".")
    if not isinstance(raw, Mapping) or first not in raw:
        return False
    return not rest or not isinstance(raw[first], Mapping) or _has(raw[first], rest)
