"""`audionas prep speech_commands`: splits, draws, archives and lists, on a small tree and on real clips."""

import importlib.util
import shutil
import tarfile
import zlib
from io import BytesIO
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile
import typer
from typer.testing import CliRunner

from audionas.core.errors import UserError
from audionas.core.files import read_json, sha256, shipped
from audionas.data import audio, kaldi
from audionas.data.labels import SPLITS, read_labels
from audionas.prep import speech_commands

SPLITS = SPLITS
LABELS = ["_silence_", "_unknown_", "yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"]


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"prep_{name}", shipped("data_prep") / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


prep = load("speech_commands")


def store(path: Path, wave: np.ndarray, rate: int = 16000) -> None:
    """Write a file through memory: soundfile itself waits for the disk each time."""
    encoded = BytesIO()
    soundfile.write(encoded, wave, rate, format=path.suffix[1:].upper())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded.getvalue())


def clip(path: Path, samples: int = 160, rate: int = 16000) -> None:
    seed = zlib.crc32("/".join(path.parts[-3:]).encode())  # no two clips are the same
    store(path, np.random.default_rng(seed).uniform(-0.5, 0.5, samples), rate)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """40 speakers of yes, go, bed and cat, and a recording of noise."""
    root = tmp_path / "tree"
    for speaker in range(40):
        for word in ("yes", "go", "bed", "cat"):
            clip(root / word / f"{speaker * 7919:08x}_nohash_{speaker % 2}.wav")
    clip(root / "_background_noise_" / "tap.wav", 40_000)
    return root


def run(*paths: Path, **options: object) -> Path:
    prep.main(list(paths), **options)
    return paths[-1]


def read(out: Path) -> dict[str, kaldi.DataDir]:
    return {split: kaldi.read(out / split) for split in SPLITS}


