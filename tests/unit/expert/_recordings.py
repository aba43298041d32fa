"""Recordings of tones in one folder per word, whose names tell their speakers."""

from pathlib import Path

import soundfile

from tests._factory import tone

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
