"""Text as it is sent, without the sender's folders: an absolute path becomes its last two parts."""

import re
from pathlib import Path
from typing import Any

from audionas.core.files import read_json, read_text, write_json, write_text

_PARTS = 2
_TEXTS = (".json", ".md", ".txt", ".yaml", ".yml", ".csv", ".h")
# In quotes or in code a path may hold blanks; elsewhere it ends at one. What follows a word, as in `a/b` or
# `https://host/a`, is not absolute.
_PATH = re.compile(
    r"""(?P<mark>`+|'|")(?P<quoted>~?/[^`'"\n]*/[^`'"\n]*)(?P=mark)"""
    r"""|(?<![^\s=("'`\[{,;|<>:])(?:~/|/(?=[^/\s]))[^\s"'`|,;()\[\]{}<>]*/[^\s"'`|,;()\[\]{}<>]*"""
)


def public(text: str) -> str:
    """The text with the last two parts of every absolute path in it; addresses of the web stay."""
    for place, name in _own():
        text = re.sub(rf"(?<![\w.-]){re.escape(place)}(?![\w.-])", name, text)
    return _PATH.sub(_shortened, text)


def value(found: Any) -> Any:
    """A value of JSON with every text in it `public`; one that is a path as a whole may hold blanks."""
    if isinstance(found, dict):
        return {public(key): value(inner) for key, inner in found.items()}
    if isinstance(found, list):
        return [value(inner) for inner in found]
    if not isinstance(found, str):
        return found
    return _last(found) if found.startswith("/") and Path(found).exists() else public(found)


def copied(file: Path, draft: Path) -> Path:
    """The file, or where it is a text that names private folders, a copy without them as `draft`."""
    if file.suffix not in _TEXTS:
        return file
    read, write, shown = (
        (read_json, write_json, value) if file.suffix == ".json" else (read_text, write_text, public)
    )
    before = read(file)
    if (after := shown(before)) == before:
        return file
    write(draft, after)
    return draft


def _own() -> list[tuple[str, str]]:
    """The folders that name the sender, whatever characters they hold: the current one, and the home."""
    places = [(Path.cwd(), "."), (Path.home(), "~")]
    return [(str(place), name) for place, name in places if len(place.parts) > 1]


def _shortened(found: re.Match[str]) -> str:
    mark = found["mark"] or ""
    return f"{mark}{_last(found['quoted'] or found[0])}{mark}"


def _last(path: str) -> str:
    return "/".join([part for part in path.split("/") if part not in ("", "~")][-_PARTS:])
