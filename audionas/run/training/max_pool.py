"""The loss of `train.loss: max_pool`: one part for the whole clip, one where a keyword scores most."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from audionas.config import Config
from audionas.core.errors import UserError
from audionas.engine.max_pool import keywords, max_pool
from audionas.inputs.split import Inputs
from audionas.nn.edge import Gates
from audionas.nn.every_hop import Hops


@dataclass(frozen=True)
class PoolLoss:
    """A loss with max-pooling as the share `weight`, after some hops, over keywords at indices `words`."""

    hops: Hops
    words: list[int]
    weight: float
    after: int

    def __call__(
        self,
        net: nn.Module,
        criterion: Callable[[Tensor, Tensor], Tensor],
        x: Tensor,
        target: Tensor,
        gates: Gates | None,
    ) -> tuple[Tensor, Tensor]:
        """Return the loss, and the logits (B, classes) of the clips, taken at their last hop."""
        with self.hops.heard(net):
            logits = net(x, gates).float().unflatten(0, (len(x), -1))[:, -self.hops.window :]
        pooled = max_pool(logits, target, self.words, after=self.after, criterion=criterion)
        clip = logits[:, -1]
        return self.weight * pooled + (1 - self.weight) * criterion(clip, target), clip


def find(conf: Config, net: nn.Module, inputs: Inputs) -> PoolLoss | None:
    """The loss that the config sets, if any. Raises UserError for images, look-ahead, and no keyword."""
    options = conf.train
    if options.loss != "max_pool":
        return None
    if conf.images is not None:
        raise UserError("train.loss: max_pool is for recordings, this run reads images")
    try:
        hops = Hops.of(net, inputs.io)
    except UserError as error:
        raise UserError([f"train.loss: max_pool: {p}" for p in error.problems], hint=error.hint) from error
    return PoolLoss(hops, keywords(inputs.labels), options.pool_weight, -(-options.pool_after // hops.hop))
