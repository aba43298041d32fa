"""The source of images and their preparation: the section `images` of a config."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from audionas.core.errors import hold
from audionas.core.strict import Strict


@dataclass(frozen=True, kw_only=True)
class Images(Strict):
    """Images instead of recordings: their source, and how training changes them.

    `path` is a binary archive of CIFAR-10 or CIFAR-100 (or its unpacked folder), an `.npz` file with
    x_train, y_train, x_test, y_test and classes, or a folder in ImageNet's layout. `subset` is the
    share of each class's training images that is used, and `dev` the share of those that is held out
    for the development accuracy: the same images for every seed. The test part is read by
    `audionas eval` alone.

    The images of a folder are decoded once, with the shorter side scaled to `stored` pixels and the centre
    square cut out, into shards in `cache` (default: `cache/` beside the folder); the network sees
    `size` pixels (default 224, with `stored` 8/7 of it). Arrays keep their size.

    Training draws for each image: a crop, `padded` (zeros around it, `padding` pixels wide, a
    window of the network's size) or `resized` (a share of the area in `area`, aspect 3/4 to 4/3);
    `flip` left to right; `jitter` of brightness, contrast, saturation and hue. `cutout` blanks one
    square of this many pixels per side (DeVries and Taylor 2017, arXiv 1708.04552) when a final network is
    trained, not in a search, as DARTS does.
    """

    path: str
    subset: float = 1.0
    dev: float = 0.1
    size: int | None = None
    stored: int | None = None
    crop: Literal["padded", "resized", "none"] = "padded"
    padding: int = 4
    area: tuple[float, float] = (0.08, 1.0)
    flip: bool = True
    cutout: int = 0
    jitter: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    cache: str = ""

    def __post_init__(self) -> None:
        low, high = self.area
        hold(
            (self.path.strip(), "path is empty, expected an archive, an .npz file or a folder"),
            (0 < self.subset <= 1, f"subset is {self.subset}, expected a share above 0 and at most 1"),
            (0 <= self.dev < 1, f"dev is {self.dev}, expected a share, at least 0 and below 1"),
            (self.size is None or self.size >= 1, f"size is {self.size}, expected pixels, at least 1"),
            (
                self.stored is None or self.stored >= (self.size or 1),
                f"stored is {self.stored}, expected at least size, {self.size or 1}",
            ),
            (self.padding >= 0, f"padding is {self.padding}, expected 0 or more pixels"),
            (0 < low <= high <= 1, f"area is {list(self.area)}, expected two shares, the smaller first"),
            (self.cutout >= 0, f"cutout is {self.cutout}, expected 0 (off) or a square's pixels"),
            (
                all(0 <= strength < math.inf for strength in self.jitter) and self.jitter[3] <= 0.5,
                f"jitter is {list(self.jitter)}, expected four strengths of at least 0, hue at most 0.5",
            ),
            place="images.",
        )

    @property
    def folder(self) -> Path:
        """The folder of decoded images."""
        return Path(self.cache) if self.cache else Path(self.path).parent / "cache"
