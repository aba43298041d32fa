"""`audionas prep esc10`: the official folds from every public layout, on small clips and on the real ones."""

import shutil
import tarfile
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from audionas.core.errors import UserError
from audionas.data import audio, kaldi
from audionas.data.kaldi import DataDir
from audionas.data.labels import read_labels
from tests.unit.data_prep.test_speech_commands import clip, load

prep = load("esc10")
SPLITS = ("train", "dev", "test")
TARGETS = {label: str(number) for number, label in enumerate(prep.LABELS)}
Row = dict[str, str]


def rows() -> Iterator[Row]:
    """Every class has in every fold two takes of one recording and one of another."""
    for fold in prep.FOLDS:
        for label, target in TARGETS.items():
            number = 100 * fold + 10 * int(target)
            for source, take in ((number, "A"), (number, "B"), (number + 1, "A")):
                name = f"{fold}-{source}-{take}-{target}.ogg"
                yield dict(filename=name, fold=str(fold), category=label, src_file=str(source), take=take)


def table(folder: Path, name: str, lines: list[Row]) -> Path:
    """A table with the columns of `lines`, and no sound."""
    file = folder / "meta" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    text = [",".join(lines[0]), *(",".join(row.values()) for row in lines)]
    file.write_text("\n".join(text) + "\n", encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """150 clips in the layout with a table."""
    root = tmp_path_factory.mktemp("corpus") / "esc10"
    for row in rows():
        clip(root / "audio" / row["filename"])
    table(root, "esc10.csv", list(rows()))
    return root


@pytest.fixture
def own(tree: Path, tmp_path: Path) -> Path:
    """A copy to be damaged."""
    return Path(shutil.copytree(tree, tmp_path / "esc10"))


def run(src: Path, out: Path, **options: object) -> Path:
    prep.main(out, src, **options)
    return out


def read(out: Path, fold: int) -> dict[str, DataDir]:
    return {split: kaldi.read(out / f"fold{fold}" / split) for split in SPLITS}


def fingerprints(out: Path) -> list[str]:
    return [data.fingerprint for fold in prep.FOLDS for data in read(out, fold).values()]


def problems(src: Path, out: Path, **options: object) -> list[str]:
    with pytest.raises(UserError) as caught:
        run(src, out, **options)
    assert not list(out.glob("fold*"))
    return caught.value.problems


def test_every_clip_is_tested_once_and_no_recording_is_in_two_splits(tree: Path, tmp_path: Path) -> None:
    out = run(tree, tmp_path / "out")
    tested: Counter[str] = Counter()
    for fold in prep.FOLDS:
        found = read(out, fold)
        assert {Path(item.audio).name[0] for item in found["test"]} == {str(fold)}
        assert {Path(item.audio).name[0] for item in found["dev"]} == {str(fold % 5 + 1)}
        assert [len(data) for data in found.values()] == [90, 30, 30]
        speakers = [{item.speaker for item in data} for data in found.values()]
        assert sum(map(len, speakers)) == len(set(chain(*speakers))) == 100
        assert read_labels(out / f"fold{fold}" / "train") == list(prep.LABELS)
        if fold in (1, 5):  # validation reads every file
            assert all(kaldi.validate(data.path) == [] for data in found.values())
        tested.update(item.audio for item in found["test"])
    assert set(tested.values()) == {1}
    assert sorted(Path(file).name for file in tested) == sorted(row["filename"] for row in rows())


@pytest.mark.story
def test_an_utterance_is_named_by_recording_class_and_take(tree: Path, tmp_path: Path) -> None:
    for row, item in zip(
        sorted((r for r in rows() if r["fold"] == "3"), key=lambda r: (r["src_file"], r["take"])),
        read(run(tree, tmp_path / "out"), 3)["test"],
        strict=True,
    ):
        assert item.id == f"{row['src_file']}-{row['category']}-{row['take']}"
        assert (item.label, item.speaker) == (row["category"], row["src_file"])
        assert Path(item.audio).name == row["filename"]


def esc50(tree: Path, folder: Path) -> Path:
    """The layout of ESC-50: other numbers of classes, clips that are none of ESC-10."""
    lines = [{**row, "esc10": "True"} for row in rows()]
    shutil.copytree(tree / "audio", folder / "audio")
    for number in range(7):
        name = f"1-9000{number}-A-49.ogg"
        clip(folder / "audio" / name)
        other = dict(filename=name, fold="1", category="hand_saw", src_file=f"9000{number}", take="A")
        lines.append({**other, "esc10": "False"})
    table(folder, "esc50.csv", lines)
    return folder


def folders(tree: Path, folder: Path) -> Path:
    """The first layout of ESC-10: a folder a class, no table, no class in the names."""
    names = {label: name for name, label in prep.FOLDERS.items()}
    for row in rows():
        target = folder / names[row["category"]] / f"{row['filename'].rpartition('-')[0]}.ogg"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tree / "audio" / row["filename"], target)
    return folder


