"""Models of the files that comparisons, ranks and measurements of latency read again."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from audionas.core.records import Natural, Record, Share, Size
from audionas.core.records.run import Ends, EpochRecord, Value

Name = Annotated[str, Field(min_length=1, max_length=1000)]
Seed = Annotated[int, Field(ge=-(1 << 63), lt=1 << 64)]


_FINISHED = ("arch", "collapsed", "free", "kept", "params", "macs", "examples", "seconds")


class RunRecord(Record):
    """A row of `compare.jsonl`; figures that were not measured are missing or null."""

    method: Name
    seed: Seed
    status: Literal["done", "failed", "refused"]
    reason: str = ""
    arch: str | None = None
    network: str = ""
    measured: dict[str, Any] | None = None  # earlier files have none
    accuracy: Share | None = None
    relaxed: Share | None = None
    trained: Share | None = None
    gap: Annotated[float, Field(ge=-1, le=1)] | None = None
    cifar10_val: Share | None = None
    cifar10_test: Share | None = None
    cifar10_rank: Natural | None = None
    cifar100_test: Share | None = None
    imagenet16_120_test: Share | None = None
    free_share: Share | None = None
    chance: Share | None = None
    collapsed: bool | None = None
    free: Natural | None = None
    kept: Natural | None = None
    skips: Size | None = None
    pools: Size | None = None
    nones: Size | None = None
    params: Size | None = None
    macs: Size | None = None
    entropy: Size | None = None
    margin_least: Size | None = None
    margin_most: Size | None = None
    close_share: Share | None = None
    entropy_share: Share | None = None
    undecided: Share | None = None
    epochs: Size | None = None
    weight_steps: Size | None = None
    alpha_steps: Size | None = None
    alpha_reach: Size | None = None
    examples: Size | None = None
    steps: Size | None = None
    seconds: Size | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.status == "done" and any(getattr(self, name) is None for name in _FINISHED):
            raise ValueError(f"a finished run has {', '.join(_FINISHED)}")
        if self.status != "done" and "reason" not in self.model_fields_set:
            raise ValueError("a run that is not finished has a reason")
        return self


class StepsRecord(Record):
    """`steps.json`."""

    class Step(Record):
        """The cost of a method's step, and that of DARTS in the same minutes."""

        section: dict[str, Any]
        seconds: Size
        saved_bytes: Natural
        time_ratio: Size
        memory_ratio: Size
        darts_seconds: Size
        darts_saved_bytes: Natural

    methods: dict[str, Step]


class ScoresRecord(Record):
    """`rank/scores.json` as an object: by architecture and statistics the scores of the supernet."""

    class Score(Record):
        """How a network does with the supernet's weights."""

        accuracy: Share
        macro_f1: Share = 0.0
        loss: Value

    scores: dict[str, dict[str, Score]]


class DerivedRecord(Record):
    """`derive.json`."""

    seconds: Size


class SearchEpochRecord(EpochRecord):
    """A row of a search's `metrics.jsonl`."""

    seconds: Size
    alpha_entropy: Size


class TimeRecord(Record):
    """A row of `times.jsonl`: milliseconds of a model in a round."""

    round: Natural
    model: Name
    ms: Annotated[float, Field(gt=0, le=1e9)]


class CheckRecord(Record):
    """The check of a latency table against whole networks, as far as it is shown."""

    class Figure(Record):
        """A figure; the reason for an interval that is null stands under `interval_why`."""

        value: Value | None
        interval: Ends | None = None
        interval_why: str = ""

    class Point(Record):
        """A network."""

        arch: str
        predicted_ms: Value
        measured_ms: Size

    class Table(Record):
        """The table's agreement with what was measured."""

        rmse: "CheckRecord.Figure"
        relative_rmse: "CheckRecord.Figure"
        bias: "CheckRecord.Figure"
        r2: "CheckRecord.Figure"
        pearson: "CheckRecord.Figure"
        spearman: "CheckRecord.Figure"
        kendall: "CheckRecord.Figure"

    table: Table
    macs: dict[str, Figure] = Field({}, alias="multiply-adds")
    repeated: dict[str, Figure] = Field({})
    points: list[Point] = Field([])
