"""Small archives with the layouts of public packs, and a pack that describes one."""

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping

import numpy as np
import soundfile

from audionas.prep.packs.known import Layout, Pack


def sound(seconds: float = 0.5) -> bytes:
    """A tone as FLAC, which the headers of any of our suffixes may hold."""
    out = io.BytesIO()
    wave = 0.3 * np.sin(2 * np.pi * 440 * np.arange(round(16_000 * seconds)) / 16_000)
    soundfile.write(out, wave.astype(np.float32), 16_000, format="FLAC")
    return out.getvalue()


def librispeech() -> dict[str, bytes]:
    """Two speakers, one of whom says a word twice."""
    files = {"LibriSpeech/LICENSE.TXT": b"CC BY 4.0"}
    for speaker, texts in (("84", ("HE SAID HEY JARVIS", "AND LEFT")), ("174", ("NOTHING OF IT",))):
        place = f"LibriSpeech/dev-clean/{speaker}/1"
        rows = [f"{speaker}-1-{n:04d} {text}" for n, text in enumerate(texts)]
        files[f"{place}/{speaker}-1.trans.txt"] = ("\n".join(rows) + "\n").encode()
        files |= {f"{place}/{speaker}-1-{n:04d}.flac": sound() for n in range(len(texts))}
    return files


def tar(files: Mapping[str, bytes]) -> bytes:
    """A compressed tar of the files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip of the files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def pack(url: str, content: bytes, layout: Layout, *, md5: bool = False, within: str = "") -> Pack:
    """The pack whose archive has this content."""
    kind = "md5" if md5 else "sha256"
    return Pack(
        told="a pack of the tests",
        url=url,
        size=len(content),
        hours=0.1,
        licence="CC0",
        layout=layout,
        within=within,
        **{kind: hashlib.new(kind, content, usedforsecurity=False).hexdigest()},
    )
