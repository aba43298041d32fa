"""A few recordings with the model's answers; those that it got wrong can be heard."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from audionas.core.reporter import amount
from audionas.report import charts
from audionas.report.clips.sound import addresses
from audionas.report.html import Html, percent, section, size, tag


class Example(NamedTuple):
    """One recording as the model heard it: the front-end's features (F, T), truth and answer.

    `sound` is a WAV file to put into the page; empty where it is to stay out.
    """

    file: str
    truth: str
    label: str
    score: float
    features: np.ndarray
    sound: bytes = b""


def examples(shown: Sequence[Example]) -> Html:
    """The section."""
    right = sum(example.truth == example.label for example in shown)
    lead = f"{right} of these {len(shown)} answers are right. Time runs to the right, coefficients go up."
    sounds = addresses(example.sound for example in shown)
    figures = map(_example, shown, sounds)
    return section("Heard", tag("div", *figures, class_="grid small"), lead=lead + _inside(sounds))


def _inside(sounds: Sequence[str]) -> str:
    """A sentence on the sounds in the page: who gets it can hear them."""
    if not any(sounds):
        return ""
    many, bytes_ = amount(sum(map(bool, sounds)), "clip"), size(sum(map(len, sounds)))
    return (
        f" The sound of {many} is inside this page ({bytes_}): whoever gets the page can hear it. "
        "audionas show --no-audio leaves it out."
    )


def _example(example: Example, sound: str) -> Html:
    right = example.truth == example.label
    verdict = f"✓ {example.label}" if right else f"✗ {example.label}"
    said = "" if right else f" for {example.truth}"
    words = (
        tag("strong", verdict),
        f"{said}, {percent(example.score, 0)}",
        tag("br"),
        tag("small", example.file),
    )
    picture = charts.feature_map(example.features, f"Features of {example.file}")
    heard = tag("audio", src=sound, controls="", preload="none", aria_label=example.file) if sound else ""
    return tag(
        "figure", picture, heard, tag("figcaption", *words), class_=f"example {'right' if right else 'wrong'}"
    )
