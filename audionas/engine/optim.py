"""Optimiser and learning-rate schedule, as values; the rate is a pure function of the epoch."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from audionas.core.errors import hold
from audionas.core.strict import Strict
from audionas.engine.rmsprop import RMSProp


@dataclass(frozen=True, kw_only=True)
class Optim(Strict):
    """The optimiser of the weights. Epochs may be fractions.

    `cosine` and `linear` fall from `lr` to `final_lr`; `step` multiplies by `gamma` at each milestone,
    `exponential` after every `gamma_epochs`; the rate rises linearly from 0 during the warm-up. `clip` bounds
    the gradient's norm. `rmsprop` is TensorFlow's, with MnasNet's decay 0.9 and epsilon 1e-3
    (`engine/rmsprop.py`). With `decay_norms: false`, weights of one dimension (norms and biases) do
    not decay.
    """

    name: Literal["sgd", "adam", "adamw", "rmsprop"] = "sgd"
    lr: float = 0.1
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 1e-3
    decay_norms: bool = True
    clip: float | None = None
    schedule: Literal["cosine", "linear", "step", "exponential", "constant"] = "cosine"
    warmup_epochs: float = 0.0
    final_lr: float = 0.0
    milestones: tuple[float, ...] = ()
    gamma: float = 0.1
    gamma_epochs: float = 1.0

    def __post_init__(self) -> None:
        hold(
            (0 < self.lr < math.inf, f"lr is {self.lr}, expected a positive number"),
            (0 <= self.final_lr < math.inf, f"final_lr is {self.final_lr}, expected 0 or a positive number"),
            (0 <= self.momentum < 1, f"momentum is {self.momentum}, expected at least 0 and below 1"),
            (self.momentum > 0 or not self.nesterov, "nesterov needs a momentum above 0"),
            (
                0 <= self.weight_decay < math.inf,
                f"weight_decay is {self.weight_decay}, expected 0 or a positive number",
            ),
            (self.clip is None or self.clip > 0, f"clip is {self.clip}, expected a positive norm"),
            (
                0 <= self.warmup_epochs < math.inf,
                f"warmup_epochs is {self.warmup_epochs}, expected 0 or more",
            ),
            (0 < self.gamma < math.inf, f"gamma is {self.gamma}, expected a positive factor"),
            (
                0 < self.gamma_epochs < math.inf,
                f"gamma_epochs is {self.gamma_epochs}, expected a positive number of epochs",
            ),
            (
                self.schedule != "step" or self.milestones,
                "milestones is empty: the step schedule needs epochs, [20, 40]",
            ),
            place="optim.",
        )

    def void(self) -> Mapping[str, str]:
        """The settings that another optimiser, or another schedule, would read."""
        found = {}
        if self.name not in ("sgd", "rmsprop"):
            found["momentum"] = f"{self.name} has betas of its own"
        if self.name != "sgd":
            found["nesterov"] = f"the optimiser is {self.name}"
        if self.weight_decay == 0:
            found["decay_norms"] = "weight_decay is 0"
        readers = {
            "final_lr": ("cosine", "linear"),
            "milestones": ("step",),
            "gamma": ("step", "exponential"),
            "gamma_epochs": ("exponential",),
        }
        why = f"the schedule is {self.schedule}"
        return found | {name: why for name, those in readers.items() if self.schedule not in those}

    def calmer(self, section: str) -> str:
        """The overrides that calm a training: a tenth of the rate, at most 0.05, clipped gradients."""
        clip = "" if self.clip is not None and self.clip <= 5 else f" {section}.optim.clip=5"
        return f"{section}.optim.lr={min(self.lr / 10, 0.05):g}{clip}"

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """A torch optimiser over `parameters`."""
        groups = parameters if self.decay_norms else _groups(list(parameters))
        common: dict[str, Any] = {"lr": self.lr, "weight_decay": self.weight_decay}
        if self.name == "sgd":
            return torch.optim.SGD(groups, momentum=self.momentum, nesterov=self.nesterov, **common)
        if self.name == "rmsprop":
            return RMSProp(groups, momentum=self.momentum, **common)
        kind = torch.optim.Adam if self.name == "adam" else torch.optim.AdamW
        return kind(groups, **common)

    def rate(self, epoch: float, epochs: int) -> float:
        """The learning rate at a (fractional) epoch of `epochs`."""
        if epoch < self.warmup_epochs:
            return self.lr * epoch / self.warmup_epochs
        if self.schedule == "step":
            return self.lr * self.gamma ** sum(epoch >= m for m in self.milestones)
        if self.schedule == "exponential":
            return self.lr * self.gamma ** math.floor(epoch / self.gamma_epochs)
        if self.schedule == "constant":
            return self.lr
        part = min((epoch - self.warmup_epochs) / max(epochs - self.warmup_epochs, 1e-9), 1.0)
        left = 1 - part if self.schedule == "linear" else (1 + math.cos(math.pi * part)) / 2
        return self.final_lr + (self.lr - self.final_lr) * left


def _groups(parameters: list[nn.Parameter]) -> list[dict[str, Any]]:
    """Weights that decay, and those of one dimension, which do not."""
    parts = ([p for p in parameters if p.ndim > 1], [p for p in parameters if p.ndim <= 1])
    groups: list[dict[str, Any]] = [{"params": parts[0]}, {"params": parts[1], "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set every group's learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def pack(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's state as flat tensors, `"<parameter>.<entry>"`."""
    state = optimizer.state_dict()["state"]
    return {
        f"{index}.{name}": torch.as_tensor(value)
        for index, entries in state.items()
        for name, value in entries.items()
        if value is not None
    }


def unpack(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Restore what `pack` returned; the learning rate comes from the schedule."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        index, _, name = key.partition(".")
        state.setdefault(int(index), {})[name] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
