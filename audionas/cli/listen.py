"""The commands of a model that listens: tune, detect, mine, listen, demo-web."""

from pathlib import Path
from typing import Annotated

import typer

from audionas.cli.options import (
    Also,
    Exp,
    File,
    Patience,
    Refractory,
    Resample,
    RuleKind,
    Smooth,
    Threshold,
    Transcripts,
)
from audionas.core.errors import Faults, UserError
from audionas.core.files import require_there
from audionas.core.reporter import Reporter, say, stdout_json

PANEL = "Listening"
commands = typer.Typer()


@commands.command(rich_help_panel=PANEL)
def tune(
    exp: Exp,
    positives: Annotated[
        Path,
        typer.Option(
            help="Clips of the keyword (with several keywords, one folder each), or a Kaldi data directory.",
            show_default=False,
        ),
    ],
    negatives: Annotated[
        Path,
        typer.Option(
            help="Hours without a keyword: a folder, or a Kaldi data directory.", show_default=False
        ),
    ],
    target: Annotated[
        float, typer.Option("--target-fa-per-hour", help="False accepts per hour, of all keywords together.")
    ] = 0.5,
    file: Annotated[
        list[Path] | None,
        typer.Option(
            "--file", help="Exported file; may be repeated, to compare several such as float and int8."
        ),
    ] = None,
    smooth: Annotated[int, typer.Option(help="Number of hops to average scores over; 1: no averaging.")] = 5,
    refractory: Annotated[
        float | None,
        typer.Option(help="Least seconds from one event to the next; default: the model's clip and 0.5."),
    ] = None,
    patience: Patience = None,
    rule: RuleKind = None,
    transcripts: Transcripts = None,
    also: Also = None,
    speaker_pattern: Annotated[
        str, typer.Option(help="Pattern that finds the speaker in a file name, as in audionas prep folder.")
    ] = "",
    resample: Resample = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Choose a threshold per keyword that keeps to a number of false accepts per hour of long audio.

    A clip's score is the highest in it; false accepts are counted on continuous audio. With a table of what
    is said there (columns file, start_s, end_s, text), utterances that say the word are left out. Scores are
    kept, so other settings take seconds. Writes exp/NAME/tune/, the bundle's thresholds and the report.

    Examples: audionas tune exp/hey --positives data/test --negatives long --target-fa-per-hour 0.5;
    audionas tune exp/hey --positives my_clips --negatives long --file model.tflite --file model.int8.tflite
    """
    from audionas.listen import tune as page

    result = page.tune(
        exp,
        positives,
        negatives,
        target=target,
        files=file or (),
        smooth=smooth,
        refractory=refractory,
        patience=patience,
        rule=rule,  # type: ignore[arg-type]
        transcripts=transcripts,
        also=also or (),
        speaker_pattern=speaker_pattern,
    )
    stdout_json(result) if as_json else page.show(result)
    page.require_heard(result)


@commands.command(rich_help_panel=PANEL)
def detect(
    exp: Exp,
    files: Annotated[
        list[Path],
        typer.Argument(metavar="AUDIO...", help="Recordings of any length, or folders.", show_default=False),
    ],
    file: File = None,
    threshold: Threshold = None,
    smooth: Smooth = None,
    refractory: Refractory = None,
    patience: Patience = None,
    rule: Annotated[
        str | None,
        typer.Option(
            "--rule",
            help="plain, esphome (as a device hears), mlperf (each score, with --truth); default: as tuned.",
        ),
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option(
            "--truth",
            help="Times of the words (file, start_s, end_s, text), to count hits as MLPerf Tiny does.",
        ),
    ] = None,
    hit_delay: Annotated[
        float,
        typer.Option(
            help="Seconds after a word in which it may be heard: 1 by MLPerf's rules, 2 by its runner, "
            "0.5 by its training script."
        ),
    ] = 1.0,
    resample: Resample = False,
    audacity: Annotated[
        Path | None,
        typer.Option(
            "--audacity",
            help="Write labels for Audacity to a new file, or for several recordings to a folder.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print each event as a line of JSON.")] = False,
) -> None:
    """Slide the exported model over continuous audio, and print when it heard a keyword.

    Thresholds are those of audionas tune. An event's time is the end of the hop that fired. With --truth,
    hits, misses and false positives follow, as in MLPerf Tiny's streaming wake word.

    Examples: audionas detect exp/hey kitchen.wav --threshold 0.9 --patience 3/5;
    audionas detect exp/hey day/*.flac --json --audacity labels
    """

    from audionas.listen.detect import detect as go
    from audionas.listen.mlperf import Stream, lines

    faults = Faults()
    with faults:
        require_there(truth)
        if rule == "mlperf" and truth is None:
            raise UserError(
                "--rule mlperf is for a stream of labelled words", hint="Give their times: --truth FILE"
            )
    with faults:
        heard = go(
            exp,
            files,
            file=file,
            threshold=threshold or (),
            smooth=smooth,
            refractory=refractory,
            patience=patience,
            rule=rule,  # type: ignore[arg-type]
            audacity=audacity,
        )
    faults.tell()
    seconds = {item.audio: item.seconds for item in heard.items}
    stream = Stream(truth, seconds, heard.thresholds, hit_delay) if truth else None
    events = []
    for found in heard:
        stdout_json(found.plain(), indent=None) if as_json else say(found.words())
        events += [(found.file, found.event)] if stream else []
    if stream:
        result = stream.figures(events)
        stdout_json(result, indent=None) if as_json else say(*lines(result))


@commands.command(rich_help_panel=PANEL)
def mine(
    exp: Exp,
    recordings: Annotated[
        Path,
        typer.Argument(
            metavar="AUDIO",
            help="Hours without a keyword: a folder, or a Kaldi data directory.",
            show_default=False,
        ),
    ],
    data: Annotated[
        Path, typer.Option(help="Kaldi data directory that the model was trained on.", show_default=False)
    ],
    out: Annotated[
        Path,
        typer.Option(help="New data directory for these clips and the false accepts.", show_default=False),
    ],
    label: Annotated[
        str, typer.Option(help="Label for the false accepts; default: the first label with a _.")
    ] = "",
    file: File = None,
    threshold: Threshold = None,
    smooth: Smooth = None,
    refractory: Refractory = None,
    patience: Patience = None,
    transcripts: Transcripts = None,
    also: Also = None,
    resample: Resample = False,
) -> None:
    """Collect what the model falls for in long audio, as clips to train with.

    Run the same command to resume. A threshold below the tuned one finds more clips. Then train again.

    Example: audionas mine exp/hey long --data data/train --out data/train_mined --threshold 0.3;
    audionas train conf/train.yaml data.train=data/train_mined arch=exp/hey/arch.json name=hey_2
    """
    from audionas.listen.mine import mine as go

    said = go(
        exp,
        recordings,
        data,
        out,
        label=label,
        file=file,
        threshold=threshold or (),
        smooth=smooth,
        refractory=refractory,
        patience=patience,
        transcripts=transcripts,
        also=also or (),
    )
    Reporter(stdout=True).note(said)


@commands.command(rich_help_panel=PANEL)
def listen(
    exp: Exp,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file", help="Exported file; default: export/model.stream.onnx, else the model in torch."
        ),
    ] = None,
    wav: Annotated[
        Path | None, typer.Option("--wav", help="Recording to play in place of the microphone, in real time.")
    ] = None,
    fast: Annotated[bool, typer.Option("--fast", help="Play the recording as fast as possible.")] = False,
    threshold: Threshold = None,
    smooth: Smooth = None,
    refractory: Refractory = None,
    patience: Patience = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print each event as a line of JSON.")] = False,
) -> None:
    """Listen at the microphone: shows scores live on a terminal, and prints each keyword heard as a line.

    Thresholds are those of audionas tune, else 0.5, to try a model that nobody has tuned yet.

    Examples: audionas listen exp/hey; audionas listen exp/hey --wav kitchen.wav --fast --json
    """
    from audionas.listen.live import go

    go(
        exp,
        file=file,
        wav=wav,
        fast=fast,
        threshold=threshold or (),
        smooth=smooth,
        refractory=refractory,
        patience=patience,
        as_json=as_json,
    )


@commands.command("demo-web", rich_help_panel=PANEL)
def demo_web(
    exp: Exp,
    runtime: Annotated[
        Path | None,
        typer.Option("--runtime", help="Folder with onnxruntime-web; default: download it once."),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the server; 0 picks a free one.")] = 0,
    no_serve: Annotated[
        bool, typer.Option("--no-serve", help="Write exp/NAME/web/ without serving it.")
    ] = False,
    show: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Write exp/NAME/web/, a page that listens with the exported model in the browser, and serve it here.

    Example: audionas demo-web exp/hey --open
    """
    from audionas.listen.web import page, server
    from audionas.run.export import export

    reporter = Reporter()
    if (given := page.missing(exp, runtime)) is not None:
        reporter.note(f"exporting {page.MODEL} first")
        export(exp, targets=["onnx-stream"], input=given)
    folder = page.write(exp, reporter, runtime=runtime)
    if no_serve:
        say(str(folder))
    else:
        server.serve(folder, reporter, port=port, show=show)
