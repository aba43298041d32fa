"""A training's teacher: its answers belong to their clips, and change what is learned."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

from audionas.config import Config, load
from audionas.core.errors import UserError
from audionas.core.files import write_json
from audionas.core.reporter import Reporter, read_rows
from audionas.data import audio, kaldi
from audionas.engine.conf import Distill
from audionas.inputs.feed import open_inputs, train_batches
from audionas.models.bundle import KeywordModel, ModelBundle
from audionas.models.model import load as model
from audionas.run.train import features_of
from audionas.run.training.teacher import Teacher, Teaching, find
from audionas.zoo.find import find as find_arch
from tests._factory import tones
from tests.unit.cli._command import done, refused
from tests.unit.images._images import npz
from tests.unit.run.training._transfer_runs import CLASSES, Made, note, weights, words

CPU = torch.device("cpu")
QUIET = Reporter(quiet=True)


def teaching(made: Made, settings: str, *more: str) -> tuple[Teaching, Any]:
    """A teacher at work, and the batches beside which it works."""
    conf = load(made.conf, ["name=x", f"train.distill={{teacher: {made.exp / 'big'}{settings}}}", *more])
    inputs = open_inputs(conf, features_of(find_arch(str(made.exp / "big"))), QUIET)
    rows = np.arange(len(inputs.train))
    batches = train_batches(conf, inputs, rows, batch_size=4, workers=0, augmented=True, reporter=QUIET)
    found = find(conf, inputs)
    assert found is not None
    return Teaching(found, inputs, batches, conf, CPU, QUIET), batches


def answers(work: Teaching, batches: Any, epoch: int = 1) -> Tensor:
    """An epoch's answers; the features that the student would see are not asked for by recordings."""
    work.begin(epoch)
    return torch.cat([work.logits(batch, batch.x) for batch in batches.epoch(epoch)])


def expected(made: Made, batches: Any, epoch: int = 1) -> Tensor:
    """Logits of the teacher for the clips of an epoch as they are stored."""
    network = model(made.exp / "big").network
    clips = kaldi.read(made.data / "train")
    order = [int(row) for rows in batches.rows(epoch) for row in rows]
    heard = model(made.exp / "big")
    seconds = heard.bundle.samples / 16000
    waves = np.stack([audio.read(clips[i].audio, rate=16000, seconds=seconds) for i in order])
    assert isinstance(network, KeywordModel)
    with torch.no_grad():
        logits: Tensor = network.net(network.normalize(network.front_end(torch.from_numpy(waves))))
    return logits


@pytest.mark.parametrize("settings", ["", ", cache: true", ", cache: false"])
def test_answers_belong_to_their_clips_whether_stored_or_not(settings: str, made: Made) -> None:
    work, batches = teaching(made, settings)
    assert work.cached == ("false" not in settings)
    torch.testing.assert_close(answers(work, batches), expected(made, batches), rtol=1e-4, atol=1e-4)


