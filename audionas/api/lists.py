"""`list_models`, `list_methods` and `list_spaces`: names by which configs and functions know things."""

from typing import Any

from audionas.api.rows import Rows
from audionas.core.errors import UserError
from audionas.run.listing import rows


class Names(list[str]):
    """Names; `rows` say more of each, and a notebook shows them."""

    def __init__(self, found: list[dict[str, Any]]) -> None:
        super().__init__(row["name"] for row in found)
        self.rows = Rows(found)

    def _repr_html_(self) -> str:
        return self.rows._repr_html_()


def list_models(*, trained: bool = False) -> Names:
    """The networks that `create_model` builds; with `trained`, the models that `load` knows by name."""
    return Names(rows("models" if trained else "zoo"))


def list_methods() -> Names:
    """The methods that `method={"name": ...}` takes."""
    return Names(rows("methods"))


def list_spaces(*, searchable: bool | None = None) -> Names:
    """The spaces that `space={"name": ...}` takes: all, those with choices, or the hand-made ones."""
    if searchable not in (None, True, False):
        raise UserError(f"list_spaces: searchable is {searchable!r}, expected True, False or None")
    wanted = {None: ("searchable", "hand-made"), True: ("searchable",), False: ("hand-made",)}[searchable]
    return Names([row for row in rows("spaces") if row["family"] in wanted])
