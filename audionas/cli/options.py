"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from audionas.core.reporter import Reporter

Conf = Annotated[Path, typer.Argument(help="A YAML config.", show_default=False)]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(help="Changes to the config, key=value: seed=3 method.std=0.1", show_default=False),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Delete what an earlier run has made here, and start again.")
]
Until = Annotated[
    int, typer.Option(min=0, help="Last epoch to train, on the schedule of all of them; 0: the last one.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
Resume = Annotated[bool, typer.Option("--resume", help="Resume an unfinished run, or start one.")]
Exp = Annotated[Path, typer.Argument(help="A run folder, such as exp/mini.", show_default=False)]


def _needless(given: bool) -> bool:
    """Say that an option of earlier versions has no effect."""
    if given:
        Reporter().note("--resample: not needed any more, since recordings of any form are converted")
    return given


Resample = Annotated[
    bool, typer.Option("--resample", hidden=True, callback=_needless, help="Without effect.")
]
File = Annotated[
    Path | None,
    typer.Option("--file", help="Exported file; default: export/model.stream.onnx, or another in export/."),
]
Smooth = Annotated[
    int | None,
    typer.Option("--smooth", help="Number of hops to average scores over; default: as tuned, else 5."),
]
Refractory = Annotated[
    float | None,
    typer.Option(
        "--refractory",
        help="Least seconds from one event to the next; default: as tuned, else the model's clip and 0.5.",
    ),
]
RuleKind = Annotated[
    str | None,
    typer.Option("--rule", help="plain, or esphome: what a device's component hears; default: as tuned."),
]
Transcripts = Annotated[
    Path | None,
    typer.Option(
        "--transcripts",
        help="Table of what is said in AUDIO, to leave the word out; default: its transcripts.tsv, if any.",
    ),
]
Also = Annotated[
    list[str] | None,
    typer.Option(
        "--also", help="Text that counts as the word in transcripts, such as its plural; may be repeated."
    ),
]
Patience = Annotated[
    str | None, typer.Option("--patience", help="N/M: N of the last M hops must be over the threshold.")
]
Threshold = Annotated[
    list[str] | None,
    typer.Option("--threshold", help="Threshold for all keywords, or KEYWORD=NUMBER; default: as tuned."),
]
