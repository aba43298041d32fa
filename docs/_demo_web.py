"""Draws docs/demo_web.png: the page with kws12, tuned on voices of eSpeak NG, that hears another of them.

python docs/_demo_web.py [FOLDER]: commands of `audionas` in FOLDER (default: exp/demo_web), then Chromium.
"""

import base64
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from audionas.core.rng import numpy_rng  # noqa: E402
from audionas.data import audio  # noqa: E402
from audionas.data.labels import RATE, is_background  # noqa: E402
from audionas.listen.web.server import server  # noqa: E402
from audionas.models.bundle import ModelBundle  # noqa: E402
from audionas.prep.voices import find_engine, said, voice_variants  # noqa: E402
from audionas.prep.wake.near_words import WORDS  # noqa: E402
from audionas.prep.wake.sounds import spaced  # noqa: E402
from tests._chromium import browser  # noqa: E402
from tests._server import running  # noqa: E402

VOICES, TALK = 8, 60  # voices to tune with; sentences that each of them reads
HEARD = ("dinner is ready", "yes", "open the window", "go", "robin is here", "stop", "thank you")
VOICE = "Gene"  # it is none of those that tune, and one of those that the model understands
WIDTH, HEIGHT = 900, 1280


def main(folder: Path) -> None:
    """Speak, export, tune; write the page; draw it after it has heard a voice that did not tune it."""
    exp, voices = folder / "exp" / "kws12", voice_variants(find_engine())
    _, *tuners = (voices[i] for i in numpy_rng(0, "demo voices").choice(len(voices), VOICES + 1, False))
    folder.mkdir(parents=True, exist_ok=True)
    run(folder, "export", "kws12", "--target", "onnx-stream")
    words = [label for label in ModelBundle.load(exp / "model").labels if not is_background(label)]
    for voice in tuners:
        rng = numpy_rng(0, "demo", voice)
        for word, wave in zip(words, spoken(voice, words), strict=True):
            audio.write(folder / "words" / word / f"{voice}.wav", spaced([wave[:0], wave], rng), RATE)
        others = [word for word in WORDS if word not in words]
        texts = [" ".join(rng.choice(others, 8)) for _ in range(TALK)]
        audio.write(folder / "talk" / f"{voice}.wav", spaced(spoken(voice, texts), rng), RATE)
    heard = ("--positives", "words", "--negatives", "talk", "--file", "model.stream.onnx")
    run(folder, "tune", exp, *heard, "--target-fa-per-hour", 10)
    run(folder, "demo-web", exp, "--no-serve")
    pause = np.zeros(RATE // 2, np.float32)
    sound = spaced([np.concatenate([pause, wave]) for wave in spoken(VOICE, HEARD)], numpy_rng(0, "demo web"))
    audio.write(exp / "web" / "kitchen.wav", sound, RATE)
    (ROOT / "docs" / "demo_web.png").write_bytes(picture(exp / "web", folder / "profile"))


def run(folder: Path, *words: object) -> None:
    """One command of audionas."""
    subprocess.run([sys.executable, "-m", "audionas", *map(str, words)], cwd=folder, check=True)


def spoken(voice: str, texts: Sequence[str]) -> list[np.ndarray]:
    """The texts in one voice, (N,) float32 each."""
    each = [{"word": text, "rate": 160, "pitch": 50, "pitch_range": 50, "seed": 0} for text in texts]
    return [wave.astype(np.float32) for wave in said(f"en-us+{voice}", each, find_engine())]


def picture(web: Path, profile: Path) -> bytes:
    """The page, once it has scored the recording beside it, as PNG."""
    with running(server(web)) as there, browser(profile) as tab:
        size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
        tab.send("Emulation.setDeviceMetricsOverride", **size)
        tab.open(f"http://localhost:{there.server_port}/?file=kitchen.wav")
        tab.until("window.result && document.querySelectorAll('#events li').length")
        tab.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
        assert tab.logged == []
        return base64.b64decode(tab.send("Page.captureScreenshot", format="png")["data"])


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "exp" / "demo_web").resolve())
