"""From scores to events: smoothing, patience, threshold and refractory time, as functions on arrays.

A keyword fires at a hop where N of the last M smoothed scores reach its threshold and at least the refractory
time has passed since its last event. The N-th largest of the last M smoothed scores is therefore a *level*,
the highest threshold that would fire there; all thresholds are compared with the same levels.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from audionas.listen.device_rule import SLICE, Device, cutoff_of, steps_of
from audionas.listen.device_rule import levels as device_levels
from audionas.models.listener import Listener, Rule

_ROWS = 1 << 16  # windows sorted per batch


class Event(NamedTuple):
    """A keyword that was heard: `seconds` is the end of the hop that fired, `score` the level there."""

    seconds: float
    keyword: str
    score: float


def smoothed(scores: np.ndarray, hops: int, past: np.ndarray | None = None) -> np.ndarray:
    """The mean of the last `hops` rows at each of (T, K), float64; at the start, of the rows so far.

    `past` holds the rows before the first. The same rows give the same bits, however they are chunked.
    """
    before = _tail(scores[:0] if past is None else past, hops - 1)
    none = np.zeros((hops - 1 - len(before), scores.shape[1]))
    rows = np.concatenate((none, before, scores)).astype(np.float64)
    total = np.zeros(scores.shape)
    for first in range(hops):
        total += rows[first : first + len(scores)]
    there = np.arange(len(before) + 1, len(before) + len(scores) + 1)
    return total / np.minimum(there, hops)[:, None]


def held(scores: np.ndarray, patience: tuple[int, int], past: np.ndarray | None = None) -> np.ndarray:
    """The n-th largest of the last m rows at each of (T, K); -inf before n rows."""
    need, of = patience
    if of == 1:
        return scores
    before = _tail(scores[:0] if past is None else past, of - 1)
    none = np.full((of - 1 - len(before), scores.shape[1]), -np.inf)
    rows = np.concatenate((none, before, scores))
    found = np.empty(scores.shape)
    for first in range(0, len(scores), _ROWS):
        part = rows[first : first + _ROWS + of - 1]
        windows = np.lib.stride_tricks.sliding_window_view(part, of, axis=0)  # (rows, K, m)
        found[first : first + _ROWS] = np.partition(windows, of - need, axis=2)[..., of - need]
    return found


def levels(scores: np.ndarray, rule: Rule) -> np.ndarray:
    """The highest threshold that fires at each hop of (T, K), ignoring refractory time."""
    if rule.kind == "esphome":
        return device_levels(scores, rule.smooth)
    return held(smoothed(scores, rule.smooth), rule.patience)


def fired(level: np.ndarray, threshold: float, gap: int, *, free: int = 0) -> list[int]:
    """The hops of `level` (T,) with events: the first from `free` on, then at least `gap` apart.

    No other choice of hops that reach the threshold and are `gap` apart has more; so a higher threshold never
    gives more events.
    """
    over = np.flatnonzero(level >= threshold)
    found = []
    place = int(np.searchsorted(over, free))
    while place < len(over):
        found.append(int(over[place]))
        place = int(np.searchsorted(over, over[place] + gap))
    return found


def counts(level: np.ndarray, thresholds: np.ndarray, gap: int, every: int) -> np.ndarray:
    """The number of times that `level` (T,) fires per stretch of `every` hops, (stretches, thresholds) int32.

    `thresholds` ascend. Equal to `fired` for each; blocks of `gap` hops, which hold at most one event, are
    visited once for all thresholds, and blocks that reach no threshold are skipped.
    """
    found = np.zeros((-(-len(level) // every), len(thresholds)), np.int32)
    free = np.zeros(len(thresholds), np.int64)
    whole = np.concatenate((level, np.full(-len(level) % gap, -np.inf))).reshape(-1, gap)
    reached = np.searchsorted(thresholds, whole.max(1), side="right") if len(level) else []
    place = np.arange(gap)
    for block in np.flatnonzero(reached):
        many, start = reached[block], int(block) * gap
        over = whole[block] >= thresholds[:many, None]
        over &= place >= free[:many, None] - start
        which = np.flatnonzero(over.any(1))
        at = start + over[which].argmax(1)
        free[which] = at + gap
        np.add.at(found, (at // every, which), 1)
    return found


class Spotter:
    """Turns a listener's scores into events, in chunks of any length: `step(scores)`, `reset()`.

    Only the keywords in `thresholds` are looked for. The listener's warm-up is left out, as if it had never
    happened.
    """

    def __init__(self, listener: Listener, thresholds: Mapping[str, float], rule: Rule) -> None:
        self.keywords = tuple(thresholds)
        self.rule = rule
        self.hop_seconds = listener.hop / listener.sample_rate
        self._thresholds = list(thresholds.values())
        self._columns = [listener.labels.index(keyword) for keyword in self.keywords]
        self._warm_up = listener.warm_up
        self.reset()

    def reset(self) -> None:
        """Forget everything heard."""
        none = np.zeros((0, len(self._columns)))
        self._hops = 0  # seen so far, including the warm-up
        slices, cutoffs = round(self.hop_seconds / SLICE), map(cutoff_of, self._thresholds)
        self._devices = [Device(np.array([n]), self.rule.smooth, slices) for n in cutoffs]
        self._free = [0] * len(self._columns)  # the hop from which each may fire
        self._scores, self._means = none, none

    def step(self, scores: np.ndarray) -> list[Event]:
        """Map (m, classes) probabilities, as the listener gave them, to the events in them, by time."""
        skip = min(max(0, self._warm_up - self._hops), len(scores))
        first, self._hops = self._hops + skip, self._hops + len(scores)
        rows = scores[skip:, self._columns]
        if self.rule.kind == "esphome":
            return self._by_device(rows, first)
        means = smoothed(rows, self.rule.smooth, self._scores)
        level = held(means, self.rule.patience, self._means)
        self._scores = _tail(np.concatenate((self._scores, rows)), self.rule.smooth - 1)
        self._means = _tail(np.concatenate((self._means, means)), self.rule.patience[1] - 1)
        return sorted(event for place in range(len(self.keywords)) for event in self._of(place, level, first))

    def _by_device(self, rows: np.ndarray, first: int) -> list[Event]:
        level, found = device_levels(rows, self.rule.smooth), []
        for hop, steps in enumerate(steps_of(rows).tolist()):
            for place, device in enumerate(self._devices):
                if device.hop(steps[place])[0]:
                    score = max(float(level[hop, place]), self._thresholds[place])
                    found.append(Event((first + hop + 1) * self.hop_seconds, self.keywords[place], score))
        return sorted(found)

    def _of(self, place: int, level: np.ndarray, first: int) -> list[Event]:
        gap = self.rule.gap(self.hop_seconds)
        free = max(0, self._free[place] - first)
        least = self._thresholds[place]
        least = float(np.nextafter(least, np.inf)) if self.rule.kind == "mlperf" else least
        hops = fired(level[:, place], least, gap, free=free)
        if hops:
            self._free[place] = first + hops[-1] + gap
        name = self.keywords[place]
        return [Event((first + hop + 1) * self.hop_seconds, name, float(level[hop, place])) for hop in hops]


def merged(events: Sequence[Event], seconds: float) -> list[Event]:
    """The events, by time, without those that follow another kept one within `seconds`."""
    kept: list[Event] = []
    for event in events:
        if not kept or event.seconds - kept[-1].seconds >= seconds:
            kept.append(event)
    return kept


def _tail(rows: np.ndarray, many: int) -> np.ndarray:
    """The last `many` rows, or all if there are fewer."""
    return rows[max(0, len(rows) - many) :]