def test_twelve_classes(tree: Path, tmp_path: Path) -> None:
    out = run(tree, tmp_path / "out")
    speakers: set[str] = set()
    for split, data in read(out).items():
        count = {
            label: len(data.where(lambda item, label=label: item.label == label)) for label in data.labels
        }
        share = speech_commands.share(count["yes"] + count["go"])
        assert count["_silence_"] == count["_unknown_"] == share
        words = {item.id: Path(item.audio).parent.name for item in data if item.label == "_unknown_"}
        assert set(words.values()) <= {"bed", "cat"}
        for item in data:
            if item.label != "_silence_":
                assert speech_commands.which_set(Path(item.audio).name) == split
                assert item.id.split("-")[1] == Path(item.audio).parent.name
            else:
                assert not audio.read(item.audio, rate=16000, seconds=None).any()
                assert item.seconds == 1.0
        assert not speakers & {item.speaker for item in data}
        speakers |= {item.speaker for item in data}
        drawn = (out / "lists" / f"unknown_{split}.txt").read_text().split()
        assert drawn == sorted(f"{words[i]}/{i.split('-')[0]}_nohash_{i[-1]}.wav" for i in words)
    assert read_labels(out / "train") == LABELS
    assert kaldi.read(out / "noise").labels == ["noise"]
    for line in (out / "lists" / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split()
        assert sha256(out / "lists" / name) == digest
    assert len(list((out / "lists").iterdir())) == 7


def test_all_words_and_the_same_split_from_official_lists(tree: Path, tmp_path: Path) -> None:
    by_hash = run(tree, tmp_path / "a", classes="35")
    assert read_labels(by_hash / "train") == ["bed", "cat", "go", "yes"]
    assert sum(map(len, read(by_hash).values())) == 160
    for name, split in (("validation_list.txt", "dev"), ("testing_list.txt", "test")):
        items = kaldi.read(by_hash / split)
        (tree / name).write_text("".join(f"{i.label}/{Path(i.audio).name}\n" for i in items))
    by_list = run(tree, tmp_path / "b", classes="30", version="v0.01")
    assert {s: d.fingerprint for s, d in read(by_list).items()} == {
        s: d.fingerprint for s, d in read(by_hash).items()
    }


@pytest.mark.story
def test_draws_depend_on_the_seed_but_not_on_order_or_format(tree: Path, tmp_path: Path) -> None:
    first = run(tree, tmp_path / "a", silence="noise") / "lists" / "SHA256SUMS"
    other = tmp_path / "other"
    for file in sorted(tree.rglob("*.wav"), reverse=True):  # created in another order, as flac
        wave, rate = soundfile.read(file)
        store(other / file.parent.name / f"{file.stem}.flac", wave, rate)
    second = run(other, tmp_path / "b", silence="noise") / "lists" / "SHA256SUMS"
    third = run(tree, tmp_path / "c", silence="noise", seed=1) / "lists" / "SHA256SUMS"
    assert first.read_text() == second.read_text() != third.read_text()


def test_silence_of_noise_is_a_scaled_cut_outside_training(tree: Path, tmp_path: Path) -> None:
    out = run(tree, tmp_path / "out", silence="noise")
    noise = audio.read(tree / "_background_noise_" / "tap.wav", rate=16000, seconds=None)
    for split, data in read(out).items():
        lines = dict(
            line.split(" ", 1) for line in (out / "lists" / f"silence_{split}.txt").read_text().splitlines()
        )
        silence = data.where(lambda item: item.label == "_silence_")
        assert [item.id for item in silence] == list(lines)
        for item in silence:
            wave = audio.read(item.audio, rate=16000, seconds=None)
            if split == "train":
                assert not wave.any()
                continue
            name, offset, volume = lines[item.id].split()
            assert name == "tap"
            np.testing.assert_allclose(wave, noise[int(offset) :][:16000] * float(volume), atol=2**-15)


def pack(tree: Path, path: Path) -> Path:
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as tar:
        tar.add(tree, arcname="corpus")
    return path


def test_every_archive_that_can_be_fetched_has_its_sum_and_size() -> None:
    fetched = {
        f"speech_commands_{kind}{v}.tar.gz" for v in speech_commands.CLIPS for kind in ("", "test_set_")
    }
    assert set(prep.OFFICIAL) == set(prep.BYTES) == fetched
    assert {len(digest) for digest in prep.OFFICIAL.values()} == {64}


@pytest.mark.story
@pytest.mark.parametrize("name", ["sc.tar", "sc.tar.gz"])
def test_an_archive_gives_what_its_tree_gives(tree: Path, tmp_path: Path, name: str) -> None:
    archive = pack(tree, tmp_path / name)
    out = run(archive, tmp_path / "out")
    plain = run(tree, tmp_path / "plain")
    assert {s: d.fingerprint for s, d in read(out).items()} == {
        s: d.fingerprint for s, d in read(plain).items()
    }
    assert "../audio/sc/corpus/" in (out / "dev" / "wav.scp").read_text()
    assert str(tree) in (plain / "dev" / "wav.scp").read_text()
    clip(tree / "yes" / "ffffffff_nohash_0.wav")
    digest = sha256(pack(tree, archive))
    with pytest.raises(UserError, match=f"its SHA-256 is {digest}"):
        run(archive, out)
    run(archive, out, sums=[digest])
    assert any("ffffffff-yes-0" in (out / split / "text").read_text() for split in SPLITS)


def test_an_archive_called_like_the_official_one_must_be_it(tree: Path, tmp_path: Path) -> None:
    archive = pack(tree, tmp_path / "speech_commands_v0.02.tar.gz")
    with pytest.raises(UserError, match="the published one is af14739ee7dc"):
        run(archive, tmp_path / "out")


@pytest.mark.story
def test_bad_files_are_all_named_then_skipped_or_converted(tree: Path, tmp_path: Path) -> None:
    (tree / "yes" / "aaaaaaaa_nohash_0.wav").write_bytes(b"")
    (tree / "go" / "dddddddd_nohash_0.wav").write_text("no audio")
    clip(tree / "go" / "cccccccc_nohash_0.wav", 8000, rate=8000)
    bad = ("aaaaaaaa", "dddddddd", "cccccccc")
    with pytest.raises(UserError) as caught:
        run(tree, tmp_path / "out", classes="35")
    assert len({speech_commands.which_set(f"{name}_nohash_0") for name in bad}) > 1  # named across splits
    assert [sum(name in problem for problem in caught.value.problems) for name in bad] == [1, 1, 1]
    assert "--on-bad skip" in caught.value.hint
    skipped = run(tree, tmp_path / "skipped", classes="35", on_bad="skip")
    speakers = {item.speaker for data in read(skipped).values() for item in data}
    assert not speakers & set(bad)
    assert sum(map(len, read(skipped).values())) == 160
    converted = run(tree, tmp_path / "converted", classes="35", on_bad="skip", resample=True)
    found = [item for data in read(converted).values() for item in data if item.speaker == "cccccccc"]
    assert [item.seconds for item in found] == [1.0]
    assert len(audio.read(found[0].audio, rate=16000, seconds=None)) == 16000


def drawn_tree(root: Path) -> Path:
    """12 folders of six speakers, as a test archive has them."""
    for number in range(6):
        for label in LABELS:
            name = {"_silence_": f"{number}", "_unknown_": f"bed_{number:08x}_nohash_0"}
            clip(root / label / f"{name.get(label, f'{number:08x}_nohash_0')}.wav")
    return root


def test_a_tree_with_its_own_lists_keeps_them(tmp_path: Path) -> None:
    root = drawn_tree(tmp_path / "sc" / "part")
    clip(root.parent / "_background_noise_" / "tap.wav", 20_000)
    clip(root.parent / "second" / "yes" / "00000000_nohash_0.wav")
    names = sorted(f"{f.parent.name}/{f.name}" for f in root.rglob("*.wav"))
    parts = {"training_list": names[:50], "validation_list": names[50:61], "testing_list": names[61:]}
    for name, part in parts.items():
        (root / f"{name}.txt").write_text("\n".join(part) + "\n")
    with pytest.raises(UserError, match="Found: part, second"):
        run(root.parent, tmp_path / "out")
    out = run(root.parent, tmp_path / "out", part="part")
    for split, part in zip(SPLITS, parts.values(), strict=True):
        assert {f"{Path(i.audio).parent.name}/{Path(i.audio).name}" for i in kaldi.read(out / split)} == set(
            part
        )
    assert read_labels(out / "train") == LABELS
    assert len(kaldi.read(out / "noise")) == 1
    with pytest.raises(UserError, match="drawn for 12 classes"):
        run(root, tmp_path / "out", classes="35")


@pytest.mark.story
def test_the_test_archive_is_a_second_test_set(tree: Path, tmp_path: Path) -> None:
    second = drawn_tree(tmp_path / "second")
    out = run(tree, tmp_path / "out", test_archive=str(pack(second, tmp_path / "test.tar.gz")))
    data = kaldi.read(out / "test_archive")
    assert len(data) == 72
    facts = read_json(out / "protocol.json")
    assert facts["name"] == "v2-12"
    assert facts["clips"]["test_archive"] == 72
    assert data.labels == sorted(LABELS)
    with pytest.raises(UserError, match="--test-archive"):
        run(second, tmp_path / "other")
    shutil.rmtree(second / "yes")
    with pytest.raises(UserError, match="exactly the 12 classes; not so: yes"):
        run(tree, tmp_path / "out", test_archive=str(second))


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"version": "v3"}, "--version v3"),
        ({"classes": "30"}, "--protocol 30: v0.02 has 12 or 35"),
        ({"silence": "loud"}, "--silence loud"),
        ({"on_bad": "ignore"}, "--on-bad ignore"),
        ({"test_archive": "x", "classes": "35"}, "--test-archive belongs"),
        ({"test_archive": "/nowhere.tar"}, "neither a folder nor an archive"),
        ({"part": "nothing"}, "no part 'nothing'"),
        ({"fetch": True}, "both SRC"),
    ],
)
def test_wrong_options(tree: Path, tmp_path: Path, options: dict[str, object], what: str) -> None:
    with pytest.raises(UserError) as caught:
        run(tree, tmp_path / "out", **options)
    assert what in str(caught.value)


