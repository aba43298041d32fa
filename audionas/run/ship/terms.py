"""Whether the licence of a model allows more than the terms of what it was made from."""

import re
from pathlib import Path

from audionas.data import kaldi
from audionas.models.bundle import ModelBundle
from audionas.report.card import begun, sources

_WORDS = {  # by the part of a licence's name that keeps the term
    "nc": ("NonCommercial", re.compile(r"non-?\s?commercial|\bcc[ -]by-nc", re.IGNORECASE)),
    "sa": ("ShareAlike", re.compile(r"share-?\s?alike|\bcc[ -]by(-nc)?-sa", re.IGNORECASE)),
}


def doubts(folder: Path, licence: str) -> list[str]:
    """A line for each source whose terms say NonCommercial or ShareAlike where `licence` does not.

    The search is for words alone: it finds no other term, and cannot tell what the law makes of this one.
    """
    if licence == "other" or not (folder / "model" / "bundle.json").exists():
        return []
    place, words = begun(ModelBundle.load(folder / "model"))
    terms = {path: kaldi.read_licence(Path(path)) for _, path in sources(folder)} | {place: words}
    lines = [
        f"warning: the terms of {source} say {name}, --licence {licence} does not"
        for source, text in terms.items()
        for part, (name, pattern) in _WORDS.items()
        if part not in licence.split("-") and pattern.search(text)
    ]
    return [*lines, "  (found by a search for words; read the terms)"] if lines else []
