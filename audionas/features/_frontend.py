"""What every front-end is: a module that turns waveforms into feature images."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from audionas.features._stream import FeatureStream, FrameStream

Settings = Mapping[str, Any]


class FrontEnd(nn.Module):
    """Waveforms in, features out; on any device, in batches, and inside an exported model.

    A subclass lists its `PRESETS` (each names every argument of its constructor) and passes all its
    arguments here as `settings`: they alone decide the result, so they are its fingerprint. One that is
    `foreign` is computed by a library instead of torch: its settings are fixed, and no exported file can
    hold it.

    `hop` samples lie between two frames. In a stream, a chunk is given with the `tail` samples before it,
    into which its frames reach (`frames`).
    """

    hop: int
    tail: int
    PRESETS: ClassVar[Mapping[str, Settings]]
    foreign: ClassVar[bool] = False

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = {"front_end": type(self).__name__, **settings}
        self.sample_rate = int(settings["sample_rate"])

    @abstractmethod
    def shape(self, samples: int) -> tuple[int, int]:
        """(F, T) of a waveform of `samples`; raises UserError when it is too short for one frame."""

    @abstractmethod
    def forward(self, wave: Tensor) -> Tensor:
        """Waveforms (B, N) in [-1, 1] to features (B, 1, F, T)."""

    @property
    def lead(self) -> int:
        """How many frames of a stream reach back before its first sample."""
        return -(-self.tail // self.hop)

    def frames(self, sound: Tensor) -> Tensor:
        """`tail` samples and n hops of new ones, (B, tail + n * hop), to the n frames (B, 1, F, n) they
        complete: a pure function, that exported files hold.
        """
        raise NotImplementedError("a front-end that is foreign has none")

    def stream(self) -> FrameStream:
        """The front-end with what it remembers, for chunks of any length."""
        return FeatureStream(self)


def samples_of(milliseconds: float, rate: int) -> int:
    """A duration in samples, rounded."""
    return round(milliseconds * rate / 1000)