def test_wrong_sources(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no SRC was given"):
        run(tmp_path / "out")
    with pytest.raises(UserError, match="nowhere: no such folder or file"):
        run(tmp_path / "nowhere", tmp_path / "out")
    shutil.rmtree(tree / "_background_noise_")
    with pytest.raises(UserError, match="no recordings in _background_noise_"):
        run(tree, tmp_path / "out", silence="noise")
    shutil.rmtree(tree / "bed")
    shutil.rmtree(tree / "cat")
    with pytest.raises(UserError, match="of the 10 commands, 0 of others"):
        run(tree, tmp_path / "out")


WORDS_7 = ("up", "down", "left", "right", "go")


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """`first`, with two lists; `second/test`, 12 folders; `second/more`, other words."""
    listed: dict[str, list[str]] = {"train": [], "dev": []}
    for speaker in range(24):
        name = f"{speaker * 7919:08x}_nohash_0"
        split = {"train": "train", "dev": "dev"}.get(speech_commands.which_set(name))
        for word in (*WORDS_7, "yes", "one", "two") if split else ():
            clip(tmp_path / "first" / word / f"{name}.wav")
            listed[split or ""].append(f"{word}/{name}.wav")
        for word in ("bed", "cat"):
            clip(tmp_path / "second" / "more" / word / f"{name}.wav")
    for file, split in (("training_list", "train"), ("validation_list", "dev")):
        (tmp_path / "first" / f"{file}.txt").write_text("\n".join(listed[split]))
    drawn_tree(tmp_path / "second" / "test")
    clip(tmp_path / "second" / "test" / "_unknown_" / "dog_0000000a_nohash_0.wav")
    clip(tmp_path / "second" / "_background_noise_" / "tap.wav", 40_000)
    return tmp_path


def seven(parts: Path, **options: object) -> Path:
    more = {"version": "v0.01", "classes": "7", "silence": "noise", "test_part": "test", "more": "more"}
    return run(parts / "first", parts / "out", test_archive=str(parts / "second"), **{**more, **options})


def test_seven_classes_of_parts_by_the_official_lists(parts: Path) -> None:
    data = read(seven(parts))
    assert read_labels(parts / "out" / "train") == ["_silence_", "_unknown_", *WORDS_7]
    counts = {s: {label: sum(i.label == label for i in d) for label in d.labels} for s, d in data.items()}
    assert counts["train"]["up"] + counts["dev"]["up"] == len(list((parts / "first" / "up").iterdir()))
    for split in ("train", "dev"):
        assert counts[split]["_silence_"] == counts[split]["up"]  # as many as a word has
        for item in data[split].where(lambda i: i.label not in ("_silence_", "_unknown_")):
            assert speech_commands.which_set(Path(item.audio).name) == split
    unknown = {i.id.split("-")[1] for i in data["train"] if i.label == "_unknown_"}
    assert unknown == {"one", "two", "bed", "cat"}  # all of them, and yes is none
    assert counts["train"]["_unknown_"] == 4 * counts["train"]["up"]
    assert counts["dev"]["_unknown_"] == counts["dev"]["up"]
    assert counts["test"] == {"_silence_": 6, "_unknown_": 7, **dict.fromkeys(WORDS_7, 6)}
    for item in data["train"].where(lambda i: i.label == "_silence_"):
        assert not audio.read(item.audio, rate=16000, seconds=None).any()
    kinds = dict(line.split() for line in (parts / "out" / "test" / "utt2kind").read_text().splitlines())
    told = {kind: sum(k == kind for k in kinds.values()) for kind in kinds.values()}
    assert told == {"command": 30, "silence": 6, "known_word": 6, "new_word": 1}  # the dog is new
    assert read_json(parts / "out" / "protocol.json")["name"] == "v1-7"
    assert len(kaldi.read(parts / "out" / "noise")) == 1


def test_what_seven_classes_need(parts: Path) -> None:
    for options, what in (
        ({"test_archive": ""}, "has no test clips of its own, give --test-archive"),
        ({"version": "v0.02"}, "--protocol 7: v0.02 has 12 or 35"),
        ({"classes": "12"}, "--more belongs to --protocol 7, not 12"),
        ({"more": "test"}, "--more is for other words, and it has _silence_, _unknown_, down"),
        ({"more": "none"}, "no part 'none'"),
        ({"test_part": ""}, "Choose with --test-part NAME"),
    ):
        with pytest.raises(UserError) as caught:
            run(
                parts / "first",
                parts / "out",
                **{
                    "version": "v0.01",
                    "classes": "7",
                    "test_part": "test",
                    "more": "more",
                    "test_archive": str(parts / "second"),
                    **options,
                },
            )
        assert what in str(caught.value), options


@pytest.mark.story
@pytest.mark.shared
def test_the_real_parts_give_the_counts_of_the_study(shared: Path, tmp_path: Path) -> None:
    second, out = str(shared / "speech_commands_subset.tar"), tmp_path / "out"
    options = {"version": "v0.01", "classes": "7", "silence": "noise", "test_part": "v2_test_set"}
    more = {"more": "v1_bed_cat_happy", "test_archive": second}
    run(shared / "speech_commands_v1_train.tar", out, **options, **more)
    data = read(out)
    assert [len(d) for d in data.values()] == [4065, 385, 2524]
    voices = {s: {i.speaker for i in d if i.label != "_silence_"} for s, d in data.items()}
    assert not voices["test"] & (voices["train"] | voices["dev"])
    kinds = (out / "test" / "utt2kind").read_text().split()[1::2]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        "command": 1808,
        "silence": 361,
        "known_word": 136,
        "new_word": 219,
    }


@pytest.mark.story
def test_as_a_command(tree: Path, tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(prep.main)
    result = CliRunner().invoke(app, [str(tree), str(tmp_path / "out"), "--protocol", "35", "--seed", "1"])
    assert result.exit_code == 0, result.output
    assert "train" in result.output
    assert "Example:" in CliRunner().invoke(app, ["--help"]).output


@pytest.mark.story
@pytest.mark.shared
def test_real_clips_give_the_known_counts(shared: Path, tmp_path: Path) -> None:
    archive = shared / "speech_commands_subset.tar"
    out = run(archive, tmp_path / "out", part="v2_test_set")
    assert [len(data) for data in read(out).values()] == [2841, 626, 832]
    assert read_labels(out / "train") == LABELS
    run(archive, out, part="v1_bed_cat_happy", version="v0.01", classes="30")
    assert [len(data) for data in read(out).values()] == [988, 133, 82]
