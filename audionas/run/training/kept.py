"""The files beside a training: which are its own to replace, and which are somebody else's."""

from pathlib import Path

from audionas.core.errors import UserError

_MADE = {  # the files that audionas writes beside a training; others in these folders survive
    "model": ("weights.safetensors", "bundle.json", "trained_on.json"),
    "export": ("*.onnx", "*.tflite", "*.json", "labels.txt", "golden.npz", "model_card.md"),
    "eval": ("*.json",),
}


def keep_foreign(folder: Path) -> None:
    """Raise UserError where a model lies here that no training of this folder has written."""
    if (folder / "model" / "bundle.json").exists() and not (folder / "train" / "env.json").exists():
        raise UserError(
            f"{folder / 'model'}: holds a model that was not trained here, and would be replaced",
            hint="Move it away, or train under another name: name=...",
        )


def forget(folder: Path) -> None:
    """Remove files made from an earlier model: they do not apply to the new one."""
    for made, patterns in _MADE.items():
        place = folder / made
        for pattern in patterns if not place.is_symlink() else ():
            for file in place.glob(pattern):
                file.unlink()
        if place.is_dir() and not place.is_symlink() and not any(place.iterdir()):
            place.rmdir()
    for made in ("eval.json", "scores.json", "report.html"):
        (folder / made).unlink(missing_ok=True)
