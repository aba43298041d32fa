"""What export says of a model that may know less in a stream than in clips, and what to do then."""

from typing import Any

import pytest

from audionas.run.ship.streaming import advice


def report(
    *, clips: float | None = None, stream: float = 0.0, settled: bool | None = None, seconds: float = 1.0
) -> dict[str, Any]:
    """Of one file that listens, tried on data or, without `clips`, on noise."""
    right = None if clips is None else {"accuracy": stream}
    row = {"torch": right, "latency_ms": {"per": "hop"}}
    whole = None if clips is None else {"accuracy": clips}
    return {"files": {"model.tflite": row}, "torch": whole, "settled": settled, "clip_s": seconds}


@pytest.mark.parametrize(
    "told",
    [
        report(),
        report(clips=0.98, stream=0.97),
        report(settled=True, seconds=1.5),
        report(settled=True, seconds=2.0, clips=0.98, stream=0.97),
    ],
)
def test_what_listens_as_well_as_it_knows_clips_gets_no_word(told: dict[str, Any]) -> None:
    assert advice(told) == ""


def test_a_loss_that_was_measured_comes_with_what_to_do() -> None:
    said = advice(report(clips=0.98, stream=0.6, seconds=1.5))
    assert said.startswith(
        "Listening loses accuracy: 98.0% are right as clips, 60.0% in a stream. Train again with "
    )
    assert "with longer clips (data.seconds=3) or train.loss=max_pool" in said
    assert "micro" not in said


@pytest.mark.parametrize("seconds", [1.0, 2.0])
def test_micro_from_silence_is_told_to_settle_though_nothing_was_measured(seconds: float) -> None:
    said = advice(report(settled=False, seconds=seconds))
    assert f"heard clips of {seconds:g} s, starting from silence" in said
    assert "Train again with features={name: micro, preset: settled}, longer clips (data.seconds=" in said
    assert "audionas tune measures" in said


def test_micro_settled_on_clips_of_a_second_is_told_of_longer_ones() -> None:
    said = advice(report(settled=True))
    assert "heard clips of 1 s, after the reversed clip" in said
    assert "with longer clips (data.seconds=2)" in said


def test_files_that_take_clips_have_no_stream_to_lose_in() -> None:
    told = report(clips=0.98, stream=0.1, settled=False)
    told["files"]["model.tflite"]["latency_ms"]["per"] = "clip"
    assert advice(told) == ""
