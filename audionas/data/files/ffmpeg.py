"""Sound that libsndfile does not read, decoded by ffmpeg where that is installed."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile

from audionas.core.errors import UserError
from audionas.core.hostile import command

SUFFIXES = frozenset(
    {
        *(".m4a", ".m4b", ".aac", ".mp4", ".mov", ".3gp", ".3ga", ".amr", ".awb", ".wma", ".webm", ".weba"),
        *(".mka", ".mkv", ".wv", ".ape", ".tta", ".tak", ".ac3", ".eac3", ".dts", ".mpc", ".spx", ".mp2"),
        *(".dsf", ".voc", ".sph", ".gsm"),
    }
)
# ffmpeg guesses formats from contents; those that name other files, such as playlists, are not among these
_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,aac,amr,amrnb,amrwb,asf,matroska,webm,wv,ape,tta,tak,ac3,eac3,dts,dtshd,mpc,mpc8,"
    "ogg,mp3,dsf,voc,nistsphere,gsm,caf,flac,wav"
)
_SECONDS, _RATE = 60.0, 1e5  # time allowed to start, and bytes per second: a thirtieth of what is usual
GET = "install ffmpeg (Debian: apt install ffmpeg; macOS: brew install ffmpeg)"


def found() -> str | None:
    """The path of ffmpeg, or None."""
    return shutil.which("ffmpeg")


def conversion(path: Path | str, *more: str) -> str:
    """The command that makes a WAV beside a file, with `more` options, as it can be typed."""
    source = str(path) if not str(path).startswith("-") else f"./{path}"
    target = f"{os.path.splitext(source)[0]}{'.wav' if not source.endswith('.wav') else '.fixed.wav'}"
    return command("ffmpeg", "-i", source, *more, target)


@contextmanager
def decoded(path: Path | str) -> Iterator[Path]:
    """A temporary WAV of float samples, with the rate and the channels of the first sound in the file.

    Raises UserError where ffmpeg is missing, says that anything is wrong with the file, or does not end.
    """
    program = found()
    if program is None:
        raise UserError(f"{path}: only ffmpeg reads it, which is not installed; {GET}, then run again")
    with NamedTemporaryFile(prefix="audionas-", suffix=".wav") as wav:
        _run(program, path, wav.name)
        yield Path(wav.name)


def _run(program: str, path: Path | str, target: str) -> None:
    whole = os.path.abspath(path)
    command = [
        *(program, "-nostdin", "-hide_banner", "-loglevel", "error", "-xerror", "-y"),
        *("-protocol_whitelist", "file,pipe", "-format_whitelist", _FORMATS, "-i", f"file:{whole}"),
        *("-map", "0:a:0", "-vn", "-sn", "-dn", "-map_metadata", "-1"),
        *("-c:a", "pcm_f32le", "-rf64", "auto", "-f", "wav", f"file:{target}"),
    ]
    limit = _SECONDS + os.path.getsize(whole) / _RATE
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=limit)
    except subprocess.TimeoutExpired as error:
        raise UserError(f"{path}: ffmpeg did not end within {limit:.0f} s") from error
    except OSError as error:
        raise UserError(f"{path}: {program} cannot be started ({error.strerror})") from error
    said = done.stderr.decode(errors="replace").strip().replace(f"file:{whole}", "").splitlines()
    if done.returncode or said:
        why = (
            re.sub(r"^\[[^]]* @ 0x[0-9a-f]+\] *", "", said[0]).strip(" :")
            if said
            else f"exit status {done.returncode}"
        )
        raise UserError(f"{path}: cannot be decoded whole (ffmpeg: {why})")
