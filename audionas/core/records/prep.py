"""Models of what preparation and mining note, to resume there and to know their own folder again."""

from typing import Annotated

from pydantic import Field

from audionas.core.records import Natural, Record, Share, Size
from audionas.core.records.study import Name

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ExaminedRecord(Record):
    """A row of the log of decoded files."""

    place: Natural
    path: Name
    target: Natural
    seconds: Size
    sha256: Sha256
    copied: bool
    state: list[list[int]]
    peak: Size
    open: bool


class FormRecord(Record):
    """A row of the log of files that were checked for one form."""

    file: Name
    form: list[int]
    sha256: Sha256
    peak: Size


class MiniRecord(Record):
    """The mark in a folder of `mini`; without a count where it was interrupted."""

    fingerprint: str
    wavs: Natural | None


class MinedRecord(Record):
    """A row of `mined.jsonl`: a recording, and the clips that were cut from it."""

    class Event(Record):
        """A false accept; its clip is the stem of a file."""

        clip: Annotated[str, Field(max_length=300, pattern=r"^mined-[\w.+-]+$")]
        seconds: Size
        keyword: Name
        score: Share

    id: Name
    audio: Name
    start: Size
    events: list[Event]
