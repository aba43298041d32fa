"""Data directories: what is written is read back, every planted fault is found in its place, fix repairs."""

import shutil
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audionas.core.errors import UserError
from audionas.data import kaldi
from audionas.data.columns import Strings
from audionas.data.kaldi import DataDir, Item
from audionas.data.labels import read_labels, write_labels
from audionas.data.quick import quick
from audionas.data.tables import Tables

IDS = ("anna-no-0", "anna-no-1", "anna-yes-0", "bert-no-0", "bert-yes-0", "bert-yes-1")
FILES = ("wav.scp", "text", "utt2spk", "spk2utt", "utt2dur", "utt2sha256")
Plant = Callable[[Path], None]


def tone(path: Path, seconds: float = 0.1) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    wave = np.random.default_rng(sum(path.name.encode())).uniform(-1, 1, round(seconds * 16000))
    encoded = BytesIO()  # soundfile itself would wait for the disk each time
    soundfile.write(encoded, wave, 16000, format="WAV")
    path.write_bytes(encoded.getvalue())
    return str(path)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Six whole files by two speakers."""
    items = [
        Item(
            name,
            tone(tmp_path / "audio" / f"{name}.wav"),
            name.split("-")[1],
            0.0,
            speaker=name.split("-")[0],
        )
        for name in IDS
    ]
    kaldi.write(tmp_path / "data", items)
    return tmp_path / "data"


@pytest.fixture
def segmented(tmp_path: Path) -> Path:
    """Six utterances in two recordings of one second."""
    items = []
    for number, name in enumerate(IDS):
        speaker = name.split("-")[0]
        path = tone(tmp_path / "audio" / f"{speaker}.wav", 1.0)
        items.append(Item(name, path, "yes", 0.25, number % 3 * 0.25, speaker))
    kaldi.write(tmp_path / "data", items)
    return tmp_path / "data"


def random_items(seed: int, folder: Path) -> list[Item]:
    rng = np.random.default_rng(seed)
    items = []
    for number in range(rng.integers(1, 40)):
        speaker = ("ünal", "a", "a-b", "Zoë", "9f")[rng.integers(5)]
        label = ("yes", "hey jarvis", "_silence_", "日本")[rng.integers(4)]
        part = f"{rng.integers(3)}/re c {rng.integers(4)}.wav"
        start = float(rng.uniform(0, 0.05)) if seed % 2 else 0.0
        seconds = float(rng.uniform(0.01, 0.04)) if seed % 2 else 0.1
        items.append(Item(f"{speaker}-w-{number}", tone(folder / part), label, seconds, start, speaker))
    return items


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("relative", [True, False])
def test_written_is_read_back(tmp_path: Path, seed: int, relative: bool) -> None:
    items = random_items(seed, tmp_path / "audio")
    written = kaldi.write(tmp_path / "data", items, relative=relative)
    data = kaldi.read(tmp_path / "data")
    assert list(data) == list(written)
    assert [replace(item, sha256="") for item in data] == sorted(items, key=lambda item: item.id.encode())
    assert data.fingerprint == written.fingerprint
    assert kaldi.validate(tmp_path / "data") == []
    for name in FILES:
        keys = [line.split()[0] for line in (tmp_path / "data" / name).read_bytes().splitlines()]
        assert keys == sorted(set(keys)), name  # bytes sort as the C locale does


def test_rewriting_without_segments_removes_the_old_ones(segmented: Path) -> None:
    whole = [replace(item, start=0.0, seconds=1.0) for item in kaldi.read(segmented)]
    kaldi.write(segmented, whole)
    assert not (segmented / "segments").exists()
    assert [item.seconds for item in kaldi.read(segmented)] == [1.0] * 6


def test_a_corpus_with_relative_paths_can_be_moved(corpus: Path) -> None:
    before = kaldi.read(corpus)
    moved = corpus.parent.parent / "elsewhere"
    shutil.move(corpus.parent, moved)
    after = kaldi.read(moved / "data")
    assert after.fingerprint == before.fingerprint
    assert all(Path(item.audio).is_relative_to(moved) for item in after)
    moved.rename(corpus.parent)


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines()


def put(name: str, line: int, content: str | bytes) -> Plant:
    """Replace a line."""

    def plant(folder: Path) -> None:
        lines = lines_of(folder / name)
        lines[line - 1] = content if isinstance(content, bytes) else content.encode()
        (folder / name).write_bytes(b"\n".join(lines) + b"\n")

    return plant


def insert(name: str, line: int, content: str) -> Plant:
    def plant(folder: Path) -> None:
        lines = lines_of(folder / name)
        lines.insert(line - 1, content.encode())
        (folder / name).write_bytes(b"\n".join(lines) + b"\n")

    return plant


def delete(name: str, line: int) -> Plant:
    def plant(folder: Path) -> None:
        lines = lines_of(folder / name)
        del lines[line - 1]
        (folder / name).write_bytes(b"\n".join(lines) + b"\n")

    return plant


def remove(name: str) -> Plant:
    return lambda folder: (folder / name).unlink()


def swap(name: str, line: int) -> Plant:
    def plant(folder: Path) -> None:
        lines = lines_of(folder / name)
        lines[line - 1], lines[line] = lines[line], lines[line - 1]
        (folder / name).write_bytes(b"\n".join(lines) + b"\n")

    return plant


FAULTS = [
    (swap("text", 2), "text:3: ", "not sorted"),
    (swap("spk2utt", 1), "spk2utt:2: ", "not sorted"),
    (insert("wav.scp", 3, "anna-no-1 ../audio/anna-no-1.wav"), "wav.scp:3: ", "already on line 2"),
    (insert("utt2spk", 1, "anna-no-0 anna"), "utt2spk:2: ", "already on line 1"),
    (delete("text", 4), "text: ", "no line for utterance 'bert-no-0' (wav.scp:4)"),
    (delete("wav.scp", 4), "text:4: ", "'bert-no-0' is not in wav.scp"),
    (insert("utt2dur", 7, "carl-no-0 1.0"), "utt2dur:7: ", "'carl-no-0' is not in wav.scp"),
    (put("spk2utt", 1, "anna anna-no-0 anna-yes-0"), "utt2spk:2: ", "does not list 'anna-no-1' under 'anna'"),
    (put("spk2utt", 2, "bert bert-no-0 bert-yes-0 bert-yes-1 carl-x"), "spk2utt:2: ", "lists 'carl-x'"),
    (put("spk2utt", 2, "bert bert-no-0 bert-no-0 bert-yes-0 bert-yes-1"), "spk2utt:2: ", "twice"),
    (put("utt2spk", 3, "anna-yes-0 bert"), "utt2spk:3: ", "does not begin with its speaker 'bert'"),
    (put("utt2spk", 3, "anna-yes-0 an na"), "utt2spk:3: ", "a speaker is one word"),
    (put("wav.scp", 2, "anna-no-1 sox a.wav -t wav - |"), "wav.scp:2: ", "is a command"),
    (put("wav.scp", 5, "bert-yes-0 ../audio/gone.wav"), "wav.scp:5: ", "no such audio file"),
    (put("utt2dur", 5, "bert-yes-0 long"), "utt2dur:5: ", "number of seconds"),
    (put("utt2dur", 1, "anna-no-0 nan"), "utt2dur:1: ", "number of seconds"),
    (put("utt2dur", 6, "bert-yes-1 -1"), "utt2dur:6: ", "number of seconds"),
    (put("text", 6, "bert-yes-1"), "text:6: ", "its label is empty"),
    (put("text", 2, b"anna-no-1 n\xf6"), "text:2: ", "not UTF-8"),
    (put("utt2sha256", 1, "anna-no-0 123"), "utt2sha256:1: ", "SHA-256"),
    (insert("utt2spk", 3, ""), "utt2spk:3: ", "empty line"),
    (remove("spk2utt"), "spk2utt: ", "missing"),
    (remove("utt2spk"), "utt2spk: ", "missing"),
    (remove("utt2dur"), "utt2dur: ", "missing"),
]
SEGMENT_FAULTS = [
    (put("segments", 2, "anna-no-1 anna 0.25"), "segments:2: ", "expected a recording"),
    (put("segments", 2, "anna-no-1 anna x 0.5"), "segments:2: ", "expected a recording"),
    (put("segments", 3, "anna-yes-0 anna 0.75 0.5"), "segments:3: ", "starts at 0.75 s and ends at 0.5 s"),
    (put("segments", 4, "bert-no-0 bert -0.1 0.15"), "segments:4: ", "starts at -0.1 s"),
    (put("segments", 6, "bert-yes-1 bert 0.5 1.5"), "segments:6: ", "its recording at 1.000 s"),
    (put("segments", 1, "anna-no-0 carl 0.0 0.25"), "segments:1: ", "recording 'carl' is not in wav.scp"),
    (put("utt2dur", 2, "anna-no-1 0.5"), "utt2dur:2: ", "its segment has 0.250 s"),
]


def check_found_and_fixed(folder: Path, plant: Plant, where: str, what: str) -> None:
    before = {item.id: item for item in kaldi.read(folder)}
    plant(folder)
    faults = kaldi.validate(folder)
    assert any(fault.startswith(f"{folder}/{where}") and what in fault for fault in faults), faults
    with pytest.raises(UserError) as caught:
        kaldi.read(folder)
    assert caught.value.problems == faults
    assert kaldi.fix(folder)
    assert kaldi.validate(folder) == []
    after = kaldi.read(folder)
    assert len(after) >= len(before) - 1
    for item in after:
        assert replace(before.get(item.id, item), speaker=item.speaker) == item


@pytest.mark.parametrize(("plant", "where", "what"), FAULTS, ids=[f"{w}{t}" for _, w, t in FAULTS])
def test_fault_is_found_and_fixed(corpus: Path, plant: Plant, where: str, what: str) -> None:
    check_found_and_fixed(corpus, plant, where, what)


@pytest.mark.parametrize(
    ("plant", "where", "what"), SEGMENT_FAULTS, ids=[f"{w}{t}" for _, w, t in SEGMENT_FAULTS]
)
def test_fault_in_segments_is_found_and_fixed(segmented: Path, plant: Plant, where: str, what: str) -> None:
    check_found_and_fixed(segmented, plant, where, what)


def test_all_faults_are_reported_together(corpus: Path) -> None:
    for plant, *_ in (FAULTS[0], FAULTS[12], FAULTS[13], FAULTS[14], FAULTS[19]):
        plant(corpus)
    places = [fault.removeprefix(f"{corpus}/").split(": ")[0] for fault in kaldi.validate(corpus)]
    assert places == ["wav.scp:2", "wav.scp:5", "text:3", "utt2dur:5", "utt2sha256:1"]


@pytest.mark.parametrize("seed", range(30))
def test_fix_makes_any_damage_valid_and_is_idempotent(corpus: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(rng.integers(1, 6)):
        name = FILES[rng.integers(len(FILES))]
        lines = lines_of(corpus / name)
        at = int(rng.integers(len(lines))) if lines else 0
        damage = rng.integers(5)
        if not lines or damage == 0:
            lines.insert(at, b"new-word-7 stuff \xff")
        elif damage == 1:
            del lines[at]
        elif damage == 2:
            lines.append(lines[at])
        elif damage == 3:
            rng.shuffle(lines)
        else:
            lines[at] = lines[at].replace(b"anna", b"berta").replace(b"0", b"o")
        (corpus / name).write_bytes(b"\n".join(lines))
    kaldi.fix(corpus)
    assert kaldi.validate(corpus) == []
    content = {name: (corpus / name).read_bytes() for name in FILES}
    assert kaldi.fix(corpus) is None
    assert content == {name: (corpus / name).read_bytes() for name in FILES}


def test_fix_puts_the_speaker_in_front_and_says_so(corpus: Path) -> None:
    put("utt2spk", 3, "anna-yes-0 carl")(corpus)
    done = kaldi.fix(corpus)
    assert done is not None
    assert f"{corpus}: renamed 'anna-yes-0' to 'carl-anna-yes-0'" in done.changes
    assert {item.id: item.speaker for item in kaldi.read(corpus)}["carl-anna-yes-0"] == "carl"


def test_fix_of_nothing_usable_is_refused(corpus: Path) -> None:
    (corpus / "text").write_text("")
    with pytest.raises(UserError, match="no utterance is complete"):
        kaldi.fix(corpus)


def test_no_directory(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such data directory"):
        kaldi.read(tmp_path / "nowhere")


def bad(item: Item, **changes: object) -> Item:
    return replace(item, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"id": "an na"}, "blanks"),
        ({"speaker": "bert"}, "does not begin with its speaker"),
        ({"label": ""}, "a label is one line"),
        ({"label": "a\nb"}, "a label is one line"),
        ({"start": -1.0}, "not a time span"),
        ({"audio": "/nowhere/a.wav", "sha256": ""}, "/nowhere/a.wav: no such audio file"),
        ({"id": "anna-no-1"}, "2 utterances are called 'anna-no-1'"),
    ],
)
def test_write_refuses_what_the_format_cannot_hold(
    corpus: Path, tmp_path: Path, changes: dict[str, object], what: str
) -> None:
    items = list(kaldi.read(corpus))
    items[0] = bad(items[0], **changes)
    with pytest.raises(UserError) as caught:
        kaldi.write(tmp_path / "new", items)
    assert what in str(caught.value)
    assert not (tmp_path / "new").exists()


def test_write_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no utterance"):
        kaldi.write(tmp_path / "new", [])


def test_fingerprint_sees_every_part_and_no_order(corpus: Path) -> None:
    data = kaldi.read(corpus)
    assert DataDir(corpus, reversed(list(data))).fingerprint == data.fingerprint
    for changes in (
        {"label": "x"},
        {"start": 0.01},
        {"seconds": 0.05},
        {"sha256": "0" * 64},
        {"id": "anna-x-0"},
    ):
        assert DataDir(corpus, [bad(data[0], **changes), *data[1:]]).fingerprint != data.fingerprint
    without = DataDir(corpus, [replace(item, sha256="") for item in data])
    assert without.fingerprint == data.fingerprint  # sums not taken yet are taken


def test_where_and_labels(corpus: Path) -> None:
    data = kaldi.read(corpus)
    assert data.labels == ["no", "yes"]
    assert data.where(lambda item: item.label == "no").labels == ["no"]
    assert [item.id for item in data[:2]] == list(IDS[:2])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("by", ["speaker", "id"])
def test_split_is_disjoint_complete_and_seeded(tmp_path: Path, seed: int, by: str) -> None:
    path = tone(tmp_path / "a.wav")
    items = [
        Item(f"s{n % 20:02d}-w-{n}", path, "w", 0.1, speaker=f"s{n % 20:02d}", sha256="0" * 64)
        for n in range(90)
    ]
    data = DataDir(tmp_path, items)
    first, second = data.split(0.3, seed, by)
    assert sorted([*first, *second], key=lambda item: item.id) == list(data)
    groups = [{getattr(item, by) for item in part} for part in (first, second)]
    assert not groups[0] & groups[1]
    assert len(groups[0]) == round(0.3 * len(groups[0] | groups[1]))
    again, _ = DataDir(tmp_path, reversed(items)).split(0.3, seed, by)
    assert list(again) == list(first)


def test_split_of_one_speaker_is_refused(corpus: Path) -> None:
    data = kaldi.read(corpus).where(lambda item: item.speaker == "anna")
    with pytest.raises(UserError, match="cannot be split"):
        data.split(0.5, 0)


def test_labels_file(corpus: Path) -> None:
    with pytest.raises(UserError, match=r"labels\.txt: no such file"):
        read_labels(corpus)
    write_labels(corpus.parent, ["_silence_", "hey jarvis", "a"])
    assert read_labels(corpus) == ["_silence_", "hey jarvis", "a"]
    write_labels(corpus.parent, ["a", "a"])
    with pytest.raises(UserError, match="twice: a"):
        read_labels(corpus)


def test_a_sound_directory_is_read_line_by_line_to_the_same_items(corpus: Path) -> None:
    columns = quick(corpus)
    assert columns is not None
    assert [Item(*row) for row in columns] == list(kaldi._items(Tables(corpus)))
    (corpus / "utt2sha256").unlink()
    columns = quick(corpus)
    assert columns is not None
    assert [Item(*row) for row in columns] == list(kaldi._items(Tables(corpus)))


def test_texts_come_back_as_they_went_in() -> None:
    texts = ["", "a", "f\u00fcr \u6f22\u5b57", "\udc80.wav", "b" * 1000]
    strings = Strings(texts)
    assert list(strings) == texts
    assert strings[-1] == texts[-1]
    assert strings[1:3] == texts[1:3]
    with pytest.raises(IndexError):
        strings[5]


def test_ten_thousand_utterances_take_two_hundred_bytes_each() -> None:
    item = Item("speaker-0-word-00000", "/corpus/word/speaker-0-00000.wav", "word", 1.0, 0.0, "s", "0" * 64)
    tracemalloc.start()
    try:
        data = DataDir("x", (replace(item, id=f"s-{number:05d}") for number in range(10_000)))
        assert tracemalloc.get_traced_memory()[0] < 250 * len(data)
    finally:
        tracemalloc.stop()


def test_a_licence_serves_the_folders_below(tmp_path: Path) -> None:
    assert kaldi.read_licence(tmp_path / "fold1" / "train") == ""
    kaldi.write_licence(tmp_path, "one is CC0\ntwo is CC BY 4.0")
    assert kaldi.read_licence(tmp_path / "fold1" / "train") == "one is CC0; two is CC BY 4.0"
    kaldi.write_licence(tmp_path / "fold1", "mine")
    assert kaldi.read_licence(tmp_path / "fold1" / "train") == "mine"
