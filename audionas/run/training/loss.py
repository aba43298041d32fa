"""The loss of a training step: the task's, with an auxiliary head or max-pooling where these are set."""

from collections.abc import Callable

from torch import Tensor, nn

from audionas.nn.edge import Gates
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
    """The loss, with the auxiliary head's part where it has a weight, and the logits (B, classes)."""
    gates = Gates({}, {"drop_path": drop_path}) if drop_path else None
    if pooled is not None:
        return pooled(net, criterion, x, target, gates)
    if not auxiliary:
        logits = net(x, gates).float()
        return criterion(logits, target), logits
    logits, second = net.scores(x, gates)  # type: ignore[operator]
    loss = criterion(logits.float(), target) + auxiliary * criterion(second.float(), target)
    return loss, logits.float()