@pytest.mark.story
def test_with_augmentation_it_answers_for_what_the_student_hears_unless_told_to_store(made: Made) -> None:
    shifted = "augment={shift_ms: 300}"
    work, batches = teaching(made, "", shifted)
    assert not work.cached
    assert not torch.allclose(answers(work, batches), expected(made, batches), atol=1e-2)
    assert not torch.equal(answers(work, batches, 2).sort(0)[0], answers(work, batches, 1).sort(0)[0])
    work, batches = teaching(made, ", cache: true", shifted)
    torch.testing.assert_close(answers(work, batches), expected(made, batches), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("cache", ["true", "false"])
def test_an_ensemble_answers_with_the_mean_of_its_members_logits(
    cache: str, made: Made, tmp_path: Path
) -> None:
    """Classes are matched member by member; the order of the two does not matter."""
    other = shuffled(made.exp / "big", tmp_path / "other")
    alone, both = (
        ensemble(made, cache, *names) for names in ((made.exp / "big",), (made.exp / "big", other))
    )
    (mean, batches), (first, _) = answers_of(both), answers_of(alone)
    second, _ = answers_of(ensemble(made, cache, other))
    assert not torch.allclose(first, second, atol=1e-2)
    torch.testing.assert_close(mean, (first + second) / 2)
    turned, _ = answers_of(ensemble(made, cache, other, made.exp / "big"))
    torch.testing.assert_close(mean, turned)
    torch.testing.assert_close(first, expected(made, batches), rtol=1e-4, atol=1e-4)
    one, two = (found.members for found in (alone[0], both[0]))
    assert alone[0].digest == one[0].digest != both[0].digest
    assert [member.name for member in two] == [str(made.exp / "big"), str(other)]


def test_an_ensemble_stands_in_the_bundle_and_is_refused_as_a_whole(made: Made, tmp_path: Path) -> None:
    big, other = str(made.exp / "big"), str(shuffled(made.exp / "big", tmp_path / "other"))
    told = done(*words(made, tmp_path, f"train.distill={{teacher: [{big}, {other}]}}", "train.epochs=1")).err
    assert [f"teacher: {name}, " in told for name in (big, other)] == [True, True]
    assert note(tmp_path / "x")["distill"]["teacher"] == [big, other]
    data = tones(tmp_path / "data", classes=(*CLASSES, "lowest"), per_class=2, speakers=1)
    more = [f"data.{name}={data / name}" for name in ("train", "dev")]
    for teachers, says in (([big, big], "names a model twice"), ([big, " "], "teacher is empty")):
        with pytest.raises(UserError, match=says):
            Distill(teacher=tuple(teachers))
    conf = load(made.conf, ["name=y", f"train.distill={{teacher: [{big}, {other}]}}", *more])
    inputs = open_inputs(conf, features_of(find_arch(big)), QUIET)
    with pytest.raises(UserError) as caught:
        find(conf, inputs)
    assert [problem.partition(" does")[0].rpartition(" ")[2] for problem in caught.value.problems] == [
        big,
        other,
    ]


def shuffled(model_of: Path, folder: Path) -> Path:
    """A model whose classes are in another order, and whose last layer is another."""
    bundle = ModelBundle.load(model_of / "model")
    head = {name: -2 * tensor for name, tensor in bundle.weights.items() if name.startswith("head.linear")}
    turned = replace(bundle, labels=tuple(reversed(bundle.labels)), weights={**bundle.weights, **head})
    turned.save(folder / "model")
    return folder


def ensemble(made: Made, cache: str, *names: Path) -> tuple[Teacher, Teaching, Any]:
    """Teachers, at work, and the batches."""
    told = f"train.distill={{teacher: [{', '.join(map(str, names))}], cache: {cache}}}"
    conf = load(made.conf, ["name=x", told])
    inputs = open_inputs(conf, features_of(find_arch(str(made.exp / "big"))), QUIET)
    rows = np.arange(len(inputs.train))
    batches = train_batches(conf, inputs, rows, batch_size=4, workers=0, augmented=True, reporter=QUIET)
    found = find(conf, inputs)
    assert found is not None
    return found, Teaching(found, inputs, batches, conf, CPU, QUIET), batches


def answers_of(made_up: tuple[Teacher, Teaching, Any]) -> tuple[Tensor, Any]:
    _, work, batches = made_up
    return answers(work, batches), batches


def test_answers_are_stored_once_a_teacher_and_data(made: Made) -> None:
    for _ in range(2):
        teaching(made, ", cache: true")
    files = {file: file.stat().st_mtime_ns for file in (made.data / "cache").glob("teacher-*/*.f4")}
    teaching(made, ", cache: true, temperature: 2")
    assert files == {file: file.stat().st_mtime_ns for file in files}
    swapped = (f"data.train={made.data / 'dev'}", f"data.dev={made.data / 'train'}")
    teaching(made, ", cache: true", *swapped)
    assert len(list((made.data / "cache").glob("teacher-*/*.f4"))) == len(files) + 1


def test_classes_are_matched_by_name(made: Made, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("high\nlow\nmid\n")
    work, batches = teaching(made, "", f"data.labels={tmp_path / 'labels.txt'}")
    order = [CLASSES.index(name) for name in ("high", "low", "mid")]
    torch.testing.assert_close(
        answers(work, batches), expected(made, batches)[:, order], rtol=1e-4, atol=1e-4
    )


@pytest.mark.story
def test_without_weight_a_teacher_changes_no_bit(made: Made, tmp_path: Path) -> None:
    plain = ["augment={shift_ms: 50}", "spec_augment={freq_masks: 1, freq_width: 4}", "train.dropout=0.3"]
    done(*words(made, tmp_path / "plain", *plain))
    idle = f"train.distill={{teacher: {made.exp / 'big'}, weight: 0}}"
    done(*words(made, tmp_path / "idle", *plain, idle))
    plainly, idly = (weights(tmp_path / name / "x") for name in ("plain", "idle"))
    assert all(torch.equal(plainly[name], idly[name]) for name in plainly)
    assert "divergence" in read_rows(tmp_path / "idle" / "x" / "train" / "metrics.jsonl")[0]


def test_a_teacher_changes_what_is_learned_and_stands_in_the_bundle(made: Made, tmp_path: Path) -> None:
    done(*words(made, tmp_path / "plain"))
    done(*words(made, tmp_path / "other", f"train.distill={{teacher: {made.exp / 'big'}, weight: 0.9}}"))
    plainly, other = (weights(tmp_path / name / "x") for name in ("plain", "other"))
    assert not torch.equal(plainly["head.linear.weight"], other["head.linear.weight"])
    told = note(tmp_path / "other" / "x")["distill"]
    assert (told["weight"], told["temperature"], len(told["digest"])) == (0.9, 4.0, 64)


@pytest.mark.story
def test_of_several_channels_a_teacher_takes_the_features(made: Made, tmp_path: Path) -> None:
    parts = {}
    for part in ("train", "dev"):
        items = []
        for item in kaldi.read(made.data / part):
            wave, rate = soundfile.read(item.audio)
            file = tmp_path / f"{item.id}.wav"
            soundfile.write(file, np.stack([wave, 0.5 * wave], 1), rate, subtype="PCM_16")
            items.append(replace(item, audio=str(file), sha256=""))
        kaldi.write(tmp_path / "data" / part, items)
        parts[part] = f"data.{part}={tmp_path / 'data' / part}"
    more = ("data.channels=2", f"data.labels={made.data / 'labels.txt'}", *parts.values())
    for settings in ("", ", cache: false"):
        work, batches = teaching(made, settings, *more)
        assert work.cached != bool(settings)
        found = answers(work, batches)
        features = torch.cat([batch.x for batch in batches.epoch(1)])
        network = work.heads[0].network
        assert isinstance(network, KeywordModel)
        with torch.no_grad():
            torch.testing.assert_close(found, network.net(network.normalize(features)), rtol=1e-4, atol=1e-4)
    other = "features={name: logmel, preset: bc_resnet}"
    distill = f"train.distill={{teacher: {made.exp / 'big'}}}"
    refused(*words(made, tmp_path, distill, *more, other), says="for channels only features are stored")


@pytest.mark.story
def test_a_teacher_of_images_sees_what_the_student_sees(tmp_path: Path) -> None:
    plain = {"name": "p", "threads": 1, "device": "cpu", "out": str(tmp_path / "exp")}
    images = {"path": str(npz(tmp_path / "tiny.npz", side=8)), "crop": "none", "flip": False, "dev": 0.2}
    train = {"epochs": 1, "batch_size": 8, "layers": 1, "channels": 4}
    rest = {"space": {"name": "nas_bench_201"}, "method": {"name": "random"}, "train": train}
    file = tmp_path / "conf.json"  # JSON is YAML
    write_json(file, {**plain, "images": images, **rest})
    done("search", file)
    done("train", file)
    conf = load(file, ["name=x", f"train.distill={{teacher: {tmp_path / 'exp/p'}, cache: true}}"])
    inputs = open_inputs(conf, None, QUIET)
    batches = train_batches(
        conf, inputs, np.arange(len(inputs.train)), batch_size=8, workers=0, augmented=True, reporter=QUIET
    )
    stored, anew = (
        Teaching(teacher, inputs, batches, conf, CPU, QUIET)
        for teacher in (_found(conf, inputs), _found(load(file, ["name=x", *_online(tmp_path)]), inputs))
    )
    stored.begin(0)
    anew.begin(0)
    for batch in batches.epoch(0):
        x = inputs.ready(batch.x, conf.spec_augment, final=True)
        torch.testing.assert_close(stored.logits(batch, x), anew.logits(batch, x), rtol=1e-4, atol=1e-4)


def _online(folder: Path) -> list[str]:
    return [f"train.distill={{teacher: {folder / 'exp/p'}}}"]


def _found(conf: Config, inputs: Any) -> Teacher:
    teacher = find(conf, inputs)
    assert teacher is not None
    return teacher


def test_a_teacher_must_know_the_students_classes(made: Made, tmp_path: Path) -> None:
    data = tones(tmp_path / "data", classes=(*CLASSES, "lowest"), per_class=2, speakers=1)
    more = [f"data.{name}={data / name}" for name in ("train", "dev")]
    distill = f"train.distill={{teacher: {made.exp / 'big'}}}"
    refused(*words(made, tmp_path, distill, *more), says="does not know 'lowest'. Did you mean 'low'?")


def test_each_process_knows_the_rows_of_its_share(made: Made) -> None:
    _, batches = teaching(made, ", cache: true")
    shares = [batches.shared(rank, 2) for rank in (0, 1)]
    joined = zip(*(share.rows(3) for share in shares), strict=True)
    for whole, parts in zip(batches.rows(3), joined, strict=True):
        assert np.array_equal(whole, np.concatenate(parts))
