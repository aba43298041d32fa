"""Image files read as squares of pixels, with Pillow."""

import io
from pathlib import Path
from typing import Any

import numpy as np

from audionas.core.errors import UserError

SUFFIXES = (".jpeg", ".jpg", ".png", ".bmp", ".webp")


def read_file(path: Path, side: int) -> np.ndarray:
    """The centre square of an image file scaled to a shorter side of `side` pixels: (side, side, 3) uint8.

    Raises UserError for a file that is not an image or is damaged.
    """
    try:
        return decoded(path.read_bytes(), side)
    except OSError as error:
        raise UserError(f"{path}: cannot be read as an image ({error})") from error


def fitted(pixels: np.ndarray, side: int) -> np.ndarray:
    """The same for pixels (H, W, 3) uint8 of any size."""
    from PIL import Image

    return _square(Image.fromarray(pixels), side)


def decoded(data: bytes, side: int) -> np.ndarray:
    """The same for a file's bytes; raises OSError for any fault in them."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as opened:
            opened.draft("RGB", (side, side))  # a large JPEG is decoded at 1/2, 1/4 or 1/8 of its size
            return _square(opened.convert("RGB"), side)
    except Exception as error:  # on damaged files Pillow's decoders raise many errors besides OSError
        raise OSError(str(error) or type(error).__name__) from error


def _square(picture: Any, side: int) -> np.ndarray:
    from PIL import Image

    short = min(picture.size)
    width, height = (max(side, round(length * side / short)) for length in picture.size)
    if picture.size != (width, height):
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    left, top = (width - side) // 2, (height - side) // 2
    return np.array(picture.crop((left, top, left + side, top + side)))
