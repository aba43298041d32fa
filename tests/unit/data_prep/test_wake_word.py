"""`audionas prep wake_word`: clips, whole recordings, continuous negatives, from folders and from voices."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audionas.core.errors import UserError
from audionas.core.files import read_json
from audionas.core.rng import numpy_rng
from audionas.data import audio, kaldi
from audionas.data.files import transcripts
from audionas.data.files.codec import through
from audionas.data.files.transcripts import Utterance
from audionas.data.groups import read_groups
from audionas.data.labels import RATE, read_labels
from audionas.data.readers import slug
from audionas.prep.wake import near_words
from audionas.prep.wake.hard import KINDS
from audionas.prep.wake.spoken import VOICE_SHARES, split_words
from tests._wake import audio as long_audio
from tests._wake import clip
from tests.unit.data_prep.test_speech_commands import load

prep = load("wake_word")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten speakers' recordings of a word, and recordings of anything else."""
    folder = tmp_path_factory.mktemp("own")
    rng = numpy_rng("own recordings")
    for speaker in range(10):
        for take in range(2):
            audio.write(folder / "word" / f"s{speaker}_{take}.wav", clip(rng, positive=True), RATE)
    for number in range(12):
        audio.write(
            folder / "other" / f"day_{number}.wav", long_audio(7.0, [], seed=number, others=[1, 4]), RATE
        )
    return folder


def made(own: Path, out: Path, **changes: object) -> Path:
    wanted = {"word": "my word", "positives": own / "word", "negatives": own / "other"}
    prep.main(out, **{**wanted, **changes})
    return out


