"""The Speech Commands protocol: golden values of the hash rule, lists, draws that no order changes."""

import random
from math import ceil
from pathlib import Path

import pytest

from audionas.core.errors import UserError
from audionas.data.labels import RATE, SPLITS
from audionas.prep import speech_commands
from audionas.prep.speech_commands import Clip

GOLDEN = [
    ("yes/0a7c2a8d_nohash_0.wav", 56.836387, "train"),
    ("no/c50f55b8_nohash_1.wav", 48.476708, "train"),
    ("left/a5d485dc_nohash_0.wav", 23.080839, "train"),
    ("go/9aa21fa9_nohash_1.wav", 95.766660, "train"),
    ("on/bb05582b_nohash_3.wav", 18.132679, "test"),
    ("speakerA_nohash_0.wav", 0.515338, "dev"),
    ("speakerB_nohash_12.wav", 13.861372, "test"),
    ("hello.wav", 11.655343, "test"),
    ("hello_nohash_0.wav", 83.264790, "train"),
]


@pytest.mark.parametrize(("name", "percent", "split"), GOLDEN)
def test_golden_values_of_the_hash_rule(name: str, percent: float, split: str) -> None:
    assert speech_commands.hash_percent(name) == pytest.approx(percent, abs=1e-6)
    assert speech_commands.which_set(name) == split


@pytest.mark.parametrize("wanted", [0, 1, 9, 10, 11, 2567, 18538, 30769])
def test_a_tenth_rounded_up(wanted: int) -> None:
    assert speech_commands.share(wanted) == ceil(wanted * 10 / 100)


def test_published_counts_agree_with_each_other() -> None:
    wanted = {"v0.01": (18538, 2577, 2567), "v0.02": (30769, 3703, 4074)}
    for version, counts in wanted.items():
        full = tuple(count + 2 * speech_commands.share(count) for count in counts)
        assert full == speech_commands.COUNTS[version, "12"]
    assert sum(speech_commands.COUNTS["v0.02", "35"]) == speech_commands.CLIPS["v0.02"]
    assert sum(speech_commands.COUNTS["v0.01", "30"]) == speech_commands.CLIPS["v0.01"]


def test_a_whole_archive_must_have_the_published_counts() -> None:
    good = dict(zip(SPLITS, (36923, 4445, 4890), strict=True))
    assert "as published" in speech_commands.check_counts("v0.02", "12", 105829, good)
    with pytest.raises(UserError, match="36,924"):
        speech_commands.check_counts("v0.02", "12", 105829, {**good, "train": 36924})
    assert "a part" in speech_commands.check_counts("v0.02", "12", 105828, {**good, "train": 3})
    assert "no counts are published" in speech_commands.check_counts("v0.01", "7", 64721, good)
    for clips in (64720, 64721):
        counts = dict(zip(SPLITS, speech_commands.COUNTS["v0.01", "30"], strict=True))
        assert speech_commands.check_counts("v0.01", "30", clips, counts).startswith(
            "v1-30: train, dev, test hold 51,"
        )


def test_every_protocol_has_counts_and_a_whole_test_archive_is_told_from_a_part() -> None:
    protocols = {(version, one) for version, both in speech_commands.PROTOCOLS.items() for one in both}
    parts = {("v0.01", "7")}  # of which no counts are published
    assert protocols - parts == set(speech_commands.COUNTS)
    assert {speech_commands.name_of(*p) for p in protocols} == {"v1-12", "v1-30", "v1-7", "v2-12", "v2-35"}
    for version, whole in speech_commands.TEST_ARCHIVE_CLIPS.items():
        assert whole == speech_commands.COUNTS[version, "12"][2]  # the same number of other clips
        assert "as published" in speech_commands.check_test_archive(version, whole)
        assert f"of the {whole:,}" in speech_commands.check_test_archive(version, whole - 1)


def clips(count: int) -> list[Clip]:
    return [Clip(f"bed/{n:08x}_nohash_0", "", "bed", f"{n:08x}", f"{n:08x}-bed-0") for n in range(count)]


def test_draws_depend_on_the_seed_and_on_no_order() -> None:
    candidates = clips(200)
    drawn = speech_commands.draw(candidates, 50, 59185, "train")
    assert len({clip.name for clip in drawn}) == 50
    for shuffle in range(3):
        shuffled = random.Random(shuffle).sample(candidates, len(candidates))
        assert speech_commands.draw(shuffled, 50, 59185, "train") == drawn
    assert speech_commands.draw(candidates, 50, 59186, "train") != drawn
    assert speech_commands.draw(candidates, 50, 59185, "dev") != drawn
    assert speech_commands.draw(candidates, 500, 1) == candidates


def test_a_larger_draw_contains_the_smaller() -> None:
    small, large = (set(speech_commands.draw(clips(100), count, 1)) for count in (10, 20))
    assert small < large


