"""Pictures of methods at work: the weights that their code lays on the options of a choice, step by step.

A small supernet, made-up batches and a much higher rate of alpha show in seconds how a method behaves. They
say nothing about which options are good.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

import torch
from torch import Tensor

from audionas.core.arch import InputSpec
from audionas.core.registry import resolve
from audionas.core.rng import seed_torch
from audionas.cost.table import CostTable
from audionas.data.batches import Batch
from audionas.engine.optim import Optim
from audionas.methods import Method, SearchRun
from audionas.nn.edge import Gates
from audionas.report.charts import history
from audionas.report.html import Html, tag
from audionas.report.paint import legend, paints
from audionas.spaces import Space

EPOCHS, STEPS, PASSES = 7, 2, 30  # of the picture; steps per epoch, and the most passes that it shows
RATE = 0.15  # of alpha: a picture has no time for the paper's
SMALLER = {
    "p_darts": {"depths": (1, 2, 3)},
    "parsec": {"samples": 2},
    "rome": {"samples": 2},
    "darts_es": {"every": 3},
}
SOUND, IMAGE = InputSpec(1, 40, 9, 3), InputSpec(3, 8, 8, 3)


class Home(NamedTuple):
    """A small space with its input, the supernet's size, and the choice that is shown."""

    space: Space
    io: InputSpec
    sizes: dict[str, int]
    choice: str


@dataclass
class Watched(SearchRun):
    """A run that keeps the gates of every pass that trains."""

    now: float = 0.0  # the part of the epoch that is over
    seen: list[tuple[float, Gates]] = field(default_factory=list)

    def logits(self, x: Tensor, gates: Gates, state: Any = None) -> Tensor:
        """Keep the gates with the epoch, as a fraction."""
        if self.net.training and torch.is_grad_enabled():
            self.seen.append((self.epoch + self.now, gates))
        return super().logits(x, gates, state)


def homes() -> Iterator[Home]:
    """Spaces from the keyword chain on; a method is shown in the first that it takes."""
    yield Home(resolve("space", "kws_tc_resnet")(width=0.25, se="none"), SOUND, {}, "block2")
    cells = {"layers": 1, "channels": 4}
    yield Home(resolve("space", "nas_bench_201")(), IMAGE, cells, "1_0")
    yield Home(resolve("space", "kws_mobilenet")(width=0.25, preset="mix2"), SOUND, {}, "layer1")


def picture(name: str) -> Html:
    """A method's chart with its legend and what it shows; empty for a method that trains no supernet."""
    kind = resolve("method", name)
    if not kind.trains:
        return Html("")
    rate = {"alpha_lr": RATE} if "alpha_lr" in {f.name for f in fields(kind)} else {}
    method = kind(**rate, **SMALLER.get(name, {}))
    home = next(home for home in homes() if not method.bars(home.space))
    run = watched(method, home)
    (choice,) = (c for c in home.space.choices() if c.name == home.choice)
    shown = trained(run, choice.name)[:PASSES]
    options = [o for i, o in enumerate(choice.options) if any(weights[i] for _, weights in shown)]
    at = [choice.options.index(option) for option in options]
    stride = (shown[-1][0] - shown[0][0] + 1 / STEPS) / len(shown)  # of a pass, in epochs
    epochs = [stride * edge for number, _ in enumerate(shown) for edge in (number, number + 1)]
    shares = {o: [w[i] for _, w in shown for _ in range(2)] for o, i in zip(options, at, strict=True)}
    colours = paints(options)
    chart = history(epochs, shares, colours, f"Weights of the options of {choice.name} while {name} trains")
    faster = f" An alpha_lr of {RATE} shows in {EPOCHS} epochs what a search does in many." if rate else ""
    told = (
        f"The weights of {choice.name}'s options in {len(shown)} passes of a search with {name} in "
        f"{home.space.name}: the method's own code, {STEPS} steps per epoch on made-up batches, which say "
        f"nothing about the options.{faster}"
    )
    return tag("figure", legend((o, colours[o]) for o in options), chart, tag("figcaption", told))


def watched(method: Method, home: Home) -> Watched:
    """A short search, done."""
    torch.set_num_threads(1)
    seed_torch(0, "supernet")
    made = home.space.supernet(
        method.fill, home.io, dropout=0.0, sizes=home.sizes, bare=method.bare, k=method.k
    )
    run = Watched(
        space=home.space,
        io=home.io,
        net=made.train(),
        costs=CostTable({}, {}),
        optim=Optim(lr=0.1, final_lr=0.001, weight_decay=3e-4, clip=5.0),
        epochs=EPOCHS,
        seed=0,
        device=torch.device("cpu"),
        sizes=home.sizes,
        dropout=0.0,
        bare=method.bare,
        k=method.k,
        valid=lambda: [batch(home.io, 1000 + i) for i in range(2)],
        train=lambda: [batch(home.io, 2000 + i) for i in range(2)],
    )
    method.setup(run)
    for number in range(EPOCHS * STEPS):
        epoch, place = divmod(number, STEPS)
        if place == 0:
            seed_torch(0, "epoch", epoch)
            method.on_epoch(epoch)
        run.now = place / STEPS
        method.step(batch(home.io, number), batch(home.io, 500 + number), number / STEPS)
        if place == STEPS - 1:
            method.after_epoch()
    return run


def batch(io: InputSpec, seed: int) -> Batch:
    """Four made-up examples: a pattern of each class under noise."""
    patterns = torch.randn(io.classes, *io[:3], generator=torch.Generator().manual_seed(99))
    rng = torch.Generator().manual_seed(seed)
    target = torch.randint(io.classes, (4,), generator=rng)
    return Batch(patterns[target] + 0.5 * torch.randn(4, *io[:3], generator=rng), target)


def trained(run: Watched, choice: str) -> list[tuple[float, list[float]]]:
    """The epoch and the weights of a choice in each pass of the weights; where both learn at once, in all."""
    alone = [(epoch, gates[choice]) for epoch, gates in run.seen if not gates[choice].weight.requires_grad]
    passes = alone or [(epoch, gates[choice]) for epoch, gates in run.seen]
    return [(epoch, gate.weight.detach().tolist()) for epoch, gate in passes]
