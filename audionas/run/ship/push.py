"""`audionas push`: a trained model, its exported files and its page to a hub, in one commit."""

import tempfile
from pathlib import Path
from typing import NamedTuple

from audionas.core.errors import Faults, UserError, did_you_mean
from audionas.core.hostile import command
from audionas.core.made import made
from audionas.core.reporter import Reporter, amount, say
from audionas.models import hub
from audionas.models.names import own, require
from audionas.run.ship.page import page
from audionas.run.ship.public import copied, public
from audionas.run.ship.terms import doubts

# Identifiers that hubs know, of licences that fit models; `other` for one whose text comes along.
LICENCES = (
    "apache-2.0",
    "bsd-3-clause",
    "cc-by-4.0",
    "cc-by-nc-4.0",
    "cc-by-nc-sa-4.0",
    "cc-by-sa-4.0",
    "cc0-1.0",
    "gpl-3.0",
    "mit",
    "openrail",
    "other",
)
CARD = "export/model_card.md"  # a part of README.md


class Sent(NamedTuple):
    """The files by their place in the repository, and the page's text."""

    files: dict[str, Path]
    page: str


def push(
    folder: Path, repo: str, *, licence: str, dry_run: bool = False, private: bool = False, message: str = ""
) -> str:
    """Send the model of a run folder to OWNER/NAME on the hub; returns the commit's address.

    With `dry_run` nothing touches the network: the files and the page are shown. Raises UserError without a
    licence, for a run without a model, and for what the hub refuses.
    """
    faults = Faults()
    with faults:
        hub.require_repo(repo)
    with faults:
        require_licence(licence)
    with faults:
        require(folder)
    faults.tell()
    folder = own(folder)
    Reporter().note(*doubts(folder, licence))
    with tempfile.TemporaryDirectory(prefix="audionas-") as drafts:
        sent = contents(folder, hub.Address(repo, None), licence, Path(drafts))
        _list(sent)
        if dry_run:
            say("", *sent.page.splitlines(), "", "nothing was sent")
            return ""
        done = hub.send(
            repo, sent.files, sent.page, private=private, message=message or f"{folder.resolve().name}"
        )
    say(
        f"sent to {done.url}",
        command("audionas", "predict", f"{hub.SCHEME}{repo}@{done.commit}", "recording.wav"),
    )
    return done.url


def _list(sent: Sent) -> None:
    """Print the files with their sizes."""
    size = sum(file.stat().st_size for file in sent.files.values()) + len(sent.page.encode())
    for name, file in sent.files.items():
        say(f"{file.stat().st_size:>12,}  {name}")
    say(
        f"{len(sent.page.encode()):>12,}  README.md",
        f"{size:>12,}  bytes in {amount(len(sent.files) + 1, 'file')}",
    )


def contents(folder: Path, where: hub.Address, licence: str, drafts: Path) -> Sent:
    """The files to send: the bundle at the top, exported files under export/, all of our making.

    Of absolute paths the last two parts are sent: a file that names some is copied to `drafts` without them.
    """
    if not (folder / "model" / "bundle.json").exists():
        raise UserError(f"{folder}: holds no trained model", hint="Train one: audionas train")
    text = public(page(folder, where, licence))
    files = {name: folder / "model" / name for name in hub.FILES if (folder / "model" / name).exists()}
    if (folder / "arch.json").exists():
        files["arch.json"] = folder / "arch.json"
    for name in sorted(made(folder)):
        file = folder / name
        if name.startswith("export/") and name != CARD and _plain(file, folder / "export"):
            files[name] = file
    return Sent({name: copied(file, drafts / name) for name, file in files.items()}, text)


def _plain(file: Path, folder: Path) -> bool:
    """True for a file below the folder that no link leads to: the list may be a stranger's."""
    return (
        file.is_file()
        and ".." not in file.parts
        and file.resolve() == folder.resolve() / file.relative_to(folder)
    )


def require_licence(licence: str) -> None:
    """Raise UserError where the licence is missing or unknown."""
    if licence not in LICENCES:
        said = f"--licence {licence}: unknown" if licence else "--licence is missing"
        meant = did_you_mean(licence, LICENCES) if licence else ""
        raise UserError(
            f"{said}: a model goes out under terms that others can read.{meant}",
            hint=f"Licences: {', '.join(LICENCES)}",
        )
