"""Sound for wake words: finding a word, placing it in other surroundings, joining recordings."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from audionas.data.audio import Wave
from audionas.data.files.transcripts import Utterance, rest, with_words
from audionas.data.labels import RATE

FRAME = RATE // 40  # 25 ms
_FADE = RATE // 100
_LEAD, _TAIL = 0.05, 0.2  # seconds kept before and after a word


def loud(wave: Wave, most: float) -> tuple[int, int]:
    """Start and end in samples of the loud part of (N,): within 20 dB of its loudest 25 ms.

    If that is longer than `most` seconds, the part with the most energy is taken.
    """
    count = max(1, len(wave) // FRAME)
    power = np.array([np.mean(np.square(wave[i * FRAME : (i + 1) * FRAME])) for i in range(count)])
    over = np.flatnonzero(power >= max(0.01 * power.max(initial=0.0), 4 * float(np.median(power))))
    if not over.size:
        over = np.array([0, count - 1])
    first, last = int(over[0]), int(over[-1]) + 1
    width = int(most * RATE) // FRAME
    if last - first > width:
        sums = np.convolve(power[first:last], np.ones(width), "valid")
        first += int(sums.argmax())
        last = first + width
    return first * FRAME, min(len(wave), last * FRAME)


def ending(wave: Wave, seconds: float) -> tuple[float, float]:
    """Start and length in seconds of the part of (N,), at most `seconds` long, that ends after its word."""
    _, end = loud(wave, seconds - _LEAD - _TAIL)
    stop = min(len(wave), end + round(_TAIL * RATE))
    start = max(0, stop - round(seconds * RATE))
    return start / RATE, (stop - start) / RATE


def within(word: Wave, around: Wave, rng: np.random.Generator) -> Wave:
    """Place `word` at the end of a stretch (N,) of other sound, at a random level and speed, float32 (N,).

    The word is 0 to 20 dB louder than the sound around it, of which up to 0.25 s follow it, and is played at
    0.85 to 1.15 of its speed (the pitch changes too).
    """
    word = _faster(word, float(rng.uniform(0.85, 1.15)))
    first, last = loud(word, len(around) / RATE - _LEAD - _TAIL)
    cut = faded(word[max(0, first - round(_LEAD * RATE)) : last + round(_TAIL * RATE)][: len(around)])
    late = int(rng.integers(0, min(RATE // 4, len(around) - len(cut)) + 1))
    at = len(around) - late - len(cut)
    mixed = around.astype(np.float64)
    mixed[at : at + len(cut)] *= 0.1  # the other sound almost disappears, as before a pause
    level = _rms(around) * 10 ** (rng.uniform(0, 20) / 20) / max(_rms(word[first:last]), 1e-9)
    mixed[at : at + len(cut)] += cut * (level if _rms(around) > 1e-4 else 1.0)
    peak = float(np.abs(mixed).max(initial=1e-9))
    return (mixed * (10 ** (rng.uniform(-20, -1) / 20) / peak)).astype(np.float32)


class Part(NamedTuple):
    """A sound (N,) and the utterances in it, their times in seconds from its start."""

    wave: Wave
    said: Sequence[Utterance] = ()


def joined(recordings: Iterable[Part], seconds: float) -> Iterator[Part]:
    """Recordings in sequence, with their own pauses, in pieces of about `seconds`.

    Their ends are faded over 10 ms to avoid clicks.
    """
    parts: list[Part] = []
    for part in recordings:
        parts.append(part)
        if sum(len(each.wave) for each in parts) >= seconds * RATE:
            yield _in_sequence(parts)
            parts = []
    if parts:
        yield _in_sequence(parts)


def without(part: Part, word: str) -> list[Part]:
    """A recording's parts between the utterances that say a word; the recording where none does."""
    spans = with_words({"": part.said}, [word])[""]
    if not spans:
        return [part]
    found = []
    for start, end in rest(0.0, len(part.wave) / RATE, spans):
        said = [
            each._replace(start=each.start - start, end=each.end - start)
            for each in part.said
            if start <= each.start and each.end <= end
        ]
        found.append(Part(part.wave[round(start * RATE) : round(end * RATE)], said))
    return [each for each in found if len(each.wave)]


def _in_sequence(parts: Sequence[Part]) -> Part:
    said, at = [], 0.0
    for part in parts:
        said += [each._replace(start=each.start + at, end=each.end + at) for each in part.said]
        at += len(part.wave) / RATE
    return Part(np.concatenate([faded(part.wave) for part in parts]), said)


def spaced(waves: Sequence[Wave], rng: np.random.Generator) -> Wave:
    """Sentences with pauses of 0.2 to 0.8 s between them, over noise 60 dB below full scale."""
    parts = []
    for wave in waves:
        parts += [faded(wave), np.zeros(int(rng.uniform(0.2, 0.8) * RATE), np.float32)]
    whole = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    return (whole + 0.001 * rng.standard_normal(len(whole))).astype(np.float32)


def faded(wave: Wave) -> Wave:
    """The wave (N,) with 10 ms of fading at both ends."""
    ramp = np.linspace(0.0, 1.0, min(_FADE, len(wave) // 2), dtype=np.float32)
    done = np.array(wave, np.float32)
    if len(ramp):
        done[: len(ramp)] *= ramp
        done[-len(ramp) :] *= ramp[::-1]
    return done


def _faster(wave: Wave, factor: float) -> Wave:
    """The wave (N,) at `factor` times its speed, by linear interpolation."""
    places = np.arange(0, len(wave) - 1, factor)
    return np.interp(places, np.arange(len(wave)), wave).astype(np.float32) if len(wave) else wave


def _rms(wave: Wave) -> float:
    return float(np.sqrt(np.mean(np.square(wave, dtype=np.float64)))) if len(wave) else 0.0
