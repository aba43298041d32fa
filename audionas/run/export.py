"""`audionas export`: a trained model as files for other runtimes, each verified before it is kept."""

import math
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from audionas.core import records
from audionas.core.errors import Faults, UserError
from audionas.core.files import write_json
from audionas.core.records.run import ExportedRecord
from audionas.core.reporter import Reporter, amount, say
from audionas.core.rng import numpy_rng
from audionas.cost.arena import versions
from audionas.cost.latency import latency
from audionas.data.labels import write_labels
from audionas.export import esphome, litert, onnx, verify
from audionas.export.listeners import open_file
from audionas.export.onnx import Input, network_latency
from audionas.export.verify import Parity
from audionas.models.listener import Listener
from audionas.models.model import Model, load
from audionas.models.names import own
from audionas.models.owned import BESIDE, enter, require_free
from audionas.models.stream import StreamStep
from audionas.nn.streaming import Pooling
from audionas.report import card
from audionas.report.run import evaluation
from audionas.run.folder import alone, environment
from audionas.run.ship import golden, streaming
from audionas.run.ship.int8 import FineTune, Int8
from audionas.run.ship.targets import ExportJob, File, files_of
from audionas.run.ship.trial import Trial, prepare

_RUNS, _WARM = 200, 20  # timed calls, and calls before them
MOST_HOPS = 100  # in one call: the gain ends long before


class Failed(UserError):
    """A file whose answers differ from the model's."""


def export(
    folder: Path,
    *,
    data: Path | None = None,
    targets: Sequence[str] = ("onnx",),
    calibrate: Path | None = None,
    input: Input = "waveform",
    pool: Pooling = "window",
    hops: int = 1,
    fine_tune: FineTune = "auto",
) -> dict[str, Any]:
    """Write the files of `targets` to `export/`, with `labels.txt`, `golden.npz`, `model_card.md` and
    `report.json`. Returns the report.

    Every file is run in its own runtime against torch on clips of `data` (default: the data of the last
    evaluation), or on seeded noise where there are none. A file that fails is deleted: a float file where a
    probability differs by over 1e-4, an int8 file where it costs over 3 points of accuracy. The target `all`
    skips, with a note, files that the model does not support. One call of `model.stream.onnx` takes `hops`
    hops. int8 is calibrated on clips of `calibrate`
    (default: the training data). All problems are raised at the end, as one UserError; before anything is
    written, files in `export/` that would be replaced and are not ours.
    """
    folder = own(folder)
    require_known(targets, hops, input=input, pool=pool, fine_tune=fine_tune)
    files = files_of(targets, folder.resolve().name)
    require_free(folder, [name for file in files for name in _names(file)])
    model, reporter = load(folder), Reporter()
    trial = prepare(folder, model, data or _evaluated(folder), pool, reporter)
    int8 = Int8(folder, model, calibrate, fine_tune, reporter) if isinstance(model, Model) else None
    job = ExportJob(folder.resolve().name, model, input, pool, hops, int8)
    rows, problems, hints = {}, [], []
    for file in files:
        reporter.note(f"writing {file.name}")
        try:
            rows[file.name] = _made(file, job, trial, folder / "export")
        except UserError as error:
            if "all" in targets and not isinstance(error, Failed):
                reporter.note(" ".join((f"{file.name} left out: {'; '.join(error.problems)}.", error.hint)))
                continue
            if isinstance(error, Failed):
                (folder / "export" / file.name).unlink(missing_ok=True)  # an earlier file, from other weights
            problems += [f"{file.name}: {problem}" for problem in error.problems]
            hints += [error.hint] if error.hint and error.hint not in hints else []
    report = _reported(folder, job, trial, rows) if rows else {}
    if problems:
        raise UserError(problems, hint="\n".join(hints))
    return report


