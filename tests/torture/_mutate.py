"""Mutations drawn by chance: of plain values (JSON, YAML), of text, and of bytes.

A mutation knows whether it is `nonsense`, which no reader may accept: a value of a type that its place can
never have. Any other may be a valid file; then a reader may take it, and must not fail over it.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

DEEP = 2000  # lists in lists
Path = tuple[Any, ...]


class Mutation(NamedTuple):
    """What was done, in words, and the new content of the file."""

    told: str
    raw: bytes
    nonsense: bool = False


def _deep() -> Any:
    value: Any = []
    for _ in range(60):
        value = [value]
    return value


# Values of every kind by name; whether one is nonsense depends on the value that it replaces
STRANGE: dict[str, Any] = {
    **{"null": None, "true": True, "empty": "", "blank": " ", "word": "x", "number": "12", "zero": 0},
    **{"minus one": -1, "half": 0.5, "huge": 10**30, "huge float": 1e300, "tiny": 5e-324, "2^63": 2**63},
    **{"nan": float("nan"), "inf": float("inf"), "minus inf": float("-inf"), "list": [], "null list": [None]},
    **{"object": {}, "objects": {"a": {"b": [1]}}, "deep": _deep(), "escape": "\x1b[2J\x07", "nul": "a\x00b"},
    **{
        "bidi": "\u202egnp.exe",
        "surrogate": "\ud800",
        "long": "x" * 100_000,
        "up": "../../x",
        "abs": "/dev/zero",
    },
    **{"code": "os:system", "quote": "\"; touch x; '", "newline": "a\nb", "combining": "e\u0301\u200b\ufeff"},
}
_NUMBERLESS = (
    "empty",
    "blank",
    "word",
    "list",
    "null list",
    "object",
    "objects",
    "deep",
    "nan",
    "up",
    "bidi",
)
_WORDLESS = ("list", "null list", "object", "objects", "deep", "nan", "inf")
_NEVER: dict[type, Sequence[str]] = {
    bool: (*_NUMBERLESS, "half", "huge", "inf"),
    int: (*_NUMBERLESS, "inf", "minus inf"),
    float: (*_NUMBERLESS, "inf", "minus inf"),
    str: _WORDLESS,
    list: ("half", "nan", "objects", "minus one", "true"),
    dict: ("half", "nan", "null list", "minus one", "true", "word"),
}


def places(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value inside a value with its path; the outermost first."""
    yield path, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        yield from places(part, (*path, key))


