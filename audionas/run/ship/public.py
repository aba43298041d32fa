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
_ARGUMENTS = re.compile(r"[=\n]|\s[-/~]")  # what begins with a path, and is a command or a text


def public(text: str) -> str:
    """The text with the last two parts of every absolute path in it; addresses of the web stay."""
    for place in (Path.cwd(), Path.home()):  # they name the sender, whatever characters they hold
        if len(place.parts) > 1:
            text = re.sub(rf"(?<![\w.-]){re.escape(str(place))}(?![\w.-])", "~", text)
    return _PATH.sub(_shortened, text)


def value(found: Any) -> Any:
    """A value of JSON with every text in it `public`; one that is a path as a whole may hold blanks."""
    if isinstance(found, dict):
        return {public(key): value(inner) for key, inner in found.items()}
    if isinstance(found, list):
        return [value(inner) for inner in found]
    if not isinstance(found, str):
        return found
    whole = found.startswith(("/", "~/")) and not _ARGUMENTS.search(found)
    return _last(found) if whole else public(found)


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


def _shortened(found: re.Match[str]) -> str:
    mark = found["mark"] or ""
    return f"{mark}{_last(found['quoted'] or found[0])}{mark}"


def _last(path: str) -> str:
    return "/".join([part for part in path.split("/") if part not in ("", "~")][-_PARTS:])
