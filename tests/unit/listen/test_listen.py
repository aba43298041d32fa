"""Listening: events are those of detection, in lines or JSON; the view shows scores, peaks, thresholds."""

import json
import shutil
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from audionas.core.errors import UserError
from audionas.core.reporter import Reporter
from audionas.data import audio
from audionas.listen import live as page
from audionas.listen.detect import detect
from audionas.listen.events import Event
from audionas.listen.exported import find, tuned
from audionas.listen.meter import LevelView, bar

QUIET = Reporter(quiet=True)


def expected(made_run: Path, name: str) -> list[Event]:
    """The events that detecting finds in a recording."""
    return [found.event for found in detect(made_run, [made_run / name])]


def close(events: list[Event]) -> list[tuple]:
    return [(pytest.approx(e.seconds, abs=1e-4), e.keyword, pytest.approx(e.score, abs=1e-5)) for e in events]


def test_events_come_as_lines_of_json_and_are_those_of_detecting(
    made_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = page.go(made_run, wav=made_run / "yes.wav", fast=True, as_json=True)
    whole = expected(made_run, "yes.wav")
    assert [tuple(event) for event in events] == close(whole) != []
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [tuple(line.values()) for line in lines] == close(events)
    assert list(lines[0]) == ["seconds", "keyword", "score"]
    assert page.go(made_run, wav=made_run / "no.wav", fast=True, as_json=True) == []
    assert capsys.readouterr().out == ""


def test_plain_lines_and_what_it_listens_with_are_told(
    made_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page.go(made_run, wav=made_run / "yes.wav", fast=True)
    out, err = capsys.readouterr()
    assert out
    assert all(line.split()[1:3] == ["s", "word"] for line in out.splitlines())
    assert "model.stream.onnx listens" in err
    assert "(audionas tune)" in err
    assert "heard 3.5 s" in err


def test_real_time_takes_as_long_as_the_recording(tmp_path: Path) -> None:
    audio.write(tmp_path / "short.wav", np.zeros(6400, np.float32), 16000)
    start = time.monotonic()
    blocks = list(page.recording(tmp_path / "short.wav", 16000, 320, fast=False))
    assert time.monotonic() - start >= 0.4
    assert [len(block) for block in blocks] == [320] * 20


def test_recording_of_another_rate_and_two_channels_is_heard(tmp_path: Path) -> None:
    import soundfile

    soundfile.write(tmp_path / "stereo.wav", np.zeros((44100, 2)), 44100)
    blocks = list(page.recording(tmp_path / "stereo.wav", 16000, 320, fast=True))
    assert sum(map(len, blocks)) == 16000


def test_without_an_exported_file_torch_listens(
    made_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(made_run / "model", tmp_path / "made" / "model")
    with pytest.raises(UserError, match=r"model\.tflite"):
        page.go(tmp_path / "made", file=Path("model.tflite"), wav=made_run / "yes.wav", fast=True)
    events = page.go(tmp_path / "made", wav=made_run / "yes.wav", fast=True, threshold=("0.9",))
    assert [event.keyword for event in events][:1] == ["word"]
    assert "torch" in capsys.readouterr().err


def test_untuned_model_is_heard_with_a_threshold_that_is_told(made_run: Path) -> None:
    found = find(made_run)
    found.bundle.note.pop("detect")
    how = tuned(found)
    assert (how.thresholds, how.origin) == ({"word": 0.5}, "not tuned, so 0.5")
    assert tuned(found, ("word=0.7",)).thresholds == {"word": 0.7}
    assert tuned(found, ("word=0.7",)).origin == "as given"


def test_no_microphone_is_an_error_with_a_way_out() -> None:
    with suppress(ImportError, OSError):
        import sounddevice

        with suppress(sounddevice.PortAudioError):
            sounddevice.query_devices(kind="input")
            pytest.skip("this machine has a microphone")
    with pytest.raises(UserError) as caught:
        page.microphone(16000, 320, QUIET)
    assert "--wav FILE" in caught.value.hint


def test_missing_recording_is_told_before_anything_is_heard(made_run: Path) -> None:
    with pytest.raises(UserError, match=r"none\.wav"):
        page.go(made_run, wav=made_run / "none.wav", fast=True)


# --- the view --------------------------------------------------------------------------------------------


def text(parts: list[tuple[str, str]]) -> str:
    return "".join(part for part, _ in parts)


@pytest.mark.parametrize(
    ("share", "full"), [(-1.0, 0), (0.0, 0), (0.5, 20), (1.0, 40), (2.0, 40), (0.012, 0), (0.013, 1)]
)
def test_bar_is_as_long_as_its_share(share: float, full: int) -> None:
    assert text(bar(share)) == "━" * full + "─" * (40 - full)


def test_bar_marks_peak_and_threshold() -> None:
    drawn = text(bar(0.25, peak=0.5, mark=0.75))
    assert (drawn.index("╵"), drawn.index("┃"), drawn.count("━")) == (20, 30, 10)
    assert text(bar(0.0, peak=1.0, mark=1.0))[-1] == "┃"
    assert dict(bar(0.8, mark=0.75))["━" * 30] == "green"
    assert dict(bar(0.7, mark=0.75))["━" * 28] == "cyan"


def test_meter_holds_peaks_lights_what_fired_and_shows_the_level(made_run: Path) -> None:
    listener = find(made_run).listen()
    meter = LevelView(listener, {"word": 0.75})
    sound = np.full(1600, 0.1, np.float32)  # -20 dB: two thirds of the level's 60
    meter.take(sound, np.array([[0.9, 0.1], [0.2, 0.8]]), [Event(0.1, "word", 0.9)])
    word, level = meter.lines()
    assert word[0][1] == "bold reverse green"
    assert text(word[1:-1]).index("╵") == 36
    assert word[-1][0] == " 0.20"
    assert text(level[1:-1]).count("━") == 27
    for _ in range(20):
        meter.take(sound, np.array([[0.1, 0.9]]), [])
    word, _ = meter.lines()
    assert word[0][1] == "bold"
    assert text(word[1:-1]).index("╵") == 4


def test_live_lines_are_drawn_on_a_terminal_only(capsys: pytest.CaptureFixture[str]) -> None:
    with Reporter().live() as show:
        show([[("a ", "bold"), ("b", "")]])
    assert "\x1b" not in capsys.readouterr().err
