"""RandomNAS: random search with shared weights (Li and Talwalkar, UAI 2019, arXiv:1902.07638).

Nothing is learnt about architectures: each batch trains one network drawn uniformly from the
space, in a supernet that all of them share. At the end random networks are compared by their accuracy
with these weights, and the best is kept. It is the baseline of every method that claims to search.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from audionas.core.arch import ArchSpec
from audionas.core.errors import UserError
from audionas.core.rng import numpy_rng, seed_torch
from audionas.data.batches import Batch
from audionas.engine.optim import set_rate
from audionas.methods._base import Method, Phase, SearchRun
from audionas.methods._derive import different
from audionas.methods._score import devices, gates_of
from audionas.nn.edge import Gates


@dataclass(kw_only=True)
class RandomNas(Method):
    """`draws` networks are scored on `batches` batches of the alpha half, the best `finalists` on all of it.

    Defaults are those of one round of the official code, which draws anew for every 10,000 training steps.
    Networks are scored with the statistics of each batch (in the official code with running ones, which mix
    those of all networks), without dropout; accuracy decides, among equals the loss. `none` is never drawn
    where an edge may be absent. Runs on every space.
    """

    family: ClassVar[str] = "one-shot"
    paper: ClassVar[str] = "Random Search and Reproducibility for Neural Architecture Search"
    arxiv: ClassVar[str] = "1902.07638"
    slims: ClassVar[bool] = True
    quick: ClassVar[bool] = False
    searched: ClassVar[tuple[str, ...]] = ("draws", "batches", "finalists")

    draws: int = 1000
    batches: int = 10
    finalists: int = 10

    def __post_init__(self) -> None:
        wrong = [name for name in ("draws", "batches", "finalists") if getattr(self, name) < 1]
        if wrong:
            raise UserError([f"{name} is {getattr(self, name)}, expected at least 1" for name in wrong])

    def step(self, train: Batch, valid: Batch, progress: float) -> dict[str, Tensor | float]:
        """Train one random network."""
        set_rate(self.run.weight_optimizer, self.rate(progress))
        return self.weight_step(train)

    def gates(self, phase: Phase) -> Gates:
        """The gates of one network, drawn uniformly from torch's generator, as dropout is."""
        rng = numpy_rng("random_nas", int(torch.randint(2**62, ())))
        return gates_of(self.run, self.run.space.sample(rng, self.run.io))

    def probabilities(self) -> dict[str, dict[str, float]]:
        """Uniform probabilities, always."""
        return {c.name: dict.fromkeys(c.options, 1 / len(c.options)) for c in self.run.space.choices()}

    def derive(self) -> ArchSpec:
        """The best of `draws` networks with the shared weights: a function of weights, data and seed."""
        run, rng = self.run, numpy_rng(self.run.seed, "random_nas", "draws")
        specs = different(run.space, (run.space.sample(rng, run.io) for _ in range(self.draws)))
        few = list(itertools.islice(run.valid(), self.batches))
        finalists = _ranked(specs, _scores(run, specs, few))[: self.finalists]
        best = _ranked(finalists, _scores(run, finalists, run.valid()))[0]
        return self.spec_of(best.choices)


def _ranked(specs: Sequence[ArchSpec], scores: Sequence[tuple[float, float]]) -> list[ArchSpec]:
    """The networks, best first; among equals in the order of draws."""
    return [specs[i] for i in sorted(range(len(specs)), key=lambda i: scores[i], reverse=True)]


@torch.no_grad()
def _scores(run: SearchRun, specs: Sequence[ArchSpec], batches: Iterable[Batch]) -> list[tuple[float, float]]:
    """The number of correct answers of each network, and the negative sum of its losses."""
    gates = [gates_of(run, spec) for spec in specs]
    sums = torch.zeros(len(specs), 2, dtype=torch.double, device=run.device)
    seen = 0
    with batch_statistics(run.net) as scratch, torch.random.fork_rng(devices(run)):
        seed_torch(run.seed, "random_nas", "scores")  # operations that are noise draw from torch
        for batch in batches:
            seen += len(batch.target)
            for row, gate in zip(sums, gates, strict=True):
                logits = run.logits(batch.x, gate, scratch)
                row[0] += (logits.argmax(1) == batch.target).sum()
                row[1] -= run.criterion(logits, batch.target) * len(batch.target)
    if not seen:
        raise UserError("random_nas has no examples to score networks on", hint="Lower search.split")
    return [(right, loss) for right, loss in sums.tolist()]


@contextmanager
def batch_statistics(net: nn.Module) -> Iterator[dict[str, Tensor]]:
    """Use the statistics of each batch in batch norms, inside the block; all else is in evaluation mode.

    Yields copies of the buffers, for a forward pass that must not change the running statistics.
    """
    modes = {module: module.training for module in net.modules()}
    net.eval()
    for module in modes:
        if isinstance(module, _BatchNorm):
            module.train()
    try:
        yield {name: buffer.clone() for name, buffer in net.named_buffers()}
    finally:
        for module, mode in modes.items():
            module.training = mode
