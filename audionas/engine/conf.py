"""How long and how a network is fitted: the `search` and `train` sections of a config."""

from dataclasses import dataclass

from audionas.core.errors import UserError
from audionas.core.strict import Strict
from audionas.engine.optim import Optim


@dataclass(frozen=True, kw_only=True)
class Search(Strict):
    """The supernet's fit. `split` is the share of training speakers whose clips update weights; the
    others' update architecture parameters.
    """

    epochs: int = 50
    batch_size: int = 64
    workers: int = 0
    split: float = 0.5
    label_smoothing: float = 0.0
    dropout: float | None = None
    amp: bool = True
    optim: Optim = Optim(lr=0.05, final_lr=0.001, weight_decay=3e-4, clip=5.0)

    def __post_init__(self) -> None:
        _positive("search", epochs=self.epochs, batch_size=self.batch_size)
        if not 0 < self.split < 1:
            raise UserError(f"search.split is {self.split}, expected a share between 0 and 1")


@dataclass(frozen=True, kw_only=True)
class Train(Strict):
    """The final network's fit, from scratch.

    The last epoch's weights are kept; or their exponential average (`ema`, a decay such as 0.999);
    or the mean over the last `average` epochs. `patience` ends training when the development
    accuracy has not risen for so many epochs. `amp` applies on a GPU only, in bfloat16.
    """

    epochs: int = 60
    batch_size: int = 100
    workers: int = 0
    label_smoothing: float = 0.0
    dropout: float | None = None
    amp: bool = True
    ema: float | None = None
    average: int = 0
    patience: int = 0
    optim: Optim = Optim()

    def __post_init__(self) -> None:
        _positive("train", epochs=self.epochs, batch_size=self.batch_size)
        if self.average and (self.ema is not None or self.patience):
            raise UserError(
                "train.average excludes train.ema and train.patience",
                hint="Keep one: the mean of the last epochs needs to know which are the last.",
            )
        if self.ema is not None and not 0 < self.ema < 1:
            raise UserError(f"train.ema is {self.ema}, expected a decay between 0 and 1 such as 0.999")


def _positive(section: str, **values: int) -> None:
    wrong = [f"{section}.{name} is {value}, expected at least 1" for name, value in values.items() if value < 1]
    if wrong:
        raise UserError(wrong)
