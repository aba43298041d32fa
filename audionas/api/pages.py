"""The pages of data_prep/ as functions: files that are no modules of the package, imported by their path."""

import importlib.util
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any


@cache
def main_of(page: Path) -> Callable[..., Any]:
    """The function `main` of a page."""
    spec = importlib.util.spec_from_file_location(f"audionas_prep_{page.stem}", page)
    assert spec is not None, page
    assert spec.loader is not None, page
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    main: Callable[..., Any] = module.main
    return main
