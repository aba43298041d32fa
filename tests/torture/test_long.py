"""Hours and epochs: sound is heard faster than it lasts, and neither memory nor open files grow."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests._factory import config
from tests._run import Run
from tests._wake import RATE, audio
from tests.torture._forks import Forks
from tests.torture._material import material

MINUTES = 60
MOST = 64 << 20  # bytes of memory that an hour of sound may take: it is 230 MB as float32
EPOCHS, SETTLED = 200, 20
GROWTH = 8 << 20  # bytes of memory between the two: the allocator is not a counter


@pytest.mark.nightly
def test_an_hour_of_sound(recordings: Path, trained: Run, forks: Forks, tmp_path: Path) -> None:
    folder = material("wake", tmp_path / "wake", recordings, trained, forks)
    minute = audio(60, [2.0 + 4 * i for i in range(14)])
    for name, count in (("minute.wav", 2), ("hour.wav", MINUTES)):
        soundfile.write(folder / name, np.tile(minute, count), RATE, subtype="PCM_16")

    def heard(name: str) -> tuple[int, int]:
        words = ("detect", "wake", name, "--file", "model.stream.onnx", "--threshold", "0.5")
        done = forks.run(*words, cwd=folder, limit=60.0 * MINUTES, hooks={"most_memory": {}})
        assert not done.hung, "slower than real time"
        assert done.status == 0, done.told
        return len(done.out.splitlines()), done.answer

    few, before = heard("minute.wav")
    many, after = heard("hour.wav")
    assert few > 2
    assert many == pytest.approx(few / 2 * MINUTES, rel=0.1)  # the second minute is heard after another
    assert after - before < MOST


@pytest.mark.nightly
@pytest.mark.parametrize(("command", "workers"), [("train", 0), ("train", 1), ("search", 0)])
def test_many_epochs(recordings: Path, forks: Forks, tmp_path: Path, command: str, workers: int) -> None:
    conf = config(
        recordings, file=tmp_path / "conf.yaml", **{command: {"epochs": EPOCHS, "workers": workers}}
    )
    more = ("arch=tc_resnet8", "space=null", "method=null") if command == "train" else ()
    done = forks.run(command, conf, *more, cwd=tmp_path, hooks={"growth": {}}, limit=1800)
    assert done.status == 0, done.told
    assert len(done.answer) == EPOCHS
    (before, files), (after, more_files) = done.answer[SETTLED], done.answer[-1]
    assert more_files == files
    assert after - before < GROWTH, f"{before:,} bytes after {SETTLED} epochs, {after:,} after {EPOCHS}"
