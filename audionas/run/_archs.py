"""An architecture by name or file: a zoo entry, an `arch.json`, or a run folder that holds one."""

from pathlib import Path

from audionas import zoo
from audionas.core.arch import ArchSpec
from audionas.core.errors import UserError, did_you_mean


def find(name: str) -> ArchSpec:
    """The spec behind `name`; UserError when there is no such zoo network and no such file."""
    path = Path(name)
    if path.is_dir():
        path = path / "arch.json"
    if path.is_file():
        return read(path)
    if path.suffix == ".json" or "/" in name:
        raise UserError(
            f"{path}: no such file", hint="Search for an architecture first: audionas search CONF"
        )
    if name in zoo.names():
        return zoo.load(name)
    raise UserError(
        f"no network called '{name}'.{did_you_mean(name, zoo.names())}",
        hint="Give an arch.json, or a name from: audionas list zoo",
    )


def read(path: Path) -> ArchSpec:
    """The spec in an architecture file; UserError for a file of another kind."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not an architecture file ({error})") from error
    return ArchSpec.from_json(text, str(path))
