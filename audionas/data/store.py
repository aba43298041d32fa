"""The waveforms of a data directory, decoded once into a memory-mapped file."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from audionas.core.errors import UserError
from audionas.core.files import sha256_text
from audionas.core.memmap import memmap_cache
from audionas.core.report import Reporter
from audionas.data import audio
from audionas.data.audio import Channel
from audionas.data.kaldi import DataDir, Item

_THREADS = 2  # decoding releases the interpreter lock
_BLOCK = 64  # clips decoded ahead of the writer


class Waves(NamedTuple):
    """Decoded clips (n, samples) int16, read-only, and the data directory's index of each row.

    `key` identifies the audio and how it was read; whatever is computed from the clips builds on it.
    """

    array: np.ndarray
    kept: list[int]
    key: str


def waves(
    data: DataDir,
    *,
    rate: int,
    samples: int,
    resample: bool = False,
    on_bad: Literal["error", "skip"] = "error",
    channel: Channel = None,
    folder: Path,
    reporter: Reporter,
) -> Waves:
    """Decode every utterance to `samples` samples at `rate` Hz, padded with zeros or cut; once, then reuse.

    Recordings that cannot be read are collected and raised in one UserError, or, with `on_bad="skip"`, left
    out, which a note says. The file in `folder` is named after the data's fingerprint and these settings.
    """
    settings = {"rate": rate, "samples": samples, "resample": resample, "on_bad": on_bad, "channel": channel}
    key = sha256_text(json.dumps({**settings, "data": data.fingerprint}, sort_keys=True))
    items = list(data)

    def decode(item: Item) -> np.ndarray | str:
        return _decode(item, rate, samples, resample, channel)

    def fill(out: np.memmap, reporter: Reporter) -> dict[str, list]:
        kept: list[int] = []
        bad: list[str] = []
        decoded = reporter.progress(_decoded(items, decode), f"decoding {data.path}", len(items))
        for index, clip in enumerate(decoded):
            if isinstance(clip, str):
                bad.append(clip)
            else:
                out[len(kept)] = clip
                kept.append(index)
        _require_readable(bad, kept, on_bad)
        return {"kept": kept, "bad": bad}

    stored = memmap_cache(
        folder / f"waves-{key[:12]}.i16", (len(items), samples), "int16", key, fill, reporter
    )
    kept, bad = stored.note["kept"], stored.note["bad"]
    if bad:
        reporter.note(f"{data.path}: {len(bad)} of {len(items)} recordings left out:\n  " + "\n  ".join(bad))
    return Waves(stored.array[: len(kept)], kept, key)


def _decode(item: Item, rate: int, samples: int, resample: bool, channel: Channel) -> np.ndarray | str:
    """The clip (samples,) int16, or why there is none."""
    try:
        wave = audio.read(
            item.audio,
            rate=rate,
            seconds=min(item.seconds, samples / rate),
            start=item.start,
            resample=resample,
            channel=channel,
        )
    except UserError as error:
        return " ".join(error.problems)
    scaled = np.round(audio.fitted(wave, samples) * 32768)
    return np.clip(scaled, -32768, 32767).astype(np.int16)


def _decoded(items: list[Item], decode: Callable[[Item], np.ndarray | str]) -> Iterator[np.ndarray | str]:
    """Every item decoded, in order, a block at a time so that a slow disk does not fill the memory."""
    with ThreadPoolExecutor(_THREADS) as pool:
        for at in range(0, len(items), _BLOCK):
            yield from list(pool.map(decode, items[at : at + _BLOCK]))


def _require_readable(bad: list[str], kept: list[int], on_bad: str) -> None:
    if bad and on_bad == "error":
        raise UserError(
            bad,
            hint="Repair or remove these recordings, or set on_bad to skip (or resample to true) under data.",
        )
    if not kept:
        raise UserError([*bad, "no recording can be read"])
