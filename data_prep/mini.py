"""Prepare the embedded data set: ten commands spoken by eSpeak NG's voices, mixed with generated noise."""

import importlib.metadata
import json
import os
import wave
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from audionas.core import records
from audionas.core.errors import UserError
from audionas.core.files import sha256_text, write_json
from audionas.core.records.prep import MiniRecord
from audionas.core.reporter import Reporter, amount
from audionas.core.rng import numpy_rng, seed_of
from audionas.data import kaldi
from audionas.data.kaldi import Item
from audionas.data.labels import RATE, SILENCE, SPLITS, UNKNOWN
from audionas.prep import intake
from audionas.prep.speech_commands import LABELS_12, WANTED
from audionas.prep.voices import ACCENTS, Engine, Wave, find_engine, said, short_path, voice_variants

VERSION = 1  # of this recipe: another version makes other clips
OTHERS = (  # become _unknown_
    *("bed", "bird", "cat", "dog", "happy", "house", "marvin", "sheila", "tree", "wow"),
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
)
SHARES = {"train": 0.72, "dev": 0.11, "test": 0.17}  # shares of speakers, and of clips
NOISES = ("white", "pink", "brown", "hum", "gusts")
NOISE_SECONDS = 20  # length of one recording in the directory `noise`
TAKES = 2  # recordings per kind there
MARKER = "mini.json"


@dataclass(frozen=True)
class Settings:
    """The settings that the clips depend on."""

    seed: int
    clips: int  # in train, dev and test together
    variants: int  # of eSpeak NG's voice; each is a speaker
    accents: int  # per speaker
    snr_low: float  # dB
    snr_high: float

    @property
    def fingerprint(self) -> str:
        """A fingerprint that is equal where the clips are equal."""
        engine = importlib.metadata.version("espeakng-loader")
        return sha256_text(json.dumps([VERSION, engine, asdict(self)]))


@dataclass(frozen=True)
class Clip:
    """One second to make; everything random about it follows from the seed and its id."""

    split: str
    speaker: str
    word: str
    take: int
    label: str
    voice: str = ""  # eSpeak NG's name for it; "" for silence

    @property
    def id(self) -> str:
        """Utterance id."""
        return f"{self.speaker}-{self.word}-{self.take}"


def main(
    out: Annotated[Path, typer.Argument(help="Folder to write train, dev, test, noise and labels.txt to.")],
    clips: Annotated[int, typer.Option(help="Number of clips in train, dev and test together.")] = 5500,
    variants: Annotated[
        int, typer.Option(help="Number of speakers: variants of eSpeak NG's voice, up to 104.")
    ] = 80,
    accents: Annotated[int, typer.Option(help="Number of English accents per speaker, up to 8.")] = 3,
    snr_low: Annotated[float, typer.Option(help="Lowest signal-to-noise ratio in dB.")] = 5.0,
    snr_high: Annotated[float, typer.Option(help="Highest signal-to-noise ratio in dB.")] = 25.0,
    seed: Annotated[int, typer.Option(help="Seed that draws speakers, prosody and noise.")] = 0,
) -> None:
    """Make the embedded data set: ten commands, `_unknown_` and `_silence_`, by synthetic voices in noise.

    Example: audionas prep mini data
    """
    engine = find_engine()
    known = voice_variants(engine)
    settings = Settings(seed, clips, variants, accents, snr_low, snr_high)
    check(settings, known)
    out, reporter = out.resolve(), Reporter()
    if finished(out, settings):
        reporter.note(f"{out}: already complete")
        return
    write_json(out / MARKER, {**asdict(settings), "fingerprint": settings.fingerprint, "wavs": None})
    planned = plan(settings, known)
    speak(out, planned, settings, engine, reporter)
    splits = {s: [_item(out, clip) for clip in planned if clip.split == s] for s in SPLITS}
    splits["noise"] = noise_recordings(out, settings.seed)
    intake.store(out, splits, LABELS_12, reporter)
    kaldi.write_licence(out, "spoken by eSpeak NG and mixed with computed noise; no recordings of people")
    wavs = sum(len(items) for items in splits.values())
    write_json(out / MARKER, {**asdict(settings), "fingerprint": settings.fingerprint, "wavs": wavs})


def check(settings: Settings, known: Sequence[str]) -> None:
    """Raise one UserError with every setting that cannot make a data set."""
    problems = []
    if not 12 <= settings.variants <= len(known):
        problems.append(f"--variants {settings.variants}: expected 12 to {len(known)}")
    if not 1 <= settings.accents <= len(ACCENTS):
        problems.append(f"--accents {settings.accents}: expected 1 to {len(ACCENTS)}")
    if settings.clips < 120:
        problems.append(f"--clips {settings.clips}: expected at least 120, one per label and split")
    if not -40 <= settings.snr_low <= settings.snr_high <= 80:
        given = f"--snr-low {settings.snr_low:g} --snr-high {settings.snr_high:g}"
        problems.append(f"{given}: expected -40 <= low <= high <= 80 dB")
    if problems:
        raise UserError(problems)


