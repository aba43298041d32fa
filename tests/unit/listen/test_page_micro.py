"""The page's own front-end `micro` gives the library's integers, whatever the sound and however it is cut."""

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from audionas.core.rng import numpy_rng
from audionas.data import audio
from audionas.features.micro import MicroStream
from audionas.listen.web import page
from tests._chromium import browser, chromium
from tests._micro_sounds import extremes
from tests._page import served

pytest.importorskip("pymicro_features", reason="needs the extra device")
FILES = ("micro.js", "micro_tables.js", "fft16.js")
# Frames of float32 sounds, each cut into blocks whose lengths recur; also where a page runs it
HEAR = """
const hear = (Micro, bytes, sizes, blocks) => {
  const all = new Float32Array(bytes), found = [];
  let from = 0;
  for (const size of sizes) {
    const ears = new Micro(), rows = [];
    for (let at = 0, n = 0; at < size; at += blocks[n++ % blocks.length])
      rows.push(...ears.step(all.subarray(from + at, from + Math.min(size, at + blocks[n % blocks.length]))));
    found.push(rows.map((row) => Array.from(row, (x) => x / 0.0390625)));
    from += size;
  }
  return found;
};
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's files of the front-end, where node takes them for modules."""
    folder = tmp_path_factory.mktemp("js")
    for name in FILES:
        shutil.copyfile(Path(page.__file__).with_name("static") / name, folder / name)
    (folder / "package.json").write_text('{"type": "module"}')
    return folder


def library(wave: np.ndarray) -> np.ndarray:
    """The library's frames, (T, 40) integers."""
    return MicroStream(160, 40).step(torch.from_numpy(wave))[0].numpy().T / 0.0390625


def in_node(files: Path, sounds: Sequence[np.ndarray], blocks: Sequence[int]) -> list[list[list[float]]]:
    """What node makes of the sounds."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed; the test in chromium hears the same sounds")
    np.concatenate(sounds).tofile(files / "sounds.f32")
    sizes = [len(sound) for sound in sounds]
    (files / "run.js").write_text(
        f'import fs from "fs"; import {{ Micro }} from "./micro.js"; {HEAR}'
        'const { buffer, byteOffset, length } = fs.readFileSync("sounds.f32");'
        "const bytes = buffer.slice(byteOffset, byteOffset + length);"
        f"console.log(JSON.stringify(hear(Micro, bytes, {sizes}, {list(blocks)})));"
    )
    done = subprocess.run(["node", "run.js"], cwd=files, capture_output=True, text=True, check=True)
    found: list[list[list[float]]] = json.loads(done.stdout)
    return found


def compared(found: Sequence[list[list[float]]], sounds: Mapping[str, np.ndarray]) -> None:
    for rows, (name, wave) in zip(found, sounds.items(), strict=True):
        np.testing.assert_array_equal(np.array(rows), library(wave), err_msg=name)


def test_the_page_computes_the_librarys_integers(files: Path) -> None:
    sounds = extremes()
    compared(in_node(files, list(sounds.values()), [8000]), sounds)
    assert max(library(wave).max() for wave in sounds.values()) > 660  # the sounds reach the top of the scale


def test_the_page_takes_blocks_of_any_length(files: Path) -> None:
    sounds = {"noise": extremes()["swelling noise"], "too short for a frame": np.ones(479, np.float32)}
    found = in_node(files, list(sounds.values()), [1])
    assert found[1] == []
    compared(found[:1], {"one sample after the other": sounds["noise"]})
    compared(in_node(files, [sounds["noise"]], [1, 479, 161, 3, 997]), {"uneven blocks": sounds["noise"]})


@pytest.mark.laws
def test_the_page_computes_the_librarys_integers_for_minutes_of_noise(files: Path) -> None:
    """From silence to beyond full scale, so that shifts, gains and estimates take all of their values."""
    rng = numpy_rng("minutes of noise")
    level = np.repeat(10 ** rng.uniform(-5, 0.5, 1200), 1600)
    tones = np.sin(np.cumsum(np.repeat(rng.uniform(0, np.pi, 1200), 1600)))
    sounds = {
        name: (level * wave).astype(np.float32)
        for name, wave in {"noise": rng.normal(0, 1, len(level)), "tones": tones}.items()
    }
    compared(in_node(files, list(sounds.values()), [1280]), sounds)


@pytest.mark.laws
@pytest.mark.shared
def test_the_page_computes_the_librarys_integers_for_recordings(files: Path, shared: Path) -> None:
    """A hundred words by as many people, one after the other: what a stream adapts to."""
    shutil.unpack_archive(shared / "wakewords_picovoice.tar", files / "words", filter="data")
    words = sorted((files / "words").rglob("*.wav")) + sorted((files / "words").rglob("*.flac"))
    assert len(words) > 100
    waves = [audio.read(word, rate=16000, seconds=None, resample=True, channel="mix") for word in words[:100]]
    sounds = {"recordings": np.concatenate(waves)}
    compared(in_node(files, list(sounds.values()), [1280]), sounds)


@pytest.mark.story
def test_a_browser_computes_the_librarys_integers(files: Path, tmp_path: Path) -> None:
    if chromium() is None:
        pytest.skip("chromium is not installed (Debian: apt install chromium)")
    sounds = extremes()
    np.concatenate(list(sounds.values())).tofile(files / "sounds.f32")
    (files / "index.html").write_text("<!doctype html>")
    sizes = [len(sound) for sound in sounds.values()]
    with served(files) as address, browser(tmp_path / "profile") as tab:
        tab.open(f"{address}/index.html")
        tab.until("document.readyState === 'complete' && location.pathname === '/index.html'")
        found = tab.evaluate(
            "(async () => {"
            f"{HEAR} const {{ Micro }} = await import('/micro.js');"
            "const bytes = await (await fetch('/sounds.f32')).arrayBuffer();"
            f"return hear(Micro, bytes, {sizes}, [997]); }})()"
        )
    compared(found, sounds)
