"""Warnings where a model that learned from clips will know less in a stream, with the remedy."""

from collections.abc import Mapping
from typing import Any

from audionas.core.reporter import amount
from audionas.models.model import ImageModel, Model
from audionas.report.card import against

_LOST = 0.05  # a larger share of clips that are right as clips and wrong in a stream is reported
_SHORT = 1.0  # seconds of a clip in which an adapting front-end does not settle


def facts(model: Model | ImageModel) -> dict[str, Any]:
    """Facts for the report: seconds of a clip, and whether an adapting front-end had settled before it (None:
    it does not adapt). Empty for images."""
    if isinstance(model, ImageModel):
        return {}
    settings = model.network.front_end.settings
    return {"clip_s": model.bundle.samples / model.sample_rate, "settled": settings.get("settle")}


def lines(report: Mapping[str, Any]) -> list[str]:
    """Lines about a stream of the model: the sound that a score depends on, the agreement with the clip's
    classifier, and accuracies from silence and after other sound; empty where no file listens.
    """
    if not (told := report.get("memory")):
        return []
    found = [
        f"{told['words'][0].upper()}{told['words'][1:]}.",
        against(report["stream_against_clip"], report["clips_from"]),
    ]
    for name, row in report["files"].items():
        late = row.get("past") or {}
        if late.get("accuracy") and row["accuracy"]:
            lost = row["accuracy"]["accuracy"] - late["accuracy"]["accuracy"]
            found.append(
                f"{name}: {row['accuracy']['accuracy']:.1%} of "
                f"{amount(row['accuracy']['n'], 'clip')} are right from silence, "
                f"{late['accuracy']['accuracy']:.1%} after 1 to 3 s of {late['from']}."
                + (" Train with train.past=1, which prepares for other sound." if lost > _LOST else "")
            )
        elif late:
            found.append(f"{name}: heard after 1 to 3 s of {late['from']}, too.")
    return found


def advice(report: Mapping[str, Any]) -> str:
    """A warning where a model is worse in streams than on clips, with the remedy; empty if none is needed.

    One cause is measured: the first frames of a clip follow zeros, those of a stream follow sound, which is
    new to a network that learned the zeros. The other is known without data: the front-end micro adapts for
    seconds, so that a word in a stream differs from one in a clip; clips heard one by one do not show it.
    """
    heard = [row["torch"] for row in report["files"].values() if row["latency_ms"].get("per") == "hop"]
    if not heard:
        return ""
    whole, stream = report["torch"], next((right for right in heard if right), None)
    said = []
    if whole and stream and whole["accuracy"] - stream["accuracy"] > _LOST:
        said.append(
            f"Listening loses accuracy: {whole['accuracy']:.1%} are right as clips, "
            f"{stream['accuracy']:.1%} in a stream."
        )
    settled, seconds = report.get("settled"), report.get("clip_s", 0.0)
    if settled is False or (settled and seconds <= _SHORT):
        before = "after the reversed clip" if settled else "starting from silence"
        said.append(
            "The model may miss words in continuous sound: the front-end micro adapts to sound over "
            f"seconds, and in training it heard clips of {seconds:g} s, {before}."
        )
    if not said:
        return ""
    settle = "features={name: micro, preset: settled}, " if settled is False else ""
    return " ".join(
        (
            *said,
            f"Train again with {settle}longer clips (data.seconds={max(2.0, 2 * seconds):g}) or "
            "train.loss=max_pool, which make training more like a stream; audionas tune measures the "
            "misses in a stream.",
        )
    )
