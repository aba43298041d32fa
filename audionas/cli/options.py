"""What the arguments of several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Conf = Annotated[Path, typer.Argument(help="A YAML config.", show_default=False)]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(help="Changes to the config, key=value: seed=3 method.std=0.1", show_default=False),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Throw away what an earlier run left.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on where an unfinished run was; start if there is none.")
]
Exp = Annotated[Path, typer.Argument(help="A run folder, such as exp/mini.", show_default=False)]
Resample = Annotated[bool, typer.Option("--resample", help="Convert recordings of another sample rate.")]
File = Annotated[
    Path | None,
    typer.Option("--file", help="An exported file; default: export/model.stream.onnx, or what there is."),
]
Smooth = Annotated[
    int | None, typer.Option("--smooth", help="Hops whose scores are averaged; default 5, or as tuned.")
]
Refractory = Annotated[
    float | None,
    typer.Option("--refractory", help="Seconds after an event without another; default 1, or as tuned."),
]
Patience = Annotated[
    str | None, typer.Option("--patience", help="N/M: N of the last M hops must be over the threshold.")
]
Threshold = Annotated[
    list[str] | None,
    typer.Option("--threshold", help="For all keywords, or KEYWORD=NUMBER; default: as tuned."),
]
