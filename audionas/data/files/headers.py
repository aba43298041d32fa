"""The length that a sound file's header states, against the bytes that the file holds.

libsndfile shortens a header that promises more than there is, and reads nothing where a recorder never
filled in the length, both without a word. Formats: RIFF/WAVE (RIFX, RF64 and BW64 too), Sony Wave64, AIFF and
AIFF-C, Sun AU, Apple CAF. An Ogg file's last page is marked (RFC 3533). An MP3 file that does not state its
length (Xing, VBRI) is as long as its frames, while libsndfile guesses from the first of them.
"""

import os
import struct
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from audionas.core.errors import UserError
from audionas.data.files import ffmpeg

_SLACK = 64  # bytes: known writers count the header as sound, or leave out a byte of padding
_ENDLESS = 0x7FFFF000  # from here on, 32-bit lengths are what SoX, ALSA and ffmpeg write into a pipe
_KILOBITS_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KILOBITS_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_FIRST = 1 << 12  # bytes that certainly hold a whole MPEG frame
_PAGE = 1 << 17  # bytes that certainly hold a whole Ogg page


class Sound(NamedTuple):
    """The part of a file that is sound: bytes promised and found, and where and how the length is written."""

    promised: int
    found: int
    place: int  # of the length in the file
    code: str  # its struct format
    extra: int  # what the written length counts besides sound
    open: bool  # the header leaves the length open

    @property
    def cut(self) -> bool:
        """True where the file ends before its sound does."""
        return not self.open and self.promised > self.found + _SLACK


class Mended(FileIO):
    """A file that is read as if its header stated the length that it has."""

    def __init__(self, path: Path | str, sound: Sound) -> None:
        length = sound.found + sound.extra
        if length >> 32 and struct.calcsize(sound.code) == 4:
            raise UserError(f"{path}: its header leaves the length open and cannot state {length:,} bytes; "
                            f"to convert it: {ffmpeg.conversion(path, '-rf64', 'auto')}")  # fmt: skip
        super().__init__(path)
        self._place, self._length = sound.place, struct.pack(sound.code, length)

    def readinto(self, buffer: Any) -> int:
        """As of any file."""
        at = self.tell()
        count = super().readinto(buffer) or 0
        for place, byte in enumerate(self._length, self._place - at):
            if 0 <= place < count:
                memoryview(buffer)[place : place + 1] = bytes([byte])
        return count


class _Form(NamedTuple):
    """How a format writes its chunks: an id and a length each."""

    first: int  # where the first chunk begins
    key: bytes  # begin of the id of the chunk of sound
    wide: int  # bytes of an id
    code: str  # of the length
    own: int  # bytes of the id and the length, where the length counts them
    even: int  # chunks begin at multiples of this
    lead: int  # bytes in front of the sound within its chunk


_RIFF = _Form(12, b"data", 4, "<I", 0, 2, 0)
_FORMS = {
    **dict.fromkeys((b"RIFF", b"RF64", b"BW64"), _RIFF),
    b"RIFX": _RIFF._replace(code=">I"),
    b"FORM": _Form(12, b"SSND", 4, ">I", 0, 2, 8),
    b"riff": _Form(40, b"data", 16, "<Q", 24, 8, 0),
    b"caff": _Form(8, b"data", 4, ">q", 0, 1, 4),
}


def sound(path: Path | str) -> Sound | None:
    """Where the sound of a file lies; None for other formats, and where no chunk of sound is found."""
    with Path(path).open("rb") as file:
        magic, size = file.read(4), os.fstat(file.fileno()).st_size
        if magic in (b".snd", b"dns."):
            return _sun(file, ">I" if magic == b".snd" else "<I", size)
        form = _FORMS.get(magic)
        return _in_chunks(file, form, size) if form is not None else None


def ended(path: Path | str) -> bool:
    """False for an Ogg file that stops before a page that is marked as the last."""
    with Path(path).open("rb") as file:
        if file.read(4) != b"OggS":
            return True
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _PAGE))
        tail = file.read()
    last = tail.rfind(b"OggS")
    if last < 0 or last + 27 > len(tail):
        return False
    segments = tail[last + 27 : last + 27 + tail[last + 26]]
    whole = last + 27 + tail[last + 26] + sum(segments) <= len(tail)
    return whole and bool(tail[last + 5] & 4)


