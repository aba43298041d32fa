"""The model of `done.json` of a training."""

from audionas.core.records import Natural, Record, Share
from audionas.core.records.run import Epoch, Value


class TrainedRecord(Record):
    """`done.json` of a training, as far as pages show it; earlier files do not tell the development data."""

    class Development(Record):
        """Its number of clips, where they lie, and how many of its speakers spoke in training."""

        clips: Natural
        data: str = ""
        heard: Natural = 0

    development: Development | None = None
    epochs: Epoch = 0
    best_epoch: Epoch | None = None
    valid_loss: Value | None = None
    valid_accuracy: Share | None = None
    valid_macro_f1: Share | None = None
