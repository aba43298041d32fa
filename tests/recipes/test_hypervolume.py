"""The area of fronts, and the difference of two with its interval, of run folders with known answers."""

import runpy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from audionas.core.errors import UserError
from audionas.core.files import write_json
from audionas.engine.metrics import summary

SCRIPT = runpy.run_path(
    str(Path(__file__).parents[2] / "recipes" / "speech_commands" / "local" / "hypervolume.py")
)
CLIPS = 200


def made(folder: Path, macs: int, wrong: Sequence[int]) -> None:
    """A run that answers all clips but these."""
    truth = np.arange(CLIPS) % 2
    answers = truth.copy()
    answers[list(wrong)] ^= 1
    speakers = [f"s{number // 4}" for number in range(CLIPS)]
    found = {**summary(np.eye(2)[answers], truth, ["no", "yes"], speakers), "data": "data/test"}
    (folder / "eval").mkdir(parents=True)
    for name in ("eval.json", "eval/test.json"):
        write_json(folder / name, found)
    words = np.array(["no", "yes"])
    rows = zip(range(CLIPS), speakers, words[truth].tolist(), words[answers].tolist(), strict=True)
    write_json(
        folder / "scores.json",
        [{"id": f"u{n}", "speaker": s, "truth": t, "label": a, "score": 1.0} for n, s, t, a in rows],
    )
    write_json(folder / "cost.json", {"params": 10, "macs": macs})


def test_an_area_is_that_of_a_staircase() -> None:
    accuracy, cost = np.array([90.0, 95.0, 93.0, 85.0]), np.array([0.0, 2.0, 2.5, 1.0])
    assert SCRIPT["volume"](accuracy, cost, (88.0, 3.0)) == pytest.approx(2 * 2 + 7 * 1)
    assert SCRIPT["volume"](accuracy, cost, (96.0, 3.0)) == 0


def test_the_front_that_is_better_at_each_cost_is_beyond_the_interval(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for seed in (0, 1):
        made(tmp_path / f"exp/v1-7_small_{seed}", 1_000_000, range(seed, CLIPS, 5))
        made(tmp_path / f"exp/v1-7_large_{seed}", 4_000_000, range(seed, CLIPS, 10))
        made(tmp_path / f"exp/v1-7_found_{seed}", 1_000_000, range(seed, CLIPS, 20))
    SCRIPT["main"]("macs", "small,large", "found")
    said = capsys.readouterr().out
    # 80 and 90 % at 1 and 4 M, 95 % at 1 M; the reference is 80 % at 4.4 M
    top = np.log2(4.4)
    assert f"hand-made {10 * (top - 2):.2f}, searched {15 * top:.2f}; " in said
    low = float(said.split("(95 % ")[1].split()[0])
    assert 0 < low < 15 * top - 10 * (top - 2)
    assert "not measurable" not in said
    SCRIPT["main"]("macs", "small,found", "small,found")
    assert "difference +0.00 (95 % +0.00 to +0.00)" in capsys.readouterr().out


def test_one_seed_and_what_is_missing_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    made(tmp_path / "exp/v1-7_small_0", 1_000_000, range(0, CLIPS, 5))
    made(tmp_path / "exp/v1-7_found_0", 2_000_000, [3])
    SCRIPT["main"]("macs", "small", "found")
    assert "not measurable for small, found: one seed" in capsys.readouterr().out
    with pytest.raises(UserError, match="of lost, none"):
        SCRIPT["main"]("macs", "small,lost", "none")
    with pytest.raises(UserError, match="found: a run without ONNX"):
        SCRIPT["main"]("latency_us", "small", "found")
    with pytest.raises(UserError, match="'mac' is no cost here: expected macs or latency_us"):
        SCRIPT["main"]("mac", "small", "found")


@pytest.mark.parametrize("name", ["hypervolume", "more_clips"])
def test_too_few_words_end_with_the_usage(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", [f"{name}.py", "data"])
    script = Path(__file__).parents[2] / "recipes" / "speech_commands" / "local" / f"{name}.py"
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(script), run_name="__main__")
    assert str(stop.value.code).startswith(f"usage: {name}.py")
