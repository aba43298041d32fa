"""Codes a folder's recordings as Opus, once: coded.py SRC OUT.

LEVEL gives 15 kbit/s; the archives of continuous negatives have 14 and 19. No class then has its own codec,
and what is Opus already is not coded twice. Sounds become 16 kHz, one channel; other files are left out.
"""

import sys
from pathlib import Path

import soundfile

from audionas.core.files import atomic
from audionas.core.reporter import Reporter, script
from audionas.data import audio
from audionas.data.files import listing
from audionas.data.labels import RATE

LEVEL = 0.96  # of libsndfile, from 0, which is large, to 1


def main(src: Path, out: Path) -> None:
    """Write OUT/.../name.opus for each SRC/.../name; what is there already is left as it is."""
    files = listing.sounds(src)
    for file in Reporter().progress(files, f"coding {src.name}", len(files)):
        made = out / file.relative_to(src).with_suffix(".opus")
        if made.exists():
            continue
        wave = audio.read(file, rate=RATE, seconds=None, resample=True, channel="mix", loud=True)
        with atomic(made) as draft:
            soundfile.write(draft, wave, RATE, format="OGG", subtype="OPUS", compression_level=LEVEL)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: coded.py SRC OUT")
    with script():
        main(Path(sys.argv[1]), Path(sys.argv[2]))
