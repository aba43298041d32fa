"""What tuning says, word for word, of one and of several, and what its chart names."""

from pathlib import Path
from typing import Any

from audionas.core.hostile import on_a_line
from audionas.models.listener import Rule
from audionas.report import tune, tune_chart


def row(*, many: int, target: float = 1.0, met: bool = True) -> dict[str, Any]:
    """A file's figures in which every count is `many`."""
    return {
        "file": "model.onnx",
        "clips": many,
        "clips_drawn_by": "speakers",
        "hours": 2.0,
        "recordings": many,
        "negatives_drawn_by": "minutes",
        "rule": Rule(smooth=max(many, 1), refractory=1.0).plain(),
        "hop_s": 0.08,
        "words": {"hey": {"threshold": 0.5}},
        "sum": {"rejected": 0.1, "accepts": many, "fa_per_hour": many / 2},
        "target": target,
        "met": met,
    }


def test_one_is_told_as_one() -> None:
    said = " ".join(tune.advice(row(many=1)))
    assert "are rejected, and 1 false accept was heard in 2 h (0.5 per hour)" in said
    assert "2 h of negatives cannot show 1 false accept per hour: give at least 3 h." in said
    assert "no threshold reaches 1 false accept per hour" in tune.advice(row(many=1, met=False))[0]
    setting = tune.setting(row(many=1))
    assert "1 clip (drawn by speakers)" in setting
    assert "in 1 recording (" in setting
    assert "mean of 1 hop," in setting


def test_several_and_none_are_told_as_several() -> None:
    said = " ".join(tune.advice(row(many=2000, target=0.5)))
    assert "2,000 false accepts were heard" in said
    assert "cannot show 0.5 false accepts per hour: give at least 6 h." in said
    assert "0 false accepts were heard" in tune.advice(row(many=0))[0]
    setting = tune.setting(row(many=2000))
    assert "2,000 clips (" in setting
    assert "in 2,000 recordings (" in setting
    assert "mean of 2,000 hops," in setting


def test_a_word_that_silence_sets_off_is_told() -> None:
    few, most = row(many=1), row(many=1)
    few["words"] = {"hey": {"threshold": 0.5, "clips": 4, "at_start": 2}}
    most["words"] = {"hey": {"threshold": 0.5, "clips": 4, "at_start": 3}}
    assert "NOT THE WORD" not in " ".join(tune.advice(few))
    assert "3 of 4 clips of hey reach the threshold as soon as they begin" in " ".join(tune.advice(most))
    assert "NOT THE WORD" in " ".join(tune.advice({**most, "met": False}))


def test_hostile_labels_are_text_in_the_chart(tmp_path: Path) -> None:
    """No formula, no missing letter (a warning is an error here), none left out for its underscore."""
    names = ("$\\frac{", "$x^2$", "a\x1b[31mb", "\u202egpj.wav", "_unknown_", "a\nb", "sch\udcfcssel")
    words = {name: {"curve": [[1.0, 0.2, 0.1, 0.3], [10.0, 0.1, 0.0, 0.2]]} for name in (*names, "안녕")}
    figure = tune_chart.figure([{"file": "model.onnx", "hours": 2.0, "words": words}])
    figure.savefig(tmp_path / "det.png", dpi=20)
    shown = [entry.get_text() for entry in figure.axes[0].get_legend().get_texts()]
    assert shown == [*map(on_a_line, names), "\\uc548\\ub155", "under 3 in 2 h: not measurable"]
