"""Trained models as other runs name them: a run folder, its `model/`, or one that comes along."""

from pathlib import Path

from audionas import models
from audionas.core.errors import UserError
from audionas.core.files import sha256, sha256_text


def folder_of(name: str, key: str, *, own: Path) -> Path:
    """The folder that holds the bundle of the model `name`, which stands under `key` in a config.

    Raises UserError where there is none, and where it is that of the run itself, in the folder `own`.
    """
    place = models.find(name)
    folder = place if (place / "bundle.json").exists() else place / "model"
    if not (folder / "bundle.json").exists():
        raise UserError(f"{key}: {name} holds no trained model", hint=_hint(place, key))
    if folder.resolve() == (own / "model").resolve():
        raise UserError(
            f"{key}: {name} is what this run itself would write", hint="Train under another name: name=..."
        )
    return folder


def digest(folder: Path) -> str:
    """Hex SHA-256 of a bundle: of its weights and of all that its answers depend on besides."""
    return sha256_text(" ".join(sha256(folder / name) for name in ("weights.safetensors", "bundle.json")))


def _hint(place: Path, key: str) -> str:
    if key == "train.init" and (place / "search").is_dir():
        return f"The supernet of its search is {place / 'search'}."
    return "Give a run folder that was trained, or a name from: audionas list models"
