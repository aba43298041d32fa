"""Models of the files in which `audionas make` keeps its plan and its progress."""

from typing import Annotated, Any

from pydantic import Field

from audionas.core.records import Natural, Record, Size


class DecisionRecord(Record):
    """A decision of `make.yaml`."""

    value: Any
    why: str
    warning: str = ""


class PlanRecord(Record):
    """The content of `make.yaml`."""

    source: str
    word: str
    device: str
    minutes: Annotated[float, Field(gt=0, le=1e6)]
    rate: Annotated[float, Field(gt=0, le=1e6)]
    negatives: list[str]
    changes: list[str]
    decisions: dict[str, DecisionRecord]
    stops: Annotated[dict[str, Natural], Field(default_factory=dict)]


class StepRecord(Record):
    """A step of `done.json`: the digest of what it depends on, the seconds it took, whether it ended, and
    whether it has earlier results to replace.
    """

    digest: str
    seconds: Size
    done: bool
    fresh: bool


class DoneRecord(Record):
    """The content of `done.json`."""

    planned: Size
    steps: dict[str, StepRecord]
