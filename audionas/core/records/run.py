"""Models of the files of a run: evaluations, logs, fronts, reports of exports and of tuning."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from audionas.core.records import Natural, Record, Share, Size

Ends = Annotated[list[float], Field(min_length=2, max_length=2)]
Options = Annotated[list[str], Field(min_length=1)]
Value = Annotated[float, Field(ge=-1e300, le=1e300)]
Epoch = Annotated[int, Field(ge=0, le=10**9)]


class Right(Record):
    """An accuracy; the reason for an interval that is null stands under `interval_why`."""

    accuracy: Share
    interval: Ends | None
    interval_why: str = ""
    n: Natural = 0


class PerClass(Record):
    """The figures of one class."""

    recall: Share
    precision: Share
    f1: Share
    aut: Share | None = None
    log_loss: Size | None = None
    n: Natural


class TrainedOn(Record):
    """The numbers of clips and speakers of the evaluation that were heard in training."""

    clips: Natural
    speakers: Natural


class EvaluationRecord(Right):
    """`eval.json`."""

    n: Natural
    speakers: Natural = 0
    balanced_accuracy: Share = 0.0
    macro_f1: Share = 0.0
    macro_f1_interval: Ends | None = None
    macro_f1_interval_why: str = ""
    log_loss: Size = 0.0
    macro_log_loss: Size = 0.0
    per_class: dict[str, PerClass]
    confusion: list[list[Natural]]
    labels: list[str]
    data: str
    engine: str = ""
    trained_on: TrainedOn = TrainedOn(clips=0, speakers=0)

    @model_validator(mode="after")
    def _square(self) -> Self:
        size = len(self.labels)
        if len(self.confusion) != size or any(len(row) != size for row in self.confusion):
            raise ValueError("confusion: expected a row and a column for each label")
        return self


class AnswersRecord(Record):
    """`scores.json` as an object with the list under `rows`."""

    class Answer(Record):
        """The model's answer for one clip."""

        id: str
        speaker: str = ""
        truth: str
        label: str
        score: Share

    rows: list[Answer]


class EpochRecord(Record):
    """A row of `metrics.jsonl`; charts leave out what is no number."""

    epoch: Epoch
    seconds: Size = 0.0


class AlphasRecord(Record):
    """A row of `alphas.jsonl`: the options' probabilities by choice."""

    epoch: Epoch
    probabilities: dict[str, Annotated[dict[str, Share], Field(min_length=1)]]


class CheckpointRecord(Record):
    """`state.json` of a checkpoint: the groups of tensors beside it, and their SHA-256 since they have one.

    The other keys are those of a training and of the methods that have a state without tensors.
    """

    epoch: Epoch
    groups: list[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]]
    sums: dict[str, str] = Field({})
    accuracies: list[Share] = Field([])
    epochs: Epoch = 0
    best: Ends | None = None
    first_loss: Size | None = None
    updates: Natural = 0
    steps: Natural = 0
    stage: Natural = 0
    kept: dict[str, list[str]] = Field({})


class DoneRecord(Record):
    """`done.json` of a search; null where a searcher is still to choose."""

    arch: str | None


class CostRecord(Record):
    """`cost.json`, as far as a table shows it."""

    class Times(Record):
        """Milliseconds of one call."""

        p50_ms: Size

    params: Natural
    macs: Natural
    latency_ms: Times | None = None


class EnvironmentRecord(Record):
    """`env.json`: the facts that a reader needs to repeat a run."""

    command: str
    git: str | None
    machine: str
    torch: str
    started: str


class ArchiveRecord(Record):
    """A row of `archive.jsonl`; a network above a limit has no score, a faulty one may have NaN."""

    choices: dict[str, Options]
    values: dict[str, Annotated[float, Field(allow_inf_nan=True)]]
    violation: Annotated[float, Field(ge=0)]


_RANGES = {  # from 0 to these
    **{"accuracy": 1, "macro_f1": 1, "average_viable_recall": 1},
    **{"loss": 1e15, "macs": 1e15, "params": 1e15},
}


class FrontRecord(Record):
    """`front.json`; its architectures are checked where they are read."""

    class Member(Record):
        """A network with its values, which are the same for all members."""

        values: dict[str, Value]  # those in `_RANGES` within their range
        arch: dict[str, Any]
        alike: Annotated[int, Field(ge=1, le=10**9)] = 1  # earlier files have none

    objectives: Annotated[dict[str, Literal["max", "min"]], Field(min_length=1)]
    limits: dict[str, Value]
    scored: Natural
    knee: Annotated[int, Field(ge=1)]
    members: Annotated[list[Member], Field(min_length=1, max_length=1_000_000)]
    hypervolume: list[Annotated[list[Size], Field(min_length=2, max_length=2)]]
    blind: Annotated[list[str], Field(default_factory=list)]  # objectives; earlier files have none

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.knee > len(self.members):
            raise ValueError(f"knee: {self.knee} of {len(self.members)}")
        if odd := set(self.blind) - self.objectives.keys():
            raise ValueError(f"blind: {', '.join(sorted(odd))[:300]}, which is no objective")
        wanted = {"macs", "params", *self.objectives, *self.limits, *self.members[0].values}
        for number, member in enumerate(self.members):
            if wanted != member.values.keys():
                raise ValueError(f"members.{number}.values: expected {', '.join(sorted(wanted))[:300]}")
            for name, most in _RANGES.items():
                if not 0 <= member.values.get(name, 0) <= most:
                    raise ValueError(f"members.{number}.values.{name}: {member.values[name]}")
        return self


