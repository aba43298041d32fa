"""`audionas prep dcase_low_complexity`: official lists, places kept apart, devices told, on a made tree."""

import hashlib
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audionas.core.errors import UserError
from audionas.data import audio, kaldi
from audionas.data.groups import read_groups
from audionas.data.kaldi import DataDir
from audionas.data.labels import read_labels
from audionas.prep import tau2022
from tests.unit.data_prep.test_speech_commands import load

prep = load("dcase_low_complexity")
SCENES = ("airport", "tram")
TRAINING, TEST = ("lyon-1", "lyon-2", "paris-3"), ("milan-4",)
Row = tuple[str, str, str, str]


def rows(scenes: Sequence[str] = SCENES) -> Iterator[Row]:
    """Two seconds a place and device; s5 was in Lyon too, but is in no list, as in the real set."""
    for number, scene in enumerate(scenes):
        for place in (*TRAINING, *TEST):
            city, location = place.split("-")
            where = f"{city}-{int(location) + 10 * number}"
            devices = ("a", "s1", "s5") if place in ("lyon-1", *TEST) else ("a", "s1")
            for device in devices:
                for second in (0, 1):
                    name = f"audio/{scene}-{where}-77-{second}-{device}.wav"
                    yield name, scene, where, device


def listed(rows: list[Row], percent: int | None = None) -> list[Row]:
    """The rows of a training list, or of the test list."""
    test = {f"{city}-{int(n) + 10 * k}" for city, n in (p.split("-") for p in TEST) for k in range(10)}
    if percent is None:
        return [row for row in rows if row[2] in test]
    training = [row for row in rows if row[2] not in test and row[3] != "s5"]
    return [row for row in training if percent == 100 or row[3] == "a"]


