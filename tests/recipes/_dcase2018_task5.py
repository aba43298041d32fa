"""A small imitation of DCASE 2018 task 5: the exact layout and file formats, few sessions, short segments."""

import zipfile
from pathlib import Path

import numpy as np
import soundfile

from audionas.core.rng import numpy_rng
from audionas.prep.dcase2018 import LABELS, RATE, TOPS

SECONDS = 0.4
SESSIONS = 4  # of each class: session k is tested in fold k
AUDIO_PARTS = 23


def development(
    root: Path, *, labelled: bool = False, truth: str = "evaluate", seconds: float = SECONDS
) -> Path:
    """The development set below `root`; two of the four nodes hear each session, one segment each.

    The lists of test files name labels as well where `labelled`; `truth` ends the name of the ground truth.
    """
    top = root / TOPS["dev"]
    meta, folds = [], {k: ([], [], []) for k in range(1, SESSIONS + 1)}  # train, test, truth
    for number, label in enumerate(LABELS):
        for k in folds:
            session = f"ex{number * SESSIONS + k}"
            for node in (k, k % 4 + 1):
                file = f"audio/DevNode{node}_{session}_1.wav"
                segment(top / file, number, seconds, node)
                meta.append(f"{file}\t{label}\t{session}")
                for fold, (train, test, told) in folds.items():
                    if fold == k:
                        test.append(f"{file}\t{label}" if labelled else f"{file}\t")
                        told.append(f"{file}\t{label}")
                    else:
                        train.append(meta[-1])
    lines(top / "meta.txt", meta)
    for fold, (train, test, told) in folds.items():
        setup = top / "evaluation_setup"
        lines(setup / f"fold{fold}_train.txt", train)
        lines(setup / f"fold{fold}_test.txt", test)
        lines(setup / f"fold{fold}_{truth}.txt", told)
    documents(top)
    return top


def evaluation(root: Path, *, truth: str = "evaluation", meta: bool = True, seconds: float = SECONDS) -> Path:
    """The evaluation set below `root`: anonymous names, two sessions a class, nodes 1 to 7; with or without
    `meta.txt`, which its first release had not.
    """
    top = root / TOPS["eval"]
    rows, mapped = [], []
    for number, label in enumerate(LABELS):
        for k in (1, 2):
            for node in (number % 4 + 1, 5 + number % 3):
                file = f"audio/{len(rows):05d}.wav"
                segment(top / file, number, seconds, node)
                session = f"ex{number * 2 + k}"
                rows.append((file, label, session))
                mapped.append(f"audio/EvalNode{node}_{session}_1.wav\t{file}")
    setup = top / "evaluation_setup"
    lines(setup / "test.txt", [file for file, _, _ in rows])
    lines(setup / f"{truth}.txt", ["\t".join(row) for row in rows])
    lines(setup / "map.txt", mapped)
    if meta:
        lines(top / "meta.txt", ["\t".join(row) for row in rows])
    documents(top)
    return top


def archives(top: Path, folder: Path) -> list[Path]:
    """The set below `top` as it is published: documents, lists, and the audio in 23 parts."""
    folder.mkdir(parents=True, exist_ok=True)
    audio = sorted((top / "audio").iterdir())
    lists = [top / "meta.txt", *sorted((top / "evaluation_setup").iterdir())]
    parts = {"doc": [f for f in top.iterdir() if f.is_file() and f.name != "meta.txt"], "meta": lists}
    parts |= {f"audio.{n + 1}": audio[n::AUDIO_PARTS] for n in range(AUDIO_PARTS)}
    made = []
    for part, files in parts.items():
        made.append(folder / f"{top.name}.{part}.zip")
        with zipfile.ZipFile(made[-1], "w") as archive:
            for file in files:
                archive.write(file, file.relative_to(top.parent))
    return made


def segment(path: Path, number: int, seconds: float, node: int) -> None:
    """A tone whose pitch tells the class, louder in one channel than in the next, in faint noise."""
    count = round(seconds * RATE)
    noise = 0.01 * numpy_rng("segment", path.name).normal(size=(count, 4))
    wave = np.sin(2 * np.pi * 150 * 1.5**number * np.arange(count) / RATE)
    path.parent.mkdir(parents=True, exist_ok=True)
    loudness = np.array([0.4, 0.3, 0.2, 0.1]) / (1 + 0.1 * node)
    soundfile.write(path, noise + wave[:, None] * loudness, RATE, subtype="PCM_16")


def documents(top: Path) -> None:
    for name in ("EULA.pdf", "readme.md", "readme.html"):
        (top / name).write_text("an imitation\n", encoding="utf-8")


def lines(file: Path, rows: list[str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
