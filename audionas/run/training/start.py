"""The source of a training's first weights: another trained model, or the supernet of a finished search."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from audionas.config import Config, load
from audionas.core.arch import ArchSpec
from audionas.core.errors import UserError
from audionas.core.files import sha256
from audionas.core.reporter import amount
from audionas.engine import checkpoint
from audionas.features import Features, Normalize
from audionas.images.augment import Standardize
from audionas.inputs.audio import ClipInputs
from audionas.inputs.images import ImageInputs
from audionas.inputs.split import Inputs
from audionas.models.bundle import ModelBundle
from audionas.models.names import digest, folder_of
from audionas.nn.edge import Edge
from audionas.nn.mixed.sliced import Sliced
from audionas.run.supernet import bare_of, default_features, sizes_of

_SHOWN = 8  # names of new tensors in a note; init.json lists all of them


@dataclass(frozen=True)
class Source:
    """Weights by name as stored in `place`: a model's `bundle`, or a supernet that `search` describes."""

    place: str
    digest: str
    weights: Mapping[str, Tensor]
    features: Features | None
    bundle: ModelBundle | None = None
    search: Config | None = None

    @property
    def arch(self) -> ArchSpec | None:
        """The model's architecture."""
        return None if self.bundle is None else self.bundle.spec

    def named(self, spec: ArchSpec) -> Mapping[str, Tensor]:
        """The weights under the names that a network of `spec` uses.

        Raises UserError for an architecture that is not in the supernet.
        """
        return self.weights if self.search is None else _inherited(self, self.search, spec)

    def statistics(self, inputs: Inputs) -> Inputs:
        """`inputs` with the statistics that a model's weights were trained with, if the front-end is equal.

        Raises UserError where one is for sound and the other for images.
        """
        if (self.features is None) != isinstance(inputs, ImageInputs):
            one, other = ("images", "recordings") if self.features is None else ("recordings", "images")
            raise UserError(f"train.init: {self.place} was trained on {one}, this run reads {other}")
        if self.bundle is None or not self.hears_alike(inputs):
            return inputs
        mean, std = self.bundle.mean, self.bundle.std
        if isinstance(inputs, ClipInputs):
            return replace(inputs, normalize=Normalize(mean, std))
        assert isinstance(inputs, ImageInputs)
        return replace(inputs, standardize=Standardize(mean, std))

    def hears_alike(self, inputs: Inputs) -> bool:
        """True where the weights were trained with the run's front-end."""
        if self.features is None or not isinstance(inputs, ClipInputs):
            return True
        return self.features.resolved() == inputs.features.resolved()


@dataclass(frozen=True)
class Begun:
    """The tensors of a network that were `taken`, and those that are new, each with the reason."""

    source: Source
    taken: dict[str, Tensor]
    new: dict[str, str]
    numbers: tuple[int, int]  # count of numbers in those taken, and in all

    @property
    def plain(self) -> dict[str, Any]:
        """The facts for `init.json` and the bundle."""
        kind = "model" if self.source.search is None else "supernet"
        facts = {"from": self.source.place, "kind": kind, "digest": self.source.digest}
        return {**facts, "taken": sorted(self.taken), "new": self.new}

    @property
    def told(self) -> str:
        """A text for the reader: the share that was taken, and the new tensors."""
        count, (part, whole) = len(self.taken) + len(self.new), self.numbers
        lines = [
            f"started from {self.source.place} ({self.plain['kind']}, {self.source.digest[:12]}): "
            f"{len(self.taken)} of {amount(count, 'tensor')} taken, {part:,} of {whole:,} numbers"
        ]
        lines += [f"  new: {name}, {why}" for name, why in list(self.new.items())[:_SHOWN]]
        if (more := len(self.new) - _SHOWN) > 0:
            lines.append(f"  and {more} more, see train/init.json")
        return "\n".join(lines)


def find(conf: Config) -> Source | None:
    """The source in `train.init`. Raises UserError where it is neither a model nor a finished search."""
    if not conf.train.init:
        return None
    place = Path(conf.train.init)
    if place.name == "search" and (place / "run.json").exists():
        return _supernet(place)
    folder = folder_of(conf.train.init, "train.init", own=conf.folder)
    bundle = ModelBundle.load(folder)
    return Source(conf.train.init, digest(folder), bundle.weights, bundle.features, bundle=bundle)


