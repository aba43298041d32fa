"""`audionas demo-web`: a folder in which a browser runs the exported model, and a server for it."""

import shutil
from pathlib import Path
from typing import Any

from audionas.core.errors import UserError
from audionas.core.files import write_json
from audionas.core.hostile import command
from audionas.core.reporter import Reporter
from audionas.listen.exported import Exported, find, trained, tuned
from audionas.listen.hear import TAIL
from audionas.listen.web.runtime import FILES
from audionas.listen.web.runtime import runtime as runtime_of
from audionas.models.names import own
from audionas.models.owned import enter

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


def exported(folder: Path) -> bool:
    """True where the file that the page runs exists. Raises UserError where no model has a keyword."""
    folder = own(folder)
    trained(folder)
    return (folder / "export" / MODEL).exists()


def described(found: Exported) -> dict[str, Any]:
    """The facts that the page needs about the model: labels, hop, silence, states, keywords, the rule."""
    from audionas.export.onnx_listeners import OnnxStream

    stream = OnnxStream(found.file, found.bundle)
    first, *states = stream.inputs
    if first.name != "samples":
        raise UserError(
            f"{found.file}: takes frames, which the page cannot compute",
            hint=f"{command('audionas', 'export', found.folder, '--target', 'onnx-stream')} "
            "writes one that takes samples, except for a model with the front-end micro",
        )
    how = tuned(found)
    return {
        "name": found.folder.resolve().name,
        "arch": found.bundle.spec.id,
        "file": MODEL,
        "labels": list(stream.labels),
        "sample_rate": stream.sample_rate,
        "hop": stream.hop,
        "warm_up": stream.warm_up,
        "tail": round(TAIL * stream.sample_rate),  # samples of silence after a recording
        "states": [{"name": state.name, "shape": list(state.shape)} for state in states],
        "keywords": [
            {"name": name, "column": stream.labels.index(name), "threshold": threshold}
            for name, threshold in how.thresholds.items()
        ],
        "thresholds_from": how.origin,
        "rule": {
            **how.rule.plain(),
            "gap": how.rule.gap(stream.hop / stream.sample_rate),
            "words": how.rule.words(),
        },
    }
