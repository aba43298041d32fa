"""Settings of the site: `python -m sphinx -W -c docs . build/site`, from the repository's root.

Notebooks are executed and kept in build/notebooks; `-D nb_execution_mode=off` leaves them as they are.
"""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]  # the extension, and the package without an installation

from audionas import __version__  # noqa: E402

project = "audionas"
version = release = __version__
copyright = "the authors of audionas, Apache-2.0"
root_doc = "docs/index"
include_patterns = [
    "docs/**",
    "*.md",
    "recipes/README.md",
    "recipes/*/README.md",
    "benchmarks/README.md",
    "audionas/models/**/*.md",
]
exclude_patterns = [
    "docs/_*",
    ".*",
    "build",
    "tests",
    "audionas/[!m]*",
    "recipes/*/*/*",
]  # nothing to walk through

extensions = ["myst_nb", "sphinx_copybutton", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "_site"]
myst_enable_extensions = ["dollarmath"]
myst_dmath_allow_space = myst_dmath_allow_digits = False  # "$DATA and 5 $" are no equations
myst_heading_anchors = 4
nb_execution_mode = "cache"
nb_execution_cache_path = str(HERE.parent / "build" / "notebooks")
nb_execution_timeout = 900
nb_execution_in_temp = True
nb_execution_raise_on_error = True
suppress_warnings = ["myst.header"]  # a page may begin a section with a third-level heading

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
default_role = "code"  # as in Markdown
html_math_renderer = "mathml"  # by the browser itself: nothing is loaded

html_theme = "furo"
html_title = "audionas"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/favicon.svg"
html_extra_path = ["_root"]  # index.html, which leads to docs/index.html
html_show_sourcelink = False
html_copy_source = False
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
