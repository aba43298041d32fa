"""What is refused before any work, and leaves no plan behind."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from audionas.core.errors import UserError
from audionas.expert import decide, planning
from audionas.expert.devices import device
from audionas.expert.make import none_left
from audionas.expert.plan import Plan
from tests.unit.cli._command import refused
from tests.unit.expert._recordings import recordings


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few recordings of two words."""
    return recordings(tmp_path_factory.mktemp("made") / "words", ("low", "mid"), speakers=3, takes=2)


def test_a_wrong_setting_leaves_no_plan(source: Path, tmp_path: Path) -> None:
    words = ("make", source, "--for", "cpu", "--minutes", 5, f"out={tmp_path}", "train.epoch=3")
    result = refused(*words)
    assert "train.epoch: unknown key" in result.err
    assert not (tmp_path / "words" / "make.yaml").exists()


def test_a_run_that_make_did_not_begin_is_left_alone(source: Path, tmp_path: Path) -> None:
    (tmp_path / "words" / "train").mkdir(parents=True)
    result = refused("make", source, "--for", "cpu", "--minutes", 5, f"out={tmp_path}")
    assert "holds a run of train" in result.err
    assert "name=words_2" in result.err


def test_negatives_of_scenes_are_refused(tmp_path: Path) -> None:
    for scene in ("park", "tram"):
        (tmp_path / "scenes" / scene).mkdir(parents=True)
        for take in range(3):
            soundfile.write(tmp_path / "scenes" / scene / f"{take}.wav", np.full(40_000, 0.1), 8_000)
    (tmp_path / "radio").mkdir()
    words = ("make", tmp_path / "scenes", "--for", "cpu", "--minutes", 5, f"out={tmp_path}/exp")
    result = refused(*words, "--negatives", tmp_path / "radio")
    assert "--negatives is for words" in result.err
    assert "Leave --negatives out" in result.err
    assert not (tmp_path / "exp").exists()


def examined(source: Path, home: Path, *negatives: str) -> Plan:
    """A plan as far as recordings alone decide it."""
    (home / "conf").mkdir(parents=True)
    made = Plan(str(source), "", "cpu", 5.0, 0.5, [*negatives], [])
    planning.examine(made, home)
    return made


def test_few_voices_count_where_dev_is_tuned_on_too(source: Path, tmp_path: Path) -> None:
    plain, tuned = examined(source, tmp_path / "plain"), examined(source, tmp_path / "tuned", "radio")
    assert [plain.value("few"), plain.value("refit")] == [True, True]
    assert [tuned.value("few"), tuned.value("refit")] == [True, False]


def test_few_voices_do_not_count_in_scenes(tmp_path: Path) -> None:
    for take in range(6):
        (tmp_path / "scenes" / "park").mkdir(parents=True, exist_ok=True)
        file = tmp_path / "scenes" / "park" / f"s{take % 3}_{take}.wav"
        soundfile.write(file, np.full(40_000, 0.1), 8_000)
    made = examined(tmp_path / "scenes", tmp_path / "home")
    assert made.value("split")  # names tell three speakers
    assert [made.value(name) for name in ("task", "few", "refit")] == ["scenes", False, False]


def test_a_broken_plan_is_refused_with_every_fault(tmp_path: Path) -> None:
    file = tmp_path / "make.yaml"
    file.write_text("source: 3\nword: ''\nminutes: soon\n", encoding="utf-8")
    result = refused("make", file)
    for part in ("source", "minutes", "device", "decisions"):
        assert part in result.err


@pytest.mark.story
def test_a_call_that_is_refused_while_it_plans_leaves_no_folder(source: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    words = ("make", source, "--for", "cpu", "--minutes", 5, "limits.params=100")
    for out in ("new/exp", "there"):
        assert "no network fits cpu" in refused(*words, f"out={tmp_path / out}", "name=none").err
    assert [file.name for file in tmp_path.iterdir()] == ["there"]
    assert list((tmp_path / "there").iterdir()) == []


def test_a_refused_call_takes_no_folder_of_another_run(source: Path, tmp_path: Path) -> None:
    def work() -> None:
        with none_left(tmp_path / "exp" / "mine"):
            (tmp_path / "exp" / "mine").mkdir(parents=True)
            (tmp_path / "exp" / "other").mkdir()
            raise UserError("no")

    with pytest.raises(UserError):
        work()
    assert [file.name for file in (tmp_path / "exp").iterdir()] == ["other"]


def test_several_faults_of_a_call_are_told_together(source: Path, tmp_path: Path) -> None:
    words = ("make", source, "--for", "cpu", "--minutes", 5, f"out={tmp_path}/exp", "--fa-per-hour", 0.5)
    told = refused(*words, "train.epoch=3").err
    assert "--fa-per-hour needs sound without the words" in told
    assert "train.epoch: unknown key" in told


def test_a_device_of_one_word_gets_no_file_for_several() -> None:
    esp = device("esp32-s3")
    assert "esphome" in decide.files(esp, "wake_word").value
    several = decide.files(esp, "keywords")
    assert several.value == ["onnx-stream", "litert"]
    assert several.warning
    assert decide.files(device("cpu"), "keywords").value == ["onnx"]


def test_a_rate_for_several_words_is_refused_and_no_folder_is_left(source: Path, tmp_path: Path) -> None:
    words = ("make", source, "--for", "cpu", "--minutes", 5, f"out={tmp_path}/exp", "--fa-per-hour", 0.5)
    assert "--fa-per-hour needs sound without the words" in refused(*words).err
    assert not (tmp_path / "exp").exists()


def test_hints_name_no_options_that_make_lacks(tmp_path: Path) -> None:
    few = recordings(tmp_path / "few", ("low", "mid"), speakers=2, takes=1)
    result = refused("make", few, "--for", "cpu", "--minutes", 5, f"out={tmp_path}/exp")
    assert "class 'low': 2 files cannot fill 3 splits" in result.err
    assert "--min-clips" not in result.err
    assert "Record more files" in result.err