class Milliseconds(Record):
    """Times of one call."""

    p50: Size
    p95: Size
    per: str = ""


class ExportedRecord(Record):
    """`export/report.json`."""

    class File(Record):
        """The figures of one exported file."""

        bytes: Natural
        max_difference: Size
        same_label: Share
        accuracy: Right | None
        torch: Right | None = None
        latency_ms: Milliseconds
        runtime: str = ""
        arena_bytes: Natural = 0
        device_arena: "ExportedRecord.Device | None" = None
        past: "ExportedRecord.Late | None" = None

    class Device(Record):
        """The arena of a file by chip, and the versions that were asked."""

        bytes: dict[str, Natural]
        of: str

    class Late(Record):
        """The figures of a file where other sound comes before each clip."""

        source: str = Field(alias="from")
        max_difference: Size
        accuracy: Right | None = None
        torch: Right | None = None

    class Against(Record):
        """How often a stream has the label of the clip's classifier, and that one itself for a moved clip."""

        fresh: Share
        past: Share
        moved: Share | None = None
        clips: Natural

    class Remembers(Record):
        """How long a stream remembers, in seconds (null: for ever) and in words."""

        field_s: Size | None
        to_1_percent_s: Size | None
        words: str

    class Integers(Record):
        """The making of int8 files."""

        calibrated_on: str
        clips: Natural
        weights: str
        development_clips: Natural = 0
        whole: Right | None = Field(None, alias="float")
        post_training: Right | None = None
        fine_tuned: Right | None = None

    files: dict[str, File] = Field({})
    folder: str = ""
    file: str = ""
    bytes: Natural = 0
    opset: Natural = 0
    max_difference: Size = 0.0
    accuracy_torch: Share = 0.0
    accuracy_onnx: Share = 0.0
    latency_ms: Milliseconds | None = None
    clips: Natural = 0
    clips_from: str = ""
    torch: Right | None = None
    int8: Integers | None = None
    memory: Remembers | None = None
    stream_against_clip: Against | None = None
    golden: dict[str, list[Natural]] = Field({})
    environment: EnvironmentRecord | None = None


class Rate(Record):
    """The share of clips that are rejected, and the false accepts per hour."""

    rejected: Share
    rejected_interval: Ends | None
    accepts: Natural
    fa_per_hour: Size
    fa_interval: Ends | None


class RateAt(Record):
    """The share of clips that are rejected at a rate of false accepts per hour."""

    fa_per_hour: Size
    measurable: bool
    rejected: Share | None
    rejected_interval: Ends | None = None


class Threshold(Record):
    """The threshold of a keyword."""

    threshold: Share


class TunedRecord(Record):
    """`tune/tune.json`."""

    class Word(Threshold, Rate):
        """A keyword with its curve: points of rate, rejected share and their band."""

        clips: Natural
        at_start: Natural = 0  # earlier files have none
        curve: list[Annotated[list[Value | None], Field(min_length=4)]]
        band_why: str = ""

    class Rule(Record):
        """The rule by which scores become events."""

        smooth: Natural
        refractory_s: Size
        kind: Literal["plain", "esphome"] = "plain"
        patience: Annotated[list[Natural], Field(min_length=2, max_length=2)]

    class File(Record):
        """The figures of one exported file."""

        file: str
        rule: "TunedRecord.Rule"
        hop_s: Size
        clips: Natural
        clips_drawn_by: str
        hours: Annotated[float, Field(gt=0, le=1e9)]
        recordings: Natural
        negatives_drawn_by: str
        target: Annotated[float, Field(gt=0, le=1e9)]
        met: bool
        words: Annotated[dict[str, "TunedRecord.Word"], Field(min_length=1)]
        unheard: list[str] = Field([])
        sum: Rate
        at: list[RateAt]
        picovoice: RateAt | None = None

    class LeftOut(Record):
        """The part that the negatives lost by their transcripts."""

        utterances: Natural
        seconds: Size
        words: list[str]

    files: list[File]
    left_out: LeftOut | None = None
    deaf: list[str] = Field([])

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.files and not self.deaf:
            raise ValueError("expected a file")
        return self


class ManifestRecord(Record):
    """The manifest of a wake word for ESPHome, as far as it is taken over."""

    class Micro(Record):
        """Settings of the component."""

        probability_cutoff: Annotated[float, Field(gt=0, lt=1)] | None = None
        sliding_window_size: Annotated[int, Field(ge=1, le=255)] | None = None

    wake_word: str | None = None
    author: str | None = None
    website: str | None = None
    trained_languages: list[str] | None = None
    micro: Micro = Micro()


class StreamRecord(Record):
    """The metadata of an ONNX file that listens, all of them texts."""

    labels: str
    sample_rate: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,7}$")]
    hop_samples: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,7}$")]
    warm_up: Annotated[str, Field(pattern=r"^[0-9]{1,8}$")]
    hops: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,7}$")] = "1"  # in one call; earlier files have one
    input: str


class TimedRecord(Record):
    """The epochs of a method that last as long as the comparison's of DARTS, and how they were found."""

    section: dict[str, Any]
    seconds: Size
    darts_seconds: Size
    epochs: Annotated[int, Field(ge=1, le=10**9)]


class BudgetRecord(Record):
    """`budget.json` of a comparison: what its methods get alike, in `epochs` of the config."""

    budget: Literal["examples", "steps", "seconds"]
    epochs: Annotated[int, Field(ge=1, le=10**9)]
    methods: dict[str, TimedRecord] = Field(default_factory=dict)
