"""Readers: the same three clips, as five tools would list them, and every bad line named."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audionas.core.errors import UserError
from audionas.data import kaldi, readers

CLIPS = [("yes", "anna_1"), ("no", "bert_1"), ("_unknown_", "bert_2")]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for label, stem in CLIPS:
        (tmp_path / label).mkdir(exist_ok=True)
        soundfile.write(tmp_path / label / f"{stem}.wav", np.zeros(8000), 16000)
    return tmp_path


def wekws(tree: Path) -> Path:
    rows = [
        {
            "key": stem,
            "wav": f"{label}/{stem}.wav",
            "txt": -1 if label == "_unknown_" else label,
            "duration": 0.5,
        }
        for label, stem in CLIPS
    ]
    return lines(tree / "data.list", rows)


def nemo(tree: Path) -> Path:
    rows = [{"audio_filepath": str(tree / w / f"{s}.wav"), "duration": 0.5, "command": w} for w, s in CLIPS]
    return lines(tree / "manifest.json", rows)


def speechbrain(tree: Path) -> Path:
    rows = [f"{stem},0.5,0,8000,$data_root/{label}/{stem}.wav,{stem[:4]},{label},x" for label, stem in CLIPS]
    path = tree / "train.csv"
    path.write_text("\n".join(["ID,duration,start,stop,wav,spk_id,command,transcript", *rows]) + "\n")
    return path


def lines(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("form", [wekws, nemo, speechbrain])
def test_every_list_gives_the_same_clips(tree: Path, form) -> None:
    items = readers.FORMATS[form.__name__](form(tree), tree)
    expected = {(label, str(tree / label / f"{stem}.wav"), 0.5, 0.0) for label, stem in CLIPS}
    assert {(item.label, item.audio, item.seconds, item.start) for item in items} == expected
    assert list(kaldi.read(kaldi.write(tree / "data", items).path)) == list(kaldi.write(tree / "data", items))


def test_folder_gives_the_same_clips(tree: Path) -> None:
    items = readers.folder(tree, pattern=r"/(?P<speaker>[^_/]+)_[^/]*$")
    assert {(item.label, item.audio) for item in items} == {(w, str(tree / w / f"{s}.wav")) for w, s in CLIPS}
    assert {item.speaker for item in items} == {"anna", "bert"}
    data = kaldi.write(tree.parent / "data", items)  # measures what the reader left open
    assert {item.seconds for item in data} == {0.5}
    without = readers.folder(tree)
    assert len({item.speaker or item.id for item in without}) == 3


def test_speechbrain_speakers_and_cuts(tree: Path) -> None:
    path = speechbrain(tree)
    path.write_text(path.read_text().replace("0.5,0,8000", "0.25,2000,6000"))
    items = readers.speechbrain(path, tree)
    assert {(item.speaker, item.start, item.seconds) for item in items} == {
        ("anna", 0.125, 0.25),
        ("bert", 0.125, 0.25),
    }
    assert all(item.id.startswith(item.speaker) for item in items)


def test_nemo_offset_is_the_start(tree: Path) -> None:
    row = {"audio_filepath": "yes/anna_1.wav", "duration": 0.1, "label": "yes"}
    items = readers.nemo(lines(tree / "m.json", [{**row, "offset": 0.0}, {**row, "offset": 0.2}]))
    assert sorted(item.start for item in items) == [0.0, 0.2]
    assert len({item.id for item in items}) == 2


def test_every_bad_line_is_named(tree: Path) -> None:
    good = wekws(tree).read_text()
    rows = [
        "{broken",
        "[1]",
        json.dumps({"wav": "a.wav", "txt": "yes"}),
        json.dumps({"key": "k", "wav": "gone.wav", "txt": "yes"}),
        json.dumps({"key": "m", "wav": "yes/anna_1.wav", "txt": "yes", "duration": "long"}),
        json.dumps({"key": "n", "wav": "yes/anna_1.wav", "txt": " "}),
        "[" * 100_000,
        json.dumps({"key": "o", "wav": "yes/anna_1.wav", "txt": "a" * 1001}),
    ]
    path = tree / "bad.list"
    path.write_text(good + "\n".join(rows) + "\n" + good.splitlines()[0] + "\n")
    with pytest.raises(UserError) as caught:
        readers.wekws(path)
    problems = caught.value.problems
    for number, what in zip(
        range(4, 12), ("JSON", "object", "'key'", "gone", "'long'", "empty", "deep", "1,001"), strict=True
    ):
        assert any(p.startswith(f"{path}:{number}: ") and what in p for p in problems), (number, problems)
    assert any("anna_1' is also that of" in problem for problem in problems)


def test_folder_refuses_what_it_cannot_use(tree: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        readers.folder(tree / "nowhere")
    with pytest.raises(UserError, match="has no folders"):
        readers.folder(tree / "yes")
    with pytest.raises(UserError, match="not a regular expression"):
        readers.folder(tree, pattern="(")
    with pytest.raises(UserError, match="no group named speaker"):
        readers.folder(tree, pattern="(.*)")
    with pytest.raises(UserError) as caught:
        readers.folder(tree, pattern="(?P<speaker>anna)")
    assert len(caught.value.problems) == 2
    (tree / "empty").mkdir()
    soundfile.write(tree / "yes" / "anna_1.flac", np.zeros(100), 16000)
    with pytest.raises(UserError) as caught:
        readers.folder(tree)
    assert [
        f"{tree / 'empty'}: no audio" in str(caught.value),
        "anna_1' is also that of" in str(caught.value),
    ] == [True] * 2


@pytest.mark.parametrize("form", [wekws, nemo, speechbrain])
def test_a_byte_order_mark_is_no_part_of_a_list(tree: Path, form) -> None:
    path = form(tree)
    expected = readers.FORMATS[form.__name__](path, tree)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert readers.FORMATS[form.__name__](path, tree) == expected


@pytest.mark.parametrize("label", [False, True, 1.5, ["no"]])
@pytest.mark.parametrize("form", [wekws, nemo])
def test_a_label_that_is_no_text_is_refused_with_a_remedy(tree: Path, form, label: object) -> None:
    row = {
        "key": "k",
        "wav": "yes/anna_1.wav",
        "audio_filepath": "yes/anna_1.wav",
        "txt": label,
        "command": label,
    }
    with pytest.raises(UserError, match=f"its label is {re.escape(json.dumps(label))}, not text") as caught:
        readers.FORMATS[form.__name__](lines(tree / "m.list", [row] * 5))
    assert "in quotes" in str(caught.value)
    assert "(and 4 more of this kind)" in str(caught.value)


def test_numbers_of_wekws_become_words_by_its_list(tree: Path) -> None:
    rows = [
        {"key": stem, "wav": f"{label}/{stem}.wav", "txt": number, "duration": 0.5}
        for number, (label, stem) in zip((0, 1, -1), CLIPS, strict=True)
    ]
    items = readers.wekws(lines(tree / "data.list", rows))
    assert {item.label for item in items} == {"0", "1", "_unknown_"}
    (tree / "words.txt").write_text("<FILLER> -1\nHI XIAO WEN 0\nno 1\n")
    known = readers.words(tree / "words.txt")
    assert {item.label for item in readers.named(items, known)} == {"HI XIAO WEN", "no", "_unknown_"}
    with pytest.raises(UserError, match="no word has the number 1"):
        readers.named(items, {"0": "yes"})
    (tree / "words.txt").write_text("yes 0\nno 0\nmaybe\n")
    with pytest.raises(UserError) as caught:
        readers.words(tree / "words.txt")
    assert [problem.split(": ")[0].rpartition(":")[2] for problem in caught.value.problems] == ["2", "3"]


def test_what_archivers_leave_is_no_class(tree: Path) -> None:
    expected = readers.folder(tree)
    (tree / "__MACOSX" / "yes").mkdir(parents=True)
    (tree / "__MACOSX" / "yes" / "._anna_1.wav").write_bytes(b"x")
    (tree / "$RECYCLE.BIN").mkdir()
    assert readers.folder(tree) == expected
    assert readers.droppings(tree) == ["$RECYCLE.BIN", "__MACOSX"]
