"""Architecture files (JSON) of published and hand-made networks, by name; data only."""

from pathlib import Path

from audionas.core.arch import ArchSpec
from audionas.core.errors import UserError, did_you_mean
from audionas.core.files import read_text

_FOLDER = Path(__file__).parent


def names() -> list[str]:
    """The networks of the zoo, sorted."""
    return sorted(file.stem for file in _FOLDER.glob("*.json"))


def load(name: str) -> ArchSpec:
    """The architecture called `name`.

    Its note holds `summary`, `paper`, `arxiv` and `features` (front-end/preset), and where they are known:
    `published`, the figures as printed: `params_m` and `macs_m` in millions, `accuracy` in percent by data
    set, `source`; `exceptions`, by `params` or `macs`, the reason why ours differs from the printed one;
    `layers`, where the layer list is public; `weights`, where trained ones are; `measured`, our `accuracy`
    and its `source`. Raises UserError for an unknown name, with the nearest known one.
    """
    if name not in names():
        raise UserError(
            f"no network called '{name}' in the zoo.{did_you_mean(name, names())}",
            hint="See: audionas list zoo",
        )
    file = _FOLDER / f"{name}.json"
    return ArchSpec.from_json(read_text(file), source=str(file))