@pytest.mark.story
@pytest.mark.parametrize("layout", [esc50, folders])
def test_other_layouts_give_the_same_folds(layout, tree: Path, tmp_path: Path) -> None:
    expected = fingerprints(run(tree, tmp_path / "expected"))
    other = layout(tree, tmp_path / "other" / "ESC-master")
    assert fingerprints(run(other, tmp_path / "a")) == expected
    assert fingerprints(run(other.parent, tmp_path / "b")) == expected


@pytest.mark.story
@pytest.mark.parametrize("name", ["esc10.tar", "esc10.tar.gz"])
def test_an_archive_gives_what_its_tree_gives(name: str, tree: Path, tmp_path: Path) -> None:
    archive = tmp_path / name
    with tarfile.open(archive, "w:gz" if name.endswith("gz") else "w") as tar:
        tar.add(tree, arcname="esc10")
    out = run(archive, tmp_path / "out")
    assert fingerprints(out) == fingerprints(run(tree, tmp_path / "plain"))
    assert {Path(item.audio).parent for item in read(out, 2)["dev"]} == {out / "audio/esc10/esc10/audio"}


def test_an_archive_that_reaches_outside_is_refused(tree: Path, tmp_path: Path) -> None:
    archive = tmp_path / "esc10.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(tree / "meta", arcname="../meta")
    assert "would be written outside" in problems(archive, tmp_path / "out")[0]
    assert not (tmp_path / "meta").exists()


@pytest.mark.story
def test_plain_cc_leaves_out_the_two_clips_under_another_licence(own: Path, tmp_path: Path) -> None:
    lines = list(rows())
    for source, fold in (("40730", "1"), ("96460", "2")):
        for take in "AB":
            name = f"{fold}-{source}-{take}-8.ogg"
            clip(own / "audio" / name)
            lines.append(dict(filename=name, fold=fold, category="rooster", src_file=source, take=take))
    table(own, "esc10.csv", lines)

    def found(out: Path) -> set[str]:
        return {item.id for fold in prep.FOLDS for item in read(out, fold)["test"]}

    every, plain = found(run(own, tmp_path / "a")), found(run(own, tmp_path / "b", plain_cc=True))
    assert every - plain == {"40730-rooster-A", "96460-rooster-A"}
    assert plain < every


def test_a_wrong_table_is_refused_with_every_line_that_is_wrong(own: Path, tmp_path: Path) -> None:
    lines = list(rows())
    for number, change in enumerate(
        ({"category": "cat"}, {"fold": "6"}, {"fold": "2"}, {"take": "C"}, {"filename": "dog.ogg"})
    ):
        lines[number] = {**lines[number], **change}
    file = table(own, "esc10.csv", [*lines, lines[10]])
    found = problems(own, tmp_path / "out")
    assert [p.partition(": ")[0] for p in found] == [f"{file}:{n}" for n in (2, 3, 4, 5, 6, 152)]
    for word, problem in zip(
        ("'cat'", "fold 6", "fold 2", "take C", "'dog.ogg'", "line"), found, strict=True
    ):
        assert word in problem.replace("esc10.csv:12", "line")
    table(own, "esc10.csv", [{k: v for k, v in row.items() if k not in ("fold", "take")} for row in rows()])
    assert problems(own, tmp_path / "out") == [f"{file}:1: no column fold, take"]
    file.write_bytes(b"\xff\xfe")
    assert "not UTF-8" in problems(own, tmp_path / "out")[0]
    file.unlink()
    assert "no ESC-10 here" in problems(own, tmp_path / "out")[0]
    assert "nowhere: no such folder or file" in problems(tmp_path / "nowhere", tmp_path / "out")[0]


