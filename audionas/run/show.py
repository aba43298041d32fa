"""`audionas show`: what a run found and how well it does, as text, JSON and `report.html`."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from audionas.core.errors import UserError
from audionas.core.files import read_json
from audionas.core.report import read_rows
from audionas.core.rng import numpy_rng
from audionas.cost.graph import measure
from audionas.data import audio, kaldi
from audionas.data.kaldi import Item
from audionas.run import _archs, report
from audionas.run.predict import load
from audionas.spaces._base import space_of

_EXAMPLES = 6
_BAR = 20  # characters of a full bar


def gather(folder: Path) -> dict[str, Any]:
    """Everything the run folder holds, in short; writes `report.html` as well."""
    arch = folder / "arch.json"
    if not arch.exists():
        raise UserError(f"{folder}: no architecture here", hint="Give the folder of a run, such as exp/mini.")
    spec = _archs.read(arch)
    cost = measure(space_of(spec).build(spec), spec.io)
    history = read_rows(folder / "search" / "alphas.jsonl")
    found: dict[str, Any] = {
        "folder": str(folder),
        "arch": spec.id,
        "space": spec.space,
        "choices": {name: list(options) for name, options in spec.choices.items()},
        "network": _archs.told(spec),
        "params": cost.params,
        "macs": cost.macs,
        "probabilities": history[-1]["probabilities"] if history else None,
    }
    for part, file in {"evaluation": "eval.json", "export": "export/report.json"}.items():
        found[part] = read_json(folder / file) if (folder / file).exists() else None
    found["report"] = str(report.write(folder, _examples(folder)))
    return found


def show(found: dict[str, Any]) -> None:
    """The same for people, on standard output."""
    for choice, options in (found["probabilities"] or {}).items():
        print(choice)
        for option, p in options.items():
            kept = "*" if option in found["choices"][choice] else " "
            print(f"  {kept} {option:<14} {p:6.3f} {'█' * round(p * _BAR)}")
    print(f"architecture  {found['network']} ({found['arch']})")
    evaluation, export = found["evaluation"], found["export"]
    if evaluation:
        low, high = evaluation["interval"]
        over = (
            f"{evaluation['speakers']} unseen speakers, {evaluation['n']} clips"
            if "speakers" in evaluation
            else f"{evaluation['n']} images"
        )
        print(f"accuracy      {evaluation['accuracy']:.2%} (95 % interval {low:.2%} to {high:.2%}, {over})")
    print(f"parameters    {found['params']:,}")
    print(f"multiply-adds {found['macs']:,}")
    if export:
        print(f"exported file {export['file']} ({export['bytes']:,} bytes)")
    print(f"report        {found['report']}")


def _examples(folder: Path) -> list[report.Example]:
    """A few clips of the last evaluation with what the model says; mistakes first, at most half."""
    if not (folder / "eval.json").exists() or not (folder / "scores.json").exists():
        return []
    evaluation = read_json(folder / "eval.json")
    directory = Path(evaluation["data"])
    if "speakers" not in evaluation or not directory.exists():
        return []  # of images there is no picture of features
    rows = read_json(folder / "scores.json")
    order = numpy_rng("examples").permutation(len(rows))
    wrong = [rows[i] for i in order if rows[i]["label"] != rows[i]["truth"]][: _EXAMPLES // 2]
    right = [rows[i] for i in order if rows[i]["label"] == rows[i]["truth"]][: _EXAMPLES - len(wrong)]
    items = {item.id: item for item in kaldi.read(directory)}
    model = load(folder)
    chosen = [row for row in (*right, *wrong) if row["id"] in items]
    return [_example(items[row["id"]], row, model) for row in chosen]


def _example(item: Item, row: dict[str, Any], model: Any) -> report.Example:
    seconds = model.bundle.samples / model.sample_rate
    wave = audio.read(item.audio, rate=model.sample_rate, seconds=seconds, start=item.start, resample=True)
    with torch.inference_mode():
        seen = model.network.normalize(model.network.front_end(torch.from_numpy(wave)[None]))
    features: np.ndarray = seen[0, 0].numpy()  # as the network sees it
    return report.Example(Path(item.audio).name, row["truth"], row["label"], row["score"], features)
