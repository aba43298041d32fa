"""What the program says: all of it passes the door that escapes it, and its commands are quoted."""

import ast
import re
from collections.abc import Iterator

from tests._house import called, walked

# What is printed passes say, note and table of the reporter; these files talk to another process.
PRINTERS = ("core/reporter.py", "core/pool/worker.py", "prep/espeak.py")
PRINTS = ("print", "sys.stdout.write", "sys.stderr.write", "typer.echo", "typer.secho")
# Commands that find nothing; core/extras.py knows the right ones
FROM_INDEX = re.compile(
    r"\b(?:pip3?|uv) +(?:install|add)\b(?:[ \\'\"]+[\w.=<>/-]+)*?[ \\'\"]+audionas\b(?!/|\.).*"
)
QUOTERS = ("command", "setting")  # of core/hostile.py
# Text before a value that makes it a word for a shell: of a command, or of a change to a config
TYPED = re.compile(
    r"(?:^|[\s(`:;&|'\"])(?:"
    r"(?:audionas -*[a-z]|python3? -m [a-z]|pip install|torchrun -|ffmpeg -"
    r"|(?:cd|rm|mv|cp|ls)\b|[\w./]*\.sh\b)[^.,;:\n]*[ \t]"
    r"|(?:[^.,;:\n]*\s)?(?:arch|(?:data|images|train)\.(?:train|dev|test|noise|path|init|labels))="
    r")['\"]?$"
)


def unescaped(file: str, tree: ast.Module) -> list[str]:
    """What is printed around the door that escapes it, and commands with values that nobody quotes."""
    found = []
    for node in walked(tree):
        if isinstance(node, ast.Call) and called(node) in PRINTS and file not in PRINTERS:
            found.append(f"{file}:{node.lineno}: {called(node)}: use say of audionas/core/reporter.py")
        for before, value in filled(node):
            quoted = isinstance(value, ast.Call) and called(value) in QUOTERS
            if not quoted and TYPED.search(before):
                found.append(f"{file}:{node.lineno}: {before!r}: use command of audionas/core/hostile.py")
    return found


def misnamed(text: str) -> list[str]:
    """Commands that would install audionas, or an extra of it, from an index, which has none."""
    return [found.strip() for found in FROM_INDEX.findall(text)]


def filled(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """The values that an f-string, + or % puts behind text, each with the text before it."""
    if isinstance(node, ast.JoinedStr):
        before = ""
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                yield before, part.value
                before += "_"
            else:
                before += str(getattr(part, "value", ""))
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod):
        text = getattr(node.left, "value", None)
        if isinstance(text, str) and not isinstance(node.right, ast.Constant | ast.JoinedStr):
            yield text.partition("%")[0] if isinstance(node.op, ast.Mod) else text, node.right
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        text = getattr(node.func.value, "value", None)
        if isinstance(text, str):
            yield text.partition("{")[0], node
