"""The output folder of `audionas mine`: clips, the origin of each, and the data directory that they form."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from audionas.core import records
from audionas.core.errors import UserError
from audionas.core.files import sha256, sweep, write_json, write_text
from audionas.core.hostile import command, setting
from audionas.core.records import Record
from audionas.core.records.prep import MinedRecord
from audionas.core.reporter import amount
from audionas.data import audio, kaldi, readers
from audionas.data.groups import read_groups, write_groups
from audionas.data.kaldi import DataDir, Item
from audionas.data.labels import read_labels, write_labels
from audionas.listen.events import Event
from audionas.listen.left_out import PART

SOURCE = "mined"  # of the new clips, where the others have sources


class Mined:
    """The folder `out` while it is filled; `done` holds the ids of finished recordings.

    `facts` are the settings. Raises UserError where `out` has other settings, or holds something else.
    """

    def __init__(self, out: Path, facts: Mapping[str, Any]) -> None:
        self.out, self.facts, self._events = out, facts, list[dict[str, Any]]()
        again = f"Remove {out}, or give another folder with --out."
        head, self.log = out / "mined.json", out / "mined.jsonl"
        if not head.is_file():
            if out.exists() and any(out.iterdir()):
                raise UserError(f"{out}: already holds something else", hint="Give a new folder with --out.")
            write_json(head, facts)
        before = records.plain(Record, head, again)
        if other := [key for key in facts if before.get(key) != facts[key]]:
            raise UserError(f"{out}: was started with different {', '.join(other)}", hint=again)
        sweep(out)
        sweep(out / "mined")
        rows = records.rows(MinedRecord, self.log, again)
        write_text(self.log, "".join(map(_line, rows)))  # without a row cut off by an interruption
        self.done = {row["id"] for row in rows}

    def add(self, item: Item, event: Event, wave: audio.Wave, rate: int) -> None:
        """Store the sound (n,) before an event in a recording."""
        name = f"mined-{readers.slug(item.id)}-{round(1000 * event.seconds):09d}"
        audio.write(self.out / "mined" / f"{name}.wav", wave, rate)
        self._events.append({"clip": name, **event._asdict()})

    def finish(self, item: Item) -> None:
        """Mark the recording as done, so that it is not heard again."""
        where = {"id": item.id, "audio": str(Path(item.audio).absolute()), "start": item.start}
        with self.log.open("a", encoding="utf-8") as log:
            log.write(_line({**where, "events": self._events}))
        self._events = []

    def write(self, known: DataDir, label: str) -> str:
        """Make `out` a data directory of the clips `known` and the mined ones, each sound once.

        Returns its content in words. Raises UserError where other labels lie beside it.
        """
        self._write_labels(known)
        ids, sums = {item.id for item in known}, {item.sha256 for item in known if item.sha256}
        events = [event for row in records.rows(MinedRecord, self.log) for event in row["events"]]
        new = []
        for event in events:
            clip = self.out / "mined" / f"{event['clip']}.wav"
            content = sha256(clip)
            if content in sums or event["clip"] in ids:
                continue
            sums.add(content)
            # a recording's clips stay together in a split
            speaker = re.sub(rf"{PART}\d+$", "", event["clip"].rpartition("-")[0])
            seconds = audio.length(clip)
            new.append(Item(event["clip"], str(clip.resolve()), label, seconds, 0.0, speaker, content))
        kaldi.write(self.out, [*known, *new])
        if (known.path / "utt2source").is_file():
            before = [item.id for item in known]
            sources = dict(zip(before, read_groups(known.path, "source", before), strict=True))
            write_groups(self.out, "source", {**sources, **{item.id: SOURCE for item in new}})
        again = command(setting("data.train", self.out))
        return (
            f"{amount(len(events), 'false accept')}, {len(new)} new; {self.out} has these as {label}, "
            f"and {amount(len(known), 'clip')} of {known.path}. Train again with {again}"
        )

    def _write_labels(self, known: DataDir) -> None:
        """Write the classes, in order, beside the data directory."""
        before, after = known.path.parent / "labels.txt", self.out.parent / "labels.txt"
        if not before.is_file():
            return
        labels = read_labels(known.path)
        if after.is_file() and read_labels(self.out) != labels:
            raise UserError(
                f"{after}: lists classes other than those of {before}",
                hint=f"Choose an --out beside {known.path}, or in a separate folder.",
            )
        if not after.is_file():
            write_labels(self.out.parent, labels)


def _line(row: Mapping[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False) + "\n"
