"""An exported file on long audio: detect, tune and mine agree, go on where they were, refuse wrong input."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audionas.core import tensors
from audionas.core.errors import UserError
from audionas.core.files import read_json, write_json
from audionas.core.rng import numpy_rng
from audionas.data import audio, kaldi, readers
from audionas.data.files import transcripts
from audionas.data.groups import read_groups, write_groups
from audionas.data.labels import read_labels, write_labels
from audionas.listen.detect import detect
from audionas.listen.mine import mine
from audionas.listen.tune import tune
from audionas.models.bundle import ModelBundle
from tests import _wake
from tests.unit.cli._command import contents, done, refused
from tests.unit.listen._heard import Heard
from tests.unit.listen._heard import made as make

NAME = "model.stream.onnx"
HOP = 0.08  # seconds, of the network that `made` trains
pytestmark = pytest.mark.story  # their model needs a training of seconds
SPEAKER = r"/(?P<speaker>v\d)_"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Heard:
    """To be read only."""
    return make(tmp_path_factory.mktemp("heard"))


@pytest.fixture
def own(made: Heard, tmp_path: Path) -> Heard:
    """A run folder of its own; the sounds are shared."""
    shutil.copytree(made.exp, tmp_path / "exp" / "made")
    return made._replace(exp=tmp_path / "exp" / "made")


@pytest.fixture(scope="module")
def tuned(made: Heard, tmp_path_factory: pytest.TempPathFactory) -> Heard:
    """Tuned with a target that lets some false accepts through; to be read only."""
    exp = tmp_path_factory.mktemp("tuned") / "exp" / "made"
    shutil.copytree(made.exp, exp)
    tune(exp, made.clips, made.long, target=200, smooth=2, speaker_pattern=SPEAKER)
    return made._replace(exp=exp)


@pytest.mark.numeric
def test_words_are_found_where_they_are(made: Heard, tmp_path: Path) -> None:
    words = [2.0, 5.3, 9.9, 15.2, 21.7]
    wave = _wake.audio(25, words, seed=5, others=[3.6, 7.5, 12.0, 18.4, 23.5])
    other = audio.resampled(wave, 16000, 44100)
    # both files hold the same sound: what was once at another rate has no noise left near half its own rate
    audio.write(tmp_path / "a.wav", audio.resampled(other, 44100, 16000), 16000)
    soundfile.write(tmp_path / "b.wav", np.column_stack((other, other)), 44100)
    soundfile.write(tmp_path / "c.wav", wave[:999, None].repeat(2, 1), 16000)
    # scores of these words reach 0.91 or more, those of other sounds 0.00: a half is far from both
    found = list(detect(made.exp, [tmp_path / "a.wav"], threshold=["0.5"]))
    # a word lasts 0.5 s, and is heard 0.62 to 0.80 s after its start: 4 hops or more within these limits
    assert all(word + 0.3 < each.event.seconds < word + 1.2 for word, each in zip(words, found, strict=True))
    again = list(detect(made.exp, [tmp_path / "b.wav"], threshold=["word=0.5"]))
    # one hop apart at most: a score that another rounding takes over the threshold is there a hop sooner
    assert [each.event.seconds for each in again] == pytest.approx(
        [e.event.seconds for e in found], abs=1.1 * HOP
    )
    said = done("detect", made.exp, tmp_path, "--threshold", "0.7", "--resample").err
    assert "converted: 44,100 Hz to 16,000 Hz (1), 2 channels mixed down (2), of 3 recordings" in said
    assert "--resample: not needed any more" in said


def test_tuning_counts_what_detecting_finds(tuned: Heard) -> None:
    row = read_json(tuned.exp / "tune" / "tune.json")["files"][0]
    word = row["words"]["word"]
    assert (row["clips_drawn_by"], word["speakers"]) == ("speakers", 4)
    assert row["negatives_drawn_by"] == "one-minute blocks"
    assert row["hours"] == pytest.approx(2 / 60)
    assert len(list(detect(tuned.exp, [tuned.long]))) == word["accepts"]
    fired = {each.file for each in detect(tuned.exp, [tuned.clips / "word"])}
    assert 1 - len(fired) / 12 == pytest.approx(word["rejected"])
    assert word["fa_per_hour"] <= 200
    assert row["met"]


def test_tuning_is_kept(tuned: Heard, made: Heard) -> None:
    note = ModelBundle.load(tuned.exp / "model").note["detect"][NAME]
    row = read_json(tuned.exp / "tune" / "tune.json")["files"][0]
    assert (note["smooth"], note["refractory_s"], note["patience"]) == (2, 1.5, [1, 1])
    assert note["words"]["word"]["threshold"] == row["words"]["word"]["threshold"]
    before, after = (read_json(exp / "model" / "bundle.json") for exp in (made.exp, tuned.exp))
    assert {k: v for k, v in after.items() if k != "note"} == {k: v for k, v in before.items() if k != "note"}
    assert "<h2>Detecting</h2>" in (tuned.exp / "report.html").read_text(encoding="utf-8")
    assert (tuned.exp / "tune" / "det.png").exists()


@pytest.mark.story
def test_scores_are_made_once(own: Heard) -> None:
    result = tune(own.exp, own.clips, own.long)
    scores = own.exp / "tune" / "scores"
    first = {file: file.stat().st_mtime_ns for file in scores.iterdir()}
    tune(own.exp, own.clips, own.long, smooth=9, patience="2/3", refractory=0.5, target=3)
    assert {file: file.stat().st_mtime_ns for file in scores.iterdir()} == first
    assert len(first) == 2
    for file in first:
        file.write_bytes(file.read_bytes()[:100])  # torn: made again
    assert tune(own.exp, own.clips, own.long) == result


@pytest.mark.story
def test_equal_files_are_worth_the_same(own: Heard) -> None:
    shutil.copyfile(own.exp / "export" / NAME, own.exp / "export" / "twin.stream.onnx")
    kaldi.write(own.exp / "data", readers.folder(own.clips))
    files = [Path(NAME), own.exp / "export" / "twin.stream.onnx"]
    result = tune(own.exp, own.exp / "data", own.long, files=files)
    one, two = result["files"]
    assert one["clips_drawn_by"] == "clips"
    assert {**one, "file": ""} == {**two, "file": ""}
    assert set(ModelBundle.load(own.exp / "model").note["detect"]) == {NAME, "twin.stream.onnx"}
    said = done("tune", own.exp, "--positives", own.clips, "--negatives", own.long, "--file", NAME, "--file",
                "twin.stream.onnx")  # fmt: skip
    assert "Files side by side" in said.out
    assert "cannot show 0.5 false accepts per hour" in said.out


@pytest.mark.story
def test_one_keyword_needs_no_folders(own: Heard) -> None:
    by_folder, flat = (
        tune(own.exp, clips, own.long)["files"][0]["words"]["word"]
        for clips in (own.clips, own.clips / "word")
    )
    assert flat["threshold"] == by_folder["threshold"]
    assert flat["clips"] == by_folder["clips"] == 12


@pytest.mark.story
def test_another_runtime_is_worth_the_same(own: Heard) -> None:
    pytest.importorskip("ai_edge_litert", reason="the extra device is not installed")
    from audionas.export import litert

    litert.export(ModelBundle.load(own.exp / "model"), own.exp / "export" / "model.tflite")
    rows = tune(own.exp, own.clips, own.long, files=[Path(NAME), Path("model.tflite")], target=200)["files"]
    one, two = (row["words"]["word"] for row in rows)
    assert two["threshold"] == pytest.approx(one["threshold"], abs=1e-3)
    assert (two["rejected"], two["accepts"]) == (one["rejected"], one["accepts"])


def test_events_as_json_and_for_audacity(tuned: Heard, tmp_path: Path) -> None:
    audio.write(tmp_path / "a.wav", _wake.audio(9, [2, 5], seed=1), 16000)
    audio.write(tmp_path / "b" / "a.wav", _wake.audio(4, [2], seed=2), 16000)
    files = tmp_path / "a.wav", tmp_path / "b" / "a.wav"
    said = done("detect", tuned.exp, *files, "--json", "--audacity", tmp_path / "labels")
    rows = [json.loads(line) for line in said.out.splitlines()]
    assert [row["file"] for row in rows] == [str(files[0])] * 2 + [str(files[1])]
    assert set(rows[0]) == {"file", "seconds", "keyword", "score"}
    start, end, text = (tmp_path / "labels" / "a.txt").read_text().splitlines()[0].split("\t")
    assert float(end) == pytest.approx(rows[0]["seconds"], abs=1e-4)
    assert float(end) - float(start) == pytest.approx(1.0)
    assert text.startswith("word ")
    assert len((tmp_path / "labels" / "a-2.txt").read_text().splitlines()) == 1
    assert len(done("detect", tuned.exp, files[0]).out.splitlines()) == 2
    before = contents(tmp_path)  # labels may have been drawn by hand: no file of that name is replaced
    refused("detect", tuned.exp, *files, "--audacity", tmp_path / "labels", says="a-2.txt: already exists")
    refused("detect", tuned.exp, files[0], "--audacity", tmp_path / "a.wav", says="a.wav: already exists")
    assert contents(tmp_path) == before


@pytest.mark.story
def test_false_accepts_become_training_clips(tuned: Heard, tmp_path: Path) -> None:
    data = tmp_path / "data"
    kaldi.write(data / "train", readers.folder(tuned.clips))
    write_labels(data, _wake.LABELS)
    ids = [item.id for item in kaldi.read(data / "train")]
    write_groups(data / "train", "source", dict.fromkeys(ids, "home"))
    out = tmp_path / "more" / "mined"
    said = mine(tuned.exp, tuned.long, data / "train", out, threshold=["0.02"])
    new = [item for item in kaldi.read(out) if item.id.startswith("mined-")]
    assert f", {len(new)} new; " in said
    assert len(kaldi.read(out)) == 24 + len(new) >= 26
    assert {item.label for item in new} == {"_other_"}
    assert set(read_groups(out, "source", ids)) == {"home"}
    assert set(read_groups(out, "source", [item.id for item in new])) == {"mined"}
    assert read_labels(out) == list(_wake.LABELS)
    rows = [json.loads(line) for line in (out / "mined.jsonl").read_text().splitlines()]
    row = next(row for row in rows if row["events"])
    event = row["events"][0]
    wave = audio.read(out / "mined" / f"{event['clip']}.wav", rate=16000, seconds=None)
    first = round(event["seconds"] * 16000) - 16000
    source = audio.read(row["audio"], rate=16000, seconds=None)[max(0, first) : first + 16000]
    np.testing.assert_allclose(wave, source, atol=2 / 32768)
    whole = contents(out)
    (out / "mined.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[:2]) + '{"id": "ro')
    mine(tuned.exp, tuned.long, data / "train", out, threshold=["0.02"])
    assert contents(out) == whole
    assert ", 0 new; " in mine(tuned.exp, tuned.long, out, tmp_path / "more" / "2", threshold=["0.02"])
    with pytest.raises(UserError, match="was started with different thresholds"):
        mine(tuned.exp, tuned.long, data / "train", out, threshold=["0.03"])
    with pytest.raises(UserError, match="--label word: not a label for non-keywords"):
        mine(tuned.exp, tuned.long, data / "train", tmp_path / "x", label="word", threshold=["0.5"])
    with pytest.raises(UserError, match="already holds something else"):
        mine(tuned.exp, tuned.long, data / "train", data / "train", threshold=["0.5"])


# {exp}: exported, not tuned; {tuned}: tuned; {bare}: not exported; {none}: without a keyword; {tmp}: empty
WRONG = [
    ("detect {bare} {long}", "audionas export {bare} --target onnx-stream"),
    ("detect {none} {long} --threshold 0.5", "none of its labels is a keyword: _a_ _b_"),
    ("detect {exp} {long}", "no threshold is known for word"),
    ("detect {exp} {long} --file no.onnx", "no.onnx: no such file"),
    ("detect {exp} {long} --threshold 1.5", "--threshold 1.5: expected a number above 0 and at most 1"),
    ("detect {exp} {long} --threshold word=0", "--threshold word=0: expected a number above 0"),
    ("detect {exp} {long} --threshold wrd=0.5", "'wrd' is not a keyword. Did you mean 'word'?"),
    ("detect {exp} {long} --threshold 0.5 --patience 3", "--patience 3: expected N/M"),
    ("detect {exp} {long} --threshold 0.5 --patience 3/2", "3 of 2 hops is not possible"),
    ("detect {exp} {long} --threshold 0.5 --smooth 0", "0 hops cannot be averaged"),
    ("detect {exp} {tmp} --threshold 0.5", "no audio files here"),
    ("detect {exp} {tmp}/no.wav --threshold 0.5", "no.wav: no such folder or file"),
    ("detect {exp} {text} --threshold 0.5", "cannot be decoded"),
    ("detect {exp} {long} --threshold 0.5 --audacity {text}", "one file cannot hold the labels of 4"),
    ("detect {tuned} {long} --smooth 7", "its thresholds were tuned with: mean of 2 hops"),
    ("tune {bare} --positives {clips} --negatives {long}", "no exported file"),
    ("tune {exp} --positives {clips} --negatives {tmp}", "no audio files here"),
    ("tune {exp} --positives {clips} --negatives {tmp}/no", "no such folder or file"),
    ("tune {exp} --positives {tmp} --negatives {long}", "no audio files here"),
    (
        "tune {exp} --positives {other} --negatives {long}",
        "'words' is not a model label. Did you mean 'word'?",
    ),
    ("tune {exp} --positives {clips} --negatives {long} --target-fa-per-hour 0", "expected false accepts"),
    ("tune {exp} --positives {clips} --negatives {long} --refractory -1", "-1.0 s is not a valid time"),
    ("mine {exp} {long} --data {tmp} --out {tmp}/out --threshold 0.5", "wav.scp"),
    ("mine {exp} {long} --data {tmp} --out {tmp}/out", "no threshold is known"),
]


@pytest.mark.parametrize(("command", "says"), WRONG)
def test_wrong_input(command: str, says: str, own: Heard, tuned: Heard, tmp_path: Path) -> None:
    places = {
        "exp": own.exp,
        "tuned": tuned.exp,
        "clips": own.clips,
        "long": own.long,
        "tmp": tmp_path / "tmp",
    }
    places["tmp"].mkdir()
    for name in ("bare", "none"):
        places[name] = tmp_path / name
        shutil.copytree(own.exp / "model", places[name] / "model")
    file = places["none"] / "model" / "bundle.json"
    write_json(file, {**read_json(file), "labels": ["_a_", "_b_"]})
    shutil.copytree(own.exp / "export", places["none"] / "export")
    places["text"] = tmp_path / "text.wav"
    places["text"].write_text("no sound")
    places["other"] = tmp_path / "other"
    shutil.copytree(own.clips / "word", places["other"] / "words")
    before = contents(places["bare"])
    refused(*command.format(**places).split(), says=says.format(**places))
    assert contents(places["bare"]) == before


@pytest.mark.story
def test_keywords_among_the_negatives_are_left_out(own: Heard, tmp_path: Path) -> None:
    items = readers.folder(own.clips)
    kaldi.write(tmp_path / "clips", items)
    row = tune(own.exp, tmp_path / "clips", tmp_path / "clips")["files"][0]
    assert (row["clips"], row["recordings"]) == (12, 12)
    kaldi.write(tmp_path / "words", [item for item in items if item.label == "word"])
    with pytest.raises(UserError, match="12 recordings, all labelled as keywords"):
        tune(own.exp, own.clips, tmp_path / "words")


def test_a_changed_file_asks_to_be_tuned_again(tuned: Heard, tmp_path: Path) -> None:
    shutil.copytree(tuned.exp, tmp_path / "exp")
    file = tmp_path / "exp" / "model" / "bundle.json"
    plain = read_json(file)
    plain["note"]["detect"][NAME]["sha256"] = "other"
    write_json(file, plain)
    sound = tmp_path / "a.wav"
    audio.write(sound, numpy_rng("noise").normal(0, 0.01, 16000).astype(np.float32), 16000)
    assert "has changed since it was tuned" in done("detect", tmp_path / "exp", sound).err


def test_a_recording_that_was_cut_off_is_an_error_before_or_where_it_ends(
    made: Heard, tmp_path: Path
) -> None:
    wave = _wake.audio(30, [], seed=0)
    for name in ("a.flac", "b.wav"):
        soundfile.write(tmp_path / name, wave, _wake.RATE)
        file = tmp_path / name
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        said = f"{file}: cut off: its header promises 30.000 s, 1"
        refused("detect", made.exp, file, "--threshold", "0.5", says=said)


def test_a_prepared_recording_that_was_replaced_is_refused(made: Heard, tmp_path: Path) -> None:
    file = shutil.copy(next((made.clips / "word").glob("*.wav")), tmp_path / "a.wav")
    kaldi.write(tmp_path / "data", [kaldi.Item("a", str(file), "word", 0.0)])
    done("detect", made.exp, tmp_path / "data", "--threshold", "0.5")
    shutil.copy(next((made.clips / "_other_").glob("*.wav")), file)
    refused("detect", made.exp, tmp_path / "data", "--threshold", "0.5", says=f"{file}: changed since")


def test_a_recorder_that_was_switched_off_is_heard_to_the_end_with_a_note(
    made: Heard, tmp_path: Path
) -> None:
    file = Path(shutil.copy(next(made.long.glob("*.wav")), tmp_path / "a.wav"))
    raw = bytearray(file.read_bytes())
    raw[4:8] = raw[40:44] = bytes(4)
    file.write_bytes(raw)
    said = done("detect", made.exp, file, "--threshold", "0.5").err
    assert f"1 recording without a stated length, read to the end: {file}, 30.000 s" in said


def test_utterances_of_the_word_are_no_false_accepts(own: Heard) -> None:
    """The word is said in the negatives; a transcript of it makes tuning and mining pass over that."""
    words = [4.0, 12.0, 20.0]
    wave = _wake.audio(30, words, seed=3, others=np.arange(1.5, 28, 4.0).tolist())
    audio.write(own.exp / "radio" / "a.wav", wave, _wake.RATE)
    loud = tune(own.exp, own.clips, own.exp / "radio", target=400)
    table = own.exp / "said.tsv"
    said = [transcripts.Utterance("radio/a.wav", at - 0.5, at + 1.5, "a WORD here") for at in words]
    transcripts.write(table, [*said, transcripts.Utterance("radio/a.wav", 0, 3, "words")])
    asked = ("--positives", own.clips, "--negatives", own.exp / "radio", "--transcripts", table)
    done("tune", own.exp, *asked, "--target-fa-per-hour", 400)
    told = read_json(own.exp / "tune" / "tune.json")
    assert told["left_out"] == {"utterances": 3, "seconds": pytest.approx(6.0), "words": ["word"]}
    assert told["files"][0]["hours"] == pytest.approx(24 / 3600)
    page = (own.exp / "report.html").read_text(encoding="utf-8")
    assert "Left out of the negatives by their transcripts: 3 utterances with word, 6.0 s." in page
    assert loud["files"][0]["hours"] == pytest.approx(30 / 3600)
    shutil.copy(table, own.exp / "radio" / transcripts.NAME)  # there it is found, but paths start there
    refused("tune", own.exp, *asked[:4], says="names none of these recordings")
    rows = [each._replace(file="a.wav") for each in said]
    transcripts.write(own.exp / "radio" / transcripts.NAME, rows)
    found = [mine(own.exp, own.exp / "radio", _data(own), own.exp / name, threshold=["0.5"], also=also)
             for name, also in (("one", ()), ("two", ("a",)))]  # fmt: skip
    assert [text.partition(" false")[0] for text in found] == ["0", "0"]
    (own.exp / "radio" / transcripts.NAME).unlink()
    every = mine(own.exp, own.exp / "radio", _data(own), own.exp / "all", threshold=["0.5"])
    assert every.startswith("3 false")


def _data(own: Heard) -> Path:
    if not (own.exp / "data").is_dir():
        kaldi.write(own.exp / "data", readers.folder(own.clips))
    return own.exp / "data"


def test_a_stream_of_labelled_words_is_counted_as_mlperf_does(made: Heard, tmp_path: Path) -> None:
    words = [3.0, 9.0, 15.0]
    audio.write(tmp_path / "a.wav", _wake.audio(20, [*words, 18.0], seed=5), _wake.RATE)
    truth = [transcripts.Utterance("a.wav", at, at + 0.5, "word") for at in words]
    transcripts.write(tmp_path / "truth.tsv", [*truth, transcripts.Utterance("a.wav", 6.0, 6.5, "word")])
    asked = ("detect", made.exp, tmp_path / "a.wav", "--threshold", "0.5", "--truth", tmp_path / "truth.tsv")
    for more in ((), ("--rule", "mlperf"), ("--hit-delay", "2")):
        row = json.loads(done(*asked, *more, "--json").out.splitlines()[-1])["words"]["word"]
        assert (row["words"], row["hits"], row["misses"], row["false_positives"]) == (4, 3, 1, 1), more
    assert "hit delay 0.5 s (the training script)" in done(*asked, "--hit-delay", "0.5").out
    refused(*asked, "--hit-delay", "3", says="--hit-delay 3: expected 1 (the rules)")
    refused(*asked[:5], "--rule", "mlperf", says="--rule mlperf is for a stream of labelled words")
    refused(*asked, "--rule", "mlperf", "--smooth", "2", says="takes each score as it is")
    clips = ("--positives", made.clips, "--negatives", made.long)
    refused("tune", made.exp, *clips, "--rule", "mlperf", says="has no clips")


def test_a_threshold_that_silences_the_word_is_not_kept(own: Heard) -> None:
    """The word is said all through the negatives, and the clips of it are nearly silent."""
    audio.write(own.exp / "radio" / "a.wav", _wake.audio(60, [2.0 + 3 * n for n in range(18)], seed=5), 16000)
    rng = numpy_rng("dim")
    for number in range(4):
        wave = _wake.clip(rng, positive=number == 0) * (0.05 if number == 0 else 1)
        audio.write(own.exp / "dim" / "word" / f"{number}.wav", wave, _wake.RATE)
    asked = ("--positives", own.exp / "dim", "--negatives", own.exp / "radio")
    assert "TARGET NOT MET" in done("tune", own.exp, *asked).out
    word = ModelBundle.load(own.exp / "model").note["detect"][NAME]["words"]["word"]
    assert word["rejected"] < 1
    assert list(detect(own.exp, [own.exp / "dim"]))
    assert "TARGET NOT MET" in (own.exp / "report.html").read_text(encoding="utf-8")


def test_a_file_that_no_threshold_makes_hear_gets_none(own: Heard) -> None:
    """Kept scores of the clips that are all 0, as of a network whose int8 outputs are dead."""
    asked = ("tune", own.exp, "--positives", own.clips, "--negatives", own.long)
    done(*asked)
    for file in (own.exp / "tune" / "scores").iterdir():
        found = dict(tensors.load_arrays(file))
        if len(found["lengths"]) == 12:  # of the clips
            tensors.save_arrays({**found, "scores": 0 * found["scores"]}, file)
    result = refused(*asked, says=f"{NAME}: no threshold makes it hear word in any of the clips")
    assert "TARGET" not in result.err
    assert NAME not in ModelBundle.load(own.exp / "model").note["detect"]
    assert len(read_json(own.exp / "tune" / "tune.json")["deaf"]) == 1
    assert "no threshold makes it hear word" in (own.exp / "report.html").read_text(encoding="utf-8")
    refused("detect", own.exp, own.long, says="no threshold is known for word")