def test_cuts_stay_inside_their_recordings() -> None:
    samples = [960_000, 16_000, 20_000, 8_000]
    cuts = speech_commands.draw_cuts(samples, 400, 1, "dev")
    assert {cut.file for cut in cuts} == {0, 1, 2, 3}
    for cut in cuts:
        assert 0 <= cut.offset <= max(0, samples[cut.file] - RATE)
        assert 0 <= cut.volume <= 1
    assert 0.4 < sum(cut.volume for cut in cuts) / 400 < 0.6
    assert cuts == speech_commands.draw_cuts(samples, 400, 1, "dev")
    assert cuts[:10] == speech_commands.draw_cuts(samples, 10, 1, "dev")


def tree(root: Path, names: list[str]) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


WORDS = [
    f"{word}/{speaker:08x}_nohash_{take}.wav"
    for word in ("yes", "bed")
    for speaker in range(40)
    for take in (0, 1)
]


def test_scan_names_clips(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        [
            *("yes/0a7c2a8d_nohash_3.flac", "_unknown_/five_c7124b73_nohash_0.flac", "_silence_/1024.flac"),
            *("_background_noise_/x.wav", "README.md", "yes/notes.txt"),
        ],
    )
    found = {clip.id: (clip.name, clip.label, clip.speaker) for clip in speech_commands.scan(root)}
    assert found == {
        "0a7c2a8d-yes-3": ("yes/0a7c2a8d_nohash_3", "yes", "0a7c2a8d"),
        "c7124b73-five-0": ("_unknown_/five_c7124b73_nohash_0", "_unknown_", "c7124b73"),
        "silence-001024": ("_silence_/1024", "_silence_", "silence-001024"),
    }
    assert (
        speech_commands.noise_files(root)
        == speech_commands.noise_files(root / "yes")
        == [root / "_background_noise_/x.wav"]
    )


def test_scan_names_every_stranger(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        speech_commands.scan(tree(tmp_path, [*WORDS, "yes/anna.wav", "no/bert_1.wav"]))
    assert len(caught.value.problems) == 2
    assert "audionas prep folder" in caught.value.hint


def test_lists_made_by_the_hash_rule_give_the_hash_rule(tmp_path: Path) -> None:
    clips = speech_commands.scan(tree(tmp_path, WORDS))
    by_hash, rule = speech_commands.assign(tmp_path, clips)
    assert "hash" in rule
    assert sum(map(len, by_hash.values())) == len(clips)
    for file, split in (("validation_list.txt", "dev"), ("testing_list.txt", "test")):
        (tmp_path / file).write_text(
            "".join(f"{name}\n" for name in WORDS if speech_commands.which_set(name) == split)
        )
    by_list, rule = speech_commands.assign(tmp_path, clips)
    assert "validation_list.txt" in rule
    assert by_list == by_hash
    speakers = [{clip.speaker for clip in part} for part in by_hash.values()]
    assert all(speakers)
    assert len(set.union(*speakers)) == sum(map(len, speakers))


def write_lists(root: Path, train: list[str], dev: list[str], test: list[str]) -> None:
    names = ("training_list.txt", "validation_list.txt", "testing_list.txt")
    for file, part in zip(names, (train, dev, test), strict=True):
        (root / file).write_text("".join(f"{name}\n" for name in part))


def test_a_tree_keeps_its_own_lists(tmp_path: Path) -> None:
    clips = speech_commands.scan(tree(tmp_path, WORDS))
    write_lists(tmp_path, WORDS[:3], WORDS[3:5], WORDS[5:6])
    groups, rule = speech_commands.assign(tmp_path, clips)
    assert [len(groups[split]) for split in SPLITS] == [3, 2, 1]
    assert f"{len(WORDS) - 6} clips are on none" in rule


def test_lists_that_contradict_or_miss_are_refused(tmp_path: Path) -> None:
    clips = speech_commands.scan(tree(tmp_path, WORDS))
    write_lists(tmp_path, WORDS[:3], WORDS[2:5], WORDS[5:6])
    with pytest.raises(UserError, match=r"validation_list\.txt:1: .* is on training_list\.txt, too"):
        speech_commands.assign(tmp_path, clips)
    write_lists(tmp_path, [*WORDS[:3], "yes/gone.wav"], WORDS[3:5], WORDS[5:6])
    with pytest.raises(UserError, match="yes/gone is on a list"):
        speech_commands.assign(tmp_path, clips)
    (tmp_path / "testing_list.txt").unlink()
    with pytest.raises(UserError, match="not both"):
        speech_commands.assign(tmp_path, clips)
    write_lists(tmp_path, WORDS[:3], WORDS[3:5], [])
    (tmp_path / "testing_list.txt").unlink()
    with pytest.raises(UserError, match="not both"):
        speech_commands.assign(tmp_path, clips)
    groups, rule = speech_commands.assign(tmp_path, clips, test_elsewhere=True)
    assert [len(groups[split]) for split in SPLITS] == [3, 2, 0]
    assert "which name no test" in rule