def table(file: Path, header: str, lines: list[tuple[str, ...]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(["\t".join(header.split()), *("\t".join(line) for line in lines)]) + "\n")


def corpus(root: Path, scenes: Sequence[str] = SCENES) -> Path:
    """The development set in small: clips of 44.1 kHz and 24 bits, meta.csv, and lists of two sizes."""
    every = list(rows(scenes))
    rng = np.random.default_rng(0)
    for name, *_ in every:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(root / name, 0.2 * rng.standard_normal(4410), 44100, subtype="PCM_24")
    table(root / "meta.csv", "filename scene_label identifier source_label", every)
    for percent in (25, 100):
        lines = [row[:2] for row in listed(every, percent)]
        table(root / "split_setup" / f"split{percent}.csv", "filename scene_label", lines)
    table(root / "split_setup" / "test.csv", "filename", [row[:1] for row in listed(every)])
    return root


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return corpus(tmp_path_factory.mktemp("tau") / "development")


@pytest.fixture(scope="module")
def prepared(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out")
    prep.main(out, tree, workers=1)
    return out


@pytest.fixture
def own(tree: Path, tmp_path: Path) -> Path:
    """A copy to be damaged."""
    return Path(shutil.copytree(tree, tmp_path / "development"))


def problems(src: Path, out: Path, **options: object) -> list[str]:
    with pytest.raises(UserError) as caught:
        prep.main(out, src, workers=1, **options)
    assert not list(out.glob("t*"))
    return caught.value.problems


def names(data: DataDir) -> set[str]:
    """The files as the lists name them."""
    found = set()
    for item in data:
        city, location, scene, *rest = item.id.split("-")
        found.add(f"audio/{scene}-{city}-{location}-{'-'.join(rest)}.wav")
    return found


def test_directories_are_the_lists_and_parts_share_no_place(prepared: Path) -> None:
    every = list(rows())
    found = {path.parent.name: kaldi.read(path.parent) for path in prepared.glob("*/wav.scp")}
    assert sorted(found) == ["dev100", "dev25", "split100", "split25", "test", "train100", "train25"]
    assert names(found["test"]) == {row[0] for row in listed(every)}
    for percent in (25, 100):
        assert names(found[f"split{percent}"]) == {row[0] for row in listed(every, percent)}
        parts = [found[f"{part}{percent}"] for part in ("train", "dev")] + [found["test"]]
        places = [{item.speaker for item in part} for part in parts]
        assert sum(map(len, places)) == len(set().union(*places)) == 8
        assert [len(some) for some in places] == [4, 2, 2], "a place of each scene is held out"
        assert names(parts[0]) | names(parts[1]) == names(found[f"split{percent}"])
    assert {i.speaker for i in found["dev25"]} == {i.speaker for i in found["dev100"]}
    assert read_labels(prepared / "train25") == list(tau2022.SCENES)


def test_each_clip_knows_its_scene_place_device_and_city(prepared: Path) -> None:
    test = kaldi.read(prepared / "test")
    ids = [item.id for item in test]
    for item, device, city in zip(
        test,
        read_groups(test.path, "device", ids),
        read_groups(test.path, "city", ids),
        strict=True,
    ):
        assert item.id.endswith(f"-{item.label}-77-0-{device}") or item.id.endswith(f"-77-1-{device}")
        assert item.speaker == f"{city}-{item.id.split('-')[1]}"
    assert set(read_groups(test.path, "device", ids)) == {"a", "s1", "s5"}


def test_clips_become_copies_of_32_khz(prepared: Path) -> None:
    item = kaldi.read(prepared / "dev25")[0]
    assert audio.probe(item.audio).rate == 32000
    assert item.seconds == pytest.approx(0.1)
    assert Path(item.audio).is_relative_to(prepared / "32k")
    assert len(list((prepared / "32k").rglob("*.wav"))) == len(
        listed(list(rows()), 100) + listed(list(rows()))
    )


def test_lists_are_read_as_the_challenges_baseline_reads_them(own: Path) -> None:
    """All five sizes, with columns or lines in any order; by the rules of CPJKU/dcase2024_task1_baseline.

    They are: tables separated by tabs, rows of meta.csv whose `filename` is in a list, scenes from
    `scene_label`, the city before the dash of `identifier`, the device after the last dash of the name.
    """
    every = list(rows())
    whole = listed(every, 100)
    setup = own / "split_setup"
    sizes = {5: 2, 10: 4, 25: 8, 50: 12, 100: len(whole)}
    for percent, size in sizes.items():
        lines = [(row[1], row[0]) for row in reversed(whole[:size])]
        table(setup / f"split{percent}.csv", "scene_label filename", lines)
    clips = tau2022.read_meta(own / "meta.csv")
    found = tau2022.read_lists(own, clips, ())
    meta = [line.split("\t") for line in (own / "meta.csv").read_text().splitlines()]
    assert meta[0] == ["filename", "scene_label", "identifier", "source_label"]
    for percent, size in sizes.items():
        names = {row[0] for row in whole[:size]}
        theirs = {
            (name, scene, identifier.split("-")[0], name.rsplit("-", 1)[1][:-4])
            for name, scene, identifier, _ in meta[1:]
            if name in names
        }
        assert {(c.file, c.scene, c.city, c.device) for c in found.training[percent]} == theirs
        assert len(found.training[percent]) == size
    assert {clip.file for clip in found.test} == {row[0] for row in listed(every)}


def test_a_place_of_the_test_in_training_is_refused(own: Path, tmp_path: Path) -> None:
    file = own / "split_setup" / "test.csv"
    file.write_text(file.read_text() + "audio/tram-lyon-11-77-0-a.wav\n")
    found = problems(own, tmp_path / "out")
    assert found == [f"split{n}: place lyon-11 is in the test list as well" for n in (25, 100)]


def test_an_unseen_device_in_training_and_lists_that_are_not_nested_are_refused(
    own: Path, tmp_path: Path
) -> None:
    whole = own / "split_setup" / "split100.csv"
    lines = whole.read_text().splitlines()
    gone = next(line for line in lines if line.startswith("audio/airport-lyon-1-77-0-a.wav"))
    lines.remove(gone)
    whole.write_text("\n".join([*lines, "audio/airport-lyon-1-77-0-s5.wav\tairport"]) + "\n")
    assert problems(own, tmp_path / "out") == [
        "split100: device s5 belongs only in the test list",
        "split100: lacks 1 clip of a smaller list, such as audio/airport-lyon-1-77-0-a.wav",
    ]


def test_every_line_that_is_wrong_is_named(own: Path, tmp_path: Path) -> None:
    file = own / "meta.csv"
    lines = file.read_text().splitlines()
    lines[1] = lines[1].replace("airport\t", "harbour\t")
    lines[2] = f"{lines[2][:-1]}b"
    lines[3] = lines[3].replace("lyon-1\t", "lyon-2\t")
    lines[4] = "audio/airport.wav\tairport\tlyon-1\ta"
    lines[5] = lines[6]
    file.write_text("\n".join(lines) + "\n")
    found = problems(own, tmp_path / "out")
    assert [p.partition(": ")[0] for p in found] == [f"{file}:{n}" for n in (2, 3, 4, 5, 7)]
    words = (
        "'harbour' is not a scene",
        "contradicts",
        "contradicts",
        "expected audio/SCENE",
        "appears twice",
    )
    assert [word in p for word, p in zip(words, found, strict=True)] == [True] * 5
    file.write_text(file.read_text().replace("\t", ","))
    assert "no column filename" in problems(own, tmp_path / "out")[0]


def test_a_list_that_names_other_clips_or_scenes_is_refused(own: Path, tmp_path: Path) -> None:
    file = own / "split_setup" / "split25.csv"
    lines = file.read_text().splitlines()
    lines[1] = lines[1].replace("\tairport", "\ttram")
    file.write_text("\n".join([*lines, "audio/bus-rome-9-1-0-a.wav\tbus", lines[2]]) + "\n")
    assert [p.partition(": ")[2] for p in problems(own, tmp_path / "out")] == [
        "audio/airport-lyon-1-77-0-a.wav is airport in meta.csv, not tram",
        "audio/bus-rome-9-1-0-a.wav is not in meta.csv",
        "audio/airport-lyon-1-77-1-a.wav appears twice",
    ]


def test_missing_lists_are_named_and_the_own_fold_stands_for_the_whole(own: Path, tmp_path: Path) -> None:
    assert "no split5.csv" in problems(own, tmp_path / "out", subset=[5])[0]
    fold = own / "evaluation_setup"
    fold.mkdir()
    (own / "split_setup" / "split100.csv").rename(fold / "fold1_train.csv")
    (own / "split_setup" / "test.csv").rename(fold / "fold1_evaluate.csv")
    prep.main(tmp_path / "out", own, subset=[100], workers=1)
    assert len(kaldi.read(tmp_path / "out" / "split100")) == len(listed(list(rows()), 100))
    assert not (tmp_path / "out" / "split25").exists()
    shutil.rmtree(fold)
    shutil.rmtree(own / "split_setup")
    assert [p.rpartition("no ")[2][:8] for p in problems(own, tmp_path / "new")] == ["test.csv"]
    (own / "meta.csv").unlink()
    assert "no meta.csv here" in problems(own, tmp_path / "new")[0]


def test_archives_are_checked_and_unpacked(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    src = tmp_path / "archives"
    src.mkdir()
    sums = {}
    for name, part in (("audio.1", "audio"), ("meta", "")):
        file = src / f"corpus.{name}.zip"
        with zipfile.ZipFile(file, "w") as archive:
            for path in sorted((tree / part).rglob("*") if part else tree.rglob("*.csv")):
                archive.write(path, f"TAU/{path.relative_to(tree)}")
        sums[file.name] = hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()
    monkeypatch.setattr(prep, "MD5", sums)
    prep.main(tmp_path / "out", src, subset=[25], workers=1)
    assert len(kaldi.read(tmp_path / "out" / "split25")) == len(listed(list(rows()), 25))
    (src / "corpus.audio.1.zip").rename(src / "elsewhere.zip")
    assert problems(src, tmp_path / "new") == [f"{src / 'corpus.audio.1.zip'}: missing"]
    shutil.copy(src / "corpus.meta.zip", src / "corpus.audio.1.zip")
    assert "the published one is" in problems(src, tmp_path / "new")[0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"subset": [30], "dev": 1.0}, ["--subset 30: expected one of 5, 10", "--dev 1.0: expected a share"]),
        ({"on_bad": "ignore"}, ["--on-bad ignore"]),
    ],
)
def test_wrong_options_are_refused(options: dict, words: list[str], tree: Path, tmp_path: Path) -> None:
    found = problems(tree, tmp_path / "out", **options)
    assert [word in problem for word, problem in zip(words, found, strict=True)] == [True] * len(words)


def test_bad_clips_can_be_left_out(own: Path, tmp_path: Path) -> None:
    clips = [own / row[0] for row in listed(list(rows()))[:2]]
    clips[0].unlink()
    clips[1].write_text("no sound")
    found = problems(own, tmp_path / "out")
    assert [clip.name in problem for clip, problem in zip(clips, found, strict=True)] == [True, True]
    prep.main(tmp_path / "out", own, on_bad="skip", workers=1)
    test = kaldi.read(tmp_path / "out" / "test")
    assert len(test) == len(listed(list(rows()))) - 2
    assert len(read_groups(test.path, "device", [item.id for item in test])) == len(test)
