"""Overfitting is told where development fell or stayed behind beyond chance, and not otherwise."""

from pathlib import Path

import pytest

from audionas.report.advice.overfitting import overfitted

EXP = Path("exp/fold")


def epochs(dev: list[float], train: list[float]) -> list[dict]:
    pairs = enumerate(zip(train, dev, strict=True))
    return [{"epoch": n, "accuracy": a, "valid_accuracy": v} for n, (a, v) in pairs]


FALLEN = epochs([0.1, 0.298, 0.25, 0.206], [0.2, 0.5, 0.7, 0.99])


def test_a_fall_is_told_with_both_figures_and_how_to_keep_the_best() -> None:
    found = overfitted(FALLEN, EXP)
    assert found is not None
    said = found.what.replace("\u00a0", " ")
    assert "fell from 29.8 % (epoch 2) to 20.6 % (epoch 4) while training accuracy rose to 99.0 %" in said
    assert found.do.endswith("arch=exp/fold/arch.json name=fold_best train.keep=accuracy")


def test_where_the_best_epoch_was_kept_only_the_distance_is_told() -> None:
    found = overfitted(FALLEN, EXP, last=False)
    assert found is not None
    assert "fell" not in found.what
    assert "but only 20.6" in found.what


@pytest.mark.parametrize(("clips", "told"), [(1000, True), (20, False)])
def test_a_fall_within_the_draw_of_the_clips_is_no_fall(clips: int, told: bool) -> None:
    rows = epochs([0.80, 0.70], [0.7, 0.75])
    assert (overfitted(rows, EXP, clips=clips) is not None) == told


@pytest.mark.parametrize(
    "rows",
    [
        [],
        epochs([0.2], [0.9]),
        epochs([0.5, 0.6, 0.7], [0.5, 0.65, 0.75]),
        epochs([0.70, 0.69], [0.7, 0.75]),
        epochs([0.8, 0.6], [0.9, 0.7]),  # both fell: a training that broke, not one that knows by heart
        [{"epoch": 0, "loss": 1.0}, {"epoch": 1, "accuracy": None, "valid_accuracy": "x"}],
    ],
)
def test_nothing_is_told_without_a_sign(rows: list[dict]) -> None:
    assert overfitted(rows, EXP) is None
