"""Recordings of tones in one folder per word, whose names tell their speakers; and a plan made for them."""

from pathlib import Path

import soundfile

from audionas.expert.plan import load
from tests._factory import tone
from tests.unit.cli._command import done

WORDS = ("low", "mid", "high")


def recordings(folder: Path, words: tuple[str, ...] = WORDS, speakers: int = 6, takes: int = 3) -> Path:
    """One folder per word, with files speaker_take.wav."""
    for word in words:
        (folder / word).mkdir(parents=True)
        for speaker in range(speakers):
            for take in range(takes):
                wave = tone(word, speaker, take, classes=WORDS, seconds=1.0, rate=16000)
                soundfile.write(folder / word / f"s{speaker}_{take}.wav", wave, 16000, subtype="PCM_16")
    return folder


def planned(folder: Path) -> Path:
    """A plan with data and two networks, which time does not cut: its epochs are set by hand."""
    source = recordings(folder / "words")
    result = done("make", source, "--for", "cpu", "--minutes", 5, "--plan", f"out={folder}", "name=tones")
    home = folder / "tones"
    assert "plan " in result.out
    assert not (home / "train").exists()
    plan = load(home / "make.yaml")
    row = {"epoch": 100.0, "last_epoch": 100.0, "trial_epochs": 2, "epochs": 3}
    rows = {"kws12_network": {"init": "kws12", **row}, "tc_resnet8_w0_5": {"init": "", **row}}
    plan.decisions["networks"] = plan.decisions["networks"]._replace(value=rows)
    plan.decisions.pop("choice", None)
    plan.minutes = 600.0
    plan.save(home)
    return home
