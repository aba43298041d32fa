"""The site: contents from lists, equations and pictures of methods, a build without warnings."""

import importlib.util
import os
import re
import runpy
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from audionas.core.registry import names
from tests import _chromium

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
LOADS = {"script": "src", "img": "src", "link": "href", "source": "src", "iframe": "src", "audio": "src"}
PAGE = """# A page
[before](before.md)
<!-- contents -->
- [one](howto/one.md): a page, not [another](another.md)
| [`two`](../recipes/two.md) | in a table |
## Of a part
[three](three.md) opens a line
[a site](https://example.org/four.md), [a heading](five.md#there)
<!-- end of contents -->
- [after](after.md)
"""


@pytest.fixture
def extension(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.syspath_prepend(DOCS)
    return runpy.run_path(str(DOCS / "_site.py"))


@pytest.fixture
def pictures(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(DOCS)
    spec = importlib.util.spec_from_file_location("_pictures", DOCS / "_pictures.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "_pictures", module)  # dataclasses look there
    spec.loader.exec_module(module)
    return module


# --- what the extension adds ---------------------------------------------------------------------------


def test_contents_are_the_pages_that_open_a_line(extension: dict[str, Any]) -> None:
    first, second = extension["contents"]("docs/index", PAGE).split("```\n\n")
    assert first.split() == ["```{toctree}", ":hidden:", "/docs/howto/one", "/recipes/two"]
    assert second.split("\n")[2:] == [":caption: Of a part", "", "/docs/three", "```", ""]


def test_a_page_without_the_comment_stays(extension: dict[str, Any]) -> None:
    source = ["- [one](one.md)"]
    extension["read"](None, "docs/x", source)
    assert source == ["- [one](one.md)"]


def test_every_method_has_an_equation(monkeypatch: pytest.MonkeyPatch) -> None:
    equations = runpy.run_path(str(DOCS / "_equations.py"))["EQUATIONS"]
    assert sorted(equations) == names("method")
    assert not [name for name, one in equations.items() if not one.words.endswith(".")]


def weights(pictures: Any, name: str) -> list[list[float]]:
    """The weights in the passes of a picture."""
    from audionas.core.registry import resolve

    home = next(pictures.homes())
    run = pictures.watched(resolve("method", name)(), home)
    return [found for _, found in pictures.trained(run, home.choice)]


@pytest.mark.laws
def test_a_picture_shows_what_a_method_does(pictures: Any) -> None:
    gdas = weights(pictures, "gdas")
    assert len(gdas) == pictures.EPOCHS * pictures.STEPS
    assert all(sorted(row) == [0, 0, 0, 0, 1] for row in gdas)


@pytest.mark.laws
def test_pictures_tell_methods_apart(pictures: Any) -> None:
    darts, fair = weights(pictures, "darts"), weights(pictures, "fair_nas")
    assert all(0 < weight < 1 and sum(row) == pytest.approx(1) for row in darts for weight in row)
    updates = [fair[start : start + 5] for start in range(0, len(fair), 5)]  # strict fairness
    assert all(sorted(row.index(1.0) for row in update) == [0, 1, 2, 3, 4] for update in updates)
    assert pictures.picture("random") == ""


# --- the build -----------------------------------------------------------------------------------------


def build(out: Path, *options: str) -> None:
    """The site as the README builds it, with the warnings that would end it."""
    for package in ("sphinx", "furo", "myst_nb", "sphinx_copybutton", "latex2mathml"):
        pytest.importorskip(package, reason="the extra docs is not installed")
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-q",
        "-W",
        "--keep-going",
        "-c",
        "docs",
        *options,
        ".",
        str(out),
    ]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr  # a warning is an error; a notebook's kernel tells of its start


class Loaded(HTMLParser):
    """The addresses that a page loads, without being asked to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in LOADS and given.get("rel") != "canonical":
            self.found.append(given.get(LOADS[tag]) or "")


def outside(place: Path) -> list[str]:
    """What pages and style sheets load from other hosts."""
    pages = {page: Loaded(page.read_text(encoding="utf-8")).found for page in place.rglob("*.html")}
    styles = {
        s: re.findall(r"url\(['\"]?([^'\")]+)", s.read_text(encoding="utf-8")) for s in place.rglob("*.css")
    }
    return [
        f"{file.relative_to(place)}: {address}"
        for file, found in {**pages, **styles}.items()
        for address in found
        if re.match(r"(?:https?:)?//", address)
    ]


def test_a_planted_address_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<script src="https://x.org/a.js"></script><a href="https://x.org">', "utf-8"
    )
    (tmp_path / "a.css").write_text(
        "a { background: url('//x.org/b.png') } b { background: url(c.png) }", "utf-8"
    )
    assert outside(tmp_path) == ["a.html: https://x.org/a.js", "a.css: //x.org/b.png"]


@pytest.mark.story
def test_the_site_builds_without_warnings_and_works_offline(tmp_path: Path) -> None:
    site = tmp_path / "site"
    build(site, "-D", "nb_execution_mode=off", "-d", str(tmp_path / "trees"))
    assert outside(site) == []
    for method in names("method"):
        page = (site / "docs" / "methods" / f"{method}.html").read_text(encoding="utf-8")
        (equation,) = re.findall(r'<math [^>]*display="block".*?</math>', page, re.DOTALL)
        assert "\\" not in equation, f"{method}: TeX that was not understood"
        assert ('class="chart"' in page) == (method != "random")
    for page in site.rglob("*.html"):
        inline = re.findall(
            r'<math [^>]*display="inline".*?</math>', page.read_text(encoding="utf-8"), re.DOTALL
        )
        assert not inline, f"{page}: a dollar sign became an equation"
    python = (site / "docs" / "python.html").read_text(encoding="utf-8")
    assert not [
        name for name in ("make", "Run.best", "Model.detect") if f'id="audionas.{name}"' not in python
    ]
    assert "copybutton.js" in python
    assert "docs/index.html" in (site / "index.html").read_text(encoding="utf-8")
    if _chromium.chromium():
        _search(site, tmp_path / "profile")


def _search(site: Path, profile: Path) -> None:
    """The site's own search, in a browser that reaches nothing, finds a method by a word of its page."""
    with _chromium.browser(
        profile, "--host-resolver-rules=MAP * ~NOTFOUND", "--allow-file-access-from-files"
    ) as page:
        page.open(f"{(site / 'search.html').as_uri()}?q=empirical+Bayes")
        assert page.until("document.querySelector('#search-results li a')?.href").endswith(
            "methods/parsec.html"
        )


@pytest.mark.nightly
def test_the_notebook_runs(tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader", reason="the extra mini is not installed")
    pytest.importorskip("onnxscript", reason="the extra export is not installed")
    site = tmp_path / "site"
    build(site, "-D", "nb_execution_mode=force", "-d", str(tmp_path / "trees"))
    page = (site / "docs" / "tutorials" / "first_wake_word.html").read_text(encoding="utf-8")
    assert page.count("<img ") >= 3  # spectrograms, the loss, the scores
    assert re.search(r"keyword</th>.*jarvis", page, re.DOTALL)  # it was heard
