"""Trained models by name: a run folder, its `model/`, or a model that audionas includes."""

import shutil
from pathlib import Path
from typing import Any

from audionas.core.arch import ArchSpec
from audionas.core.errors import UserError, did_you_mean
from audionas.core.files import atomic, read_json, read_text, sha256, sha256_text
from audionas.models import hub

_FOLDER = Path(__file__).parent
_COPIED = {  # by the place in a run folder; bundle.json marks a folder as a bundle, so it is written last
    "arch.json": "arch.json",
    "model/trained_on.json": "trained_on.json",
    "model/weights.safetensors": "weights.safetensors",
    "model/bundle.json": "bundle.json",
}


def names() -> list[str]:
    """The included models, sorted."""
    return sorted(file.parent.name for file in _FOLDER.glob("*/bundle.json"))


def find(name: str | Path) -> Path:
    """The folder for `name`: the path where it exists, else the model of that name; `hf://` is downloaded.

    So a folder `kws12` in the current folder takes precedence over the model kws12. Any other name is
    returned unchanged, for the reader to refuse; one that is nearly a model's raises UserError.
    """
    if text := _address(name):
        return hub.fetch(text)
    path = Path(name)
    if path.exists():
        return path
    if str(path) in names():
        return _FOLDER / path
    if meant := did_you_mean(str(path), names()):
        raise UserError(f"no folder and no model called '{path}'.{meant}", hint="See: audionas list models")
    return path


def require(name: str | Path) -> None:
    """Raise UserError where there is no trained model of this name; one on a hub is not looked for."""
    if not _address(name):
        folder = find(name)
        if not any((place / "bundle.json").exists() for place in (folder, folder / "model")):
            raise UserError(
                f"{folder}/model: no trained model here", hint="Train one first: audionas train CONF arch=..."
            )


def own(name: str | Path, out: str | Path = "exp") -> Path:
    """The folder for results about a model; an included one, and one from a hub, is copied to `out`/NAME.

    Raises UserError where that folder holds something else.
    """
    folder, text = find(name), _address(name)
    if not text and folder.resolve().parent != _FOLDER.resolve():
        return folder
    home = Path(out) / (hub.address(text).repo.partition("/")[2] if text else folder.name)
    left = {home / place: folder / file for place, file in _COPIED.items() if not (home / place).exists()}
    left = {there: source for there, source in left.items() if source.exists()}
    for place, file in _COPIED.items():
        if (
            (folder / file).exists()
            and home / place not in left
            and (home / place).read_bytes() != (folder / file).read_bytes()
        ):
            raise UserError(
                f"{home}: holds a model other than {text or f'the included {folder.name}'}",
                hint=f"Name it {home}, or work in another folder.",
            )
    for there, source in left.items():
        with atomic(there) as draft:
            shutil.copyfile(source, draft)
    return home


def _address(name: str | Path) -> str:
    """The address on a hub, also of a path, which keeps one slash of two; empty for anything else."""
    text = str(name)
    if not text.startswith("hf:/"):
        return ""
    return text if text.startswith(hub.SCHEME) else hub.SCHEME + text.removeprefix("hf:/")


def arch(name: str) -> ArchSpec:
    """The architecture of an included model."""
    file = _FOLDER / name / "arch.json"
    return ArchSpec.from_json(read_text(file), str(file))


def summary(name: str) -> str:
    """The first sentence of its card."""
    text = read_text(_FOLDER / name / "model_card.md")
    return " ".join(text.split("\n\n")[1].split(". ")[0].split()).rstrip(".") + "."


def licence(name: str) -> str:
    """The terms of an included model and of its data, as its card gives them."""
    rows = read_text(_FOLDER / name / "model_card.md").splitlines()
    return next((row.split("|")[2].strip() for row in rows if row.startswith("| licence |")), "")


def measured(name: str) -> dict[str, Any]:
    """Test accuracy in percent and its source, in the form of a zoo note's `measured`."""
    found = read_json(_FOLDER / name / "measured.json")
    return {
        "accuracy": {f"{found['n']} test clips": round(100 * found["accuracy"], 1)},
        "source": f"audionas/models/{name}/model_card.md",
    }


def folder_of(name: str, key: str, *, own: Path) -> Path:
    """The folder that holds the bundle of the model `name`, which a config gives as `key`.

    Raises UserError where there is none, and where it belongs to the run itself, in the folder `own`.
    """
    place = find(name)
    folder = place if (place / "bundle.json").exists() else place / "model"
    if not (folder / "bundle.json").exists():
        raise UserError(f"{key}: {name} holds no trained model", hint=_hint(place, key))
    if folder.resolve() in ((own / "model").resolve(), (own / "last").resolve()):
        raise UserError(
            f"{key}: {name} is the model that this run would write", hint="Train under another name: name=..."
        )
    return folder


def digest(folder: Path) -> str:
    """Hex SHA-256 of a bundle: its weights and everything else that its answers depend on."""
    return sha256_text(" ".join(sha256(folder / name) for name in ("weights.safetensors", "bundle.json")))


def _hint(place: Path, key: str) -> str:
    if key == "train.init" and (place / "search").is_dir():
        return f"The supernet of its search is {place / 'search'}."
    return "Give a trained run folder, or a name from: audionas list models"