def fitting(source: Source, spec: ArchSpec, net: nn.Module) -> Begun:
    """The parts of `source` that fit a network of `spec`, by tensor. Raises UserError if no convolution fits.

    In a supernet at least one tensor of the chosen operations must fit, if they have any.
    """
    have, wanted = source.named(spec), net.state_dict()
    taken = {name: have[name] for name, t in wanted.items() if name in have and have[name].shape == t.shape}
    new = {name: _why(t, have.get(name)) for name, t in wanted.items() if name not in taken}
    inside = [name for name in wanted if ".ops." in name] if source.search is not None else []
    convolutions = [name for name, tensor in taken.items() if tensor.dim() == 4]
    if not convolutions or (inside and not any(name in taken for name in inside)):
        raise UserError(
            [
                f"train.init: no weights of {source.place} fit architecture {spec.id}, for example:",
                *(f"  {name}: {why}" for name, why in list(new.items())[:3]),
            ],
            hint="Start from a model or supernet of the same space and width, or remove train.init.",
        )
    numbers = (sum(t.numel() for t in taken.values()), sum(t.numel() for t in wanted.values()))
    return Begun(source, taken, new, numbers)


def take(net: nn.Module, begun: Begun) -> None:
    """Copy the tensors that fit into the network; the others stay unchanged."""
    net.load_state_dict(begun.taken, strict=False)


def _supernet(place: Path) -> Source:
    """The supernet of the search in `place`, from its last checkpoint."""
    if not (place / "done.json").exists():
        raise UserError(
            f"train.init: the search in {place} is not finished",
            hint="Finish it first: audionas search CONF --resume",
        )
    conf = load(place / "config.yaml", trusted=False)
    assert conf.space is not None
    if not checkpoint.latest(place / "ckpt"):
        raise UserError(f"train.init: the search in {place} trained no supernet")
    file = place / "ckpt" / f"{checkpoint.latest(place / 'ckpt'):06d}" / "weights.safetensors"
    weights = checkpoint.load(place / "ckpt", ["weights"]).tensors["weights"]
    features = None if conf.images is not None else conf.features or default_features(conf.space)
    return Source(str(place), sha256(file), weights, features, search=conf)


def _inherited(source: Source, conf: Config, spec: ArchSpec) -> Mapping[str, Tensor]:
    """The stored weights, and those that edges with shared weights keep for the chosen options."""
    space, method = conf.space, conf.method
    assert space is not None
    assert method is not None
    if spec.space != space.name:
        raise UserError(
            f"train.init: {source.place} is a supernet of space {space.name}, "
            f"and architecture {spec.id} belongs to {spec.space}",
            hint="Train an architecture of that search: arch=exp/NAME/arch.json",
        )
    space.check(spec)
    with torch.device("meta"):
        net = space.supernet(
            method.fill,
            spec.io,
            dropout=conf.search.dropout,
            sizes=sizes_of(conf, space),
            bare=bare_of(conf, method),
            k=method.k,
        )
    own = net.state_dict()
    same = {n: t for n, t in source.weights.items() if n in own and own[n].shape == t.shape}
    net.load_state_dict(same, strict=False, assign=True)
    if isinstance(net, Sliced):
        with torch.device("meta"):
            alone = space.build(spec, search=True)
        with torch.no_grad():
            found = net.slices(alone, {name: "".join(some) for name, some in spec.choices.items()})
            return {name: tensor for name, tensor in found.items() if not tensor.is_meta}  # the source's own
    found = dict(source.weights)
    for path, edge in net.named_modules():
        for option in spec.choices[edge.choice.name] if isinstance(edge, Edge) else ():
            kept = {f"{path}.ops.{option}.{n}": t for n, t in edge.weights_of(option).items()}
            found |= {name: tensor for name, tensor in kept.items() if not tensor.is_meta}
    with torch.device("meta"):
        wanted = space.build(spec, search=True).state_dict()
    return space.shared(found, wanted)


def _why(wanted: Tensor, have: Tensor | None) -> str:
    """The reason why a tensor is new."""
    shape = "x".join(map(str, wanted.shape)) or "a number"
    return f"{shape}; {'not' if have is None else 'x'.join(map(str, have.shape))} in the source"
