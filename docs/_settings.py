"""The page of settings: every key of a config, a table per section."""

from itertools import groupby

from audionas.settings.keys import Key, keys

HEAD = """<!-- Written by docs/_generate.py. Change a field or its line in words.py, then run it again. -->
# Settings

Every key that a config may have, as `audionas config keys` prints them. `key=value` after a command changes
one. `audionas config new TASK` writes a config to begin with, `audionas config show CONF --sources` says
where each value comes from, and `audionas config schema` writes a JSON schema for editors.
"""


def page() -> str:
    """The page's text."""
    parts = groupby(keys(), key=lambda key: key.key.partition(".")[0] if _inside(key) else "")
    return HEAD + "".join(_section(name, list(found)) for name, found in parts)


def _inside(key: Key) -> bool:
    return "." in key.key or key.type == "section"


def _section(name: str, found: list[Key]) -> str:
    title = f"## {name}" if name else "## Of the run"
    rows = "".join(f"| {' | '.join(map(_cell, _row(key)))} |\n" for key in found)
    return f"\n{title}\n\n| key | type | default | range | meaning |\n|---|---|---|---|---|\n{rows}"


def _row(key: Key) -> tuple[str, ...]:
    of = f" Of {', '.join(f'`{name}`' for name in key.of)}." if key.of else ""
    return f"`{key.key}`", key.type, f"`{key.default}`", key.range, key.help + of


def _cell(text: str) -> str:
    return text.replace("|", chr(92) + "|")
