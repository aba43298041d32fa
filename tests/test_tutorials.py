"""The tutorials' commands run as they are written, in an empty folder or beside recordings of tones.

Only how long `make` may take is less than they say, and `demo-web` writes its page without serving it.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audionas.listen.web.runtime import FILES
from tests._factory import tone
from tests.unit.expert._recordings import WORDS

ROOT = Path(__file__).resolve().parents[1]
TUTORIALS = ROOT / "docs" / "tutorials"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands(page: str) -> str:
    """The commands of a tutorial, one after the other."""
    return "".join(BLOCK.findall((TUTORIALS / f"{page}.md").read_text(encoding="utf-8")))


def typed(lines: str, folder: Path) -> None:
    """Run the lines in a folder by a shell that stops at the first that fails."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(["bash", "-euc", lines], cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def sooner(lines: str, folder: Path) -> str:
    """The lines with half a minute for each `make`, and with a page that no one serves or fetches for."""
    runtime = folder / "runtime"
    runtime.mkdir()
    for name in FILES:
        (runtime / name).write_bytes(b"")
    lines, makes = re.subn(r"--minutes \d+", "--minutes 0.5", lines)
    lines, pages = re.subn(r"--open$", "--no-serve --runtime runtime", lines, flags=re.MULTILINE)
    assert makes >= 2
    assert pages == 1
    return lines


def recorded(folder: Path, labels: dict[str, str], speakers: int = 6, takes: int = 3) -> None:
    """One folder per label with tones in place of its word, by several speakers."""
    for label, word in labels.items():
        (folder / label).mkdir(parents=True)
        for speaker in range(speakers):
            for take in range(takes):
                wave = tone(word, speaker, take, classes=WORDS, seconds=1.0, rate=16000)
                soundfile.write(folder / label / f"s{speaker}_{take}.wav", wave, 16000)


def radio(folder: Path) -> None:
    """One recording of a minute without a word."""
    folder.mkdir()
    waves = [tone("mid", n % 6, n, classes=WORDS, seconds=1.0, rate=16000) for n in range(60)]
    soundfile.write(folder / "day.flac", np.concatenate(waves), 16000)


@pytest.mark.nightly
def test_first_model_then_search_and_compare(tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader", reason="the extra mini is not installed")
    pytest.importorskip("onnxscript", reason="the extra export is not installed")
    for page in ("first_model", "search_and_compare"):
        lines = commands(page)
        assert lines.count("audionas ") >= 3
        typed(lines, tmp_path)
    assert (tmp_path / "first" / "exp" / "mini" / "report.html").is_file()
    table = (tmp_path / "first" / "exp" / "duel" / "compare.md").read_text(encoding="utf-8")
    assert all(f"| {method} |" in table for method in ("gdas", "darts", "random"))


@pytest.mark.nightly
def test_own_words(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason="the extra export is not installed")
    recorded(tmp_path / "my_words", {"lights_on": "low", "lights_off": "high", "_unknown_": "mid"})
    radio(tmp_path / "radio")
    typed(sooner(commands("own_words"), tmp_path), tmp_path)
    assert (tmp_path / "exp" / "my_words" / "web" / "index.html").is_file()
    assert not (tmp_path / "exp" / "my_words" / "tune").exists()
    assert (tmp_path / "exp" / "my_words_tuned" / "tune" / "tune.json").is_file()


@pytest.mark.nightly
def test_a_wake_word_for_an_esp32(tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader", reason="the extra mini is not installed")
    pytest.importorskip("ai_edge_litert", reason="the extra device is not installed")
    recorded(tmp_path / "my_word", {"hello_house": "low"})
    radio(tmp_path / "radio")
    typed(sooner(commands("esp32_wake_word"), tmp_path), tmp_path)
    for name in ("hey_jarvis", "my_word"):
        export = tmp_path / "exp" / name / "export"
        assert {f"{name}.tflite", f"{name}.json"} <= {file.name for file in export.iterdir()}
    assert (tmp_path / "exp" / "hey_jarvis" / "web" / "index.html").is_file()


def test_what_the_front_page_says_of_own_words_is_typed_in_a_tutorial() -> None:
    blocks = BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    wanted = [line for block in blocks for line in block.splitlines() if line.startswith("audionas make")]
    wanted += [
        line for block in blocks for line in block.splitlines() if line.startswith("audionas demo-web")
    ]
    assert len(wanted) >= 2
    assert [line for line in wanted if line not in commands("own_words").splitlines()] == []
