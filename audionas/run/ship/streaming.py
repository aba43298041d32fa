"""Whether a model that learned from clips will know as much in a stream, and what to do where it will not."""

from collections.abc import Mapping
from typing import Any

from audionas.models.model import ImageModel, Model

_LOST = 0.05  # a larger share of clips that are right as clips and wrong in a stream is told
_SHORT = 1.0  # seconds of a clip in which a front-end that adapts does not settle


def facts(model: Model | ImageModel) -> dict[str, Any]:
    """Of the report: seconds of a clip, and whether an adapting front-end had settled before it (None: it
    does not adapt). Nothing of images."""
    if isinstance(model, ImageModel):
        return {}
    settings = model.network.front_end.settings
    return {"clip_s": model.bundle.samples / model.sample_rate, "settled": settings.get("settle")}


def advice(report: Mapping[str, Any]) -> str:
    """A warning where streams lose what clips have, with what to do next; empty where there is none.

    Measured: in a clip the first frames follow zeros, in a stream sound; what learned the zeros hears
    something else. And known without data: the front-end micro adapts for seconds, so that a word in a stream
    looks unlike one in a clip. Clips heard one by one do not show it.
    """
    heard = [row["torch"] for row in report["files"].values() if row["latency_ms"].get("per") == "hop"]
    if not heard:
        return ""
    whole, stream = report["torch"], next((right for right in heard if right), None)
    said = []
    if whole and stream and whole["accuracy"] - stream["accuracy"] > _LOST:
        said.append(
            f"Listening loses: as clips {whole['accuracy']:.1%} are right, in a stream "
            f"{stream['accuracy']:.1%}."
        )
    settled, seconds = report.get("settled"), report.get("clip_s", 0.0)
    if settled is False or (settled and seconds <= _SHORT):
        before = "after the clip backwards" if settled else "from silence on"
        said.append(
            "Words in continuous sound may be missed: the front-end micro adapts for seconds to what it "
            f"hears, and in training it heard clips of {seconds:g} s, {before}."
        )
    if not said:
        return ""
    settle = "features={name: micro, preset: settled}, " if settled is False else ""
    return " ".join(
        (
            *said,
            f"Train again with {settle}longer clips (data.seconds={max(2.0, 2 * seconds):g}) or "
            "train.loss=max_pool, which make training more like a stream; audionas tune measures what a "
            "stream misses.",
        )
    )
