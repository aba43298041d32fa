"""`audionas prep dcase2018_task5`: folds, sessions, nodes and counts, on a small imitation of the corpus."""

import shutil
from pathlib import Path

import pytest
import soundfile

from audionas.core.errors import UserError
from audionas.data import kaldi
from audionas.data.groups import read_groups
from audionas.data.labels import read_labels
from audionas.prep import dcase2018, zips
from audionas.prep.dcase2018 import FOLDS, LABELS, PUBLISHED
from tests.recipes import _dcase2018_task5 as imitation
from tests.unit.data_prep.test_speech_commands import load

prep = load("dcase2018_task5")
OPTIONS = {
    "counts": "any",
    "seconds": imitation.SECONDS,
    "jobs": 2,
    "sets": "dev,eval",
    "share": 0.3,
    "seed": 0,
}


@pytest.fixture(scope="module")
def src(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("corpus")
    imitation.development(root)
    imitation.evaluation(root)
    return root


@pytest.fixture(scope="module")
def out(src: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("data")
    prep.main(out, src, **OPTIONS)
    return out


@pytest.fixture
def own(src: Path, tmp_path: Path) -> Path:
    """A copy of the development set's lists, to be damaged; audio is not needed to read them."""
    top = tmp_path / "DCASE2018-task5-dev"
    shutil.copytree(src / top.name, top, ignore=shutil.ignore_patterns("audio"))
    return top


def problems(top: Path) -> str:
    read = dcase2018.development if top.name.endswith("dev") else dcase2018.evaluation
    with pytest.raises(UserError) as caught:
        read(top)
    return "\n".join(caught.value.problems)


def changed(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_every_segment_is_tested_once_and_no_session_is_on_two_sides(out: Path) -> None:
    tested: list[str] = []
    everything = {item.id for split in ("train", "dev") for item in kaldi.read(out / "full" / split)}
    for fold in FOLDS:
        parts = [kaldi.read(out / f"fold{fold}" / split) for split in ("train", "dev", "test")]
        sessions = [{item.speaker for item in part} for part in parts]
        assert not sessions[0] & sessions[1]
        assert not (sessions[0] | sessions[1]) & sessions[2]
        assert {item.id for part in parts for item in part} == everything
        assert all(set(part.labels) == set(LABELS) for part in parts)
        tested += [item.id for item in parts[2]]
    assert sorted(tested) == sorted(everything)
    assert read_labels(out / "fold1" / "train") == list(LABELS)


def test_nodes_tell_known_from_unknown(out: Path) -> None:
    known, unknown, whole = (kaldi.read(out / "eval" / part) for part in ("known", "unknown", "all"))
    assert {item.id for item in known} | {item.id for item in unknown} == {item.id for item in whole}
    assert len(known) + len(unknown) == len(whole)
    nodes = {part: set(read_groups(out / "eval" / part, "node", [i.id for i in data]))
             for part, data in (("known", known), ("unknown", unknown))}  # fmt: skip
    assert nodes == {"known": {"1", "2", "3", "4"}, "unknown": {"5", "6", "7"}}


def test_audio_is_named_by_its_content_and_checked_once(
    src: Path, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = tmp_path / "data"
    again.mkdir()
    shutil.copy(out / "checked.jsonl", again)
    with (again / "checked.jsonl").open("a") as log:
        log.write('{"file": "cut o')
    prep.main(again, src, **OPTIONS)
    assert "72 of 72 files were checked earlier" in capsys.readouterr().err
    assert (
        kaldi.read(again / "fold2" / "train").fingerprint == kaldi.read(out / "fold2" / "train").fingerprint
    )
    other = tmp_path / "other"
    prep.main(other, src, **{**OPTIONS, "seed": 1, "sets": "dev", "jobs": 1})
    assert not (other / "eval").exists()
    drawn = [{item.speaker for item in kaldi.read(folder / "fold1" / "dev")} for folder in (out, other)]
    assert drawn[0] != drawn[1]


@pytest.mark.story
def test_published_archives_make_the_same_data(
    src: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = tmp_path / "archives"
    made = imitation.archives(src / "DCASE2018-task5-dev", packed)
    options = {**OPTIONS, "sets": "dev"}
    with pytest.raises(UserError) as caught:
        prep.main(tmp_path / "data", packed, **options)
    assert len(caught.value.problems) == 25
    assert "4517a2560820af5da20e65e4a15a2d90" in caught.value.problems[0]
    sums = [zips.md5(archive) for archive in made]
    prep.main(tmp_path / "data", packed, **options, sums=sums)
    found = [kaldi.read(folder / "fold3" / "train").fingerprint for folder in (tmp_path / "data", out)]
    assert found[0] == found[1]
    (packed / "DCASE2018-task5-dev.audio.7.zip").unlink()
    with pytest.raises(UserError, match=r"audio\.7\.zip is missing"):
        prep.main(tmp_path / "again", packed, **options, sums=sums)
    monkeypatch.setitem(prep.ADDRESS, "dev", packed.as_uri())
    imitation.archives(src / "DCASE2018-task5-dev", packed)
    prep.main(tmp_path / "fetched", None, **options, fetch=True, sums=sums)
    assert kaldi.read(tmp_path / "fetched" / "fold3" / "train").fingerprint == found[0]


def test_sums_are_those_of_fifty_different_archives() -> None:
    every = [md5 for sums in prep.OFFICIAL.values() for md5 in sums.values()]
    assert len(every) == len(set(every)) == 50
    assert all(len(md5) == 32 and set(md5) <= set("0123456789abcdef") for md5 in every)
    assert prep.OFFICIAL["dev"]["DCASE2018-task5-dev.meta.zip"] == "8fd269986c168db5562e7509e6dc033a"
    assert prep.OFFICIAL["eval"]["DCASE2018-task5-eval.audio.23.zip"] == "9fda3aa8df12b57a57b0142fd5642a44"


def test_counts_add_up_to_the_published_totals_and_are_asked_for(src: Path, tmp_path: Path) -> None:
    totals = {name: (sum(c.segments for c in rows.values()), sum(c.sessions for c in rows.values()))
              for name, rows in PUBLISHED.items()}  # fmt: skip
    assert totals == {"dev": (72_984, 268), "eval": (72_972, 131)}
    assert sum(dcase2018.FOLD_1) == 72_984
    with pytest.raises(UserError) as caught:
        prep.main(tmp_path, src, **{**OPTIONS, "counts": "published"})
    assert "absence: 8 segments from 4 sessions, expected 18,860 from 42" in caught.value.problems[0]
    assert "--counts any" in caught.value.hint


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("truth", ["evaluate", "evaluation"])
def test_lists_are_read_in_all_their_forms(labelled: bool, truth: str, src: Path, own: Path) -> None:
    setup = own / "evaluation_setup"
    for fold in FOLDS:
        told = setup / f"fold{fold}_evaluate.txt"
        if labelled:
            shutil.copy(told, setup / f"fold{fold}_test.txt")
        if truth == "evaluation":
            told.rename(setup / f"fold{fold}_evaluation.txt")
    changed(setup / "fold1_train.txt", "audio/", "")
    assert dcase2018.development(own).tests == dcase2018.development(src / own.name).tests
    changed(setup / f"fold1_{truth}.txt", "absence", "working")
    assert f"fold1_{truth}.txt:1: says working, meta.txt absence" in problems(own)


@pytest.mark.parametrize(
    ("list_", "old", "new", "says"),
    [
        ("meta.txt", "\tabsence\t", "\tsleeping\t", "'sleeping' is not a class"),
        ("meta.txt", "\tabsence\tex1", "\tworking\tex1", "session ex1 has several labels"),
        ("meta.txt", "\tabsence\tex1", "", "expected file, label and session, found 1"),
        ("fold1_test.txt", "DevNode1_ex1_1", "DevNode9_ex1_1", "DevNode9_ex1_1.wav is not in meta.txt"),
        ("fold1_train.txt", "DevNode2_ex2_1", "DevNode3_ex2_1", "appears twice"),
        ("fold1_train.txt", "absence\tex2", "absence\tex3", "says absence ex3, meta.txt absence ex2"),
        ("fold1_train.txt", "audio/DevNode2_ex2_1.wav\tabsence\tex2\n", "", "in no part of fold 1"),
        (
            "fold1_train.txt",
            "audio/DevNode2_ex2_1.wav",
            "audio/DevNode1_ex1_1.wav",
            "in both parts of fold 1",
        ),
    ],
)
def test_what_contradicts_itself_is_said(own: Path, list_: str, old: str, new: str, says: str) -> None:
    changed(own / list_ if list_ == "meta.txt" else own / "evaluation_setup" / list_, old, new)
    assert says in problems(own)


def test_a_session_on_both_sides_and_a_file_tested_twice_are_said(own: Path) -> None:
    setup = own / "evaluation_setup"
    moved = "audio/DevNode2_ex2_1.wav"
    changed(setup / "fold1_train.txt", f"{moved}\tabsence\tex2\n", "")
    with (setup / "fold1_test.txt").open("a") as test, (setup / "fold1_evaluate.txt").open("a") as told:
        test.write(f"{moved}\n")
        told.write(f"{moved}\tabsence\n")
    assert "session ex2 is in both parts of fold 1" in problems(own)
    assert "DevNode2_ex2_1.wav: tested 2 times over the four folds, expected once" in problems(own)


def test_the_evaluation_set_is_read_with_and_without_meta(src: Path, tmp_path: Path) -> None:
    whole = dcase2018.evaluation(src / "DCASE2018-task5-eval")
    older = imitation.evaluation(tmp_path, truth="evaluate", meta=False)
    assert dcase2018.evaluation(older).segments == whole.segments
    setup = older / "evaluation_setup"
    rows = [line.split("\t") for line in (setup / "map.txt").read_text().splitlines()]
    imitation.lines(setup / "map.txt", ["\t".join(row[::-1]) for row in rows])
    assert dcase2018.evaluation(older).segments == whole.segments
    changed(setup / "map.txt", "EvalNode", "Nobody")
    assert "expected a file of the set and one named after its node" in problems(older)
    (setup / "map.txt").unlink()
    assert "map.txt: cannot be read" in problems(older)


def test_held_out_sessions_are_whole_and_near_the_share() -> None:
    sizes = {"absence": [100, 80, 40, 30, 20, 10, 5, 5], "eating": [50, 50], "other": [1] * 118}
    segments = [
        dcase2018.Segment(f"{label}{s}-{i}.wav", label, f"{label}{s}")
        for label, counts in sizes.items() for s, count in enumerate(counts) for i in range(count)
    ]  # fmt: skip
    for seed in range(5):
        chosen = dcase2018.held_out(segments, 0.3, seed)
        for label, counts in sizes.items():
            some = [s for s in segments if s.label == label]
            share = sum(s.session in chosen for s in some) / len(some)
            sessions = {s.session for s in some}
            assert 0 < len(sessions & chosen) < len(sessions)
            assert abs(share - 0.3) <= max(counts) / sum(counts) / 2 + 0.2
    with pytest.raises(UserError, match="'eating' has a single session"):
        dcase2018.held_out([s for s in segments if s.session != "eating1"], 0.3, 0)


def test_files_of_another_form_are_all_named(src: Path, tmp_path: Path) -> None:
    top = Path(shutil.copytree(src / "DCASE2018-task5-dev", tmp_path / "DCASE2018-task5-dev"))
    audio = sorted((top / "audio").iterdir())
    soundfile.write(audio[0], [[0.1, 0.2]] * 6400, 16000)
    soundfile.write(audio[1], [[0.1] * 4] * 6000, 16000)
    with pytest.raises(UserError) as caught:
        prep.main(tmp_path / "data", top, **{**OPTIONS, "sets": "dev"})
    assert len(caught.value.problems) == 2
    assert "2 channels of 6,400 samples at 16000 Hz, expected 4 channels of 6,400" in caught.value.problems[0]
    audio[2].unlink()
    with pytest.raises(UserError, match="no such file"):
        prep.main(tmp_path / "data", top, **{**OPTIONS, "sets": "dev"})


def test_options_that_make_no_sense_are_all_said(tmp_path: Path) -> None:
    wrong = {**OPTIONS, "sets": "eval", "counts": "some", "share": 1.0}
    with pytest.raises(UserError) as caught:
        prep.main(tmp_path / "out", tmp_path / "nowhere", **wrong)
    assert len(caught.value.problems) == 4
    with pytest.raises(UserError, match="neither a folder"):
        prep.main(tmp_path / "out", tmp_path, **OPTIONS)
