"""ROME: edges and operations drawn apart, several times per step (Wang et al., ICCV 2023, arXiv:2011.11233).

A search that draws one operation per edge collapses too, for two reasons: it trains all edges of a cell
although two per node are kept, and it samples too little. Here separate parameters beta draw the two
edges that a node has, and each step averages the alpha gradients of several draws and sums the
weights'. Only the drawn edges and operations run.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from audionas.core.arch import ArchSpec
from audionas.core.errors import UserError
from audionas.core.rng import torch_rng
from audionas.cost.table import What
from audionas.data.batches import Batch
from audionas.methods._base import Phase, SearchRun
from audionas.methods._bilevel import Bilevel
from audionas.methods._decided import by_options, gap
from audionas.methods._derive import strongest
from audionas.methods._price import displaced, exchanged, inclusion, price_of, slope_of
from audionas.methods._sample import anneal, gates_of, gumbel, one_hot_concrete, rows, straight_through
from audionas.nn.edge import Gates
from audionas.spaces._base import Bare, Space, present

Metrics = dict[str, Tensor | float]


def pairs(edges: int) -> Tensor:
    """The unordered pairs of a node's edges, (pairs, edges): 1 where an edge belongs to a pair."""
    return torch.stack([one_hot(torch.tensor(pair), edges).sum(0) for pair in combinations(range(edges), 2)])


def top_two(beta: Tensor, temperature: float) -> Tensor:
    """Draw by version 2: Gumbel-top-2, two edges without replacement, straight-through; (..., edges)."""
    drawn = beta + gumbel(*beta.shape)
    soft = (drawn / temperature).softmax(-1)
    hard = one_hot(drawn.topk(2).indices, beta.shape[-1]).sum(-2)
    return straight_through(hard.to(soft.dtype), soft)


def one_pair(beta: Tensor, temperature: float, edges: int) -> Tensor:
    """Draw by version 1: one of the pairs, straight-through; the count of each edge in it, (..., edges)."""
    return one_hot_concrete(beta, temperature) @ pairs(edges).to(beta.dtype)


