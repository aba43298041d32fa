"""The public packs of sound that `audionas fetch negatives` knows, with address, sum, size and licence."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from audionas.core.errors import UserError, did_you_mean

Layout = Literal["librispeech", "musan", "noise", ""]


@dataclass(frozen=True, kw_only=True)
class Pack:
    """An archive at `url` of `size` bytes; its published sum is `sha256`, or else `md5`.

    It holds `hours` of sound (0: not stated). Members below `within` are unpacked. `layout` says how
    files tell speakers and words; "": the preparation knows it by itself.
    """

    told: str
    url: str
    size: int
    licence: str
    hours: float = 0.0
    sha256: str = ""
    md5: str = ""
    within: str = ""
    layout: Layout = ""

    @property
    def archive(self) -> str:
        """The name of the archive's file."""
        return self.url.rpartition("/")[2]

    @property
    def sum(self) -> str:
        """The published sum, in words."""
        return f"SHA-256 {self.sha256}" if self.sha256 else f"MD5 {self.md5}"


def _libri(part: str, told: str, size: int, hours: float, sha256: str) -> Pack:
    return Pack(
        told=f"read English books, {told}, with transcripts",
        url=f"https://www.openslr.org/resources/12/{part}.tar.gz",
        size=size,
        hours=hours,
        licence="CC BY 4.0 (LibriSpeech, V. Panayotov et al., 2015)",
        sha256=sha256,
        layout="librispeech",
    )


# Sums as torchaudio (LibriSpeech) and TensorFlow Datasets (Speech Commands) have them, as the public
# repositories that use it agree (rirs-noises), and as openslr.org publishes them (MD5). Where only an MD5 is
# published it tells damage, and not a stranger's hand.
PACKS: Mapping[str, Pack] = {
    "librispeech-dev-clean": _libri(
        *("dev-clean", "40 speakers", 337_926_286, 5.4),
        "76f87d090650617fca0cac8f88b9416e0ebf80350acb97b343a85fa903728ab3",
    ),
    "librispeech-dev-other": _libri(
        *("dev-other", "33 speakers, harder to understand", 314_305_928, 5.3),
        "12661c48e8c3fe1de2c1caa4c3e135193bfb1811584f11f569dd12645aa84365",
    ),
    "librispeech-test-clean": _libri(
        *("test-clean", "40 speakers", 346_663_984, 5.4),
        "39fde525e59672dc6d1551919b1478f724438a95aa55f874b576be21967e6c23",
    ),
    "librispeech-test-other": _libri(
        *("test-other", "33 speakers, harder to understand", 328_757_843, 5.1),
        "d09c181bba5cf717b3dee7d4d592af11a3ee3a09e08ae025c5506f6ebe961c29",
    ),
    "rirs-noises": Pack(
        told="843 short noises of single sources; the room impulse responses beside them are left out",
        url="https://www.openslr.org/resources/28/rirs_noises.zip",
        size=1_311_166_223,
        licence="Apache 2.0 (Room Impulse Response and Noise Database, T. Ko et al., 2017)",
        sha256="3b50cfde915b3984738169b4beb341e9f6b8062ae4c2076146c5db71c2c05dc7",
        within="RIRS_NOISES/pointsource_noises/",
        layout="noise",
    ),
    "musan": Pack(
        told="music, speech and noise; some noises are also in rirs-noises",
        url="https://www.openslr.org/resources/17/musan.tar.gz",
        size=11_086_114_085,
        hours=109.0,
        licence="CC BY 4.0; of each file: LICENSE in its folder (MUSAN, D. Snyder et al., 2015)",
        md5="0c472d4fc0c5141eca47ad1ffeb2a7df",
        layout="musan",
    ),
    "speech-commands": Pack(
        told="105,829 clips of 35 words by 2,618 speakers, and six long noises",
        url="https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
        size=2_428_923_189,
        hours=29.0,
        licence="CC BY 4.0 (Speech Commands, P. Warden, 2018)",
        sha256="af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
    ),
}


def packs(names: list[str]) -> dict[str, Pack]:
    """The packs of these names. Raises UserError with every unknown one."""
    if unknown := [name for name in names if name not in PACKS]:
        raise UserError(
            [f"{name}: no such pack.{did_you_mean(name, PACKS)}" for name in unknown],
            hint=f"Packs: {', '.join(PACKS)}; see: audionas fetch negatives --list",
        )
    return {name: PACKS[name] for name in names}
