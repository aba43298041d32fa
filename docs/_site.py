"""Additions of the site to Sphinx: contents from lists of links, equations as MathML, pictures of methods.

The pages to which one links after the comment `<!-- contents -->` follow it in the margin, under the heading
above the link. `<!-- picture: METHOD -->` becomes a picture. Read in the repository, both are invisible.
"""

import re
from pathlib import PurePosixPath
from typing import Any

CONTENTS = "<!-- contents -->"
END = "<!-- end of contents -->"
_PICTURE = re.compile(r"<!-- picture: (\w+) -->")
_LINK = re.compile(
    r"^(?:- |\| )?\[[^]]+\]\(([^)#:\s]+)\.md\)", re.MULTILINE
)  # that opens a line, an item, a row
_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)


def contents(page: str, text: str) -> str:
    """The table of contents of a page, in Sphinx' words: one per second-level heading that links to pages."""
    parts = _HEADING.split(text.partition(CONTENTS)[2].partition(END)[0])
    titles = ["", *parts[1::2]]
    return "\n".join(_tree(page, title, part) for title, part in zip(titles, parts[::2], strict=True))


def _tree(page: str, title: str, part: str) -> str:
    found = dict.fromkeys(_place(page, link) for link in _LINK.findall(part))
    caption = f":caption: {title}\n" if title else ""
    return "\n".join([f"```{{toctree}}\n:hidden:\n{caption}", *found, "```\n"]) if found else ""


def _place(page: str, link: str) -> str:
    """The absolute name of a page that another one links to."""
    steps: list[str] = []
    for step in (PurePosixPath(page).parent / link).parts:
        steps = steps[:-1] if step == ".." else [*steps, step]
    return "/" + "/".join(steps)


def read(app: Any, page: str, source: list[str]) -> None:
    """Complete a page's text before it is parsed."""
    if CONTENTS in source[0]:
        source[0] += "\n" + contents(page, source[0])
    source[0] = _PICTURE.sub(lambda found: drawn(found[1]), source[0])


def drawn(method: str) -> str:
    """A method's picture as HTML for MyST."""
    from _pictures import picture  # loads torch, which other pages do not need

    html = picture(method)
    return f"```{{raw}} html\n{html}\n```" if html else ""


def equation(self: Any, node: Any) -> None:
    """An equation as MathML, in a line or as a block of its own."""
    from docutils.nodes import SkipNode
    from latex2mathml.converter import convert

    display = "block" if node.tagname == "math_block" else "inline"
    self.body.append(convert(node.astext(), display=display))
    raise SkipNode


def setup(app: Any) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("source-read", read)
    app.add_html_math_renderer("mathml", (equation, None), (equation, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
