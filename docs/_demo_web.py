"""Draws docs/demo_web.png: a wake word learned from eSpeak NG's voices, and the page that hears another.

python docs/_demo_web.py [FOLDER]: five steps of `audionas` in FOLDER (default: exp/demo_web), then headless
Chromium; minutes on two cores. What FOLDER already has is not made again.
"""

import base64
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from audionas.core.arch import ArchSpec, InputSpec  # noqa: E402
from audionas.core.registry import resolve  # noqa: E402
from audionas.core.rng import numpy_rng  # noqa: E402
from audionas.data import audio  # noqa: E402
from audionas.data.labels import RATE  # noqa: E402
from audionas.listen.web.server import server  # noqa: E402
from audionas.prep.voices import find_engine, said, voice_variants  # noqa: E402
from audionas.prep.wake.sounds import spaced  # noqa: E402
from audionas.prep.wake.spoken import split_voices  # noqa: E402
from tests._chromium import browser  # noqa: E402
from tests._server import running  # noqa: E402

WORD = "hey robin"
SENTENCES = ("dinner is ready", "hey robin", "open the window", "robin is here", "hey robin", "turn it off")
SETTINGS = "seed=0", "threads=2", "train.epochs=8", "--resume"
WIDTH, HEIGHT = 900, 1180


def main(folder: Path) -> None:
    """Prepare, train, export, tune; write the page; draw it after it has heard the sentences."""
    data, exp = folder / "data", folder / "hey_robin"
    conf, arch = ROOT / "recipes" / "wake_word" / "conf" / "searched.yaml", folder / "arch.json"
    run("prep", "wake_word", data, "--word", WORD, "--say", 600, "--hard", 1, "--espeak-hours", 0.5)
    network().save(arch)
    trained = f"data.train={data / 'train'}", f"data.dev={data / 'dev'}", f"out={folder}", "name=hey_robin"
    run("train", conf, *trained, f"arch={arch}", *SETTINGS)
    run("export", exp, "--target", "onnx-stream", "--input", "frames", "--data", data / "dev")
    heard = "--positives", data / "dev_words", "--negatives", data / "dev_espeak"
    run("tune", exp, *heard, "--target-fa-per-hour", 6)
    run("demo-web", exp, "--no-serve")
    audio.write(exp / "web" / "kitchen.wav", spoken(), RATE)
    (ROOT / "docs" / "demo_web.png").write_bytes(picture(exp / "web", folder / "profile"))


def network() -> ArchSpec:
    """One network of the space that the recipe searches."""
    space = resolve("space", "kws_tc_resnet")(causal=True, width=0.5, se="none")
    return space.sample(numpy_rng(0, "demo web"), InputSpec(1, 40, 148, 2))


def run(*words: object) -> None:
    """One command of audionas."""
    subprocess.run([sys.executable, "-m", "audionas", *map(str, words)], cwd=ROOT, check=True)


def spoken() -> np.ndarray:
    """The sentences in a voice that training has not heard, (N,) float32."""
    engine, rng = find_engine(), numpy_rng(0, "demo web")
    voice = split_voices(voice_variants(engine), 0)["test"][0]
    each = [{"word": text, "rate": 160, "pitch": 50, "pitch_range": 50, "seed": 0} for text in SENTENCES]
    return spaced([wave.astype(np.float32) for wave in said(f"en-us+{voice}", each, engine)], rng)


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