def finished(out: Path, settings: Settings) -> bool:
    """True where `out` holds all of this data set. Raises UserError where it holds something else."""
    if not (out / MARKER).exists():
        if out.is_dir() and any(out.iterdir()):
            raise UserError(f"{out}: is not empty", hint="Give a new folder.")
        return False
    marker = records.plain(MiniRecord, out / MARKER, f"Delete {out} or give a new folder.")
    if marker.get("fingerprint") != settings.fingerprint:
        old = {key: value for key, value in marker.items() if key in asdict(settings)}
        raise UserError(
            f"{out}: holds a data set made with other settings ({old}) or another version",
            hint="Delete that folder or give a new one.",
        )
    return marker["wavs"] is not None and marker["wavs"] == sum(1 for _ in out.glob("audio/*/[!.]*.wav"))


def plan(settings: Settings, known: Sequence[str]) -> list[Clip]:
    """Every clip of train, dev and test: labels in equal numbers, speakers in turn."""
    planned = []
    for split, speakers in split_speakers(settings, known).items():
        count = round(settings.clips * SHARES[split] / len(LABELS_12))
        rooms = [f"room_{split}{number}" for number in range(len(speakers))]
        for index in range(count):
            who, take = index % len(speakers), index // len(speakers)
            planned.append(Clip(split, rooms[who], SILENCE, take, SILENCE))
            other = OTHERS[(who + 7 * take) % len(OTHERS)]  # 7 and 20 share no factor: all words take turns
            for word, label in (*((word, word) for word in WANTED), (other, UNKNOWN)):
                planned.append(_spoken(split, speakers[who], word, take, label, settings))
    return planned


def split_speakers(settings: Settings, known: Sequence[str]) -> dict[str, list[str]]:
    """Draw variants for each split; near twins (steph, steph2) stay in one split.

    Large families of twins go to train, so that dev and test have varied voices.
    """
    drawn = sorted(known, key=lambda name: seed_of(settings.seed, "speaker", name))[: settings.variants]
    families: dict[str, list[str]] = {}
    for name in drawn:
        stem = name.lower().rstrip("0123456789")
        families.setdefault(stem if len(stem) > 1 else name, []).append(name)  # f1 and f2 are not twins
    splits: dict[str, list[str]] = {split: [] for split in SPLITS}
    for family in families.values():
        limits = {s: round(SHARES[s] * settings.variants) for s in ("test", "dev") if len(family) <= 2}
        room = (s for s, limit in limits.items() if len(splits[s]) + len(family) <= limit)
        splits[next(room, "train")] += family
    return splits


def _spoken(split: str, variant: str, word: str, take: int, label: str, settings: Settings) -> Clip:
    accents = sorted(ACCENTS, key=lambda accent: seed_of(settings.seed, "accent", variant, accent))
    accent = accents[seed_of(settings.seed, "accent", variant, word, take) % settings.accents]
    return Clip(split, variant.replace(" ", "_"), word, take, label, f"{accent}+{variant}")


def speak(out: Path, planned: Sequence[Clip], settings: Settings, engine: Engine, reporter: Reporter) -> None:
    """Make the missing clips, one process per voice, as many at once as there are cores."""
    voices: dict[str, list[Clip]] = {}
    for clip in planned:
        voices.setdefault(clip.voice, []).append(clip)
    missing = [voice for voice, clips in voices.items() if not all(_path(out, c).exists() for c in clips)]
    if done := len(voices) - len(missing):
        reporter.note(f"{out}: {done} of {amount(len(voices), 'voice')} exist; making the rest")
    pool = ThreadPoolExecutor(os.cpu_count())
    with short_path(engine) as engine:
        try:
            made = pool.map(lambda voice: _make(out, voices[voice], settings, engine), missing)
            for _ in reporter.progress(made, "voices", total=len(missing)):
                pass
        finally:
            pool.shutdown(cancel_futures=True)


def _make(out: Path, clips: Sequence[Clip], settings: Settings, engine: Engine) -> None:
    """Write the missing clips of one voice; it speaks all of them, because its state depends on them."""
    for clip, speech in zip(clips, speech_of(clips, settings.seed, engine), strict=True):
        if not (path := _path(out, clip)).exists():
            word, background = render(clip, speech, settings)
            store(path, word + background)


def speech_of(clips: Sequence[Clip], seed: int, engine: Engine) -> list[Wave]:
    """The words of one voice's clips at 16 kHz without the silence around them; empty for silence clips."""
    if not clips[0].voice:
        return [np.zeros(0)] * len(clips)
    wanted = [_prosody(clip, seed) for clip in clips]
    return [speech[:RATE] for speech in said(clips[0].voice, wanted, engine)]


