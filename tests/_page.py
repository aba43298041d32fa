"""The page of `audionas demo-web` around the made wake word, with thresholds as tuning leaves them."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from audionas.data import audio
from audionas.export import onnx_stream
from audionas.features import Features
from audionas.listen.events import levels
from audionas.listen.exported import find, keep
from audionas.listen.web.runtime import NAME, cache_folder
from audionas.listen.web.server import server as page_server
from audionas.models.bundle import ModelBundle
from audionas.models.listener import Rule
from audionas.models.stream import Input
from tests import _wake
from tests._server import running

RULE = Rule(smooth=2, refractory=0.8, patience=(2, 3))
SOUNDS = {
    "yes.wav": {"words": [1.3], "others": [], "seed": 0},
    "no.wav": {"words": [], "others": [1.3], "seed": 1},
}


def exported(folder: Path, features: Features | None = None, **training: int) -> Path:
    """A run folder whose model.stream.onnx tells by its threshold yes.wav from no.wav, both in it."""
    features = features or Features()
    _wake.trained(folder, features, **training)
    given: Input = "frames" if features.name == "micro" else "waveform"
    onnx_stream.export(
        ModelBundle.load(folder / "model"), folder / "export" / "model.stream.onnx", input=given
    )
    found = find(folder)
    highest = []
    for name, parts in SOUNDS.items():
        sound = _wake.audio(3.5, **parts)
        audio.write(folder / name, sound, _wake.RATE)
        listener = found.listen()
        scores = listener.step(audio.read(folder / name, rate=_wake.RATE, seconds=None))
        highest.append(levels(scores[listener.warm_up :, :1], RULE).max())
    assert highest[0] > highest[1] + 0.5, f"the model does not tell them apart: {highest}"
    keep(found, {**RULE.plain(), "words": {"word": {"threshold": float(np.mean(highest))}}})
    return folder


def untuned(run: Path, folder: Path) -> Path:
    """A copy of a run folder without its thresholds."""
    shutil.copytree(run, folder)
    plain = json.loads((folder / "model" / "bundle.json").read_text(encoding="utf-8"))
    del plain["note"]["detect"]
    (folder / "model" / "bundle.json").write_text(json.dumps(plain), encoding="utf-8")
    return folder


def runtime() -> Path:
    """The cached onnxruntime-web; skips where there is none, but fails where AUDIONAS_BROWSER asks for it."""
    kept = cache_folder() / NAME
    if not kept.is_dir():
        reason = f"onnxruntime-web was not fetched to {kept} (audionas demo-web does)"
        pytest.fail(reason) if os.environ.get("AUDIONAS_BROWSER") else pytest.skip(reason)
    return kept


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a folder, served as `demo-web` serves it."""
    with running(page_server(folder)) as server:
        yield f"http://localhost:{server.server_port}"


def facts(web: Path) -> dict:
    """model.json."""
    return json.loads((web / "model.json").read_text(encoding="utf-8"))
