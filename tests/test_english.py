"""Plain English in every text that a person reads: the commonest forms of five rules, with planted breaches.

1. "per" or "each", never the distributive "a". 2. A command resumes; it does not go on.
3. A help text or a docstring names its thing or starts with a verb.
4. Subject, verb, object; no participle in front. 5. The ordinary verb.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEXTS = (
    "*.md",
    ".ci/*",
    "setup.sh",
    "tests/run.sh",
    "Makefile",
    "docs/**/*.md",
    "recipes/**/*",
    "benchmarks/*",
)
CODE = ("audionas", "data_prep", "recipes", "benchmarks", "docs")
SUFFIXES = {".md", ".sh", ".yaml", ".py", ".txt", ""}
MEASURED = ("docs/results/", "docs/methods", "docs/config.md", "audionas/models/kws12/")  # quotes
MADE = {"data", "exp", "downloads", "__pycache__"}  # below a recipe

_THING = (
    "folder|file|row|line|page|gate|vector|searcher|method|item|script|entry|record|sigmoid|kernel|operation|"
    "path|process|thread|label|cell|section|bundle|block|stage|command|page"
)
_UNIT = "hour|minute|second|step|hop|item|clip|image|epoch|run|network|generation|class|score|seed|speaker"
RULES = {
    "1: per, not a": re.compile(
        rf"\b(?:one|two|three|an?) (?:{_THING})s? an? (?!time\b|day\b)(?:[a-z]+)\b"
        rf"|\b(?:accepts|multiply-adds|milliseconds|ms|samples|scores|frames|bytes) an? (?:{_UNIT})\b"
        r"(?! or two)",
    ),
    "2: resumes": re.compile(r"\b(?:goes|go|gone|going) on (?:where|from|with)\b|; going on\b"),
    "4: no participle in front": re.compile(
        r"(?:^|[.\"] )(?:Interrupted|Killed|Stopped|Exported), ", re.MULTILINE
    ),
    "5: the ordinary verb": re.compile(
        r"\bstands? (?:there )?twice\b|\bcom(?:es?|ing) along with\b|\bthat come along\b"
        r"|\bmend(?:s|ed|ing)?\b|\bput right\b|\bverbs that have verbs\b|\bothers than\b|\bis said aloud\b",
    ),
}
OPENING = re.compile(r"(?:Of|What|A new one)\b")


def breaches(text: str, name: str) -> list[str]:
    """Lines of a text that break a rule that holds for all texts."""
    return [
        f"{name}:{text[: match.start()].count(chr(10)) + 1}: rule {rule}: {match[0]!r}"
        for rule, form in RULES.items()
        for match in form.finditer(text)
    ]


def openings(code: str, name: str) -> list[str]:
    """Docstrings and help texts that open with "Of", "What" or "A new one" (rule 3)."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            texts = [ast.get_docstring(node) or ""]
        elif isinstance(node, ast.keyword) and node.arg == "help" and isinstance(node.value, ast.Constant):
            texts = [str(node.value.value)]
        else:
            continue
        found += [f"{name}:{getattr(node, 'lineno', 1)}: {t[:40]!r}" for t in texts if OPENING.match(t)]
    return found


def files(*patterns: str) -> Iterator[tuple[str, str]]:
    """(path, text) of the project's own files."""
    for file in sorted({file for pattern in patterns for file in ROOT.glob(pattern)}):
        name = str(file.relative_to(ROOT))
        made = name.startswith("recipes/") and MADE & set(file.parts)
        if file.is_file() and file.suffix in SUFFIXES and not made and not name.startswith(MEASURED):
            yield name, file.read_text(encoding="utf-8")


PYTHON = [(name, text) for part in CODE for name, text in files(f"{part}/**/*.py")]


def test_texts_are_plain_english() -> None:
    assert [b for name, text in [*files(*TEXTS), *PYTHON] for b in breaches(text, name)] == []


def test_help_texts_and_docstrings_name_their_thing() -> None:
    assert [b for name, text in PYTHON for b in openings(text, name)] == []


@pytest.mark.parametrize(
    "text",
    [
        "Put your recordings into one folder a word.",
        "0.5 false accepts an hour or fewer",
        "every step can be interrupted and goes on where it was",
        "62 of 100 files are there; going on",
        "Interrupted, the same command resumes.",
        "key 'seed' stands twice",
        "models that come along, each with its card",
        "Mend them, or leave them out".lower(),
    ],
)
def test_a_planted_breach_is_found(text: str) -> None:
    assert len(breaches(text, "x")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "one folder per word",
        "0.5 false accepts per hour",
        "It takes a second or two; two frames an octave apart; a lock makes a second process wait.",
        "Unpacking goes on for minutes.",
        "one file a day keeps the doctor away",
    ],
)
def test_plain_sentences_are_no_breach(text: str) -> None:
    assert breaches(text, "x") == []


def test_a_planted_opening_is_found() -> None:
    assert len(openings('"""What a network costs."""', "x")) == 1
    assert len(openings('option = Option(help="Of the server; 0 takes a free one.")', "x")) == 1
    assert openings('"""The cost of a network."""\nOption(help="Port of the server.")', "x") == []