def require_known(targets: Sequence[str], hops: int, *, input: str, pool: str, fine_tune: str) -> None:
    """Raise one UserError for targets and words that are not known, and for hops that no file takes."""
    faults = Faults()
    for name, given, known in (
        ("input", input, ("waveform", "frames")),
        ("pool", pool, ("window", "exponential")),
        ("fine-tune", fine_tune, ("auto", "always", "never")),
    ):
        if given not in known:
            faults.problems.append(f"--{name} {given}: expected {' or '.join(known)}")
    if not 1 <= hops <= MOST_HOPS:
        faults.problems.append(f"--hops {hops}: expected 1 to {MOST_HOPS} hops in one call")
    with faults:
        files = files_of(targets, "")
        if hops > 1 and all(file.target != "onnx-stream" for file in files):
            raise UserError(
                "--hops: only model.stream.onnx takes several hops", hint="Add --target onnx-stream"
            )
    faults.tell()


def show(report: dict[str, Any]) -> None:
    """Print the files as a table on standard output, and their folder."""
    Reporter(stdout=True).table(
        ("file", "bytes", "differs by", "same label", "accuracy", "p50 ms", "p95 ms", "arena"),
        [_line(name, row) for name, row in report["files"].items()],
    )
    one = "image" if report["image"] else "clip"
    say(
        "",
        f"Largest difference in a probability and same labels: against torch, on {report['clips_from']}. "
        f"Times are per {one}, per hop for files that listen, front-end included, on one thread here.",
    )
    for name, row in report["files"].items():
        if "device_arena" in row:
            say(esphome.memory_line(name, row["device_arena"]["bytes"]))
    if told := report.get("int8"):
        say(_int8_line(told))
    for line in streaming.lines(report):
        say(line)
    if told := streaming.advice(report):
        say(told)
    say(f"all files are in {report['folder']}")


def _made(file: File, job: ExportJob, trial: Trial, home: Path) -> dict[str, Any]:
    """Write and try a file; it and its companions move into place only when it has passed."""
    draft = home / ".draft"
    with alone(home.parent / ".export.lock", home):
        enter(home.parent, _names(file))
        try:
            shutil.rmtree(draft, ignore_errors=True)  # left by a killed process
            draft.mkdir(parents=True)
            file.write(job, draft / file.name)
            row = _tried(file, draft / file.name, job, trial)
            for made in sorted(draft.iterdir()):
                made.replace(home / made.name)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return row


def _names(file: File) -> list[str]:
    """The files that an export of this one writes, in the run folder."""
    return [*(f"export/{name}" for name in file.names), *BESIDE, "export/.draft"]


def _tried(file: File, path: Path, job: ExportJob, trial: Trial) -> dict[str, Any]:
    """The report's row about a file. Raises Failed where the file must not be kept."""
    bundle = job.model.bundle
    late: dict[str, Any] = {}
    if file.listens:
        listener = open_file(path, bundle)
        said = verify.heard(listener, trial.heard)
        parity, right = verify.compare_heard(trial.torch_heard, said), trial.right_heard(said)
        plain, times = trial.right_heard(trial.torch_heard), _hop_latency(listener)
        late = _after_past(file, listener, trial, plain, right)
    else:
        run = onnx.clips(path, bundle)
        parity = verify.compare(job.model.scores, run, trial.few)
        right, plain = trial.right(run, f"scoring by {file.name}"), trial.torch
        shape = bundle.spec.io[:3] if job.input == "frames" else bundle.input_shape
        times = {**_short(latency(path, (1, *shape))), "per": "clip"}
    _require(file, parity, right, plain, fine_tuned=_told(job).get("weights") == "fine-tuned")
    return {
        "target": file.target,
        "runtime": file.ran_by,
        "bytes": path.stat().st_size,
        "max_difference": parity.difference,
        "same_label": parity.agree,
        "clips": parity.clips,
        "accuracy": right,
        "torch": plain,
        "latency_ms": times,
        **late,
        **({"hops": job.hops} if file.target == "onnx-stream" else {}),
        **({"arena_bytes": litert.arena(path)} if file.int8 and path.suffix == ".tflite" else {}),
        **({"device_arena": {"bytes": esphome.memory(path), "of": versions()}} if file.described else {}),
    }


