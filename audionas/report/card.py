"""`model_card.md`: the measured costs and quality of a trained model and its exported files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from audionas.core import records
from audionas.core.files import sha256, write_text
from audionas.core.intervals import Interval
from audionas.core.records.run import EnvironmentRecord, ExportedRecord
from audionas.core.reporter import amount
from audionas.cost.graph import measure
from audionas.cost.memory import memory
from audionas.cost.streams import streamed
from audionas.data import kaldi
from audionas.features import build
from audionas.inputs.feed import config_of
from audionas.models import hub, names
from audionas.models.bundle import ModelBundle
from audionas.models.owned import enter
from audionas.nn.blocks import make_endless
from audionas.report import tune
from audionas.report.markdown import code, table, text
from audionas.spaces._base import space_of


def card(folder: Path) -> Path:
    """Rewrite `export/model_card.md` of a run folder from its bundle, `export/report.json` and `train/`."""
    file = folder / "export" / "report.json"
    report = {"files": {}, **(records.plain(ExportedRecord, file) if file.exists() else {})}
    bundle = ModelBundle.load(folder if (folder / "bundle.json").exists() else folder / "model")
    sections = (
        _title(folder, bundle),
        _costs(bundle),
        _files(report),
        _accuracy(report),
        _false_accepts(folder, bundle),
        _data(folder, report),
        _making(folder, bundle, report),
        _check(report),
    )
    out = folder / "export" / "model_card.md"
    enter(folder, ("export/model_card.md",))
    write_text(out, "\n\n".join(part for part in sections if part) + "\n")
    return out


def _title(folder: Path, bundle: ModelBundle) -> str:
    spec = bundle.spec
    heard = f"{bundle.samples:,} samples of sound" if bundle.features else f"images of {spec.io.freq} pixels"
    labels = ", ".join(map(code, bundle.labels))
    return (
        f"# {text(folder.resolve().name)}\n\n"
        f"A network of the space {code(spec.space)} (architecture {spec.id}) that distinguishes "
        f"{amount(len(bundle.labels), 'class')} from {heard}: {labels}."
    )


def _costs(bundle: ModelBundle) -> str:
    with torch.device("meta"):
        net = space_of(bundle.spec).build(bundle.spec)
        if bundle.endless:
            make_endless(net)
        cost = measure(net, bundle.spec.io)
    rows = [("parameters", f"{cost.params:,}"), ("multiply-adds", f"{cost.macs:,} per example")]
    if bundle.features is not None:
        told, front_end = streamed(net, bundle.spec.io), build(bundle.features)
        named = bundle.features.resolved()
        rows.insert(0, ("front-end", f"{named['name']}/{named['preset']}, {front_end.sample_rate} Hz"))
        if "why_not" in told:
            rows.append(("streaming", f"no: {told['why_not']}"))
        else:
            hop = told["hop"] * front_end.hop
            rows += [
                (
                    "multiply-adds per second, streaming",
                    f"{told['hop_macs'] * front_end.sample_rate / hop:,.0f}",
                ),
                ("hop", f"{hop} samples, {1000 * hop / front_end.sample_rate:g} ms"),
                ("memory", memory(told["field"], told["fades"], told["hop"], front_end).words()),
                ("state", f"{told['state_bytes']:,} bytes in float32, a quarter in int8"),
            ]
    return "## Network\n\nWithout the front-end.\n\n" + table(("", ""), rows)


def _files(report: Mapping[str, Any]) -> str:
    if not report["files"]:
        return "## Files\n\nNothing is exported yet: audionas export"
    head = ("file", "flash", "arena", "p50", "p95", "run by", "largest difference", "same label")
    rows = [
        (
            code(name),
            f"{row['bytes']:,} bytes",
            f"{row['arena_bytes']:,} bytes" if "arena_bytes" in row else "-",
            f"{row['latency_ms']['p50']:.3f} ms per {row['latency_ms']['per']}",
            f"{row['latency_ms']['p95']:.3f} ms",
            row["runtime"],
            f"{row['max_difference']:.1e}",
            f"{row['same_label']:.1%}",
        )
        for name, row in report["files"].items()
    ]
    lead = (
        "The arena is the working memory that TFLite-Micro reports after a call, on a computer with pointers "
        "of 8 bytes. Times are for one thread of the machine below and include the front-end. Differences "
        f"compare probabilities with those of torch, on {text(report['clips_from'])}."
    )
    for name, row in report["files"].items():
        if known := row.get("device_arena"):
            sizes = " and ".join(
                f"{size:,} bytes on an {chip.upper()}" for chip, size in known["bytes"].items()
            )
            lead += f" On a device {code(name)} needs an arena of {sizes} ({text(known['of'])})."
    return f"## Files\n\n{lead}\n\n" + table(head, rows)


def _accuracy(report: Mapping[str, Any]) -> str:
    measured = [(code(name), row) for name, row in report["files"].items() if row.get("accuracy")]
    if not measured:
        return "## Accuracy\n\nNot measured: no data were available. audionas export EXP --data DIR"
    rows = [("torch", *_right(report["torch"]), "")] if report.get("torch") else []
    for name, row in measured:
        plain = row["torch"]["accuracy"] if row.get("torch") else None
        rows.append((name, *_right(row["accuracy"]), "-" if plain is None else f"{plain:.2%}"))
    said = (
        "## Accuracy\n\nIntervals are 95 %, by bootstrap over speakers, or over clips where speakers are "
        "unknown; where few clips are wrong they hold the exact one. Files that listen answer with the last "
        "score of a clip, on a part of the clips; the last column shows torch on the same clips.\n\n"
    ) + table(("", "accuracy", "95 % interval", "clips", "torch"), rows)
    if of_stream := report.get("stream_against_clip"):
        lines = [
            f"{code(name)} {late['accuracy']['accuracy']:.2%}"
            for name, row in report["files"].items()
            if (late := row.get("past")) and late["accuracy"]
        ]
        said += f"\n\n{against(of_stream)}"
        said += f" Right after 1 to 3 s of other sound: {', '.join(lines)}." if lines else ""
    if told := report.get("int8"):
        words = (("float", "float"), ("post_training", "post-training"), ("fine_tuned", "fine-tuned"))
        parts = [f"{word} {told[key]['accuracy']:.2%}" for key, word in words if key in told]
        on = f", on {told['development_clips']} development clips: {', '.join(parts)}" if parts else ""
        said += (
            f"\n\nint8 is calibrated on {amount(told['clips'], 'clip')} of {text(told['calibrated_on'])}; "
            f"weights: {text(told['weights'])}{on}."
        )
    return said


def _false_accepts(folder: Path, bundle: ModelBundle) -> str:
    if bundle.features is None:
        return ""
    rows = [{"file": name, **note} for name, note in bundle.note.get("detect", {}).items() if note.get("sum")]
    if not rows:
        return "## False accepts\n\nnot tuned: audionas tune"
    head, lines = tune.rates_table(rows)
    parts = [
        "## False accepts",
        "Clips rejected at a rate of false accepts per hour, 95 % interval.",
        table(head, lines),
    ]
    for row in rows:
        words = ", ".join(f"{code(word)} {found['threshold']:.6g}" for word, found in row["words"].items())
        line = f"{code(row['file'])}: {words}, measured on {amount(row['clips'], 'clip')} and "
        line += f"{row['hours']:.3g} h without a keyword."
        there = folder / "export" / row["file"]
        if there.exists() and row.get("sha256") not in (None, sha256(there)):
            line += " The file has changed since: audionas tune"
        parts.append(line)
    return "\n\n".join(parts)


def _data(folder: Path, report: Mapping[str, Any]) -> str:
    rows = sources(folder)
    if report.get("int8"):
        rows.append(("calibration", report["int8"]["calibrated_on"]))
    if report.get("clips_from"):
        rows.append(("verification", report["clips_from"]))
    if not rows:
        return "## Data\n\nunknown"
    return "## Data\n\n" + table(
        ("", "directory", "licence"),
        [(part, code(path), kaldi.read_licence(Path(path)) or "unknown") for part, path in rows],
    )


def sources(folder: Path) -> list[tuple[str, str]]:
    """The data that a run was trained and validated on, by their use; none where they are unknown."""
    conf = config_of(folder)
    if conf is None:
        return []
    if conf.images is not None:
        return [("training", conf.images.path)]
    return [("training", conf.data.train), ("development", conf.data.dev)]


def begun(bundle: ModelBundle) -> tuple[str, str]:
    """The model or search that the first weights are from, and its terms as far as they are known.

    The terms are those on the card of an included model, else `licence.txt` of a run's training data. Both
    are empty where the weights were drawn.
    """
    place = str(bundle.note.get("init", {}).get("from", ""))
    if not place or place.startswith(hub.SCHEME):
        return place, ""
    folder = Path(place)
    if place in names.names() and not folder.exists():
        return place, names.licence(place)
    homes = (folder, folder.parent)  # its model/ or search/ can be named, too
    trained = next((found for home in homes if (found := sources(home))), [])
    return place, "; ".join(dict.fromkeys(filter(None, (kaldi.read_licence(Path(p)) for _, p in trained))))


def _making(folder: Path, bundle: ModelBundle, report: Mapping[str, Any]) -> str:
    rows = []
    for step in ("search", "train"):
        file = folder / step / "env.json"
        if file.exists():
            rows.append((step, records.plain(EnvironmentRecord, file)))
    if "environment" in report:
        rows.append(("export", report["environment"]))
    place, terms = begun(bundle)
    first = f"The first weights are those of {code(place)}. Its licence: {text(terms or 'unknown')}."
    if not rows and not place:
        return ""
    head = ("", "command", "commit", "machine", "when")
    made = table(
        head,
        [
            (
                step,
                code(env["command"]),
                env["git"] or "unknown",
                f"{env['machine']}, torch {env['torch']}",
                env["started"],
            )
            for step, env in rows
        ],
    )
    return "\n\n".join(["## How it was made", *([first] if place else []), *([made] if rows else [])])


def _check(report: Mapping[str, Any]) -> str:
    if "golden" not in report:
        return ""
    return (
        "## Testing other code\n\n"
        f"`golden.npz` has inputs with the model's outputs: {described(report['golden'])}."
    )


def against(told: Mapping[str, Any] | None, source: str = "") -> str:
    """The line about a stream and the clip's classifier; without figures it says on what there are none."""
    if told is None:
        return f"Stream against clip: not measurable on {source}; give recordings with --data DIR."
    line = (
        f"Stream against clip: same label on {told['fresh']:.1%} of {amount(told['clips'], 'clip')} "
        f"from silence, on {told['past']:.1%} after other sound"
    )
    if "moved" not in told:  # a report of an earlier version, whose hops did not end with the clips
        return f"{line}."
    return f"{line}; clip against clip, moved by up to one hop: on {told['moved']:.1%}."


def _right(found: Mapping[str, Any]) -> tuple[str, str, str]:
    interval = Interval.read(found).words("{:.2%}".format)
    return f"{found['accuracy']:.2%}", interval, f"{found['n']:,}"


def described(shapes: dict[str, Any]) -> str:
    """The arrays and shapes in words."""
    return ", ".join(f"{code(name)} {' x '.join(map(str, shape))}" for name, shape in shapes.items())
