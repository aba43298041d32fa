"""Other sound before the clips of a training, as a stream has it: `train.past`."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from audionas.config import Config
from audionas.core.errors import UserError
from audionas.inputs.audio import ClipInputs
from audionas.inputs.split import Inputs
from audionas.nn.every_hop import Hops
from audionas.nn.means import after_past

WEIGHT = 4.0  # of the difference between the answers to a clip alone and after other sound


@dataclass(frozen=True)
class Past:
    """Up to `most` frames of other clips before those of a batch; the network answers for the clip alone."""

    hops: Hops
    most: int

    def before(self, x: Tensor) -> Tensor:
        """Map (B, C, F, T) to (B, C, F, frames + T), after 1 to `most` frames of other clips of the batch, so
        that hops begin anywhere in a clip.
        """
        drawn = int(torch.randint(1, self.most + 1, ()))
        clips = range(math.ceil(drawn / x.shape[3]), 0, -1)
        return torch.cat((torch.cat([x.roll(k, 0) for k in clips], 3)[..., -drawn:], x), 3)

    @contextmanager
    def heard(self, net: nn.Module, x: Tensor) -> Iterator[Tensor]:
        """Clips after their past; in this context the network's means are those of the clips at the end."""
        late = self.before(x)
        with after_past(net, x.shape[3], late.shape[3]), self.hops.ended(net):
            yield late


def apart(one: Tensor, other: Tensor) -> Tensor:
    """The mean of both divergences KL between the answers of two rows of logits (B, classes), in nats.

    Each is a goal for the other, as for networks with two draws of dropout (R-Drop, arXiv:2106.14448).
    """
    p, q = one.log_softmax(1), other.log_softmax(1)
    return ((p.exp() - q.exp()) * (p - q)).sum(1).mean() / 2


def joined(one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """The loss of clips heard alone and after other sound, and how far `apart` their answers are, from the
    loss and the logits of each."""
    between = apart(one[1], other[1])
    return (one[0] + other[0]) / 2 + WEIGHT * between, between


def find(conf: Config, net: nn.Module, inputs: Inputs) -> Past | None:
    """The past that the config sets, if any. Raises UserError for images and for networks that look ahead."""
    if not conf.train.past:
        return None
    if not isinstance(inputs, ClipInputs):
        raise UserError("train.past is for recordings, this run reads images", hint="Set train.past=0.")
    try:
        hops = Hops.of(net, inputs.io)
    except UserError as error:
        raise UserError([f"train.past: {p}" for p in error.problems], hint=error.hint) from error
    ears = inputs.front_end
    return Past(hops, math.ceil(conf.train.past * ears.sample_rate / ears.hop))
