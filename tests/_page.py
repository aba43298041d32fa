"""The page of `audionas demo-web` around the made wake word, with thresholds as tuning leaves them."""

import json
import os
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
from tests import _wake
from tests._server import running

RULE = Rule(smooth=2, refractory=0.8, patience=(2, 3))
SOUNDS = {
    "yes.wav": {"words": [1.3], "others": [], "seed": 0},
    "no.wav": {"words": [], "others": [1.3], "seed": 1},
}


def exported(folder: Path) -> Path:
    """A run folder whose model.stream.onnx tells by its threshold yes.wav from no.wav, both in it."""
    _wake.trained(folder, Features())
    onnx_stream.export(ModelBundle.load(folder / "model"), folder / "export" / "model.stream.onnx")
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
