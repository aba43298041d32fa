"""The waveforms of a data directory, decoded once into memory-mapped files of bounded size."""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from audionas.core.cache import Block, Fault, Plan, built
from audionas.core.errors import UserError, located
from audionas.core.files import sha256_text
from audionas.core.reporter import Reporter, amount
from audionas.core.shards import Shards
from audionas.data import audio
from audionas.data.audio import Channel
from audionas.data.files import sums
from audionas.data.kaldi import DataDir, Item

_BLOCK, _BYTES = 64, 4 << 20  # limits of a block: clips, bytes


class Waves(NamedTuple):
    """Decoded clips (n, samples) int16, read-only, and the data directory's index (n,) of each row.

    `key` identifies the audio and how it was read; the keys of anything computed from the clips include it.
    `fingerprint` is that of the whole directory with the files as they are now.
    """

    array: Shards
    kept: np.ndarray
    key: str
    fingerprint: str


class _Reading(NamedTuple):
    """The settings with which clips are read."""

    rate: int
    samples: int
    resample: bool
    channel: Channel
    loud: bool  # accept samples far beyond full scale


def waves(
    data: DataDir,
    *,
    rate: int,
    samples: int,
    resample: bool = False,
    on_bad: Literal["error", "skip", "keep"] = "error",
    channel: Channel = None,
    folder: Path,
    reporter: Reporter,
    workers: int | None = None,
) -> Waves:
    """Decode every utterance to `samples` samples at `rate` Hz, padded with zeros or cut; once, then reuse.

    Recordings that cannot be read are collected and raised in one UserError, or, with `on_bad="skip"`, left
    out, with a note; so are those that are far too loud, and those that changed since they were prepared,
    which `on_bad="keep"` reads as they are. The files are in a folder inside `folder`, named after the
    data's fingerprint and these settings.
    `workers` processes decode (default: all cores); neither their number
    nor an interruption changes the files.
    """
    data, changed = sums.current(data, folder, reporter, workers)
    if on_bad == "keep":
        changed = {}
    form = _Reading(rate, samples, resample, channel, on_bad == "keep")
    settings = dict[str, object](
        rate=rate, samples=samples, resample=resample, channel=channel, on_bad=on_bad
    )
    if changed:  # else what is stored under the sums of now would be taken for what is recorded
        settings["changed"] = sorted(changed)
    key = sha256_text(json.dumps({**settings, "data": data.fingerprint}, sort_keys=True))
    block = max(1, min(_BLOCK, _BYTES // (2 * samples)))
    found = built(
        Plan(folder / f"waves-{key[:12]}", key, len(data), (samples,), "int16", block),
        partial(_decoded, data, form, changed),
        reporter,
        label=f"decoding {data.path}",
        faulty=on_bad == "skip",
        hint=_hint(data, changed),
        workers=workers,
    )
    array, bad = found.array, found.faults
    reasons = [located(data[row].audio, why) for row, why in bad]
    if len(bad) == len(data):
        raise UserError([*reasons, "no recording can be read"])
    if not bad:
        return Waves(array, np.arange(len(data)), key, data.fingerprint)
    reporter.note(f"{data.path}: {len(bad)} of {amount(len(data), 'recording')} left out:")
    reporter.problems(reasons, folder / f"left_out_{data.path.name}.txt")
    kept = np.delete(np.arange(len(data)), [row for row, _ in bad])
    return Waves(array.choose(kept), kept, key, data.fingerprint)


def _hint(data: DataDir, changed: Mapping[int, str]) -> str:
    advice = "Repair or remove these recordings, or set on_bad to skip (or resample to true) under data."
    return f"{advice}\n{sums.remedy(data.path, changed.values())}." if changed else advice


def _decoded(data: DataDir, form: _Reading, changed: Mapping[int, str], start: int, stop: int) -> Block:
    """Decode these utterances; one that cannot be read, or has changed, becomes silence and a fault."""
    rows = np.zeros((stop - start, form.samples), np.int16)
    faults: list[Fault] = []
    for place in range(start, stop):
        if place in changed:
            faults.append((place, changed[place]))
            continue
        try:
            rows[place - start] = _decode(data[place], form)
        except UserError as error:
            faults.append((place, located(data[place].audio, error.problems[0])))
    return Block(rows, faults)


def _decode(item: Item, form: _Reading) -> np.ndarray:
    """The clip (samples,) int16."""
    wave = audio.read(
        item.audio,
        rate=form.rate,
        seconds=min(item.seconds, form.samples / form.rate),
        start=item.start,
        resample=form.resample,
        channel=form.channel,
        promised=item.seconds,
        loud=form.loud,
    )
    scaled = np.round(audio.fitted(wave, form.samples) * 32768)
    return np.clip(scaled, -32768, 32767).astype(np.int16)


class Form(NamedTuple):
    """The required form of every file in a corpus: samples per second, channels, samples per channel."""

    rate: int
    channels: int
    samples: int


def read(item: Item, form: Form) -> np.ndarray:
    """The channels of a recording, (channels, samples) float32, padded with zeros or cut to length.

    Raises UserError where the file has another rate or number of channels.
    """
    wave = audio.read_channels(
        item.audio, rate=form.rate, channels=form.channels, start=item.start, seconds=item.seconds
    )
    return np.stack([audio.fitted(channel, form.samples) for channel in wave])


def read_all(items: Sequence[Item], form: Form, *, threads: int = 2) -> Iterator[np.ndarray]:
    """Read each item, in order; only a few are held at a time."""
    with ThreadPoolExecutor(threads) as pool:
        rest = iter(items)
        while block := list(islice(rest, _BLOCK)):
            yield from list(pool.map(lambda item: read(item, form), block))
