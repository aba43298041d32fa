"""The model of `bundle.json`: the front-end, the labels, and how the model came about."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from audionas.core.records import Count, Natural, Record, Share, Size
from audionas.core.records.run import Rate, RateAt, Threshold

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


class DetectRecord(Record):
    """The rule and the thresholds for an exported file, with the quality if `audionas tune` found them."""

    smooth: Count
    refractory_s: Size
    patience: Annotated[list[Count], Field(min_length=2, max_length=2)]
    kind: Literal["plain", "esphome"] = "plain"
    words: dict[str, Threshold]
    hours: Annotated[float, Field(gt=0, le=1e9)] | None = None
    clips: Natural | None = None
    sum: Rate | None = None
    at: list[RateAt] | None = None
    picovoice: RateAt | None = None
    sha256: str = ""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if len({value is None for value in (self.hours, self.clips, self.sum, self.at)}) > 1:
            raise ValueError("expected hours, clips, sum and at, or none of them")
        return self


class NoteRecord(Record):
    """How a model came about; only what is named here has a say in how it is used."""

    model_config = ConfigDict(extra="allow")

    channels: Count = 1
    seed: int = 0
    epochs: Natural = 0
    valid_accuracy: Share | None = None
    valid_loss: Size | None = None
    detect: dict[str, DetectRecord] = Field({})


class BundleRecord(Record):
    """`bundle.json`."""

    format: int
    arch: str
    features: FeaturesRecord | None
    labels: Annotated[list[Label], Field(min_length=1, max_length=1_000_000)]
    samples: Annotated[int, Field(ge=0, le=100_000_000)]
    note: NoteRecord
    weights: str = ""  # SHA-256 of weights.safetensors; earlier bundles have none
    resize: Annotated[int, Field(ge=0, le=65_536)] = 0

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.features is not None and not self.samples:
            raise ValueError("samples: expected at least 1 where there is a front-end")
        if len(set(self.labels)) < len(self.labels):
            raise ValueError("labels: one is there twice")
        return self
