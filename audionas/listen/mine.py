"""`audionas mine`: what a model falls for in long audio becomes clips to train with."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from audionas.core.errors import UserError, did_you_mean
from audionas.core.files import sha256
from audionas.core.reporter import Reporter
from audionas.data import audio, kaldi
from audionas.data.kaldi import Item
from audionas.listen.events import Spotter, merged
from audionas.listen.exported import Exported, find, resolve
from audionas.listen.hear import pieces, spotted
from audionas.listen.mined import Mined
from audionas.listen.sounds import blocks, recordings, require_readable
from audionas.models.listener import Listener


def mine(
    folder: Path,
    sounds: Path,
    data: Path,
    out: Path,
    *,
    label: str = "",
    file: Path | None = None,
    threshold: Sequence[str] = (),
    smooth: int | None = None,
    refractory: float | None = None,
    patience: str | None = None,
    resample: bool = False,
) -> str:
    """Write the data directory `out`: all of `data`, and for each false accept the clip that ends with it.

    The clips, as long as the model's, lie in `out`/mined as WAV; `out`/mined.jsonl has a row for each
    recording with its events, and `out`/mined.json says with which file and thresholds they were found. A
    second start goes on after the last finished recording. Returns what was done, in words.

    Raises UserError as detect does, for a label that is not one of what is no keyword, for recordings that
    all are labelled as keywords, and where `out` holds something else.
    """
    found = find(folder, file)
    label = _label(found, label)
    thresholds, rule, _ = resolve(found, threshold, smooth=smooth, refractory=refractory, patience=patience)
    known, items = kaldi.read(data), recordings(sounds)
    items = [item for item in items if item.label not in found.keywords]
    if not items:
        raise UserError(f"{sounds}: all recordings are labelled as keywords, none can hold a false accept")
    facts = {"file": found.file.name, "sha256": sha256(found.file), "data": str(data.resolve())}
    mined = Mined(out, {**facts, "thresholds": thresholds, "rule": rule.plain(), "label": label})
    listener = found.listen()
    ear = _Ear(listener, Spotter(listener, thresholds, rule), found.bundle.samples, resample)
    left = [item for item in items if item.id not in mined.done]
    require_readable(left, ear.rate, resample)
    total = sum(pieces(item.seconds) for item in left)
    for _ in Reporter().progress(ear.work(left, mined), "mining", total):
        pass
    return mined.write(known, label)


class _Ear:
    """An exported file that collects what fires it."""

    def __init__(self, listener: Listener, spotter: Spotter, samples: int, resample: bool) -> None:
        self.listener, self.spotter, self.resample = listener, spotter, resample
        self.rate = listener.sample_rate
        self.seconds = samples / self.rate

    def work(self, items: Sequence[Item], mined: Mined) -> Iterator[None]:
        """Hear the recordings and keep the clip before each event; yields after every piece."""
        for item in items:
            sound = blocks(item, self.rate, self.resample)
            events = []
            for new in spotted(self.listener, self.spotter, sound):
                events += new
                yield
            # events of two keywords, or soon after another, are one sound
            for event in merged(events, self.seconds / 2):
                end = min(event.seconds, item.seconds)
                start = max(0.0, end - self.seconds)
                wave = audio.read(
                    item.audio,
                    rate=self.rate,
                    start=item.start + start,
                    seconds=end - start,
                    resample=self.resample,
                    channel="mix" if self.resample else None,
                )
                mined.add(item, event, wave, self.rate)
            mined.finish(item)


def _label(found: Exported, label: str) -> str:
    """What false accepts are labelled as."""
    if not found.others:
        raise UserError(
            f"{found.folder}: the model has no label for what is no keyword",
            hint="Train one whose data have such a label, one that begins with _ (as _unknown_).",
        )
    if label and label not in found.others:
        raise UserError(
            f"--label {label}: not a label for what is no keyword.{did_you_mean(label, found.others)}",
            hint=f"One of: {' '.join(found.others)}",
        )
    return label or found.others[0]
