"""`audionas eval`: a trained model on a data directory or on test images, in torch or as exported file."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from audionas.core.errors import UserError
from audionas.core.files import write_json
from audionas.core.intervals import Interval
from audionas.core.reporter import Reporter, say
from audionas.data import heard, kaldi
from audionas.data.conf import Data
from audionas.data.groups import read_groups
from audionas.data.kaldi import DataDir
from audionas.engine.fusion import fused
from audionas.engine.metrics import by_group, summary, whose
from audionas.export import onnx
from audionas.inputs.evaluated import open_clips, open_pictures
from audionas.inputs.plain import open_folder, tell_shared
from audionas.inputs.split import Split
from audionas.models.bundle import ModelBundle
from audionas.models.model import ImageModel, load
from audionas.models.names import own
from audionas.models.owned import enter, require_free
from audionas.run.training.lineage import heard_by

_BATCH = 256
_SHARES = ("accuracy", "balanced_accuracy", "macro_f1")  # figures shown in percent for a group


class Answers(NamedTuple):
    """A model's answers on a split: (n, classes) probabilities, and the truth."""

    bundle: ModelBundle
    split: Split
    scores: np.ndarray

    @property
    def truth(self) -> list[str]:
        """The label of each example."""
        return [self.bundle.labels[target] for target in self.split.targets]


def evaluate(
    folder: Path,
    directory: Path,
    *,
    engine: Literal["torch", "onnx"] = "torch",
    data: Data | None = None,
    by: Sequence[str] = (),
    plain: bool = False,
    pattern: str = "",
) -> dict[str, Any]:
    """Accuracy and macro F1 with intervals, per-class figures and confusion matrix.

    `by` adds the figures for each group of clips: `by: {device: {a: {...}, b: {...}}}` where `utt2device` in
    the data directory gives the device of each clip (`data.groups`). The result is also written to
    `eval/<directory>.json`; `eval.json` and `scores.json` (each clip's answer) are the latest. Raises
    UserError where a file that is not ours would be replaced.

    With `plain`, `directory` is a folder per class, of files of any rate; `pattern` finds their speakers.
    Where it is known what the model was trained on, `trained_on` counts the clips and speakers it has heard.

    For an image model `directory` is an archive, an .npz file or a folder, and its test part is used. `data`
    gives the rules for clips that cannot be read; its directories are not used.
    """
    folder = own(folder)
    kept = f"eval/{directory.resolve().name}.json"
    files = (kept, "scores.json", "eval.json")
    require_free(folder, files)
    for name in by:
        read_groups(directory, name, ())  # a wrong name is reported before the clips are scored
    reporter, rules = Reporter(), data or Data()
    items = None
    if plain:
        model = load(folder)
        if isinstance(model, ImageModel):
            raise UserError(f"{folder}: sees images; their folder is given with --data")
        items = open_folder(directory, model.labels, pattern, reporter)
        rules = replace(rules, resample=True, cache=str(folder / "cache"))
    scored = score(folder, directory, engine=engine, data=rules, items=items)
    bundle = scored.bundle
    result = {
        **summary(scored.scores, scored.split.targets, bundle.labels, scored.split.speakers),
        "data": str(directory),
        "engine": engine,
        "arch": bundle.spec.id,
    }
    if bundle.features is not None:
        if items is None:
            items = kaldi.read(directory)
            tell_shared(items, reporter)
        if (known := heard_by(folder)) is not None:
            result["trained_on"] = heard.again(known, items)
    if by:
        result["by"] = _groups(scored, directory, by)
    if bundle.features is None:
        del result["speakers"]  # images have no speakers: the interval is over the images
    enter(folder, files)
    write_json(folder / kept, result)
    write_json(folder / "scores.json", _rows(scored))
    write_json(folder / "eval.json", result)
    return result


def show(result: dict[str, Any]) -> None:
    """Print the result for people on standard output."""
    share = "{:.2%}".format
    accuracy = Interval.read(result).words(share)
    macro_f1 = Interval.read(result, "macro_f1_interval").words(share)
    Reporter(stdout=True).table(
        ("label", "recall", "precision", "log loss", "clips"),
        [
            (label, f"{row['recall']:.1%}", f"{row['precision']:.1%}", _nats(row["log_loss"]), row["n"])
            for label, row in result["per_class"].items()
        ],
    )
    say(
        "",
        f"accuracy {result['accuracy']:.2%}, 95 % interval {accuracy} over {whose(result)} "
        f"of {result['data']} ({result['engine']})",
        f"macro F1 {result['macro_f1']:.2%}, 95 % interval {macro_f1}",
        f"log loss {result['log_loss']:.3f}, mean of the classes' {result['macro_log_loss']:.3f}",
    )
    for warning in heard.words(result):
        say("", warning)
    for name, groups in result.get("by", {}).items():
        say("", f"by {name}:")
        Reporter(stdout=True).table(
            (name, "accuracy", "balanced accuracy", "macro F1", "log loss", "clips"),
            [
                (group, *(f"{row[k]:.1%}" for k in _SHARES), f"{row['log_loss']:.3f}", row["n"])
                for group, row in groups.items()
            ],
        )


def score(
    folder: Path,
    directory: Path,
    *,
    engine: Literal["torch", "onnx"],
    data: Data,
    items: DataDir | None = None,
) -> Answers:
    """Run every example through the whole model, from waveform or image; `items` are those of a plain folder.

    A recording of several channels is one example: its scores are the mean of its channels'.
    """
    model, reporter = load(folder), Reporter()
    if isinstance(model, ImageModel):
        split, batch = open_pictures(model, directory, data, reporter)
    else:
        split, batch = open_clips(model, directory, data, reporter, items)
    if not len(split):
        raise UserError(f"{directory}: holds nothing to evaluate")
    file = folder / "export" / "model.onnx"
    answer = model.scores if engine == "torch" else onnx.clips(file, model.bundle)
    channels, size = model.bundle.channels, max(1, _BATCH // model.bundle.channels)
    starts = reporter.progress(range(0, len(split), size), f"scoring {directory}")
    scores = np.concatenate([answer(batch(i, i + size)) for i in starts])
    return Answers(model.bundle, split, fused(scores, channels))


def _groups(scored: Answers, directory: Path, by: Sequence[str]) -> dict[str, Any]:
    """The figures of the groups of each property in `by`."""
    split, labels = scored.split, scored.bundle.labels
    members = {name: read_groups(directory, name, split.ids) for name in by}
    return {name: by_group(scored.scores, split.targets, labels, of) for name, of in members.items()}


def _nats(loss: float | None) -> str:
    return "-" if loss is None else f"{loss:.3f}"


def _rows(scored: Answers) -> list[dict[str, Any]]:
    """The rows that paired comparisons need: each example's truth, answer and speaker."""
    answers = scored.scores.argmax(1)
    split = scored.split
    return [
        {
            "id": name,
            "speaker": speaker,
            "truth": truth,
            "label": scored.bundle.labels[int(answer)],
            "score": float(row[answer]),
        }
        for name, speaker, truth, answer, row in zip(
            split.ids, split.speakers, scored.truth, answers, scored.scores, strict=True
        )
    ]
