"""Further training clips: nothing of a held-out speaker or recording comes in, and the parts are nested."""

import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audionas.data import kaldi
from audionas.data.kaldi import Item
from audionas.data.labels import write_labels
from audionas.prep.speech_commands import LABELS_12

SCRIPT = Path(__file__).parents[2] / "recipes" / "speech_commands" / "local" / "more_clips.py"


def sound(file: Path, seed: int) -> Path:
    """A second of noise of its own."""
    file.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(file, np.random.default_rng(seed).normal(0, 0.1, 16_000), 16_000)
    return file


def item(speaker: str, word: str, file: Path, label: str = "") -> Item:
    return Item(f"{speaker}-{word}-0", str(file), label or word, 1.0, speaker=speaker)


def test_held_out_speakers_and_doubles_stay_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, tree = tmp_path / "data", tmp_path / "words"
    heard = sound(tmp_path / "heard.wav", 1)
    speakers = [f"{n:08x}" for n in range(40)]
    kaldi.write(
        data / "train",
        [item(s, "yes", sound(tmp_path / f"{s}.wav", 100 + n)) for n, s in enumerate(speakers)],
    )
    kaldi.write(data / "dev", [item("dddddddd", "no", sound(tmp_path / "dev.wav", 2))])
    kaldi.write(data / "test", [item("eeeeeeee", "go", heard)])
    write_labels(data, LABELS_12)
    sound(tree / "go" / "0000000a_nohash_0.wav", 3)  # comes in
    sound(tree / "bed" / "aaaaaaaa_nohash_0.wav", 4)  # comes in, as an unknown word
    sound(tree / "go" / "dddddddd_nohash_0.wav", 5)  # speaks in dev
    sound(tree / "yes" / "00000001_nohash_0.wav", 6)  # is there already by its name
    for name in ("bbbbbbbb", "cccccccc"):  # a recording of the test, and one of training, under other names
        (tree / "stop").mkdir(exist_ok=True)
        source = heard if name == "bbbbbbbb" else tmp_path / f"{speakers[7]}.wav"
        shutil.copy(source, tree / "stop" / f"{name}_nohash_0.wav")
    runpy.run_path(str(SCRIPT))["main"](data, [tree])
    parts = [kaldi.read(data / "all" / f"train_{part}") for part in (100, 50, 25)]
    before = {f"{speaker}-yes-0" for speaker in speakers}
    assert {each.id: each.label for each in parts[0] if each.id not in before} == {
        "0000000a-go-0": "go",
        "aaaaaaaa-bed-0": "_unknown_",
    }
    assert "words: 2 of a speaker in dev or test, 2 taken, 2 there already" in capsys.readouterr().out
    ids = [{each.id for each in part} for part in parts]
    assert ids[2] < ids[1] < ids[0]
    assert before < ids[0]
    by_speaker = [{each.speaker for each in part} for part in parts]
    assert all((each.id in ids[1]) == (each.speaker in by_speaker[1]) for each in parts[0])
