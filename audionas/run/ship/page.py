"""README.md of a model on a hub: metadata, three ways to use it, the card, weaknesses, licence."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from audionas.core import records
from audionas.core.files import read_text
from audionas.core.hostile import command
from audionas.core.intervals import FEWEST
from audionas.core.records.run import EvaluationRecord
from audionas.core.reporter import amount
from audionas.data import heard
from audionas.engine.metrics import whose
from audionas.models.bundle import ModelBundle
from audionas.models.hub import Address
from audionas.report.card import card
from audionas.report.markdown import code, table, text

_WEAK = 3  # classes and confusions that are named
_SMALL = 100  # clips of a class: its recall is known to no better than 10 points


def page(folder: Path, where: Address, licence: str) -> str:
    """The text of README.md; `export/model_card.md` of the run folder is written anew."""
    bundle = ModelBundle.load(folder / "model")
    file = folder / "eval.json"
    scores = records.plain(EvaluationRecord, file) if file.exists() else None
    title, _, body = read_text(card(folder)).partition("\n\n")
    parts = (
        _metadata(bundle, scores, where, licence),
        title,
        body.strip(),
        _use(folder, bundle, where),
        _tested(scores),
        "## Weaknesses\n\n" + "\n".join(f"- {line}" for line in _weak(bundle, scores)),
        f"## Licence\n\nThe weights and files: {code(licence)}. The data: see above.",
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _metadata(bundle: ModelBundle, scores: Mapping[str, Any] | None, where: Address, licence: str) -> str:
    """The block between `---` that hubs read."""
    sound = bundle.features is not None
    task = "audio-classification" if sound else "image-classification"
    facts: dict[str, Any] = {
        "license": licence,
        "library_name": "audionas",
        "pipeline_tag": task,
        "tags": ["audionas", "neural-architecture-search", *(["keyword-spotting"] if sound else [])],
    }
    if scores:
        metrics = [
            {"type": kind, "name": name, "value": round(scores[key], 4)}
            for kind, name, key in (("accuracy", "accuracy", "accuracy"), ("f1", "macro F1", "macro_f1"))
        ]
        data = {"type": "audionas", "name": Path(scores["data"]).name, "split": "test"}
        result = {"task": {"type": task}, "dataset": data, "metrics": metrics}
        facts["model-index"] = [{"name": where.repo.partition("/")[2], "results": [result]}]
    return f"---\n{yaml.safe_dump(facts, sort_keys=False, allow_unicode=True)}---"


def _use(folder: Path, bundle: ModelBundle, where: Address) -> str:
    """Three ways: the command, Python, and a file without audionas."""
    example = "recording.wav" if bundle.features else "picture.png"
    lines = [
        "## Use",
        "On the command line, with audionas and its extra `hub`:",
        f"    {command('audionas', 'predict', where, example)}",
        "In Python:",
        f'    import audionas\n    model = audionas.load("{where}")\n    print(model("{example}"))',
    ]
    if (folder / "export" / "model.onnx").exists():
        lines += [
            "Without audionas, by ONNX Runtime (`golden.npz` has inputs and outputs to test with):",
            f"    import onnxruntime\n    from huggingface_hub import hf_hub_download\n"
            f'    file = hf_hub_download("{where.repo}", "export/model.onnx")\n'
            "    session = onnxruntime.InferenceSession(file)\n"
            "    print([(i.name, i.shape) for i in session.get_inputs()])",
        ]
    else:
        lines.append("Without audionas: not yet, as `model.onnx` is not exported (audionas export).")
    return "\n\n".join(lines)


def _tested(scores: Mapping[str, Any] | None) -> str:
    """Recall by class, and what is taken for what."""
    if not scores:
        return ""
    rows = [
        (code(label), f"{row['recall']:.1%}", f"{row['precision']:.1%}", f"{row['n']:,}")
        for label, row in scores["per_class"].items()
    ]
    labels = scores["labels"]
    wrong = sorted(
        ((n, i, j) for i, row in enumerate(scores["confusion"]) for j, n in enumerate(row) if i != j and n),
        key=lambda each: -each[0],
    )
    named = [
        f"{code(labels[i])} for {code(labels[j])} ({n} of {sum(scores['confusion'][i])})"
        for n, i, j in wrong[:_WEAK]
    ]
    said = f"Most frequent confusions: {', '.join(named)}." if named else "No clip was named wrongly."
    lead = f"Measured on {code(scores['data'])}: {whose(scores)}."
    return f"## By class\n\n{lead} {said}\n\n" + table(
        ("class", "recall", "precision", "clips"), rows, numbers=True
    )


def _weak(bundle: ModelBundle, scores: Mapping[str, Any] | None) -> list[str]:
    """The limits that a user must know before relying on it: what was measured, and what was not."""
    if not scores:
        return ["Its accuracy was never measured: audionas eval."]
    lines: list[str] = [text(line) for line in heard.words(scores)]
    speakers = scores.get("speakers", 0)
    if bundle.features is not None and speakers < FEWEST:
        lines.append(
            f"It was tested on {amount(speakers, 'speaker')}: how it fares with others is not measurable."
        )
    per_class = {label: row for label, row in scores["per_class"].items() if row["n"]}
    worst = sorted(per_class.items(), key=lambda pair: pair[1]["recall"])[:_WEAK]
    lines.append(
        "Weakest by recall: " + ", ".join(f"{code(name)} {row['recall']:.1%}" for name, row in worst) + "."
    )
    if small := [name for name, row in per_class.items() if row["n"] < _SMALL]:
        lines.append(f"Fewer than {_SMALL} test clips: {', '.join(map(code, small))}.")
    if bundle.features is not None:
        tuned = [note for note in bundle.note.get("detect", {}).values() if note.get("hours")]
        if tuned:
            hours = max(note["hours"] for note in tuned)
            lines.append(
                f"False accepts were counted in {hours:.3g} h; what these hold is what it was tested against."
            )
        else:
            lines.append("False accepts on continuous sound were not measured: audionas tune.")
    return lines