@pytest.fixture(scope="module")
def data(own: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(own, tmp_path_factory.mktemp("made") / "data")


def test_two_labels_and_nobody_in_two_splits(data: Path) -> None:
    assert read_labels(data / "train") == ["_other_", "my_word"]
    parts = {split: kaldi.read(data / split) for split in ("train", "dev", "test")}
    for split, part in parts.items():
        assert set(part.labels) == {"_other_", "my_word"}, split
        assert all(item.seconds <= 1.5 + 1e-6 for item in part)
        assert not kaldi.validate(data / split)
    words = [sum(item.label == "my_word" for item in part) for part in parts.values()]
    assert words == [8 * (1 + prep.COPIES), 4, 8]
    speakers = [{i.speaker for i in part if i.label == "my_word"} for part in parts.values()]
    assert sum(map(len, speakers)) == len(set.union(*speakers)) == 20


def test_every_clip_has_its_source(data: Path) -> None:
    for split in ("train", "dev", "test"):
        items = list(kaldi.read(data / split))
        sources = read_groups(data / split, "source", [item.id for item in items])
        assert {(s, item.label) for s, item in zip(sources, items, strict=True)} == {
            ("word-own", "my_word"),
            ("own", "_other_"),
        }


def test_speakers_are_found_by_a_pattern(own: Path, tmp_path: Path) -> None:
    out = made(own, tmp_path / "data", speaker_pattern=r"(?P<speaker>(s\d|day))_")
    speakers = [{i.speaker for i in kaldi.read(out / f"{s}_words")} for s in ("dev", "test")]
    assert [len(each) for each in speakers] == [2, 4]
    assert not speakers[0] & speakers[1]


def test_continuous_negatives_have_their_hours_counted(data: Path) -> None:
    hours = read_json(data / "hours.json")
    for split in ("dev", "test"):
        items = kaldi.read(data / f"{split}_long")
        assert {item.label for item in items} == {"_other_"}
        assert hours[f"{split}_long"] == {"own": pytest.approx(sum(i.seconds for i in items) / 3600)}
        assert {item.label for item in kaldi.read(data / f"{split}_words")} == {"my_word"}
    total = sum(sum(h.values()) for h in (hours["dev_long"], hours["test_long"]))
    windows = [i for i in kaldi.read(data / "train") if i.label == "_other_"]
    assert total * 3600 + 1.5 * len(windows) == pytest.approx(12 * 7.0, abs=2.0)


def test_one_long_recording_is_cut_for_the_splits(own: Path, tmp_path: Path) -> None:
    audio.write(tmp_path / "radio" / "day.wav", long_audio(20.0, [], seed=3, others=[1, 4]), RATE)
    prep.main(tmp_path / "data", "my word", positives=own / "word", negatives=tmp_path / "radio")
    hours = read_json(tmp_path / "data" / "hours.json")
    assert set(hours) == {"train_long", "dev_long", "test_long"}
    assert sum(hours[f"{split}_long"]["own"] for split in ("train", "dev", "test")) == pytest.approx(
        20 / 3600
    )


def test_again_it_is_there_and_other_settings_are_refused(own: Path, data: Path) -> None:
    before = (data / "train" / "wav.scp").read_bytes()
    made(own, data)
    assert (data / "train" / "wav.scp").read_bytes() == before
    with pytest.raises(UserError, match="holds data made with seed=0"):
        made(own, data, seed=1)


@pytest.mark.story
def test_the_same_settings_make_the_same_data(own: Path, data: Path, tmp_path: Path) -> None:
    again = made(own, tmp_path / "again")
    for split in ("train", "dev", "test", "test_long"):
        assert kaldi.read(again / split).fingerprint == kaldi.read(data / split).fingerprint


def test_hard_negatives_stay_in_the_split_of_their_recording(own: Path, tmp_path: Path) -> None:
    """Every one holds a stretch of its own recording, and with_another one of another word's in its split."""
    rng = numpy_rng("another word")
    for number in range(12):
        audio.write(tmp_path / "src" / "table" / f"t{number}.wav", clip(rng, positive=False), RATE)
    out = made(own, tmp_path / "data", src=[tmp_path / "src"], hard=1)
    words = {file.stem: pcm(file) for file in (own / "word").iterdir()}
    places = {}
    for split in ("train", "dev", "test"):
        part = kaldi.read(out / split)
        hard = [item for item in part if any(f"-{kind}-" in item.id for kind in KINDS)]
        assert {item.label for item in hard} == {"_other_"}
        mine = {item.speaker for item in part if item.label == "my_word"}
        assert {item.speaker for item in hard} <= mine
        places[split] = {item.speaker for item in hard}
        counts = Counter(kind for item in hard for kind in KINDS if f"-{kind}-" in item.id)
        assert set(counts.values()) == {len(mine)}
        assert set(counts) == set(KINDS)  # another word is in every split
        assert all(item.seconds <= 1.5 + 1e-6 for item in part)
        long = [pcm(Path(item.audio)).tobytes() for item in kaldi.read(out / f"{split}_long")]
        for item in hard if split != "train" else ():  # in training it is in other surroundings
            told = next(kind for kind in KINDS if f"-{kind}-" in item.id)
            (stem,) = (stem for stem in words if f"-{slug(stem)}-{told}-" in item.id)
            middle = slice(400, 1200) if told != "halves_swapped" else slice(-1200, -400)
            heard = pcm(Path(item.audio))
            assert heard[middle].tobytes() in words[stem].tobytes()
            if told == "with_another":
                assert any(heard[-1200:-400].tobytes() in other for other in long)
    assert sum(map(len, places.values())) == len(set.union(*places.values()))
    assert not (out / "train_hard").exists()
    for split in ("dev", "test"):
        listed = kaldi.read(out / f"{split}_hard")
        kinds = read_groups(out / f"{split}_hard", "kind", [item.id for item in listed])
        assert all(f"-{kind}-" in item.id for kind, item in zip(kinds, listed, strict=True))
        assert {item.id for item in listed} <= {item.id for item in kaldi.read(out / split)}
    made(own, out, src=[tmp_path / "src"], hard=1)  # complete
    with pytest.raises(UserError, match="holds data made with hard=1"):
        made(own, out, src=[tmp_path / "src"], hard=2)


def pcm(file: Path) -> np.ndarray:
    return (audio.read(file, rate=RATE, seconds=None) * 32768).astype(np.int16)


def test_what_is_missing_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        prep.main(tmp_path / "x", word="?!", seconds=99.0)
    assert len(caught.value.problems) == 4
    with pytest.raises(UserError, match="cannot be read"):
        prep.read_words(tmp_path / "none.txt")


@pytest.mark.story
def test_voices_alone_fill_every_split_and_read_sentences(tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader", reason="the extra 'mini' is not installed")
    out = tmp_path / "spoken"
    prep.main(out, word="hey jarvis", say=12, near_words=3, sentences=0.05, espeak_hours=0.01, hard=2)
    speakers = []
    for split, share in VOICE_SHARES.items():
        part = kaldi.read(out / split)
        assert set(part.labels) == {"_other_", "hey_jarvis"}
        speakers.append({item.speaker for item in part})
        assert all(name.startswith("espeak-") for name in speakers[-1])
        read = [item for item in part if "-30-" in item.id]
        assert 1.5 * len(read) == pytest.approx(0.05 * 3600 * share, abs=1.5)
    assert sum(map(len, speakers)) == len(set.union(*speakers))
    hard = [
        Counter(read_groups(out / f"{split}_hard", "kind", [i.id for i in kaldi.read(out / f"{split}_hard")]))
        for split in ("dev", "test")
    ]
    assert [count.total() for count in hard] == [round(24 * VOICE_SHARES[split]) for split in ("dev", "test")]
    assert set(hard[1]) == set(KINDS)
    hours = read_json(out / "hours.json")
    assert hours["test_espeak"] == {"espeak": pytest.approx(0.01, rel=0.01)}
    (reading,) = kaldi.read(out / "test_espeak")
    wave = audio.read(reading.audio, rate=RATE, seconds=None)
    assert np.abs(wave).max() > 0.1


@pytest.mark.story
def test_where_recordings_test_voices_only_train(own: Path, tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader", reason="the extra 'mini' is not installed")
    out = made(own, tmp_path / "data", say=4, near_words=2, sentences=0.02)
    spoken = {
        split: [i for i in kaldi.read(out / split) if i.speaker.startswith("espeak-")]
        for split in ("train", "dev", "test")
    }
    assert (len(spoken["dev"]), len(spoken["test"])) == (0, 0)
    assert sum(item.label == "my_word" for item in spoken["train"]) == 4
    items = list(kaldi.read(out / "train"))
    sources = Counter(read_groups(out / "train", "source", [item.id for item in items]))
    assert sources.keys() == {"word-own", "own", "word-espeak", "near-espeak", "espeak"}
    assert sources["word-espeak"] == sources["near-espeak"] == 4
    assert 1.5 * sum("-30-" in item.id for item in spoken["train"]) == pytest.approx(72, abs=1.5)
    assert "eSpeak NG" in kaldi.read_licence(out)


def test_no_word_of_the_sentences_is_in_two_splits() -> None:
    parts = split_words(near_words.WORDS, "hey Computer", seed=3)
    found = [set(part) for part in parts.values()]
    assert set.union(*found) == set(near_words.WORDS) - {"hey", "computer"}
    assert sum(map(len, found)) == len(set.union(*found))
    assert len(found[0]) / sum(map(len, found)) == pytest.approx(0.6, abs=0.01)
    assert parts != split_words(near_words.WORDS, "hey Computer", seed=4)


def test_too_few_words_for_sentences_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader", reason="the extra 'mini' is not installed")
    (tmp_path / "words.txt").write_text("two\nwords\n")
    with pytest.raises(UserError, match="2 words are too few for different sentences"):
        prep.main(tmp_path / "x", word="hey jarvis", say=3, words=tmp_path / "words.txt")


@pytest.mark.story
def test_another_language_is_spoken(tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader", reason="the extra 'mini' is not installed")
    (tmp_path / "words.txt").write_text(
        "\n".join(f"{a}{b}" for a in "bdfgklmnst" for b in ("ei", "ach", "ut"))
    )
    german = {"word": "hallo Rechner", "say": 4, "language": "de", "sentences": 0.005}
    with pytest.raises(UserError, match="the built-in words are English"):
        prep.main(tmp_path / "x", **german)
    prep.main(tmp_path / "x", **german, words=tmp_path / "words.txt")
    assert set(kaldi.read(tmp_path / "x" / "train").labels) == {"_other_", "hallo_rechner"}
    with pytest.raises(UserError, match="no voice xx-nowhere"):
        prep.main(tmp_path / "y", word="hey", say=1, near_words=0, sentences=0, language="xx-nowhere")


def test_transcripts_travel_and_the_word_stays_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ten readers say the word in the middle of 3 s; the rest is told where it lies in the long audio."""
    rng, rows, said = numpy_rng("readers"), ["file\tspeaker"], []
    for number in range(10):
        audio.write(tmp_path / "word" / f"{number}.wav", clip(rng, positive=True), RATE)
        name = f"r{number}.opus"
        wave = np.full(3 * RATE, 0.25, np.float32)
        wave[RATE : 2 * RATE] = 0.75  # where the word is said
        (tmp_path / "read").mkdir(exist_ok=True)
        soundfile.write(tmp_path / "read" / name, wave, RATE, format="OGG", subtype="OPUS")
        rows.append(f"{name}\t{number}")
        said += [Utterance(name, n, n + 1, text) for n, text in enumerate(("before", "my word", "after"))]
    (tmp_path / "read" / "files.tsv").write_text("\n".join(rows))
    transcripts.write(tmp_path / "read" / "transcripts.tsv", said)
    out = tmp_path / "data"
    prep.main(out, word="my word", positives=tmp_path / "word", src=[tmp_path / "read"])
    told = " ".join(capsys.readouterr().err.split())
    assert "labels differ in their lossy codec" in told
    assert "--codec opus passes all recordings through the same one" in told
    hours = {
        split: read_json(out / "hours.json")[f"{split}_long"]["read"] for split in ("train", "dev", "test")
    }
    assert sum(hours.values()) * 3600 == pytest.approx(20.0)
    for split in hours:
        (item,) = kaldi.read(out / f"{split}_long")
        table = out / f"{split}_long" / transcripts.NAME
        spoken = transcripts.by_file(table, transcripts.read(table), [item.audio])[item.audio]
        assert [u.text for u in spoken] == ["before", "after"] * (round(item.seconds) // 2)
        assert [u.start for u in spoken] == pytest.approx(range(round(item.seconds)), abs=1e-3)
        wave = audio.read(item.audio, rate=RATE, seconds=None)
        assert wave.max() < 0.7
    assert "read: the licence in its folder" in kaldi.read_licence(out)


def test_every_recording_goes_through_the_codec(own: Path, data: Path, tmp_path: Path) -> None:
    coded = made(own, tmp_path / "coded", codec="vorbis")
    for one, other in zip(kaldi.read(data / "test_words"), kaldi.read(coded / "test_words"), strict=True):
        wave, found = (audio.read(item.audio, rate=RATE, seconds=None) for item in (one, other))
        assert one.id == other.id
        np.testing.assert_allclose(found, through(wave, RATE, "vorbis"), atol=1.5 / 2**15)
        assert np.abs(found - wave).max() > 10 / 2**15
    (one,), (other,) = (kaldi.read(place / "test_long") for place in (data, coded))
    first, second = (audio.read(item.audio, rate=RATE, seconds=None) for item in (one, other))
    assert first.shape == second.shape
    assert np.abs(first - second).max() > 10 / 2**15
    with pytest.raises(UserError, match="--codec mp3: expected opus or vorbis"):
        made(own, tmp_path / "x", codec="mp3")
    with pytest.raises(UserError, match="holds data made with codec=None"):
        made(own, data, codec="vorbis")


@pytest.mark.story
def test_a_codec_makes_the_same_data_again(own: Path, tmp_path: Path) -> None:
    one, other = (made(own, tmp_path / name, codec="opus") for name in ("one", "other"))
    for part in ("test_words", "test_long", "train"):
        assert kaldi.read(one / part).fingerprint == kaldi.read(other / part).fingerprint
