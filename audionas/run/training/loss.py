"""The loss of a training step: the task's, an auxiliary head's or max-pooling where set, and penalties."""

from collections.abc import Callable

from torch import Tensor, nn

from audionas.nn.edge import Gates
from audionas.nn.separable.penalties import penalised
from audionas.run.training.max_pool import PoolLoss


def loss_of(
    net: nn.Module,
    criterion: Callable[[Tensor, Tensor], Tensor],
    x: Tensor,
    target: Tensor,
    auxiliary: float,
    drop_path: float = 0.0,
    pooled: PoolLoss | None = None,
) -> tuple[Tensor, Tensor]:
    """The loss, with the auxiliary head's part where it has a weight, and the logits (B, classes).

    The loss includes the penalties of the network's parts.
    """
    gates = Gates({}, {"drop_path": drop_path}) if drop_path else None
    if pooled is not None:
        loss, logits = pooled(net, criterion, x, target, gates)
        return penalised(loss, net), logits
    if not auxiliary:
        logits = net(x, gates).float()
        return penalised(criterion(logits, target), net), logits
    logits, second = net.scores(x, gates)  # type: ignore[operator]
    loss = criterion(logits.float(), target) + auxiliary * criterion(second.float(), target)
    return penalised(loss, net), logits.float()
