"""Transcripts: tables read and written, wrong lines told by place, words matched whole, spans cut out."""

import tarfile
from pathlib import Path

import pytest

from audionas.core.errors import UserError
from audionas.data.files import transcripts
from audionas.data.files.transcripts import Utterance, by_file, read, rest, says, with_words, write

HEAD = "file\tutterance\tstart_s\tend_s\ttext\n"


def test_a_table_comes_back_as_it_was(tmp_path: Path) -> None:
    rows = [Utterance("a/b.opus", 0.0, 1.25, 'SHE SAID "NO'), Utterance("c.wav", 1.5, 2.0, "")]
    write(tmp_path / "t.tsv", [rows[0]._replace(text=' SHE\tSAID\n"NO '), rows[1]])
    assert read(tmp_path / "t.tsv") == rows


def test_other_columns_may_be_there_and_every_wrong_line_is_told(tmp_path: Path) -> None:
    table = tmp_path / transcripts.NAME
    table.write_text(HEAD + "a.wav\tu1\t0\t1.5\tyes\n")
    assert read(table) == [Utterance("a.wav", 0.0, 1.5, "yes")]
    bad = ["a.wav\tu\t2\t1\tx", "\tu\t0\t1\tx", "a.wav\tu\tnan\t1\tx", "a.wav\tu\t0\tinf\tx", "a.wav\tu\t0"]
    table.write_text(HEAD + "\n".join(["a.wav\tu\t0\t1\tx", *bad]))
    with pytest.raises(UserError) as caught:
        read(table)
    assert [p.partition(": ")[0] for p in caught.value.problems] == [f"{table}:{n}" for n in range(3, 8)]
    table.write_bytes(b"\xef\xbb\xbffile\tstart_s\tend_s\ttext\r\na.wav\t0\t1\tx" + b"\0" * 200_000 + b"\r\n")
    assert read(table)[0].text.startswith("x\0")  # a mark, Windows' line ends, a line of any length
    table.write_text("name,from,to\n")
    with pytest.raises(UserError, match="has no column file, start_s, end_s, text"):
        read(table)


def test_words_are_matched_whole_and_in_sequence() -> None:
    assert says("THE COMPUTER, he said", "computer")
    assert says(
        "a computer's screen", "Computer"
    )  # the plural's s is part of its word, the genitive's is not
    assert says("Hey, Jarvis!", "hey jarvis")
    assert says("STRASSE", "straße")
    for text in ("computers", "hey you jarvis", "jarvis hey", ""):
        assert not says(text, "computer")
        assert not says(text, "hey jarvis")
    assert not says("anything", "")


def test_files_are_found_by_their_path_from_the_table(tmp_path: Path) -> None:
    table, sound = tmp_path / "long" / "t.tsv", tmp_path / "audio" / "a.wav"
    rows = [Utterance("../audio/a.wav", 0, 1, "one"), Utterance("other.wav", 0, 1, "two")]
    assert by_file(table, rows, [str(sound)]) == {str(sound): rows[:1]}
    with pytest.raises(UserError, match="names none of these recordings"):
        by_file(table, rows[1:], [str(sound)])


def test_spans_are_by_time_and_their_rest_is_what_no_span_covers() -> None:
    rows = [Utterance("a", 5, 6, "yes no"), Utterance("a", 1, 2, "yes"), Utterance("a", 3, 4, "no")]
    assert with_words({"a": rows}, ["yes", "never"]) == {"a": [(1, 2), (5, 6)]}
    assert rest(0, 10, [(1, 2), (5, 6)]) == [(0, 1), (2, 5), (6, 10)]
    assert rest(0, 10, [(0, 2), (1, 3), (2, 2.5), (9, 12)]) == [(3, 9)]  # they touch, overlap, go beyond
    assert rest(4, 6, [(1, 2), (5, 5.5), (8, 9)]) == [(4, 5), (5.5, 6)]
    assert rest(4, 6, [(0, 20)]) == []


@pytest.mark.shared
def test_real_transcripts_have_the_words_that_their_readme_counts(shared: Path, tmp_path: Path) -> None:
    with tarfile.open(shared / "negatives_librispeech.tar") as tar:
        tar.extract("negatives_librispeech/transcripts.tsv", tmp_path, filter="data")
    rows = read(tmp_path / "negatives_librispeech" / transcripts.NAME)
    told = {
        "on": 170,
        "no": 104,
        "up": 63,
        "down": 46,
        "go": 25,
        "yes": 23,
        "left": 21,
        "right": 16,
        "off": 13,
    }
    assert {word: sum(transcripts.words(row.text).count(word) for row in rows) for word in told} == told
    files = {row.file for row in rows}
    assert len(files) == 55
    spans = with_words({file: [row for row in rows if row.file == file] for file in files}, ["stop"])
    assert sum(map(len, spans.values())) == 7
    assert sum(row.end - row.start for row in rows) == pytest.approx(3.236 * 3600, rel=1e-3)
