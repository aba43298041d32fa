"""Where a word lies, the word in other surroundings, recordings joined; who is in which split."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from audionas.core.errors import UserError
from audionas.core.reporter import Reporter
from audionas.core.rng import numpy_rng
from audionas.data import audio
from audionas.data.files import transcripts
from audionas.data.files.transcripts import Utterance
from audionas.data.labels import RATE
from audionas.prep.wake.sounds import Part, ending, faded, joined, loud, spaced, within, without
from audionas.prep.wake.sources import (
    GROUP_SHARES,
    PARTS,
    Recording,
    by_split,
    parted,
    plain,
    says,
    scan,
    usable,
)

RNG = numpy_rng("wake sounds")


def quiet(seconds: float) -> np.ndarray:
    return RNG.normal(0, 0.001, round(seconds * RATE)).astype(np.float32)


def spoken(before: float, length: float, after: float) -> np.ndarray:
    tone = 0.3 * np.sin(np.arange(round(length * RATE)) / 5)
    return np.concatenate((quiet(before), tone.astype(np.float32), quiet(after)))


def test_the_loud_part_is_found_and_a_clip_ends_after_it() -> None:
    wave = spoken(2.0, 0.6, 1.4)
    first, last = loud(wave, 1.25)
    assert first / RATE == pytest.approx(2.0, abs=0.026)
    assert last / RATE == pytest.approx(2.6, abs=0.026)
    start, length = ending(wave, 1.5)
    assert length == pytest.approx(1.5, abs=1e-6)
    assert start + length == pytest.approx(2.8, abs=0.026)
    assert ending(spoken(0.1, 0.6, 0.0), 1.5) == (0.0, pytest.approx(0.7, abs=0.01))


def test_of_what_is_loud_too_long_the_loudest_is_taken() -> None:
    wave = np.concatenate((0.3 * spoken(0, 2.0, 0), spoken(0, 0.5, 0), 0.3 * spoken(0, 2.0, 0), quiet(5.0)))
    first, last = loud(wave, 1.0)
    assert last - first == RATE
    assert first <= 2.0 * RATE + 400
    assert last >= 2.5 * RATE - 400


def test_a_word_in_other_surroundings_is_a_clip_with_the_word_near_its_end() -> None:
    for draw in range(20):
        around = spoken(0, 1.5, 0) * 0.1
        found = within(spoken(1.0, 0.5, 0.5), around, numpy_rng("within", draw))
        assert found.shape == around.shape
        assert found.dtype == np.float32
        assert 0.09 < np.abs(found).max() < 0.9


def test_a_word_longer_than_the_clip_is_cut() -> None:
    assert within(spoken(0, 3.0, 0), quiet(1.5), numpy_rng(0)).shape == (round(1.5 * RATE),)


def test_joined_recordings_lose_nothing_but_their_edges() -> None:
    waves = [spoken(0, 0.4, 0) for _ in range(5)]
    pieces = [piece.wave for piece in joined(map(Part, waves), 1.0)]
    assert [len(p) for p in pieces] == [3 * len(waves[0]), 2 * len(waves[0])]
    np.testing.assert_array_equal(np.concatenate(pieces), np.concatenate([faded(w) for w in waves]))
    assert not list(joined([], 1.0))
    assert len(spaced(waves, RNG)) > sum(map(len, waves)) + 5 * 0.2 * RATE - 5


def corpora(folder: Path) -> Path:
    """A clip of each kind in the three corpora's layouts, and one of nobody's."""
    paths = [
        *(f"wakewords_picovoice/{word}/{n}.flac" for word in ("computer", "alexa") for n in (7, 8)),
        *(f"mycroft/{word}/en/{word}-en-{n}.flac" for word in ("heycomputer", "athena") for n in "ab"),
        "mycroft/not-wake-words/en/notwakeword-en-a.flac",
        "mycroft/noises_bg_someone/noise-a.flac",
        "speech_commands/v2_test_set/_unknown_/bed_0a7c2a8d_nohash_0.flac",
        "speech_commands/v1_words30/yes/0a7c2a8d_nohash_1.flac",
        "speech_commands/v2_test_set/_silence_/3.flac",
        "speech_commands/_background_noise_/tap.flac",
        "radio/monday.flac",
    ]
    for name in paths:
        audio.write(folder / name, quiet(0.1), RATE)
    (folder / "mycroft" / "files.csv").write_text(
        "path,licence_file,seconds\n"
        "heycomputer/en/heycomputer-en-a.flac,licenses/license-20190814-ann.txt,1\n"
        "heycomputer/en/heycomputer-en-b.flac,licenses/license-20190814-ann.txt,1\n"
        "athena/en/athena-en-a.flac,licenses/license-20190801-ann.txt,1\n"
        "athena/en/athena-en-b.flac,licenses/license-20190801-bob.txt,1\n"
        "not-wake-words/en/notwakeword-en-a.flac,licenses/license-20190801-bob.txt,1\n"
    )
    return folder


def test_corpora_are_known_by_their_layout(tmp_path: Path) -> None:
    found = {r.path.relative_to(tmp_path).as_posix(): r for r in scan(corpora(tmp_path))}
    rows = {name: (r.source, r.word, r.group) for name, r in found.items()}
    assert rows["wakewords_picovoice/computer/7.flac"] == ("picovoice", "computer", "picovoice-computer-7")
    assert rows["mycroft/athena/en/athena-en-a.flac"] == ("mycroft", "athena", "mycroft-ann")
    assert rows["mycroft/not-wake-words/en/notwakeword-en-a.flac"] == ("mycroft", "", "mycroft-bob")
    assert rows["mycroft/noises_bg_someone/noise-a.flac"][0] == "noise"
    bed, yes = (r for r in rows.values() if r[0] == "speech_commands")
    assert (bed[1], yes[1]) == ("yes", "bed")
    assert bed[2] == yes[2] == "speech_commands-0a7c2a8d"
    assert rows["radio/monday.flac"] == ("own", "radio", "own-radio/monday.flac")
    assert sum(says(r, "Computer") for r in found.values()) == 4  # hey computer says it, too


def test_groups_are_whole_and_unnamed_people_with_the_keyword_train(tmp_path: Path) -> None:
    for seed in range(5):
        splits = by_split(scan(corpora(tmp_path)), "computer", seed)
        groups = [{r.group for r in part} for part in splits.values()]
        assert sum(map(len, groups)) == len(set.union(*groups))
        assert {"mycroft-ann", "noise-speech_commands-silence"} <= groups[0]


def test_shares_of_the_keyword_are_exact() -> None:
    many = [Recording(Path(f"{n}.wav"), "own", "Hey  You", f"g{n}") for n in range(50)]
    splits = by_split(many, "hey you", 3)
    assert {split: len(part) / 50 for split, part in splits.items()} == GROUP_SHARES
    assert splits != by_split(many, "hey you", 4)
    assert plain("Hey_You") == plain("hey you") == "heyyou"


def test_speakers_by_a_pattern(tmp_path: Path) -> None:
    for name in ("ann_1", "ann_2", "bob_1"):
        audio.write(tmp_path / f"{name}.wav", quiet(0.1), RATE)
    assert {r.group for r in scan(tmp_path, pattern=r"(?P<speaker>[a-z]+)_\d")} == {"own-ann", "own-bob"}
    with pytest.raises(UserError, match="no group called speaker"):
        scan(tmp_path, pattern="ann")
    with pytest.raises(UserError) as caught:
        scan(tmp_path, pattern=r"(?P<speaker>ann)")
    assert "bob_1.wav: the speaker pattern" in str(caught.value)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no audio files here"):
        scan(tmp_path / "empty")


def test_recordings_that_cannot_be_used_are_named_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wave = np.sin(np.arange(1600) / 9) / 2
    for name, level in {"word/good": 1.0, "word/still": 0.0, "word/loud": 32768.0, "rain": 0.0}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        soundfile.write(tmp_path / f"{name}.wav", wave * level, 16000, subtype="FLOAT")
    (tmp_path / "word" / "text.wav").write_text("no sound")
    found = scan(tmp_path)
    with pytest.raises(UserError) as caught:
        usable(found, "error", Reporter())
    said = [problem.removeprefix(f"{tmp_path}/").split(":")[0] for problem in caught.value.problems]
    assert said == ["word/loud.wav", "word/still.wav", "word/text.wav"]
    assert [r.path.stem for r in usable(found, "skip", Reporter())] == ["rain", "good"]
    (tmp_path / "word" / "text.wav").unlink()
    assert len(usable(scan(tmp_path), "keep", Reporter())) == 4
    assert capsys.readouterr().err.count("kept: ") == 2


def told(folder: Path) -> Path:
    """A corpus of two speakers with transcripts, and one of noise, each described by its table."""
    rows = ["file\tspeaker\tsex"]
    said = []
    for speaker in (11, 12):
        for take in range(2):
            name = f"{speaker}-{take}.wav"
            audio.write(folder / "read" / name, spoken(1.0, 1.0, 2.0), RATE)
            rows.append(f"{name}\t{speaker}\tF")
            said += [
                Utterance(name, 0, 1, "ONE"),
                Utterance(name, 1, 2, "MY WORD"),
                Utterance(name, 2, 4, "TWO"),
            ]
    (folder / "read" / "files.tsv").write_text("\n".join(rows))
    transcripts.write(folder / "read" / "transcripts.tsv", said)
    audio.write(folder / "rooms" / "hall.wav", spoken(1.0, 1.0, 2.0), RATE)
    (folder / "rooms" / "files.tsv").write_text("file\tauthor\nhall.wav\tsomebody\n")
    return folder


def test_corpora_with_tables_have_speakers_transcripts_and_noise(tmp_path: Path) -> None:
    found = {r.path.name: r for r in scan(told(tmp_path))}
    assert {r.group for r in found.values()} == {"read-11", "read-12", "noise-rooms-hall"}
    assert {r.source for r in found.values()} == {"read", "noise_rooms"}
    assert {r.word for r in found.values()} == {""}
    assert [u.text for u in found["11-1.wav"].said] == ["ONE", "MY WORD", "TWO"]
    assert found["hall.wav"].said == ()
    (tmp_path / "read" / "files.tsv").write_text("file\tspeaker\n11-0.wav\t\n\t11\n")
    with pytest.raises(UserError, match="expected a file and its speaker") as caught:
        scan(tmp_path)
    assert len(caught.value.problems) == 2


def test_what_says_the_word_is_cut_out_and_the_others_move(tmp_path: Path) -> None:
    wave = np.arange(4 * RATE, dtype=np.float32)
    said = [Utterance("a", 0, 1, "one"), Utterance("a", 1, 2, "my word"), Utterance("a", 2, 4, "two")]
    parts = without(Part(wave, said), "my word")
    assert [len(part.wave) / RATE for part in parts] == [1.0, 2.0]
    assert parts[1].wave[0] == 2 * RATE
    (piece,) = joined([*parts, Part(wave[:RATE], said[:1])], 60.0)
    assert [(u.start, u.end, u.text) for u in piece.said] == [(0, 1, "one"), (1, 3, "two"), (3, 4, "one")]
    assert len(piece.wave) == 4 * RATE
    whole = Part(wave, said)
    assert without(whole, "word my") == [whole]
    assert without(Part(wave[: 2 * RATE], [Utterance("a", 0, 2, "word")]), "word") == []


@pytest.mark.parametrize("seed", range(8))
def test_every_split_has_other_sound_where_there_are_three_recordings(seed: int) -> None:
    mine = [Recording(Path(f"w{n}.wav"), "own", "hey you", f"own-w{n}") for n in range(5)]
    other = [Recording(Path(f"r{n}.wav"), "own", "", f"own-r{n}") for n in range(3)]
    assert parted([*mine, *other], "hey you") == [*mine, *other]
    splits = by_split([*mine, *other], "hey you", seed)
    assert sorted(r.path for found in splits.values() for r in found) == sorted(
        r.path for r in (*mine, *other)
    )
    assert [sum(not says(r, "hey you") for r in found) for found in splits.values()] == [1, 1, 1]


def test_one_recording_of_other_sound_is_shared_by_its_parts() -> None:
    mine = [Recording(Path(f"w{n}.wav"), "own", "hey you", f"own-w{n}") for n in range(5)]
    radio = Recording(Path("day.wav"), "own", "", "own-day")
    parts = [r for r in parted([*mine, radio], "hey you") if not says(r, "hey you")]
    assert [r.part for r in parts] == [(n, PARTS) for n in range(PARTS)]
    splits = by_split([*mine, radio], "hey you", 0)
    wave = np.arange(37, dtype=np.float32)
    assert np.concatenate([r.cut(wave) for r in parts]).tolist() == wave.tolist()
    assert all(any(not says(r, "hey you") for r in found) for found in splits.values())
    same = [radio._replace(path=Path(f"{n}.wav")) for n in range(3)]  # of one group
    groups = {r.group for r in parted([*mine, *same], "hey you") if not says(r, "hey you")}
    assert len(groups) == PARTS
    told = radio._replace(said=(Utterance("day.wav", 0.0, 1.0, "hello"),))
    assert parted([*mine, told], "hey you") == [*mine, told]
