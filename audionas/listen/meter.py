"""The view of `audionas listen`: one bar per keyword with its peak and threshold, and the sound level."""

import itertools

import numpy as np

from audionas.core.reporter import Line
from audionas.listen.events import Event
from audionas.models.listener import Listener

_BAR = 40  # characters
_GLOW = 1.0  # seconds of sound for which a keyword stays lit after it fired
_HOLD = 1.5  # seconds of sound for which a peak is held
_QUIETEST = 60.0  # dB below full scale at which the level's bar is empty


class LevelView:
    """The state of the view: `take` updates it, and `lines` draws it."""

    def __init__(self, listener: Listener, thresholds: dict[str, float]) -> None:
        self.listener, self.thresholds = listener, thresholds
        self.columns = {name: listener.labels.index(name) for name in thresholds}
        self.heard = 0  # samples
        self.loudness = 0.0  # root mean square of the last block
        self.scores = dict.fromkeys(thresholds, 0.0)
        self.peaks = dict.fromkeys(thresholds, (0.0, 0.0))  # score, seconds
        self.last: dict[str, float] = {}  # seconds of the last event

    @property
    def seconds(self) -> float:
        """Seconds of sound so far."""
        return self.heard / self.listener.sample_rate

    def take(self, samples: np.ndarray, scores: np.ndarray, events: list[Event]) -> None:
        """Update the view with a block (n,), its scores (m, classes) and its events."""
        self.heard += len(samples)
        self.loudness = float(np.sqrt(np.mean(np.square(samples)))) if len(samples) else 0.0
        self.last |= {event.keyword: event.seconds for event in events}
        for name, column in self.columns.items():
            if len(scores):
                self.scores[name] = float(scores[-1, column])
                best = float(scores[:, column].max())
                peak, at = self.peaks[name]
                if best >= peak or self.seconds - at > _HOLD:
                    self.peaks[name] = (best, self.seconds)

    def lines(self) -> list[Line]:
        """The view: one line per keyword and one for the level."""
        wide = max(len(name) for name in ("level", *self.thresholds))
        lines: list[Line] = []
        for name, threshold in self.thresholds.items():
            lit = self.seconds - self.last.get(name, -_GLOW) < _GLOW
            score, (peak, _) = self.scores[name], self.peaks[name]
            lines.append(
                [
                    (f" {name:<{wide}} ", "bold reverse green" if lit else "bold"),
                    *bar(score, peak=peak, mark=threshold),
                    (f" {score:.2f}", "bold" if score >= threshold else ""),
                ]
            )
        share = 1 + 20 * np.log10(max(self.loudness, 1e-9)) / _QUIETEST
        lines.append([(f" {'level':<{wide}} ", "dim"), *bar(float(share)), (f" {self.seconds:.1f} s", "dim")])
        return lines


def bar(share: float, *, peak: float | None = None, mark: float | None = None) -> list[tuple[str, str]]:
    """A bar of length `share` (0 to 1), with a thin line at the held `peak` and a thick one at the `mark`."""
    full = round(_BAR * min(max(share, 0.0), 1.0))
    over = mark is not None and share >= mark
    cells = [("━", "green" if over else "cyan")] * full + [("─", "bright_black")] * (_BAR - full)
    for place, sign in ((peak, ("╵", "white")), (mark, ("┃", "red"))):
        if place is not None:
            cells[min(_BAR - 1, int(_BAR * min(max(place, 0.0), 1.0)))] = sign
    runs = itertools.groupby(cells, key=lambda cell: cell[1])
    return [("".join(sign for sign, _ in run), style) for style, run in runs]
