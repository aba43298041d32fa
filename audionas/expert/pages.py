"""The pages of `data_prep/` as functions: each file is loaded when its page is first asked for."""

import importlib.util
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any


@cache
def main_of(page: Path) -> Callable[..., Any]:
    """The function `main` of the page in a file."""
    spec = importlib.util.spec_from_file_location(f"audionas_prep_{page.stem}", page)
    assert spec is not None, page
    assert spec.loader is not None, page
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    main: Callable[..., Any] = module.main
    return main
