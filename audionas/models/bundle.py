"""A trained model on disk: architecture, labels, statistics, weights and, for sound, the front-end.

Prediction, evaluation and export read only `bundle.json` and `weights.safetensors`, so no later stage
repeats a model flag.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from audionas.core import records
from audionas.core import tensors as stored
from audionas.core.arch import ArchSpec
from audionas.core.errors import UserError
from audionas.core.files import read_json, sha256, write_json
from audionas.core.records.bundle import BundleRecord
from audionas.core.reporter import amount
from audionas.features import Features, FrontEnd, Normalize, build
from audionas.images.augment import Standardize
from audionas.nn.blocks import make_endless
from audionas.nn.fold.fold import in_use
from audionas.nn.means import EndlessMean
from audionas.spaces._base import space_of

FORMAT = 2  # in format 1, squeeze-and-excitation of causal networks averages over everything heard
_AGAIN = "Train again with --overwrite."


class KeywordModel(nn.Module):
    """Waveform (B, N) to class probabilities (B, classes): front-end, statistics, network, softmax."""

    def __init__(self, front_end: FrontEnd, normalize: Normalize, net: nn.Module) -> None:
        super().__init__()
        self.front_end = front_end
        self.normalize = normalize
        self.net = net

    def forward(self, wave: Tensor) -> Tensor:
        """Probabilities that sum to 1 for each clip."""
        logits: Tensor = self.net(self.normalize(self.front_end(wave)))
        return logits.softmax(1)


class PictureModel(nn.Module):
    """Images (B, C, H, W) in [0, 1] to class probabilities (B, classes): statistics, network, softmax."""

    def __init__(self, standardize: Standardize, net: nn.Module) -> None:
        super().__init__()
        self.standardize = standardize
        self.net = net

    def forward(self, image: Tensor) -> Tensor:
        """Probabilities that sum to 1 for each image."""
        logits: Tensor = self.net(self.standardize(image))
        return logits.softmax(1)


@dataclass(frozen=True)
class ModelBundle:
    """Everything about a trained model; `weights` holds the network's weights by name.

    A sound model has `features` and takes waveforms of `samples` samples. An image model has None and 0
    there and takes the shape of `spec.io`; an image file's shorter side is resized to `resize` pixels
    before the centre is cropped. `endless` marks models of format 1.
    """

    spec: ArchSpec
    features: Features | None
    labels: tuple[str, ...]
    samples: int
    mean: Tensor  # (F,), for images (C,)
    std: Tensor  # (F,), for images (C,)
    weights: dict[str, Tensor]
    note: dict[str, Any]
    resize: int = 0
    endless: bool = False

    @property
    def channels(self) -> int:
        """Channels of a recording; the network hears one at a time, and their scores are averaged."""
        return int(self.note.get("channels", 1))

    @property
    def first_channel(self) -> int | None:
        """The channel to use where one input represents a recording; None where it has only one channel."""
        return 0 if self.channels > 1 else None

    @property
    def sample_rate(self) -> int:
        """Samples per second of a sound model."""
        assert self.features is not None
        return int(self.features.resolved()["sample_rate"])

    @property
    def input_name(self) -> str:
        """Name of the input in exported files."""
        return "image" if self.features is None else "waveform"

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one example: (samples,), or (C, H, W)."""
        return tuple(self.spec.io[:3]) if self.features is None else (self.samples,)

    @property
    def deaf(self) -> str:
        """Why a stream of the model goes deaf in time, with the remedy; "" where it does not."""
        if not self.endless:
            return ""
        with torch.device("meta"):
            net = space_of(self.spec).build(self.spec)
        make_endless(net)
        if not any(isinstance(part, EndlessMean) for part in net.modules()):
            return ""
        return (
            "the model is of an earlier version: in a stream its squeeze-and-excitation averages over "
            "all that was heard since the start, so it hears less and less. Training it again is enough."
        )

    def save(self, folder: Path) -> None:
        """Write the weights, then the JSON that makes the folder a bundle."""
        tensors = {f"net.{name}": tensor for name, tensor in self.weights.items()}
        tensors |= {"normalize.mean": self.mean, "normalize.std": self.std}
        file = folder / "weights.safetensors"
        stored.save(tensors, file, {"spec": self.spec.to_json()})
        write_json(
            folder / "bundle.json",
            {
                "format": 1 if self.endless else FORMAT,
                "arch": self.spec.id,
                "features": None if self.features is None else asdict(self.features),
                "labels": list(self.labels),
                "samples": self.samples,
                **({"resize": self.resize} if self.features is None else {}),
                "weights": sha256(file),
                "note": self.note,
            },
        )

    @staticmethod
    def load(folder: Path) -> "ModelBundle":
        """Read a bundle. Raises UserError where it is missing or damaged."""
        if not (folder / "bundle.json").exists():
            raise UserError(
                f"{folder}: no trained model here", hint="Train one first: audionas train CONF arch=..."
            )
        plain = read_json(folder / "bundle.json")
        file = folder / "weights.safetensors"
        tensors = stored.load(file, _AGAIN)
        spec_text = stored.metadata(file, _AGAIN).get("spec")
        if spec_text is None:
            raise UserError(f"{file}: damaged (it holds no architecture)", hint=_AGAIN)
        if not isinstance(plain, dict) or plain.get("format") not in (1, FORMAT):
            raise UserError(
                f"{folder}/bundle.json: not in format 1 to {FORMAT}, which this version reads", hint=_AGAIN
            )
        record = records.check(BundleRecord, plain, f"{folder}/bundle.json", _AGAIN)
        if record.weights not in ("", sha256(file)):
            raise UserError(f"{file}: not the weights that bundle.json was written for", hint=_AGAIN)
        _require_finite(tensors, file)
        try:
            features = plain["features"]
            bundle = ModelBundle(
                spec=ArchSpec.from_json(spec_text, str(file)),
                features=None if features is None else Features(**features),
                labels=tuple(record.labels),
                samples=record.samples,
                mean=tensors.pop("normalize.mean"),
                std=tensors.pop("normalize.std"),
                weights={name.removeprefix("net."): tensor for name, tensor in tensors.items()},
                note=plain["note"],
                resize=record.resize if features is None else 0,
                endless=record.format == 1,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{folder}: damaged ({type(error).__name__}: {error})", hint=_AGAIN) from error
        if plain.get("arch") != bundle.spec.id or len(bundle.labels) != bundle.spec.io.classes:
            raise UserError(f"{folder}: its two files belong to different models", hint=_AGAIN)
        io = bundle.spec.io
        if not (bundle.std > 0).all() or bundle.std.shape != bundle.mean.shape:
            raise UserError(f"{folder}: damaged (a spread of its statistics is not above 0)", hint=_AGAIN)
        if len(bundle.mean) != (io.channels if features is None else io.freq):
            raise UserError(f"{folder}: damaged (statistics of another input)", hint=_AGAIN)
        return bundle

    def network(self) -> KeywordModel | PictureModel:
        """The whole model in evaluation mode: a batch of inputs to probabilities (B, classes).

        Its parallel branches are folded. Raises UserError where the weights do not fit the architecture.
        """
        with torch.random.fork_rng(devices=[]):
            net = space_of(self.spec).build(self.spec)
        if self.endless:
            make_endless(net)
        if self.weights.keys() == in_use(net).state_dict().keys():
            net = in_use(net)  # tuned for int8: its branches were folded before
        try:
            own = net.state_dict()
            net.load_state_dict(self.weights)
            if odd := [
                n for n, t in self.weights.items() if t.is_floating_point() != own[n].is_floating_point()
            ]:
                raise RuntimeError(f"{odd[0]} is {self.weights[odd[0]].dtype}, not {own[odd[0]].dtype}")
        except RuntimeError as error:
            raise UserError(
                f"the weights do not fit architecture {self.spec.id}: {error}", hint=_AGAIN
            ) from error
        if self.features is None:
            return PictureModel(Standardize(self.mean, self.std), in_use(net)).eval()
        front_end, io = build(self.features), self.spec.io
        if front_end.shape(self.samples) != (io.freq, io.frames):
            raise UserError(
                f"the model takes {io.freq} x {io.frames} features, the front-end makes "
                f"{' x '.join(map(str, front_end.shape(self.samples)))} of {self.samples:,} samples",
                hint=_AGAIN,
            )
        return KeywordModel(front_end, Normalize(self.mean, self.std), in_use(net)).eval()


def _require_finite(tensors: dict[str, Tensor], file: Path) -> None:
    """Raise UserError where a weight or a statistic is NaN or infinite: every score would be one, too."""
    if wrong := [name for name, t in tensors.items() if t.is_floating_point() and not t.isfinite().all()]:
        raise UserError(
            f"{file}: NaN or infinity in {amount(len(wrong), 'tensor')}, first in {wrong[0][:100]!r}",
            hint=_AGAIN,
        )
