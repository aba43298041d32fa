"""The onnxruntime-web that a page runs: from a folder, or fetched once, verified and cached."""

import base64
import hashlib
import os
import shutil
from pathlib import Path

from audionas.core.archives import download
from audionas.core.errors import UserError
from audionas.core.files import sha256
from audionas.core.reporter import Reporter, say

VERSION = "1.30.0"
NAME = f"onnxruntime-web-{VERSION}"
_NAMED = "npm_config_registry"  # npm's own variable for another registry
REGISTRY = "https://registry.npmjs.org"
# The archive's integrity as the registry publishes it, and the checksums of the files that a page needs.
INTEGRITY = "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
FILES = {
    "ort.wasm.bundle.min.mjs": "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
    "ort-wasm-simd-threaded.wasm": "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}


def runtime(folder: Path | None, reporter: Reporter) -> Path:
    """The folder that has `FILES`: `folder` itself, its `dist/`, or the cache, filled as needed.

    Raises UserError where `folder` lacks them, and where they cannot be fetched or are wrong.
    """
    if folder is None:
        return cached(cache_folder(), reporter)
    for place in (folder, folder / "dist"):
        if all((place / name).is_file() for name in FILES):
            return place
    missing = [name for name in FILES if not (folder / name).is_file()]
    raise UserError(
        f"{folder}: has no {' and no '.join(missing)}",
        hint=f"Give the folder dist of the package onnxruntime-web (tested with {VERSION}), or omit "
        "--runtime to fetch it.",
    )


def cache_folder() -> Path:
    """The user's folder for files that programs can fetch again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "audionas"


def cached(
    cache: Path, reporter: Reporter, *, integrity: str = INTEGRITY, files: dict[str, str] = FILES
) -> Path:
    """The folder `CACHE/onnxruntime-web-VERSION` with `files` (SHA-256 by name), fetched if incomplete.

    The archive comes from the npm registry, or from the one that the environment variable
    npm_config_registry names, and must have the `integrity` that the registry publishes. The next call
    resumes an interrupted download. Raises UserError as `download.fetch` and `download.unpack` do, and
    where the archive is a different one.
    """
    kept = cache / NAME
    if all((kept / name).is_file() and sha256(kept / name) == right for name, right in files.items()):
        return kept
    archive, whole = cache / f"{NAME}.tgz", cache / f"{NAME}.whole"
    record = cache / f"{NAME}.tgz.sha256"
    registry = os.environ.get(_NAMED) or REGISTRY
    address = f"{registry.rstrip('/')}/onnxruntime-web/-/{NAME}.tgz"
    try:
        reporter.note(f"fetching onnxruntime-web {VERSION} (33 MB, once)")
        digest = download.fetch(address, archive, reporter)
        _verify(archive, address, integrity)
        download.unpack(archive, whole, digest, reporter)
        _keep(whole / "package" / "dist", kept, files)
    finally:  # a broken download stays under another name, NAME.part
        shutil.rmtree(whole, ignore_errors=True)
        archive.unlink(missing_ok=True)
        record.unlink(missing_ok=True)
    return kept


def _verify(archive: Path, address: str, integrity: str) -> None:
    with archive.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha512").digest()
    found = f"sha512-{base64.b64encode(digest).decode()}"
    if found != integrity:
        raise UserError(
            f"{address}: its integrity is {found}, the published one is {integrity}",
            hint="The download was damaged or changed, and was deleted. Run the same command again.",
        )


def _keep(source: Path, kept: Path, files: dict[str, str]) -> None:
    """Copy `files` to the folder `kept`, which appears complete or not at all."""
    draft = kept.with_name(f".{kept.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    for name, right in files.items():
        if not (source / name).is_file() or sha256(source / name) != right:
            raise UserError(
                f"{NAME}: {name} is missing from the archive, or differs", hint="Please report this."
            )
        shutil.copyfile(source / name, draft / name)
    shutil.rmtree(kept, ignore_errors=True)
    draft.replace(kept)


if __name__ == "__main__":  # fill the cache, for tests without network access
    say(str(runtime(None, Reporter())))
