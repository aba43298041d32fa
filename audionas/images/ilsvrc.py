"""ImageNet as ILSVRC 2012 publishes it: the classes of its validation images, which have no folders."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from audionas.core.errors import UserError
from audionas.core.reporter import amount

DEVKIT = "ILSVRC2012_devkit_t12.tar.gz"
GROUND_TRUTH = "ILSVRC2012_validation_ground_truth.txt"
META, SYNSETS = "meta.mat", "ILSVRC2012_synsets.txt"
INSIDE = "ILSVRC2012_devkit_t12/data"
_PLACES = ("", "val", "data", INSIDE)  # folders below a tree where ground truth and synsets may be
CLASS = re.compile(r"n\d{8}")
_VAL_IMAGE = re.compile(r"ILSVRC2012_val_(\d{8})\.JPEG")


def by_class(tree: Path, files: Sequence[Path]) -> dict[str, list[Path]]:
    """Validation images outside any class folder, by class; an empty dict if there are none.

    Raises UserError where a name is not one of ILSVRC's, or nothing in `tree` gives the classes.
    """
    if not files:
        return {}
    places = [tree / place for place in _PLACES]
    file = next((p / GROUND_TRUTH for p in places if (p / GROUND_TRUTH).is_file()), None)
    if file is None:
        raise UserError(
            f"{files[0].parent}: images without a folder per class, and no {GROUND_TRUTH} in {tree}",
            hint=f"Put {GROUND_TRUTH} and {META} of {DEVKIT} into {tree}, or: audionas prep imagenet",
        )
    classes = classes_of(file.read_text(encoding="utf-8"), str(file), lambda: _synsets_in(places, file))
    found: dict[str, list[Path]] = {}
    for image in sorted(files):
        found.setdefault(class_of(image.name, classes, str(image)), []).append(image)
    return dict(sorted(found.items()))


def classes_of(text: str, source: str, synsets: Any) -> list[str]:
    """The class of each validation image: names as they are, or numbers looked up in `synsets()`."""
    words = text.split()
    if all(CLASS.fullmatch(word) for word in words):
        return words
    known = synsets() if all(word.isdigit() for word in words) else {}
    strange = [f"{source}: line {n}: '{word}'" for n, word in enumerate(words, 1) if word not in known]
    if strange:
        raise UserError(
            [*strange[:5], f"{source}: {amount(len(strange), 'line')} name no class"],
            hint="Expected an ILSVRC2012_ID, or a name such as n01440764, on each line.",
        )
    return [known[word] for word in words]


def class_of(name: str, classes: Sequence[str], what: str) -> str:
    """The class of a validation image by its number. Raises UserError for a name that has none."""
    match = _VAL_IMAGE.fullmatch(name)
    if match is None:
        raise UserError(
            f"{what}: not the name of a validation image",
            hint="Expected ILSVRC2012_val_00000001.JPEG and so on, or a folder per class.",
        )
    number = int(match[1])
    if not 1 <= number <= len(classes):
        raise UserError(
            f"{what}: its class is not known; the ground truth has {amount(len(classes), 'line')}"
        )
    return classes[number - 1]


def _synsets_in(places: Sequence[Path], truth: Path) -> dict[str, str]:
    """ILSVRC2012_ID to WNID, from meta.mat, or from a text file with the class of number n on line n."""
    for place in places:
        if (place / META).is_file():
            return synsets_of(place / META, str(place / META))
        if (place / SYNSETS).is_file():
            names = (place / SYNSETS).read_text(encoding="utf-8").split()
            return {str(number): name for number, name in enumerate(names, 1)}
    raise UserError(
        f"{truth}: lists numbers, and neither {META} nor {SYNSETS} beside it names their classes",
        hint=f"{META} is in {DEVKIT}; {SYNSETS} names the class of ILSVRC2012_ID n on line n.",
    )


def synsets_of(file: Path | IO[bytes], source: str) -> dict[str, str]:
    """ILSVRC2012_ID to WNID."""
    from scipy.io import loadmat

    try:
        rows = loadmat(file, squeeze_me=True)["synsets"]
        pairs = zip(rows["ILSVRC2012_ID"].tolist(), rows["WNID"].tolist(), strict=True)
        return {str(int(number)): str(name) for number, name in pairs}
    except Exception as error:  # on damaged files SciPy's reader raises many kinds of errors
        raise UserError(f"{source}: cannot be read ({error})", hint=f"Take it from {DEVKIT}.") from error