def _after_past(
    file: File,
    listener: Listener,
    trial: Trial,
    plain: dict[str, Any] | None,
    right: dict[str, Any] | None,
) -> dict[str, Any]:
    """The report's facts about clips that are heard after other sound.

    Raises Failed where the file is another model then, or hears much less than from silence.
    """
    sound, source = trial.pasts
    said = verify.after(listener, trial.heard, sound)
    parity = verify.compare_heard(trial.torch_after[:, None], said[:, None])
    late, of_torch = trial.right_after(said), trial.right_after(trial.torch_after)
    kept = "The file was not kept."
    if (not file.int8 and not parity.holds) or not math.isfinite(parity.difference):
        raise Failed(
            f"after {source}, scores differ from torch's by {parity.difference:.1e}, over "
            f"{verify.TOLERANCE:.0e}",
            hint=f"{kept} Please report this with the arch.json.",
        )
    if late and of_torch and verify.loses_too_much(of_torch["accuracy"], late["accuracy"], late["n"]):
        raise Failed(
            f"in int8 {late['accuracy']:.1%} of {amount(late['n'], 'clip')} are right after {source}, in "
            f"float {of_torch['accuracy']:.1%}; at most {100 * verify.POINTS:.0f} points may be lost",
            hint=f"{kept} Try --fine-tune always, or another network.",
        )
    fresh = plain if file.int8 else right
    if late and fresh and verify.goes_deaf(fresh["accuracy"], late["accuracy"], late["n"]):
        raise Failed(
            f"{late['accuracy']:.1%} of {amount(late['n'], 'clip')} are right after 1 to 3 s of {source}, "
            f"{fresh['accuracy']:.1%} from silence; at most {100 * verify.PAST:.0f} points may be lost",
            hint=f"{kept} A device never hears from silence. Train with other sound before the clips: "
            "train.past=1",
        )
    return {
        "past": {"from": source, "max_difference": parity.difference, "accuracy": late, "torch": of_torch}
    }


def _told(job: ExportJob) -> dict[str, Any]:
    """The choice of the weights in int8 files; empty where there are none."""
    return job.int8.told if job.int8 is not None else {}


def _require(
    file: File,
    parity: Parity,
    right: dict[str, Any] | None,
    plain: dict[str, Any] | None,
    *,
    fine_tuned: bool,
) -> None:
    """Raise Failed for a file that cannot be trusted."""
    kept = "The file was not kept."
    if (not file.int8 and not parity.holds) or not math.isfinite(parity.difference):
        raise Failed(
            f"scores differ from torch's by {parity.difference:.1e}, over {verify.TOLERANCE:.0e}",
            hint=f"{kept} Please report this with the arch.json.",
        )
    if not file.int8 or right is None or plain is None:
        return
    if verify.loses_too_much(plain["accuracy"], right["accuracy"], right["n"]):
        raise Failed(
            f"in int8 {right['accuracy']:.1%} of {amount(right['n'], 'clip')} are right, in float "
            f"{plain['accuracy']:.1%}; at most {100 * verify.POINTS:.0f} points may be lost",
            hint=f"{kept} Its weights are already fine-tuned: try another network."
            if fine_tuned
            else f"{kept} Try --fine-tune always, or another network.",
        )


def _hop_latency(listener: Listener) -> dict[str, Any]:
    """Milliseconds per hop, front-end included; those of a call with several hops are divided."""
    samples = listener.hop * listener.every
    sound = numpy_rng("export", "latency").normal(0, 0.1, samples).astype(np.float32)
    listener.reset()
    took = []
    for _ in range(_WARM + _RUNS):
        start = time.perf_counter()
        listener.step(sound)
        took.append(1e3 * (time.perf_counter() - start) / listener.every)
    p50, p95 = np.percentile(took[_WARM:], [50, 95])
    return {"p50": float(p50), "p95": float(p95), "threads": 1, "runs": _RUNS, "per": "hop"}


