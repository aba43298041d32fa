"""Text of others, such as labels and file names, as a terminal shows it and as a shell takes it."""

import json
import re
import shlex
from pathlib import Path

# Control characters but for tab and newline, separators of lines, what turns text around, half a character
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_PLAIN = re.compile(  # the same text in YAML
    r"(?!.* #)(?!(true|false|yes|no|on|off|y|n|null)$)"
    r"([a-z_][\w.@%+#-]*|([a-z_.][\w.@%+#-]*)?/([\w ./@%+#'(),&=~-]*[\w./)])?)",
    re.IGNORECASE,
)


def escaped(text: str) -> str:
    """The text of one or several lines with characters that nobody sees written out, such as `\\x1b`.

    That includes halves of surrogate pairs, which stand for the bytes of a name that is not UTF-8.
    """
    return _UNSEEN.sub(lambda found: ascii(found[0])[1:-1], text)


def on_a_line(text: object) -> str:
    """`escaped` for what is part of a line: tabs and newlines are written out as well."""
    return escaped(str(text)).replace("\n", "\\n").replace("\t", "\\t")


def command(*words: object) -> str:
    """The line that gives a shell exactly these words. A path is never taken for an option.

    Words with characters that nobody sees have the form `$'a\\033b'` of bash and zsh.
    """
    return " ".join(map(_word, words))


def setting(key: str, value: object) -> str:
    """The word `key=value` of a command, quoted where YAML would read the value as something else."""
    text = str(value)
    return f"{key}={text if _PLAIN.fullmatch(text) else json.dumps(text)}"


def _word(word: object) -> str:
    text = f"./{word}" if isinstance(word, Path) and str(word).startswith("-") else str(word)
    if on_a_line(text) == text:
        return shlex.quote(text)
    return "$'" + "".join(map(_letter, text)) + "'"


def _letter(letter: str) -> str:
    if letter in "\\'":
        return f"\\{letter}"
    if on_a_line(letter) == letter:
        return letter
    raw = "\udc80" <= letter <= "\udcff"  # the byte of a name that is not UTF-8
    encoded = letter.encode(errors="surrogateescape" if raw else "surrogatepass")
    return "".join(f"\\{byte:03o}" for byte in encoded)