def mpeg(path: Path | str) -> int | None:
    """Samples in an MP3 file according to the headers of its frames; None where its first frame states it."""
    with Path(path).open("rb") as file:
        head = file.read(10)
        begin = 10 + _syncsafe(head[6:10]) if head[:3] == b"ID3" else 0
        file.seek(begin)
        data = file.read(_FIRST)
        first = _frame(data, 0)
        if first is None or any(tag in data[: first[0]] for tag in (b"Xing", b"Info", b"VBRI")):
            return None
        data += file.read()
    at = samples = 0
    while (frame := _frame(data, at)) is not None:
        at, samples = at + frame[0], samples + frame[1]
    return samples


def _syncsafe(size: bytes) -> int:
    """The number in four bytes of seven bits each."""
    return int.from_bytes(size, "big") & 127 | sum((size[k] & 127) << (21 - 7 * k) for k in range(3))


def _frame(data: bytes, at: int) -> tuple[int, int] | None:
    """Bytes and samples of the MPEG frame that begins here (ISO 11172-3, 13818-3; layer III)."""
    head = int.from_bytes(data[at : at + 4], "big")
    version, coding, rate, pitch = head >> 19 & 3, head >> 17 & 3, head >> 12 & 15, head >> 10 & 3
    if head >> 21 != 0x7FF or version == 1 or coding != 1 or rate in (0, 15) or pitch == 3:
        return None
    old = version == 3  # MPEG-1; the others have half the samples per frame
    kilobits = (_KILOBITS_1 if old else _KILOBITS_2)[rate]
    hertz = (44_100, 48_000, 32_000)[pitch] >> {3: 0, 2: 1, 0: 2}[version]
    return (144 if old else 72) * kilobits * 1000 // hertz + (head >> 9 & 1), 1152 if old else 576


def _in_chunks(file: BinaryIO, form: _Form, size: int) -> Sound | None:
    at, long, bytes_of = form.first, None, struct.calcsize(form.code)
    while (chunk := _chunk(file, form, at)) is not None:
        key, length = chunk
        body = at + form.wide + bytes_of
        if key == b"ds64":
            file.seek(body + 8)
            long = Sound(int.from_bytes(file.read(8), "little"), 0, body + 8, "<Q", 0, False)
        if key.startswith(form.key):
            found = max(0, size - body - form.lead)
            if long is not None and length == 0xFFFFFFFF:
                return long._replace(found=found, open=long.promised == 0 and found > 0)
            promised = max(0, length - form.own - form.lead)
            stated = promised <= found or length < _ENDLESS or bytes_of > 4
            empty = promised == 0 and _ends_in_chunks(file, form, _next(form, at, length), size)
            is_open = length < 0 or not stated or (promised == 0 and found > 0 and not empty)
            return Sound(promised, found, at + form.wide, form.code, form.own + form.lead, is_open)
        if length < form.own:
            return None
        at = _next(form, at, length)
    return None


def _chunk(file: BinaryIO, form: _Form, at: int) -> tuple[bytes, int] | None:
    """Id and length of the chunk that begins here; None at the end of the file."""
    file.seek(at)
    head = file.read(form.wide + struct.calcsize(form.code))
    if len(head) < form.wide + struct.calcsize(form.code):
        return None
    return head[: form.wide], struct.unpack(form.code, head[form.wide :])[0]


def _next(form: _Form, at: int, length: int) -> int:
    """Where the chunk after this one begins."""
    end = at + length if form.own else at + form.wide + struct.calcsize(form.code) + length
    return end + -end % form.even


def _ends_in_chunks(file: BinaryIO, form: _Form, at: int, size: int) -> bool:
    """True where nothing but further chunks follows, so that a length of 0 is no omission."""
    while at < size:
        chunk = _chunk(file, form, at)
        if chunk is None or chunk[1] < form.own or not chunk[0][:4].strip().isalnum():
            return False
        at = _next(form, at, chunk[1])
    return at <= size + 1


def _sun(file: BinaryIO, code: str, size: int) -> Sound | None:
    head = file.read(8)
    if len(head) < 8:
        return None
    begin, promised = struct.unpack(f"{code[0]}II", head)
    found = max(0, size - begin)
    is_open = promised >= _ENDLESS or (promised == 0 and found > 0)
    return Sound(promised, found, 8, code, 0, is_open and promised != found)