@dataclass(kw_only=True)
class Rome(Bilevel):
    """`version: v2` has one logit per edge, `v1` one per pair of a node's edges; they are the alphas
    `beta/<node>`. `samples` is the paper's K. The weights' gradients are summed, so K acts as a larger
    learning rate up to `optim.clip`. `temperature` (not given in the paper) is GDAS'.

    There is no official code. If a node keeps all its inputs, in chains and in NAS-Bench-201, only
    the sampling part runs. The paper does not have the operation `none`: where an edge may be absent instead,
    it is never drawn. With `level: one` both sides draw on the same batch. Spaces that keep a number of
    edges per node other than two are refused.
    """

    paper: ClassVar[str] = (
        "ROME: Robustifying Memory-Efficient NAS via Topology Disentanglement and Gradient Accumulation"
    )
    arxiv: ClassVar[str] = "2011.11233"
    bare: ClassVar[Bare | None] = None  # one option runs at a time

    version: Literal["v1", "v2"] = "v2"
    samples: int = 7
    temperature: tuple[float, float] = (10.0, 0.1)

    def __post_init__(self) -> None:
        super().__post_init__()
        problems = [] if self.samples >= 1 else [f"samples is {self.samples}, expected 1 or more"]
        if not all(0 < t < math.inf for t in self.temperature):
            problems.append(f"temperature is {list(self.temperature)}, expected two positive numbers")
        if problems:
            raise UserError(problems)

    def refuses(self, space: Space) -> str:
        """The reason to refuse a space that does not keep two edges per node."""
        return "" if space.inputs in (0, 2) else f"its nodes keep {space.inputs} edges, but ROME draws two"

    def idle(self, space: Space) -> Mapping[str, str]:
        """The draw of edges where none is drawn."""
        none = {} if space.inputs else {"version": "nodes keep all their edges, so that no edges are drawn"}
        return {**super().idle(space), **none}

    def nodes(self) -> dict[str, list[str]]:
        """The edges of each node that keeps two of them, by the name of its beta; none in chains."""
        nodes = self.run.space.nodes() if self.run.space.inputs else []
        return {f"beta/{edges[0].node}": [choice.name for choice in edges] for edges in nodes}

    def init_alphas(self) -> dict[str, Tensor]:
        """Initial alphas as in DARTS, and betas likewise."""
        alphas = super().init_alphas()
        for name, edges in self.nodes().items():
            count = len(edges) if self.version == "v2" else len(pairs(len(edges)))
            alphas[name] = 1e-3 * torch.randn(count, generator=torch_rng(self.run.seed, name))
        return alphas

    def setup(self, run: SearchRun) -> None:
        """Take a run, and mark the options that are never drawn."""
        super().setup(run)
        self._never = torch.zeros(rows(run).shape, dtype=torch.bool)
        for number, choice in enumerate(run.space.choices()):
            drawn = present(choice)
            self._never[number, [i for i, o in enumerate(choice.options) if o not in drawn]] = True

    def logits(self) -> Tensor:
        """The logits of all choices, (choices, options), -inf for options that are never drawn."""
        return rows(self.run).masked_fill(self._never, -math.inf)

    def gates(self, phase: Phase) -> Gates:
        """One drawn option on each drawn edge; the gates of the other edges are closed."""
        heat = anneal(*self.temperature, self.run.epoch, self.run.epochs)
        weights = one_hot_concrete(self.logits(), heat)
        gates = dict(gates_of(self.run, weights, weights.argmax(-1).tolist()))
        for name, edges in self.nodes().items():
            beta = self.run.alphas[name]
            kept = top_two(beta, heat) if self.version == "v2" else one_pair(beta, heat, len(edges))
            scales = kept.to(self.run.device)
            for number, (edge, stays) in enumerate(zip(edges, kept.tolist(), strict=True)):
                gate = gates[edge]
                gates[edge] = gate._replace(scale=scales[number]) if stays else gate._replace(active=())
        return Gates(gates)

    def inclusions(self) -> dict[str, Tensor]:
        """The probability that each edge of a node is drawn, by the name of its beta, (edges,)."""
        found = {}
        for name, edges in self.nodes().items():
            p = self.run.alphas[name].softmax(0)
            found[name] = inclusion(p, 2) if self.version == "v2" else p @ pairs(len(edges)).to(p.dtype)
        return found

    def stays(self) -> dict[str, float]:
        """The probability that an edge is drawn, by beta."""
        drawn = {
            edge: p
            for name, share in self.inclusions().items()
            for edge, p in zip(self.nodes()[name], share.tolist(), strict=True)
        }
        return {choice.name: drawn.get(choice.name, 1.0) for choice in self.run.space.choices()}

    def exchanges(self, spec: ArchSpec, what: What) -> dict[str, Tensor]:
        """An option enters in place of its edge's strongest one, whichever edges stay."""
        kept, costs = self._kept(), self.run.costs
        return exchanged(costs, self.run.space, kept, self.probabilities(), what, inputs=0)

    def slopes(self, spec: ArchSpec, what: What) -> dict[str, Tensor]:
        """The slopes along alpha, and along beta as edges, or pairs of them, enter and leave."""
        found, kept = super().slopes(spec, what), self._kept()
        for name, edges in self.nodes().items():
            beta = self.run.alphas[name].detach()
            paid = [price_of(self.run.costs, edge, kept[edge][0], what) for edge in edges]
            costs, keep = torch.tensor(paid, dtype=torch.float64), 2
            if self.version == "v1":
                costs, keep = pairs(len(edges)).double() @ costs, 1
            found[name] = slope_of(beta.softmax(0).tolist()) * displaced(costs, beta, keep)
        return found

    def _kept(self) -> dict[str, tuple[str, ...]]:
        """The strongest option of every edge."""
        return strongest(self.run.space, self.standings(), inputs=0)

    def alpha_gradient(self, valid: Batch, train: Batch) -> Metrics:
        """Leave the mean over `samples` draws."""
        told, total = [], [torch.zeros_like(parameter) for parameter in self.parameters()]
        for _ in range(self.samples):
            told.append(super().alpha_gradient(valid, train))
            drawn = [parameter.grad for parameter in self.parameters() if parameter.grad is not None]
            for gradient, one in zip(total, drawn, strict=True):
                gradient += one
        self.take(gradient / self.samples for gradient in total)
        return _mean(told)

    def weight_gradient(self, train: Batch) -> Metrics:
        """Add the sum over `samples` draws."""
        told = []
        for _ in range(self.samples):
            told.append(super().weight_gradient(train))
        return _mean(told)

    def joint_step(self, train: Batch, *, alpha: bool = True) -> Metrics:
        """Run two rounds of draws on one batch, as mean and sum are different gradients."""
        metrics = self.alpha_step(train, train) if alpha else {}
        return {**metrics, **self.weight_step(train)}

    def probabilities(self) -> dict[str, dict[str, float]]:
        """The probability of each option given that its edge is drawn."""
        with torch.no_grad():
            held = self.logits().softmax(-1).tolist()
        choices = self.run.space.choices()
        return {c.name: dict(zip(c.options, p, strict=False)) for c, p in zip(choices, held, strict=True)}

    def margins(self) -> dict[str, float]:
        """Between options on the edges that stay, and between edges (pairs of them in v1) by beta's draws."""
        found = by_options(self.run.space, self.probabilities(), self.derive().choices)
        keep = 1 if self.version == "v1" else 2
        for name, edges in self.nodes().items():
            shares = self.run.alphas[name].softmax(0) if self.version == "v1" else self.inclusions()[name]
            if len(edges) > 2:
                found[f"inputs of {name.removeprefix('beta/')}"] = gap(shares.tolist(), keep)
        return found

    def derive(self) -> ArchSpec:
        """The most probable edges of each node by beta alone, then the most probable option on each."""
        kept = self._kept()
        for name, edges in self.nodes().items():
            ranked = self.run.alphas[name].argsort(descending=True, stable=True)
            stay = ranked[:2] if self.version == "v2" else pairs(len(edges))[ranked[0]].nonzero().flatten()
            kept |= {edge: () for number, edge in enumerate(edges) if number not in stay.tolist()}
        return self.spec_of(kept)


def _mean(told: list[Metrics]) -> Metrics:
    return {name: sum(metrics[name] for metrics in told) / len(told) for name in told[0]}
