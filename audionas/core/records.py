"""The door for files that another may have written: strict types and ranges, before anything is allocated.

Each model says what a file may hold. Numbers are not read from strings, NaN and infinity are no numbers here,
and sizes end where no recording, picture or network of this field does.
"""

import reprlib
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from audionas.core.errors import UserError
from audionas.core.files import read_json


class Record(BaseModel):
    """The base of every model: strict, without NaN and infinity; unnamed keys are left alone."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False, frozen=True)


R = TypeVar("R", bound=Record)
Count = Annotated[int, Field(ge=1, le=65_536)]
Milliseconds = Annotated[float, Field(gt=0, le=60_000)]
Hertz = Annotated[float, Field(ge=0, le=10_000_000)]
Label = Annotated[str, Field(max_length=1000, pattern=r"\S")]


class FeaturesRecord(Record):
    """The front-end in a bundle; what contradicts its preset is said where it is built."""

    model_config = ConfigDict(extra="forbid")

    name: str = "mfcc"
    preset: str = "tc_resnet"
    sample_rate: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    window_ms: Milliseconds | None = None
    hop_ms: Milliseconds | None = None
    n_fft: Annotated[int, Field(ge=1, le=1 << 20)] | None = None
    n_mels: Count | None = None
    n_mfcc: Count | None = None
    f_min: Hertz | None = None
    f_max: Hertz | None = None
    center: bool | None = None
    power: Annotated[float, Field(gt=0, le=100)] | None = None
    log_offset: Annotated[float, Field(gt=0, le=1e9)] | None = None
    settle: bool | None = None


class NoteRecord(Record):
    """How a model came about; only the number of channels has a say in how it is used."""

    model_config = ConfigDict(extra="allow")

    channels: Count = 1


class BundleRecord(Record):
    """`bundle.json`."""

    format: int
    arch: str
    features: FeaturesRecord | None
    labels: Annotated[list[Label], Field(min_length=1, max_length=1_000_000)]
    samples: Annotated[int, Field(ge=0, le=100_000_000)]
    note: NoteRecord
    resize: Annotated[int, Field(ge=0, le=65_536)] = 0


def read(model: type[R], path: Path, hint: str = "") -> R:
    """The record in a JSON file. Raises UserError with every wrong field, its place and its value."""
    return check(model, read_json(path), str(path), hint)


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