def _reported(folder: Path, job: ExportJob, trial: Trial, rows: dict[str, Any]) -> dict[str, Any]:
    """Write everything beside the files; files of earlier exports stay in the report."""
    home, bundle = folder / "export", job.model.bundle
    before = records.plain(ExportedRecord, file) if (file := home / "report.json").exists() else {}
    kept = {name: row for name, row in before.get("files", {}).items() if (home / name).exists()}
    report = {
        **before,
        **(_onnx(home / "model.onnx", job, rows["model.onnx"]) if "model.onnx" in rows else {}),
        "folder": str(home),
        "image": bundle.features is None,
        "clips_from": trial.source,
        "files": {**kept, **rows},
        "torch": trial.torch,
        **streaming.facts(job.model),
        **(_of_stream(job, trial) if any("past" in row for row in rows.values()) else {}),
        "environment": environment(int(bundle.note.get("seed", 0))),
    }
    if any(row["target"] in ("int8", "litert", "esphome") for row in rows.values()) and _told(job):
        report["int8"] = _told(job)
    write_labels(home, bundle.labels)
    report["golden"] = golden.write(home / "golden.npz", trial)
    write_json(home / "report.json", report)
    card.card(folder)
    return report


def _of_stream(job: ExportJob, trial: Trial) -> dict[str, Any]:
    """The report's facts about the model as a stream: its memory, and how often it agrees with the clips."""
    kept = StreamStep(job.model.bundle, input="frames", pool=job.pool).memory
    return {"memory": {**kept.plain(), "words": kept.words()}, "stream_against_clip": trial.same_as_clip}


def _onnx(file: Path, job: ExportJob, row: dict[str, Any]) -> dict[str, Any]:
    """More facts about the file that takes a clip, for the top of the report."""
    bundle, model = job.model.bundle, job.model
    shape = bundle.spec.io[:3] if job.input == "frames" else bundle.input_shape
    return {
        "file": str(file),
        "bytes": row["bytes"],
        "input": {
            "name": onnx.name_of(bundle, job.input),
            "shape": ["batch", *shape],
            **({"sample_rate": model.sample_rate} if isinstance(model, Model) else {}),
        },
        "output": {"name": "scores", "shape": ["batch", len(model.labels)], "labels": list(model.labels)},
        **{key: row[key] for key in ("max_difference", "same_label", "clips", "latency_ms")},
        "network_latency_ms": _short(network_latency(model.net, bundle.spec.io)),
    }


def _short(times: dict[str, float | int]) -> dict[str, Any]:
    """ONNX Runtime's times under the names of the report."""
    return {
        "p50": times["p50_ms"],
        "p95": times["p95_ms"],
        "threads": times["threads"],
        "runs": times["runs"],
    }


def _evaluated(folder: Path) -> Path | None:
    """The data that the model was last evaluated on, if they still exist."""
    last = evaluation(folder)
    return Path(last["data"]) if last is not None and Path(last["data"]).exists() else None


def _line(name: str, row: dict[str, Any]) -> tuple[str, ...]:
    right, times = row["accuracy"], row["latency_ms"]
    return (
        name,
        f"{row['bytes']:,}",
        f"{row['max_difference']:.1e}",
        f"{row['same_label']:.1%}",
        "-" if right is None else f"{right['accuracy']:.1%}",
        f"{times['p50']:.3f}",
        f"{times['p95']:.3f}",
        f"{row['arena_bytes']:,}" if "arena_bytes" in row else "-",
    )


def _int8_line(told: dict[str, Any]) -> str:
    """All figures that led to the weights in int8 files."""
    measured = [
        f"{words} {100 * told[key]['accuracy']:.2f} %"
        for key, words in (
            ("float", "float"),
            ("post_training", "post-training"),
            ("fine_tuned", "fine-tuned"),
        )
        if key in told
    ]
    clips = f"calibrated on {amount(told['clips'], 'clip')} of {told['calibrated_on']}"
    dev = f"; on the development data: {', '.join(measured)}" if measured else ""
    return f"int8: {clips}; weights {told['weights']}{dev}"