def _prosody(clip: Clip, seed: int) -> dict[str, str | int]:
    """The prosody of a clip: words per minute, pitch and its range in eSpeak NG's 0..100."""
    rng = numpy_rng(seed, "prosody", clip.id)
    rate, pitch, pitch_range = (int(rng.integers(*bounds)) for bounds in ((130, 211), (25, 76), (20, 81)))
    return {
        "word": clip.word,
        "rate": rate,
        "pitch": pitch,
        "pitch_range": pitch_range,
        "seed": seed_of(seed, "breath", clip.id) % 2**31,
    }


def render(clip: Clip, speech: Wave, settings: Settings) -> tuple[Wave, Wave]:
    """Word and noise of a clip, each (16000,): their sum has a random ratio and a random peak below 1."""
    rng = numpy_rng(settings.seed, "mix", clip.id)
    background = noise(NOISES[rng.integers(len(NOISES))], RATE, rng)
    snr_db, peak_db = rng.uniform(settings.snr_low, settings.snr_high), rng.uniform(-20.0, -1.0)
    offset = int(rng.integers(RATE - len(speech) + 1))
    if clip.label == SILENCE:
        word = np.zeros(RATE)
    else:
        word, background = mix(speech, background, offset, snr_db)
    level = 10 ** (peak_db / 20) / np.abs(word + background).max()
    return level * word, level * background


def mix(speech: Wave, background: Wave, offset: int, snr_db: float) -> tuple[Wave, Wave]:
    """Speech and noise, each (N,), whose sum has the ratio; power is measured over the word."""
    placed = np.zeros_like(background)
    placed[offset : offset + len(speech)] = speech
    under = background[offset : offset + len(speech)]
    gain = np.sqrt(np.mean(speech**2) / np.mean(under**2) / 10 ** (snr_db / 10))
    return placed, gain * background


def noise(kind: str, samples: int, rng: np.random.Generator) -> Wave:
    """Noise (samples,) of unit power, one of the kinds in NOISES."""
    if kind == "hum":
        made = _hum(samples, rng)
    else:
        slope = {"white": 0.0, "pink": -0.5, "brown": -1.0, "gusts": -0.75}[
            kind
        ]  # exponent of amplitude over frequency
        hertz = np.fft.rfftfreq(samples, 1 / RATE)
        spectrum = np.fft.rfft(rng.standard_normal(samples)) * np.maximum(hertz, 20.0) ** slope
        made = np.fft.irfft(spectrum, samples)
    if kind == "gusts":
        beat = 2 * np.pi * rng.uniform(1.0, 6.0) * np.arange(samples) / RATE + rng.uniform(0, 2 * np.pi)
        made = made * (1.0 + 0.9 * np.sin(beat))
    made = made - made.mean()
    return np.asarray(made / np.sqrt(np.mean(made**2)))


def _hum(samples: int, rng: np.random.Generator) -> Wave:
    """Mains hum with thirty harmonics over a little white noise."""
    harmonics = np.arange(1, 31)
    mains = rng.choice([50, 60]) * samples // RATE  # cycles in total
    spectrum = np.zeros(samples // 2 + 1, np.complex128)
    levels = rng.uniform(0.2, 1.0, 30) / np.sqrt(harmonics)
    spectrum[mains * harmonics] = levels * np.exp(1j * rng.uniform(0, 2 * np.pi, 30)) * samples / 2
    return np.asarray(np.fft.irfft(spectrum, samples) + 0.1 * rng.standard_normal(samples))


def noise_recordings(out: Path, seed: int) -> list[Item]:
    """Recordings of every kind of noise, for augmentation; none of them is in a clip."""
    items = []
    for kind in NOISES:
        for take in range(TAKES):
            path = out / "audio" / "noise" / f"{kind}-noise-{take}.wav"
            if not path.exists():
                sound = noise(kind, NOISE_SECONDS * RATE, numpy_rng(seed, "recording", kind, take))
                store(path, sound * (0.5 / np.abs(sound).max()))
            items.append(Item(path.stem, str(path), "noise", float(NOISE_SECONDS), speaker=kind))
    return items


def store(path: Path, sound: Wave) -> None:
    """Write a 16-bit WAV completely or not at all. Unlike `audio.write` it does not wait for the disk.

    Thousands of small files would take long, and a lost one is simply made again.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}")  # a fixed name: an interrupted file is overwritten
    with wave.open(str(temporary), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.round(sound * 32767).astype("<i2").tobytes())
    temporary.replace(path)


def _path(out: Path, clip: Clip) -> Path:
    return out / "audio" / clip.split / f"{clip.id}.wav"


def _item(out: Path, clip: Clip) -> Item:
    return Item(clip.id, str(_path(out, clip)), clip.label, 1.0, speaker=clip.speaker)
