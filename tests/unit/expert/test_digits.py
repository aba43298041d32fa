"""`audionas make --minutes 10` on spoken digits, a speaker left out: one run for each of five speakers."""

import shutil
import tarfile
from pathlib import Path

import pytest

from audionas.core.files import read_json
from audionas.core.rng import seed_of
from tests.unit.cli._command import done

pytestmark = [pytest.mark.nightly, pytest.mark.shared]
SPEAKERS = ("george", "jackson", "nicolas", "theo", "yweweler")
LEAST = 0.85  # mean accuracy over the five


def seed_for(speaker: str) -> int:
    """The first seed with which `prep folder` gives the test this speaker alone."""
    return next(
        seed
        for seed in range(1000)
        if min(SPEAKERS, key=lambda name: (seed_of("split", seed, name), name)) == speaker
    )


def digits(shared: Path, folder: Path) -> Path:
    """The recordings with a folder per digit, and names speaker_take.flac."""
    with tarfile.open(shared / "fsdd.tar") as archive:
        archive.extractall(folder / "all", filter="data")
    for file in (folder / "all").rglob("*.flac"):
        digit, _, name = file.name.partition("_")
        (folder / "digits" / digit).mkdir(parents=True, exist_ok=True)
        shutil.move(file, folder / "digits" / digit / name)
    return folder / "digits"


def test_digits_of_speakers_left_out_are_heard(shared: Path, tmp_path: Path) -> None:
    source, found = digits(shared, tmp_path), {}
    for speaker in SPEAKERS:
        where = (f"out={tmp_path}", f"name={speaker}", f"seed={seed_for(speaker)}")
        done("make", source, "--for", "cpu", "--minutes", 10, *where)
        said = (tmp_path / speaker / "data" / "test" / "utt2spk").read_text(encoding="utf-8")
        assert {line.split()[1] for line in said.splitlines()} == {speaker}
        found[speaker] = read_json(tmp_path / speaker / "eval.json")["accuracy"]
    assert sum(found.values()) / len(found) > LEAST, found
