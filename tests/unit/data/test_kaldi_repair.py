"""Repairs of data directories: marks before the first byte are understood, old files kept, changes told."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audionas.data import kaldi
from audionas.data.kaldi import Item

FILES = ("wav.scp", "text", "utt2spk", "spk2utt", "utt2dur", "utt2sha256")


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Four files by two speakers."""
    items = []
    for name in ("anna-no-0", "anna-yes-0", "bert-no-0", "bert-yes-0"):
        encoded = BytesIO()  # soundfile itself would wait for the disk each time
        soundfile.write(encoded, np.full(1600, len(items) / 10), 16000, format="WAV")
        (tmp_path / f"{name}.wav").write_bytes(encoded.getvalue())
        speaker, label, _ = name.split("-")
        items.append(Item(name, str(tmp_path / f"{name}.wav"), label, 0.0, speaker=speaker))
    kaldi.write(tmp_path / "data", items)
    return tmp_path / "data"


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines()


@pytest.mark.parametrize("names", [FILES, ("wav.scp",), ("text",), ("spk2utt",)])
def test_a_byte_order_mark_and_carriage_returns_are_understood(corpus: Path, names: tuple[str, ...]) -> None:
    before = list(kaldi.read(corpus))
    for name in names:
        (corpus / name).write_bytes(b"\xef\xbb\xbf" + (corpus / name).read_bytes().replace(b"\n", b"\r\n"))
    assert kaldi.validate(corpus) == []
    assert list(kaldi.read(corpus)) == before
    assert kaldi.fix(corpus) is None


def test_fix_keeps_the_first_utterance_after_a_mark_and_the_files_as_they_were(corpus: Path) -> None:
    first, *rest = [item.id for item in kaldi.read(corpus)]
    (corpus / "wav.scp").write_bytes(b"\xef\xbb\xbf" + (corpus / "wav.scp").read_bytes())
    lines = lines_of(corpus / "text")
    (corpus / "text").write_bytes(
        b"\n".join([*lines[1:-1], lines[0]]) + b"\n"
    )  # not sorted, and one is missing
    damaged = {name: (corpus / name).read_bytes() for name in FILES}
    for before in ("before_fix", "before_fix-2"):
        done = kaldi.fix(corpus)
        assert done is not None
        assert [item.id for item in kaldi.read(corpus)] == [first, *rest[:-1]]
        assert done.before == corpus / before
        assert {name: (done.before / name).read_bytes() for name in FILES} == damaged
        assert done.dropped == 1
        assert [change for change in done.changes if change.kind == "dropped '{}': no label"] == [
            f"{corpus}: dropped '{rest[-1]}': no label"
        ]
        for name, content in damaged.items():
            (corpus / name).write_bytes(content)


def test_a_repair_that_is_only_looked_at_writes_nothing(corpus: Path) -> None:
    (corpus / "text").write_bytes(b"\n".join(lines_of(corpus / "text")[1:]) + b"\n")
    before = {file.name: file.read_bytes() for file in corpus.iterdir() if file.is_file()}
    found = kaldi.repair(corpus)
    assert found is not None
    assert found.dropped == 1
    assert {file.name: file.read_bytes() for file in corpus.iterdir() if file.is_file()} == before
    assert not (corpus / "before_fix").exists()
