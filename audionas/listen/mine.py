"""`audionas mine`: a model's false accepts in long audio become clips to train with."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from audionas.core.errors import Faults, UserError, did_you_mean
from audionas.core.files import sha256
from audionas.core.reporter import Reporter
from audionas.data import kaldi
from audionas.data.kaldi import Item
from audionas.data.sound import clip
from audionas.listen.events import Spotter, merged
from audionas.listen.exported import Exported, chosen
from audionas.listen.hear import pieces, spotted
from audionas.listen.left_out import without_words
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
    transcripts: Path | None = None,
    also: Sequence[str] = (),
) -> str:
    """Write the data directory `out`: all of `data`, and, for each false accept, the clip that ends with it.

    The clips, as long as the model's, lie in `out`/mined as WAV; `out`/mined.jsonl has one row per recording
    with its events, and `out`/mined.json says with which file and thresholds they were found. A second start
    resumes after the last finished recording. Utterances in which a keyword is said are left out as in
    `tune`. Returns a summary in words.

    Raises UserError as detect does, for a label that is unknown or a keyword, for recordings that are all
    labelled as keywords, and where `out` holds something else.
    """
    faults = Faults()
    with faults:
        found, thresholds, rule, _ = chosen(
            folder, file, threshold, smooth=smooth, refractory=refractory, patience=patience
        )
        label = _label(found, label)
    with faults:
        known = kaldi.read(data)
    with faults:
        items = recordings(sounds)
    faults.tell()
    items = [item for item in items if item.label not in found.keywords]
    if not items:
        raise UserError(f"{sounds}: all recordings are labelled as keywords, so none can hold a false accept")
    reporter = Reporter()
    kept = without_words(items, sounds, found.keywords, reporter, also=also, table=transcripts)
    items = kept.items
    facts: dict[str, Any] = {
        "file": found.file.name,
        "sha256": sha256(found.file),
        "data": str(data.resolve()),
    }
    facts |= {"without": list(kept.texts)} if kept.utterances else {}
    mined = Mined(out, {**facts, "thresholds": thresholds, "rule": rule.plain(), "label": label})
    listener = found.listen()
    ear = _Ear(listener, Spotter(listener, thresholds, rule), found.bundle.samples)
    left = [item for item in items if item.id not in mined.done]
    require_readable(left, ear.rate, reporter)
    total = sum(pieces(item.seconds) for item in left)
    for _ in reporter.progress(ear.work(left, mined), "mining", total):
        pass
    return mined.write(known, label)


class _Ear:
    """An exported file that collects the clips that fire it."""

    def __init__(self, listener: Listener, spotter: Spotter, samples: int) -> None:
        self.listener, self.spotter = listener, spotter
        self.rate = listener.sample_rate
        self.seconds = samples / self.rate

    def work(self, items: Sequence[Item], mined: Mined) -> Iterator[None]:
        """Hear the recordings and keep the clip before each event; yield after every piece."""
        for item in items:
            sound = blocks(item, self.rate)
            events = []
            for new in spotted(self.listener, self.spotter, sound):
                events += new
                yield
            # events of two keywords, or close to each other in time, are one sound
            for event in merged(events, self.seconds / 2):
                end = min(event.seconds, item.seconds)
                start = max(0.0, end - self.seconds)
                wave = clip(item.audio, self.rate, start=item.start + start, seconds=end - start)
                mined.add(item, event, wave, self.rate)
            mined.finish(item)


def _label(found: Exported, label: str) -> str:
    """The label for false accepts."""
    if not found.others:
        raise UserError(
            f"{found.folder}: the model has no label for non-keywords",
            hint="Train one on data with such a label, which begins with _ (such as _unknown_).",
        )
    if label and label not in found.others:
        raise UserError(
            f"--label {label}: not a label for non-keywords.{did_you_mean(label, found.others)}",
            hint=f"Choose one of: {' '.join(found.others)}",
        )
    return label or found.others[0]
