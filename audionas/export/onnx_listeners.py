"""ONNX files as listeners: one that takes a step, and one that takes a clip and slides over the sound."""

import math
from pathlib import Path

import numpy as np

from audionas.core import records
from audionas.core.errors import UserError
from audionas.core.hostile import command
from audionas.core.records.run import StreamRecord
from audionas.core.reporter import amount
from audionas.export.onnx import clips, opened_session
from audionas.features import build
from audionas.models.bundle import KeywordModel, ModelBundle
from audionas.models.hops import HopListener, States
from audionas.models.listener import Listener
from audionas.models.samples import checked
from audionas.models.scores import running

_BATCH = 32  # clips per call


class OnnxStream(HopListener):
    """A file of `models/stream.py`; one that takes frames needs the bundle, for its front-end.

    Raises UserError for a file that is missing or of another kind.
    """

    def __init__(self, file: Path, bundle: ModelBundle | None = None) -> None:
        self.source, self.session = file, opened_session(file)
        self.inputs = self.session.get_inputs()
        facts = self.session.get_modelmeta().custom_metadata_map
        wanted = {"labels", "sample_rate", "hop_samples", "warm_up", "input"}
        if not wanted <= facts.keys():
            raise UserError(f"{file}: takes no steps; it was not exported to stream", hint=_again(file))
        records.check(StreamRecord, facts, str(file), _again(file))
        self.labels, self.sample_rate = tuple(facts["labels"].split("\n")), int(facts["sample_rate"])
        self.hop, self.warm_up = int(facts["hop_samples"]), int(facts["warm_up"])
        self.every = self.most = int(facts.get("hops", "1"))
        with running(file):
            self.width, rest = divmod(int(self.inputs[0].shape[-1]), self.every)
            self.frames = None
            classes = int(self.session.get_outputs()[0].shape[-1])
        if len(set(self.labels)) != classes or len(self.labels) != classes:
            named = amount(len(set(self.labels)), "label")
            raise UserError(f"{file}: names {named} for {amount(classes, 'score')}", hint=_again(file))
        if bundle is not None and self.labels != bundle.labels:
            raise UserError(f"{file}: names other labels than its model", hint=_again(file))
        ears = None if bundle is None or bundle.features is None else build(bundle.features)
        if facts["input"] == "frames":
            if ears is None:
                raise UserError(f"{file}: takes frames; the front-end of its model is needed")
            self.frames = ears.stream()
        hop = self.width * (ears.hop if ears is not None and self.frames is not None else 1)
        if rest or self.hop != hop or (ears is not None and self.sample_rate != ears.sample_rate):
            raise UserError(f"{file}: takes steps of another model, or is damaged", hint=_again(file))
        with running(file):
            self.reset()

    def start(self) -> States:
        """Zeros in the shapes that the file lists."""
        return [np.zeros(state.shape, np.float32) for state in self.inputs[1:]]

    def run(self, part: np.ndarray, states: States) -> tuple[np.ndarray, States]:
        """Run one call."""
        with running(Path(str(self.source))):
            given = zip(self.inputs, (part, *states), strict=True)
            scores, *after = self.session.run(None, {entry.name: array for entry, array in given})
        return scores, after


class OnnxClip(Listener):
    """A file that takes clips, slid over the sound: one score per `every` seconds, for the last clip.

    For networks that look ahead, and for files that have no form with states. Until a whole clip was heard,
    its beginning is silence. Raises UserError for a file that is missing or belongs to an image model.
    """

    def __init__(self, file: Path, bundle: ModelBundle, every: float = 0.1) -> None:
        network = bundle.network()
        if not isinstance(network, KeywordModel):
            raise UserError(f"{file}: an image model cannot listen")
        self.labels, self.sample_rate = bundle.labels, network.front_end.sample_rate
        self.samples, self.hop = bundle.samples, max(1, round(every * self.sample_rate))
        self.warm_up = math.ceil(self.samples / self.hop) - 1
        self.run = clips(file, bundle)
        self.reset()

    def reset(self) -> None:
        """Forget everything heard."""
        self.heard = np.zeros(self.samples, np.float32)  # the last clip, then an unfinished hop

    def step(self, samples: np.ndarray) -> np.ndarray:
        """Take a step as in Listener; int16 is also accepted. Raises UserError unless given a waveform."""
        sound = np.concatenate([self.heard, checked(samples)])
        hops = (len(sound) - self.samples) // self.hop
        self.heard = sound[hops * self.hop :].copy()
        slid = np.lib.stride_tricks.sliding_window_view(sound, self.samples)[self.hop :: self.hop][:hops]
        rows = [np.zeros((0, len(self.labels)), np.float32)]
        for at in range(0, hops, _BATCH):
            rows.append(self.run(np.ascontiguousarray(slid[at : at + _BATCH])))
        return np.concatenate(rows)


def _again(file: Path) -> str:
    return command("audionas", "export", file.absolute().parents[1], "--target", "onnx-stream")
