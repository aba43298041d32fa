"""Hostile text in Markdown: a parser of CommonMark finds the text again, and no markup."""

from collections.abc import Iterator

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from audionas.core.hostile import on_a_line
from audionas.report.markdown import code, table, text
from tests._hostile import HOSTILE

PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
MORE = (
    "a]",
    "x]: http://e",
    "http://e",
    "www.e.com",
    "1. x",
    "=",
    "",
    " a ",
    "`",
    "``",
    "|",
    "\\",
    "a\\",
    "[^1]",
)


def leaves(markdown: str) -> Iterator[Token]:
    """All tokens, those inside a line too."""
    for token in PARSER.parse(markdown):
        yield token
        yield from token.children or ()


def kinds(markdown: str) -> list[str]:
    return [token.type for token in leaves(markdown)]


def words(markdown: str) -> str:
    """The text that a reader sees of one paragraph."""
    return "".join(token.content for token in leaves(markdown) if token.type in ("text", "code_inline"))


PARAGRAPH = ["paragraph_open", "inline", "paragraph_close"]


@pytest.mark.parametrize("label", [*HOSTILE, *MORE])
def test_text_is_text(label: str) -> None:
    line = f"The label {text(label)} (95 %)."
    assert set(kinds(line)) == {*PARAGRAPH, "text"}
    assert words(line) == f"The label {on_a_line(label)} (95 %)."


@pytest.mark.parametrize("label", [label for label in (*HOSTILE, *MORE) if label.strip()])
def test_code_is_code(label: str) -> None:
    line = f"The label {code(label)} (95 %), {code('x')}."
    assert set(kinds(line)) == {*PARAGRAPH, "text", "code_inline"}
    assert kinds(line).count("code_inline") == 2
    assert words(line) == f"The label {on_a_line(label)} (95 %), x."


def test_a_title_is_a_title() -> None:
    for label in HOSTILE:
        assert set(kinds(f"# {text(label)}")) == {"heading_open", "inline", "text", "heading_close"}


@pytest.mark.parametrize("label", HOSTILE)
def test_a_cell_holds_the_value_alone(label: str) -> None:
    cells = [
        token
        for token in PARSER.parse(table(("a", label), [(label, code(label)), (1, "y")], numbers=True))
        if token.type == "inline"
    ]
    assert len(cells) == 6
    shown = ["".join(leaf.content for leaf in cell.children or ()) for cell in cells]
    assert shown == ["a", *[on_a_line(label)] * 3, "1", "y"]
    assert {leaf.type for cell in cells for leaf in cell.children or ()} == {"text", "code_inline"}


def test_plain_text_stands_as_it_is() -> None:
    plain = "fair_nas: 0.52 [0.41, 0.63], 95 % (0.0 to 25.0); a - b + c, CC BY 4.0 > 3, x/y.onnx!"
    assert text(plain) == plain
    assert code("yes") == "`yes`"


def test_a_cell_that_ends_with_a_bracket_has_no_stray_backslash() -> None:
    for plain in ("84.0 [81.0 to 87.0]", "[not measurable: 1 speaker, fewer than 10]", "a\\]", "]"):
        made = table(("a", plain), [("x", plain)])
        assert "to 87.0\\]" not in made
        assert "than 10\\]" not in made
        cells = [token.content for token in leaves(made) if token.type == "inline"]
        assert len(cells) == 4
        assert words(made) == f"a{plain}x{plain}"
