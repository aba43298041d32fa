"""Counts of things come from `amount`, so that nobody reads "1 files"; the rule finds a planted breach."""

import ast
from collections.abc import Iterator

import pytest

from tests._house import TREES

COUNTED = {"files", "clips", "recordings", "speakers", "utterances", "images", "problems", "networks", "runs"}
SEVERAL = {("prep/speech_commands.py", "clips"), ("cli/app.py", "runs")}  # several numbers; a verb


def bare(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and noun of every `{number} nouns` in an f-string."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            for value, text in zip(node.values, node.values[1:], strict=False):
                if isinstance(value, ast.FormattedValue) and isinstance(text, ast.Constant):
                    word = str(text.value)[1:].split(" ")[0].strip(".,:;()\n")
                    if str(text.value).startswith(" ") and word in COUNTED:
                        yield node.lineno, word


def test_every_count_has_its_plural() -> None:
    found = [(file, line, noun) for file, tree in TREES.items() for line, noun in bare(tree)]
    assert [one for one in found if (one[0], one[2]) not in SEVERAL] == []


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("f'{n} files were converted'", 1),
        ("f'wrote {len(x):,} clips, {h:.2f} hours'", 1),
        ("f'{amount(n, \"file\")} were converted'", 0),
        ("f'{n} of {amount(m, \"clip\")}'", 0),
        ("f'{path} files'", 1),
        ("f'{n} filesystems'", 0),
    ],
)
def test_a_planted_count_is_found(code: str, count: int) -> None:
    assert len(list(bare(ast.parse(code)))) == count
