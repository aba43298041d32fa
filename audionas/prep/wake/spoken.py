"""Speech by eSpeak NG's voices for a wake word: the word, words near it, and sentences without it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle

import numpy as np

from audionas.core.errors import UserError
from audionas.core.reporter import amount
from audionas.core.rng import numpy_rng, seed_of
from audionas.data.audio import Wave
from audionas.data.files.codec import through
from audionas.data.kaldi import Item
from audionas.data.labels import OTHER, RATE
from audionas.data.readers import slug
from audionas.prep.voices import ACCENTS, Engine, find_engine, said, short_path, voice_variants
from audionas.prep.wake.clips import ClipJob, around, windows, written
from audionas.prep.wake.hard import Hard, texts
from audionas.prep.wake.near_words import near
from audionas.prep.wake.sounds import spaced, within
from audionas.prep.wake.sources import SplitName, plain

SPLITS: tuple[SplitName, ...] = ("train", "dev", "test")
VOICE_SHARES: dict[SplitName, float] = {
    "train": 0.6,
    "dev": 0.15,
    "test": 0.25,
}  # shares of voices, and of words
READING = 240.0  # seconds for which one voice reads sentences in a long recording
TURN = 30.0  # seconds for which it reads for clips: many voices are better than one for long
SENTENCE = (5, 13)  # number of words: at least the first, below the second


class Spoken:
    """Speech by eSpeak NG's voices; no voice is in two splits, and no word of the sentences."""

    def __init__(self, job: ClipJob, words: Sequence[str], language: str = "en") -> None:
        self.job, self.words = job, words
        self.accents = ACCENTS if language == "en" else (language,)
        self.engine = find_engine()
        self.voices = split_voices(voice_variants(self.engine), job.seed)
        self.vocabulary = split_words(words, job.text, job.seed)

    def clips(
        self,
        count: int,
        near_count: int,
        hours: float,
        splits: Sequence[SplitName],
        long: Mapping[SplitName, Sequence[Item]],
    ) -> dict[SplitName, list[Item]]:
        """Make `count` clips of the word in total, as many of near words, and `hours` of sentences as clips.

        The sentences also surround the word, as `long` does, so that surroundings carry no information.
        """
        accent = "en-us" if self.accents == ACCENTS else self.accents[0]
        found = near(self.job.text, near_count, self.engine, self.words, accent=accent)
        alike = [each.word for each in found]
        self.job.reporter.note(f"near words: {', '.join(alike)}")
        made = {}
        for split in splits:
            share = VOICE_SHARES[split] / sum(VOICE_SHARES[s] for s in splits)
            read = self.reading(split, hours * share, TURN)
            said = self._said(split, round(count * share), alike, [*long[split], *read])
            made[split] = list(said)
            for item, voice in zip(read, cycle(self.voices[split]), strict=False):
                made[split] += windows(self.job, item, f"espeak-{slug(voice)}")
        return made

    def _said(
        self, split: SplitName, count: int, alike: Sequence[str], long: Sequence[Item]
    ) -> Iterator[Item]:
        voices = self.voices[split]
        turns: dict[str, list[str]] = defaultdict(list)
        for number in range(count):
            turns[voices[number % len(voices)]] += [
                self.job.text,
                *([alike[number % len(alike)]] if alike else []),
            ]
        for voice in self.job.reporter.progress(sorted(turns), f"{split}, voices", len(turns)):
            texts = turns[voice]
            for number, (text, wave) in enumerate(zip(texts, self._voice(voice, texts, "clip"), strict=True)):
                rng = numpy_rng(self.job.seed, "spoken", voice, number)
                made = within(wave, around(self.job, long, rng), rng) if len(wave) else wave
                label = self.job.label if text == self.job.text else OTHER
                name = slug(f"espeak-{voice}-{number:03d}-{text}")
                yield written(self.job, name, made, label, f"espeak-{slug(voice)}", split)

    def hard(
        self, count: int, splits: Sequence[SplitName], long: Mapping[SplitName, Sequence[Item]]
    ) -> Iterator[tuple[SplitName, Hard]]:
        """Make `count` hard negatives in total, by the voices of each split, in surroundings of `long`."""
        for split in splits:
            voices, share = self.voices[split], VOICE_SHARES[split] / sum(VOICE_SHARES[s] for s in splits)
            rng = numpy_rng(self.job.seed, "hard texts", split)
            wanted = texts(self.job.text, self.vocabulary[split], round(count * share), rng)
            for turn, voice in enumerate(self.job.reporter.progress(voices, f"{split}, hard", len(voices))):
                mine = wanted[turn * len(wanted) // len(voices) : (turn + 1) * len(wanted) // len(voices)]
                waves = self._voice(voice, [text for _, text in mine], "hard") if mine else []
                for number, ((kind, text), wave) in enumerate(zip(mine, waves, strict=True)):
                    rng = numpy_rng(self.job.seed, "hard", voice, number)
                    made = within(wave, around(self.job, long[split], rng), rng) if len(wave) else wave
                    name = slug(f"espeak-{voice}-{number:03d}-{kind}-{text}")
                    yield split, (kind, written(self.job, name, made, OTHER, f"espeak-{slug(voice)}", split))

    def reading(self, split: SplitName, hours: float, turn: float = READING) -> list[Item]:
        """Make `hours` of sentences of common words; voices take turns with recordings of `turn` seconds.

        Raises UserError where there are too few words.
        """
        if hours and not all(self.vocabulary.values()):
            raise UserError(
                f"--words: {amount(len(self.words), 'word')} are too few for different "
                "sentences in every split",
                hint="Give 20 words or more, or use --sentences 0 without --espeak-hours.",
            )
        lengths = [turn] * int(hours * 3600 // turn)
        if (rest := hours * 3600 - turn * len(lengths)) > self.job.seconds:
            lengths.append(rest)
        voices, what = self.voices[split], f"{turn:g}"
        items = []
        for number, length in enumerate(self.job.reporter.progress(lengths, f"{split}, sentences")):
            rng = numpy_rng(self.job.seed, "reading", split, what, number)
            wave = self._read(split, voices[number % len(voices)], length, f"{what}-{number}", rng)
            name = f"espeak-{split}-{what}-{number:04d}"
            items.append(written(self.job, name, wave, OTHER, "espeak", "long"))
        return items

    def _read(
        self, split: SplitName, voice: str, seconds: float, what: str, rng: np.random.Generator
    ) -> Wave:
        """Read `seconds` of sentences, (N,) float32."""
        wave = np.zeros(0, np.float32)
        while len(wave) < seconds * RATE:
            texts = [
                " ".join(rng.choice(self.vocabulary[split], rng.integers(*SENTENCE)))
                for _ in range(int(seconds / 3) + 1)
            ]
            read = self._voice(voice, texts, f"reading-{what}-{len(wave)}")
            wave = np.concatenate((wave, spaced(read, rng)))
        return wave[: round(seconds * RATE)]

    def _voice(self, variant: str, texts: Sequence[str], what: str) -> list[Wave]:
        """Speak the texts in one voice, each with a random speed and pitch, float32."""
        rng = numpy_rng(self.job.seed, "voice", variant, what)
        accent = self.accents[int(rng.integers(len(self.accents)))]
        wanted: list[dict[str, str | int]] = []
        for text in texts:
            rate, pitch, span = (int(rng.integers(*b)) for b in ((130, 211), (25, 76), (20, 81)))
            breath = int(rng.integers(2**31))
            wanted.append({"word": text, "rate": rate, "pitch": pitch, "pitch_range": span, "seed": breath})
        with short_path(self.engine) as engine:
            waves = said(f"{accent}+{variant}", wanted, Engine(*engine))
            return [through(wave.astype(np.float32), RATE, self.job.codec) for wave in waves]


def split_voices(known: Sequence[str], seed: int) -> dict[SplitName, list[str]]:
    """Voices by split; families of near twins (steph, steph2) stay together, and every split has some."""
    families: dict[str, list[str]] = defaultdict(list)
    for name in known:
        stem = name.lower().rstrip("0123456789")
        families[stem if len(stem) > 1 else name].append(name)
    order = sorted(
        families.values(), key=lambda family: (len(family) > 2, seed_of(seed, "family", family[0]))
    )
    splits: dict[SplitName, list[str]] = {"train": [], "dev": [], "test": []}
    for family in order:  # large families last: they go to train, so that other splits keep varied voices
        room = [s for s in SPLITS[:0:-1] if len(splits[s]) + len(family) <= VOICE_SHARES[s] * len(known)]
        splits[room[0] if room else "train"] += family
    return splits


def split_words(words: Sequence[str], keyword: str, seed: int) -> dict[SplitName, list[str]]:
    """The words of sentences by split: none of the keyword's own words, none in two splits."""
    own = {plain(part) for part in keyword.split()}
    order = sorted(
        {word.lower() for word in words if plain(word) not in own}, key=lambda w: seed_of(seed, "word", w)
    )
    train = round(VOICE_SHARES["train"] * len(order))
    dev = train + round(VOICE_SHARES["dev"] * len(order))
    return {"train": order[:train], "dev": order[train:dev], "test": order[dev:]}
