"""The door for files that another may have written: strict types and ranges, before anything is allocated.

Each model says what a file may hold; `bundle.py` and `run.py` have them. Numbers are not read from strings,
NaN and infinity are numbers only where a model says so, and sizes end where no recording, picture or network
of this field does.
"""

import reprlib
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from audionas.core.errors import UserError
from audionas.core.files import read_json
from audionas.core.reporter import read_rows


class Record(BaseModel):
    """The base of every model: strict, without NaN and infinity; unnamed keys are left alone."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False, frozen=True)


R = TypeVar("R", bound=Record)
Count = Annotated[int, Field(ge=1, le=65_536)]
Natural = Annotated[int, Field(ge=0, le=10**15)]
Share = Annotated[float, Field(ge=0, le=1)]
Size = Annotated[float, Field(ge=0, le=1e15)]


def read(model: type[R], path: Path, hint: str = "") -> R:
    """The record in a JSON file. Raises UserError with every wrong field, its place and its value."""
    return check(model, read_json(path), str(path), hint)


def plain(model: type[R], path: Path, hint: str = "") -> dict[str, Any]:
    """The JSON object in a file with all its keys. Raises UserError as `read` does."""
    found: dict[str, Any] = read_json(path)
    check(model, found, str(path), hint)
    return found


def rows(model: type[R], path: Path, hint: str = "") -> list[dict[str, Any]]:
    """The objects of a JSON-lines file, each accepted by `model`; none where there is no file.

    Raises UserError as `read` does, for the first line with a fault.
    """
    found = read_rows(path)
    for number, row in enumerate(found, 1):
        check(model, row, f"{path}:{number}", hint)
    return found


def check(model: type[R], value: Any, source: str, hint: str = "") -> R:
    """The record in a parsed JSON value. Raises UserError as `read` does."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        problems = [f"{source}: {_problem(e)}" for e in error.errors(include_url=False)]
        raise UserError(problems, hint=hint) from error


def _problem(error: Any) -> str:
    """Place, reason and value of a fault, shortened and escaped: the file may be hostile."""
    place = ".".join(part[:60] if (part := repr(each).strip("'\"")) else "" for each in error["loc"])
    given = "" if error["type"] == "missing" else f", not {reprlib.repr(error['input'])}"
    return f"{place or 'the whole'}: {error['msg']}{given}"
