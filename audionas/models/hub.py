"""Models on a hub, as `hf://OWNER/NAME@REV`: only the files of a bundle are read, and none is executed.

The library huggingface_hub (extra `hub`) speaks with the server; HF_ENDPOINT names another one.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from audionas.core.errors import UserError

SCHEME = "hf://"
FILES = ("bundle.json", "weights.safetensors", "arch.json", "trained_on.json")  # the first two are needed
MOST = 1 << 30  # bytes of a bundle: no network of this field is a thousandth of it
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
_ADDRESS = re.compile(rf"hf://({_NAME}/{_NAME})(?:@([A-Za-z0-9._/-]{{1,100}}))?")
_REPO = re.compile(rf"{_NAME}/{_NAME}")


class Address(NamedTuple):
    """A repository and its revision: a branch, a tag or a commit; None is the main branch."""

    repo: str
    revision: str | None

    def __str__(self) -> str:
        """As it is typed."""
        return f"{SCHEME}{self.repo}" + (f"@{self.revision}" if self.revision else "")


def address(text: str) -> Address:
    """The parts of `hf://OWNER/NAME@REV`. Raises UserError where it is none."""
    found = _ADDRESS.fullmatch(text)
    if not found or ".." in text:
        raise UserError(f"{text}: expected hf://OWNER/NAME or hf://OWNER/NAME@REVISION")
    return Address(found[1], found[2])


def require_repo(name: str) -> str:
    """The name, if it is OWNER/NAME. Raises UserError where it is not."""
    if not _REPO.fullmatch(name) or ".." in name:
        raise UserError(
            f"{name}: expected OWNER/NAME", hint="For example: audionas push exp/mini anna/seven-words"
        )
    return name


def fetch(text: str) -> Path:
    """The folder with the bundle of `hf://OWNER/NAME@REV`: downloaded once, into the hub library's cache.

    Files other than a bundle's are not downloaded. Raises UserError where the repository or the revision does
    not exist, holds no bundle or one that is too large, or the server cannot be reached.
    """
    where = address(text)
    with told(str(where)):
        from huggingface_hub import HfApi, snapshot_download
        from huggingface_hub.utils.tqdm import disable_progress_bars

        info = HfApi().model_info(where.repo, revision=where.revision, files_metadata=True)
        sizes = {file.rfilename: file.size or 0 for file in info.siblings or () if file.rfilename in FILES}
        if missing := [name for name in FILES[:2] if name not in sizes]:
            raise UserError(
                f"{where}: has no {' and no '.join(missing)}",
                hint="audionas reads what audionas push has sent.",
            )
        if (size := sum(sizes.values())) > MOST:
            raise UserError(f"{where}: its bundle has {size:,} bytes, more than {MOST:,}")
        disable_progress_bars()
        return Path(snapshot_download(where.repo, revision=info.sha, allow_patterns=list(sizes)))


class Commit(NamedTuple):
    """The address of a commit, and its name."""

    url: str
    commit: str


def send(repo: str, files: Mapping[str, Path], page: str, *, private: bool, message: str) -> Commit:
    """Send files, by their place in the repository, and README.md in one commit; a new repository is made.

    Raises UserError where the server refuses or cannot be reached.
    """
    with told(f"{SCHEME}{repo}"):
        from huggingface_hub import CommitOperationAdd, HfApi

        additions = [CommitOperationAdd(name, str(file)) for name, file in files.items()]
        additions.append(CommitOperationAdd("README.md", page.encode()))
        api = HfApi()
        api.create_repo(repo, private=private, exist_ok=True)
        done = api.create_commit(repo, additions, commit_message=message)
    return Commit(str(done.commit_url), str(done.oid))


@contextmanager
def told(where: str) -> Iterator[None]:
    """Turn the hub library's errors, and its absence, into UserErrors about `where`."""
    try:
        from huggingface_hub import errors
    except ImportError as error:
        raise UserError("models on a hub need huggingface_hub", hint=REMEDY) from error
    try:
        yield
    except errors.RevisionNotFoundError as error:
        raise UserError(f"{where}: has no such revision", hint="Name a branch, a tag or a commit.") from error
    except errors.RepositoryNotFoundError as error:
        raise UserError(
            f"{where}: does not exist, or is private", hint="For a private one: hf auth login"
        ) from error
    except errors.HfHubHTTPError as error:
        raise UserError(f"{where}: the server answers {_status(error)}", hint=_advice(error)) from error
    except (errors.LocalEntryNotFoundError, OSError) as error:
        raise UserError(f"{where}: cannot be reached: {error}", hint="Try again when online.") from error


REMEDY = "Run: AUDIONAS_EXTRAS=hub ./setup.sh"


def _status(error: Any) -> str:
    answer = getattr(error, "response", None)
    said = getattr(error, "server_message", None)
    status = getattr(answer, "status_code", "?")
    return f"{status}: {said}" if said else f"{status}"


def _advice(error: Any) -> str:
    status = getattr(getattr(error, "response", None), "status_code", 0)
    return "Log in with a token that may write: hf auth login" if status in (401, 403) else "Try again later."
