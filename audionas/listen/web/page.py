"""`audionas demo-web`: a folder in which a browser runs the exported model, and a server for it."""

import shutil
from pathlib import Path
from typing import Any

from audionas.core.errors import Faults, UserError
from audionas.core.files import write_json
from audionas.core.hostile import command
from audionas.core.reporter import Reporter
from audionas.listen.exported import Exported, find, trained, tuned
from audionas.listen.hear import TAIL
from audionas.listen.web.runtime import FILES
from audionas.listen.web.runtime import runtime as runtime_of
from audionas.models.bundle import ModelBundle
from audionas.models.names import own
from audionas.models.owned import enter
from audionas.models.stream import Input

MODEL = "model.stream.onnx"
_PAGE = Path(__file__).with_name("static")


def write(folder: Path, reporter: Reporter, *, runtime: Path | None = None) -> Path:
    """Write `exp/NAME/web/`: the page, the model, its description `model.json`, and the runtime in `ort/`.

    `runtime` is a folder with onnxruntime-web; see `runtime.runtime`. Raises UserError where there is no
    exported model with a keyword, for one that does not stream samples, and where the runtime is unavailable.
    """
    found = find(folder, Path(MODEL))
    facts = described(found)
    files = runtime_of(runtime, reporter)
    web = found.folder / "web"
    copied = {file.name: file for file in (*_PAGE.iterdir(), found.file)}
    copied |= {f"ort/{name}": files / name for name in FILES}
    enter(found.folder, [f"web/{name}" for name in (*sorted(copied), "model.json")])
    for place in (web, web / "ort"):
        place.mkdir(parents=True, exist_ok=True)
    for name, file in copied.items():
        shutil.copyfile(file, web / name)
    write_json(web / "model.json", facts)
    return web


def missing(folder: Path, runtime: Path | None = None) -> Input | None:
    """The input of the file that the page runs where it is not exported yet, None where it is.

    Raises one UserError where no model has a keyword, and for a `runtime` that is none.
    """
    faults = Faults()
    if runtime is not None:
        with faults:
            runtime_of(runtime, Reporter())
    with faults:
        folder = own(folder)
        bundle = trained(folder)
    faults.tell()
    return None if (folder / "export" / MODEL).exists() else _input(bundle)


def _input(bundle: ModelBundle) -> Input:
    """The input that the page makes: samples, or frames of the one front-end that it computes itself."""
    return "frames" if bundle.features is not None and bundle.features.name == "micro" else "waveform"


def described(found: Exported) -> dict[str, Any]:
    """The facts that the page needs about the model: labels, hop, inputs, silence, keywords, the rule."""
    from audionas.export.onnx_listeners import OnnxStream

    stream = OnnxStream(found.file, found.bundle)
    first, *states = stream.inputs
    if first.name == "frames" and _input(found.bundle) != "frames":
        raise UserError(
            f"{found.file}: takes frames, and the page computes only those of the front-end micro",
            hint="Write one that takes samples: "
            + command("audionas", "export", found.folder, "--target", "onnx-stream"),
        )
    if stream.every > 1:
        raise UserError(
            f"{found.file}: takes {stream.every} hops in a call, and the page gives one at a time",
            hint="Write one that takes one: "
            + command("audionas", "export", found.folder, "--target", "onnx-stream"),
        )
    how = tuned(found)
    return {
        "name": found.folder.resolve().name,
        "arch": found.bundle.spec.id,
        "file": MODEL,
        "labels": list(stream.labels),
        "sample_rate": stream.sample_rate,
        "hop": stream.hop,
        "input": {"name": first.name, "shape": list(first.shape)},
        "warm_up": stream.warm_up,
        "tail": round(TAIL * stream.sample_rate),  # samples of silence after a recording
        "states": [{"name": state.name, "shape": list(state.shape)} for state in states],
        "keywords": [
            {"name": name, "column": stream.labels.index(name), "threshold": threshold}
            for name, threshold in how.thresholds.items()
        ],
        "tuned": how.known,
        "thresholds_from": how.origin,
        "rule": {
            **how.rule.plain(),
            "gap": how.rule.gap(stream.hop / stream.sample_rate),
            "words": how.rule.words(),
        },
    }