def test_a_recording_in_two_folds_is_refused(own: Path, tmp_path: Path) -> None:
    clip(own / "audio" / "5-100-C-0.ogg")
    more = dict(filename="5-100-C-0.ogg", fold="5", category="dog", src_file="100", take="C")
    table(own, "esc10.csv", [*rows(), more])
    assert problems(own, tmp_path / "out") == ["recording 100 is in folds [1, 5], expected one"]


def test_a_strange_file_among_the_folders_of_classes_is_named(tree: Path, tmp_path: Path) -> None:
    root = folders(tree, tmp_path / "ESC-10")
    strange = root / "002 - Rain" / "notes.txt"
    strange.write_text("rain")
    shutil.rmtree(root / "009 - Rooster")
    found = problems(root, tmp_path / "out")
    assert [p.partition(": ")[0] for p in found] == [str(strange), str(root / "009 - Rooster")]


@pytest.mark.story
def test_bad_files_are_all_named_then_skipped_or_converted(own: Path, tmp_path: Path) -> None:
    names = [row["filename"] for row in rows()][:150:50]
    (own / "audio" / names[0]).unlink()
    (own / "audio" / names[1]).write_text("no audio")
    clip(own / "audio" / names[2], 8000, rate=8000)
    found = problems(own, tmp_path / "out")
    assert [sum(name in problem for problem in found) for name in names] == [1, 1, 1]
    assert "its sample rate is 8000 Hz, expected 16000 Hz" in found[2]
    skipped = read(run(own, tmp_path / "skipped", on_bad="skip"), 1)
    assert sum(map(len, skipped.values())) == 147
    mended = read(run(own, tmp_path / "mended", on_bad="skip", resample=True), 1)
    assert sum(map(len, mended.values())) == 148
    (copy,) = (i for data in mended.values() for i in data if "resampled" in i.audio)
    assert copy.seconds == 1.0
    assert len(audio.read(copy.audio, rate=16_000, seconds=None)) == 16_000


def test_a_fold_without_clips_is_refused(own: Path, tmp_path: Path) -> None:
    table(own, "esc10.csv", [row for row in rows() if row["fold"] != "4"])
    assert "no clips of fold4" in problems(own, tmp_path / "out")[0]


@pytest.mark.story
def test_as_a_command(tree: Path, tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(prep.main)
    result = CliRunner().invoke(app, [str(tmp_path / "out"), "--src", str(tree), "--plain-cc"])
    assert result.exit_code == 0, result.output
    assert "recordings" in result.output
    assert "CC BY 3.0" in result.output
    assert "Example:" in CliRunner().invoke(app, ["--help"]).output


@pytest.mark.story
@pytest.mark.shared
def test_the_real_corpus_has_its_known_counts(shared: Path, tmp_path: Path) -> None:
    out = run(shared / "esc10_16k.tar", tmp_path / "out")
    recordings: set[str] = set()
    for fold in prep.FOLDS:
        found = read(out, fold)
        assert [len(data) for data in found.values()] == [240, 80, 80]
        for data, each in zip(found.values(), (24, 8, 8), strict=True):
            assert Counter(item.label for item in data) == dict.fromkeys(prep.LABELS, each)
            assert {item.seconds for item in data} == {5.0}
        recordings |= {item.speaker for item in found["test"]}
    assert len(recordings) == 304
    one = read(out, 1)["train"][0]
    assert np.abs(audio.read(one.audio, rate=16_000, seconds=5.0)).max() > 0.01
    plain = run(shared / "esc10_16k.tar", out, plain_cc=True)
    assert [len(read(plain, fold)["test"]) for fold in prep.FOLDS] == [79, 79, 80, 80, 80]