def replaced(value: Any, path: Path, new: Any) -> Any:
    """The value with another at a path."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


def plain(
    rng: np.random.Generator, value: Any, dump: Callable[[Any], str], free: Sequence[Path] = ()
) -> Mutation:
    """One value replaced, removed, renamed or added. Below a path in `free` anything is allowed."""
    path, old = _drawn(rng, list(places(value)))
    name = str(rng.choice([*STRANGE]))
    how = rng.choice(["replace", "replace", "replace", "remove", "rename"])
    parent = path[:-1]
    if how == "replace" or not path or not isinstance(_at(value, parent), dict):
        allowed = any(_below(path, start) for start in free)
        nonsense = name in _NEVER.get(type(old), ()) and not allowed
        return _dumped(f"{_told(path)}: {name}", replaced(value, path, STRANGE[name]), dump, nonsense)
    holder = dict(_at(value, parent))
    kept = holder.pop(path[-1])
    if how == "rename":
        holder[name] = kept
    return _dumped(f"{_told(path)}: {how}d", replaced(value, parent, holder), dump)


def _below(path: Path, start: Path) -> bool:
    """True for a path that begins so; `*` stands for any one key."""
    return len(path) >= len(start) and all(key in ("*", part) for part, key in zip(path, start, strict=False))


def _drawn(rng: np.random.Generator, choices: Sequence[Any]) -> Any:
    return choices[rng.integers(len(choices))]


def _at(value: Any, path: Path) -> Any:
    for key in path:
        value = value[key]
    return value


def _told(path: Path) -> str:
    return ".".join(map(str, path)) or "all of it"


def _dumped(told: str, value: Any, dump: Callable[[Any], str], nonsense: bool = False) -> Mutation:
    return Mutation(told, dump(value).encode("utf-8", "surrogatepass"), nonsense)


def in_json(rng: np.random.Generator, raw: bytes, free: Sequence[Path] = ()) -> Mutation:
    """A mutation of a JSON file: of its values, or of its text."""
    if rng.random() < 0.75:
        return plain(rng, json.loads(raw), json.dumps, free)
    return in_text(rng, raw)


def in_lines(rng: np.random.Generator, raw: bytes) -> Mutation:
    """A mutation of a file with a JSON object per line: of a value in a line, or of the text."""
    lines = raw.splitlines()
    if rng.random() < 0.25:
        return in_text(rng, raw)
    number = int(rng.integers(len(lines)))
    made = plain(rng, json.loads(lines[number]), json.dumps)
    lines[number] = made.raw
    return Mutation(f"line {number + 1}, {made.told}", b"\n".join(lines) + b"\n")


def in_text(rng: np.random.Generator, raw: bytes) -> Mutation:
    """A mutation of text: of its lines, its words, its characters or its bytes."""
    name, change = _drawn(rng, [*TEXT.items()])
    return Mutation(name, change(rng, raw))


def in_bytes(rng: np.random.Generator, raw: bytes) -> Mutation:
    """A mutation of bytes; half of them in the first 256, where most formats have their header."""
    name, change = _drawn(rng, [*BYTES.items()])
    head = 256 if rng.random() < 0.5 and name in ("flipped", "byte", "number") else len(raw)
    return Mutation(name, change(rng, raw[:head]) + raw[head:])


def _cut(rng: np.random.Generator, raw: bytes) -> bytes:
    return raw[: rng.integers(len(raw) + 1)]


def _flipped(rng: np.random.Generator, raw: bytes) -> bytes:
    """One to eight bits."""
    changed = bytearray(raw)
    for _ in range(rng.integers(1, 9) if raw else 0):
        changed[rng.integers(len(raw))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _byte(rng: np.random.Generator, raw: bytes) -> bytes:
    at = int(rng.integers(len(raw) + 1))
    return raw[:at] + bytes([int(_drawn(rng, [0, 1, 0x7F, 0x80, 0xFF]))]) + raw[at + 1 :]


def _number(rng: np.random.Generator, raw: bytes) -> bytes:
    """Four bytes as a count may be: none, the most, or negative."""
    at = int(rng.integers(len(raw) + 1))
    return (
        raw[:at] + _drawn(rng, [b"\0\0\0\0", b"\xff" * 4, b"\xff\xff\xff\x7f", b"\0\0\0\x80"]) + raw[at + 4 :]
    )


def _without(rng: np.random.Generator, raw: bytes) -> bytes:
    at, size = rng.integers(len(raw) + 1), rng.integers(1, 64)
    return raw[:at] + raw[at + size :]


def _twice(rng: np.random.Generator, raw: bytes) -> bytes:
    at, size = rng.integers(len(raw) + 1), rng.integers(1, 64)
    return raw[:at] + raw[at : at + size] + raw[at:]


def _swapped(rng: np.random.Generator, raw: bytes) -> bytes:
    at = rng.integers(len(raw) + 1)
    return raw[at:] + raw[:at]


def _line(change: Callable[[np.random.Generator, list[bytes], int], None]) -> Any:
    def changed(rng: np.random.Generator, raw: bytes) -> bytes:
        lines = raw.split(b"\n")
        change(rng, lines, int(rng.integers(len(lines))))
        return b"\n".join(lines)

    return changed


def _word(rng: np.random.Generator, lines: list[bytes], at: int) -> None:
    words = lines[at].split(b" ")
    text = str(STRANGE[str(rng.choice([*STRANGE]))])
    words[rng.integers(len(words))] = text.encode("utf-8", "surrogatepass")
    lines[at] = b" ".join(words)


TEXT: dict[str, Callable[[np.random.Generator, bytes], bytes]] = {
    "cut": _cut,
    "flipped": _flipped,
    "empty": lambda rng, raw: b"",
    "blank": lambda rng, raw: b" \n\n",
    "appended": lambda rng, raw: raw + _drawn(rng, [b"}", b"\0", b"\xff\xfe", b"x", b"\n\n", raw]),
    "mark": lambda rng, raw: b"\xef\xbb\xbf" + raw,
    "utf-16": lambda rng, raw: raw.decode().encode("utf-16"),
    "latin-1": lambda rng, raw: b"\xe9" + raw,
    "windows": lambda rng, raw: raw.replace(b"\n", b"\r\n"),
    "deep": lambda rng, raw: b"[" * DEEP + raw + b"]" * DEEP,
    "aliases": lambda rng, raw: b"a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n" + raw,
    "line twice": _line(lambda rng, lines, at: lines.insert(at, lines[at])),
    "line lost": _line(lambda rng, lines, at: lines.__delitem__(at)),
    "lines joined": _line(
        lambda rng, lines, at: lines.__setitem__(slice(at, at + 2), [b"".join(lines[at : at + 2])])
    ),
    "word": _line(_word),
    "tabs": lambda rng, raw: raw.replace(b" ", b"\t"),
    "nul": _byte,
}
BYTES: dict[str, Callable[[np.random.Generator, bytes], bytes]] = {
    "cut": _cut,
    "flipped": _flipped,
    "byte": _byte,
    "number": _number,
    "without": _without,
    "twice": _twice,
    "swapped": _swapped,
    "empty": lambda rng, raw: b"",
    "appended": lambda rng, raw: raw + rng.bytes(int(rng.integers(1, 4096))),
    "noise": lambda rng, raw: rng.bytes(len(raw)),
}
