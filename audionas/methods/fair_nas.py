"""FairNAS: every option is trained equally often, update by update (Chu et al., ICCV 2021, arXiv:1907.01845).

Each layer's options are put into a random order; the k-th path of an update takes the k-th option of every
layer, and the gradients of all paths are added up before the weights move once. No option is ever an update
ahead of another: strict fairness, where uniform draws are fair in expectation only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from audionas.core.arch import Choice
from audionas.core.errors import UserError
from audionas.core.rng import numpy_rng
from audionas.data.batches import Batch
from audionas.methods._one_shot import OneShot, Route
from audionas.spaces._base import Space, present


@dataclass(kw_only=True)
class FairNas(OneShot):
    """An update takes as many paths as the layer with the most options has options.

    A layer with fewer options continues through further random orders, and the next update takes the rest
    of the last one: the counts of its options are equal at regular intervals, and never differ by more than
    one (the paper's layers are all alike). With `batches`, all paths of an update see the `same` batch, as
    in the paper's algorithm, or each sees a `fresh` one, its share of the batch: `search.batch_size` is then
    the batch size of one path times the number of paths. Refuses cells that keep few inputs of a node: the
    edges left out would get no update.
    """

    paper: ClassVar[str] = "FairNAS: Rethinking Evaluation Fairness of Weight Sharing NAS"
    arxiv: ClassVar[str] = "1907.01845"
    slims: ClassVar[bool] = True

    batches: Literal["same", "fresh"] = "same"

    def refuses(self, space: Space) -> str:
        """The reason to refuse a space whose nodes keep only some of their edges."""
        return "a node keeps only some of its edges, and those left out get no update" if space.inputs else ""

    def paths(self) -> Sequence[Route]:
        """The paths of one update: the k-th takes the k-th entry of every layer's order."""
        count = self._width()
        return [self._path(self.run.steps * count + k) for k in range(count)]

    def _width(self) -> int:
        return max(len(present(choice)) for choice in self.run.space.choices())

    def _path(self, index: int) -> Route:
        seed = self.run.seed
        return {c.name: (entry(seed, c, index),) for c in self.run.space.choices()}

    def minibatches(self, train: Batch, paths: int) -> Sequence[Batch]:
        """The same batch for all paths, or one share per path; UserError if the batch is too small."""
        if self.batches == "same":
            return super().minibatches(train, paths)
        if len(train.target) < 2 * paths:
            raise UserError(
                f"search.batch_size: {len(train.target)} examples are too few for {paths} paths with "
                "fresh batches",
                hint=f"Set at least {2 * paths}, or method.batches=same.",
            )
        shares = zip(train.x.tensor_split(paths), train.target.tensor_split(paths), strict=True)
        return [Batch(x, target) for x, target in shares]


def entry(seed: int, choice: Choice, index: int) -> str:
    """The option at place `index` of a layer's endless sequence of random orders of its options."""
    options = present(choice)
    number, place = divmod(index, len(options))
    return options[numpy_rng(seed, "fair_nas", choice.name, number).permutation(len(options))[place]]
