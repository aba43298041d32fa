"""Bringing a pack: its archive is fetched and checked, unpacked and described; what is there is kept."""

from collections.abc import Sequence
from pathlib import Path

from audionas.core.archives import download
from audionas.core.archives.archive import require_room
from audionas.core.archives.listing import size_words
from audionas.core.files import read_json, sha256, write_json
from audionas.core.reporter import Reporter
from audionas.data import kaldi
from audionas.prep import zips
from audionas.prep.packs.known import Pack
from audionas.prep.packs.tables import describe

MARKER = "pack.json"  # in the folder of a pack that is whole


def lines(name: str, pack: Pack) -> list[str]:
    """Lines about a pack: its sound, address, size, sum and licence."""
    return [
        f"{name}: {pack.told}{f'; about {pack.hours:g} hours' if pack.hours else ''}",
        f"  address {pack.url}",
        f"  size    {size_words(pack.size)} ({pack.size:,} bytes)",
        f"  sum     {pack.sum}",
        f"  licence {pack.licence}",
    ]


def bring(
    name: str, pack: Pack, to: Path, reporter: Reporter, *, mirror: str = "", accept: Sequence[str] = ()
) -> Path:
    """The folder `to`/`name` with the pack, whole; one that is there is kept, an interrupted one resumes.

    `mirror` is the address of another folder with the archive; `accept` are sums of it that pass, too. The
    archive stays in `to`/download. Raises UserError as `download.fetch` and `download.unpack` do.
    """
    folder, archive = to / name, to / "download" / pack.archive
    if is_whole(folder, pack):
        reporter.note(f"{folder}: already complete")
        return folder
    to.mkdir(parents=True, exist_ok=True)
    if not archive.exists():
        require_room(pack.archive, pack.size, to)
    url = f"{mirror.rstrip('/')}/{pack.archive}" if mirror else pack.url
    if pack.sha256:
        digest = download.fetch(url, archive, reporter, official=pack.sha256, accept=accept)
    else:
        zips.fetch(url, archive, reporter, official=pack.md5, accept=accept)
        digest = sha256(archive)
    download.unpack(archive, folder, digest, reporter, within=pack.within)
    describe(folder, pack.layout)
    kaldi.write_licence(folder, pack.licence)
    write_json(folder / MARKER, {"pack": name, "url": pack.url, "sum": pack.sum, "licence": pack.licence})
    return folder


def is_whole(folder: Path, pack: Pack) -> bool:
    """True where the folder holds all of this pack."""
    return (folder / MARKER).is_file() and read_json(folder / MARKER).get("sum") == pack.sum
