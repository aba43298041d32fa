"""Trainings that begin with other weights, leave parts as they are, or have a teacher."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

from audionas.config import Config, load
from audionas.core.files import read_json, write_json
from audionas.core.report import Reporter, read_rows
from audionas.data import kaldi
from audionas.export.bundle import KeywordModel, ModelBundle
from audionas.methods._score import gates_of
from audionas.nn.ops import OPS
from audionas.run import _archs, _start, _teacher
from audionas.run._inputs import open_inputs, train_batches
from audionas.run._recordings import ClipInputs
from audionas.run._scorer import finished
from audionas.run.predict import load as model
from audionas.run.train import Training, built, features_of, wanted_features
from audionas.spaces._base import space_of
from tests._factory import config, tones
from tests.unit.cli._command import done, refused
from tests.unit.data._images import npz

CLASSES = ("low", "mid", "high")
TRAIN: dict[str, Any] = {"epochs": 2, "batch_size": 4, "optim": {"lr": 0.05}}
CPU = torch.device("cpu")
QUIET = Reporter(quiet=True)


class Crash(BaseException):
    """Not an Exception, so that nothing handles it on the way."""


class Made(NamedTuple):
    """Data, a config on them, and the folder of the runs: `tones`, a search, `big` and `other`, models."""

    data: Path
    conf: Path
    exp: Path


def words(made: Made, out: Path, *more: str, arch: str = "exp/tones/arch.json") -> list[str]:
    """Of a training under `out` of the architecture that was found."""
    return ["train", str(made.conf), f"arch={made.exp.parent / arch}", f"out={out}", "name=x", *more]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """To be read only."""
    folder = tmp_path_factory.mktemp("transfer")
    data = tones(folder / "data", classes=CLASSES, per_class=4, speakers=2)
    search = {"epochs": 1, "batch_size": 4, "split": 0.5}
    conf = config(data, method={"name": "fair_nas", "draws": 2}, search=search, train=TRAIN)
    done("search", conf)
    done("train", conf, f"arch={folder / 'exp/tones/arch.json'}", "name=big")
    return Made(data, conf, folder / "exp")


@pytest.fixture(scope="module")
def taught(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with all three: it began with a supernet's weights, its stem is frozen, and it has a teacher."""
    out = tmp_path_factory.mktemp("taught")
    done(*words(made, out, *ALL(made)))
    return out / "x"


def ALL(made: Made) -> list[str]:
    """A supernet's weights, frozen parts, an online teacher, noise of every kind and an average."""
    return [
        f"train.init={made.exp / 'tones/search'}",
        "train.freeze=[stem, block1]",
        f"train.distill={{teacher: {made.exp / 'big'}, weight: 0.3}}",
        "augment={shift_ms: 50}",
        "spec_augment={freq_masks: 1, freq_width: 4}",
        "train.ema=0.9",
        "train.epochs=3",
    ]


def weights(folder: Path) -> dict[str, Tensor]:
    return ModelBundle.load(folder / "model").weights


def note(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = ModelBundle.load(folder / "model").note
    return found


def begun(made: Made, *overrides: str) -> tuple[Config, ClipInputs, torch.nn.Module, _start.Begun]:
    """The network of a training as it is before its first step."""
    conf = load(made.conf, [f"arch={made.exp / 'tones/arch.json'}", "name=x", *overrides])
    spec = _archs.find(conf.general.arch)
    source = _start.find(conf)
    assert source is not None
    inputs = source.statistics(open_inputs(conf, wanted_features(conf, spec, source), QUIET))
    assert isinstance(inputs, ClipInputs)
    net = built(spec, conf.train)
    found = _start.fitting(source, spec, net)
    _start.take(net, found)
    return conf, inputs, net.eval(), found


# --- first weights ---


SEARCHED = {
    "fair_nas": [],
    "mix_path": [
        "space={name: kws_mobilenet, preset: mix2, width: 0.25}",
        "method={name: mix_path, draws: 1}",
    ],
    "darts": [
        *("space={name: nas_bench_201}", "method={name: darts}", "data.seconds=1.02"),
        *("search.layers=1", "search.channels=4"),
    ],
}


@pytest.mark.parametrize("method", SEARCHED)
def test_inherited_weights_compute_what_the_supernet_computes(
    method: str, made: Made, tmp_path: Path
) -> None:
    """Before any step, with the running statistics of both, in a network of convolutions.

    Pools of cells are another matter: they have a norm in searches alone.
    """
    exp = made.exp
    if SEARCHED[method]:
        exp = tmp_path / "exp"
        done("search", made.conf, *SEARCHED[method], f"out={exp}")
    searched = load(exp / "tones" / "search" / "config.yaml")
    found = _archs.find(str(exp / "tones" / "arch.json"))
    convolutions = {
        c.name: ([o for o in c.options if OPS[o].kind == "conv"][-1],) for c in space_of(found).choices()
    }
    spec = replace(found, choices=convolutions)
    spec.save(tmp_path / "arch.json")
    length = [word for word in SEARCHED[method] if word.startswith("data")]
    place = f"train.init={exp / 'tones/search'}"
    _, inputs, net, started = begun(made, place, f"arch={tmp_path / 'arch.json'}", *length)
    shapes = {name: net.state_dict()[name].dim() for name in started.new}
    assert all(name.endswith((".weight", ".bias")) and dim == 1 for name, dim in shapes.items())
    assert bool(shapes) == (method == "darts")  # norms of cells get weights of their own: 1 and 0
    run = finished(searched, inputs, CPU, QUIET).run
    run.net.eval()
    x = torch.randn(3, *inputs.io[:3], generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(net(x), run.net(x, gates_of(run, spec)), rtol=1e-4, atol=1e-5)


def test_a_models_weights_compute_what_the_model_computes(made: Made, tmp_path: Path) -> None:
    """Also on other data: weights come with the statistics that they were trained on."""
    data = tones(tmp_path / "data", classes=CLASSES, per_class=2, speakers=1, seed=3)
    more = (f"data.train={data / 'train'}", f"data.dev={data / 'dev'}")
    _, inputs, net, found = begun(made, f"train.init={made.exp / 'big'}", *more)
    assert not found.new
    network = model(made.exp / "big").network
    wave = torch.randn(2, 16000, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        x = inputs.ready(wave, None, final=True)
        assert torch.equal(net(x).softmax(1), network(wave))


def test_other_classes_get_a_new_classifier_and_nothing_else(made: Made, tmp_path: Path) -> None:
    data = tones(tmp_path / "data", classes=(*CLASSES, "top"), per_class=2, speakers=1)
    more = [f"data.{name}={data / name}" for name in ("train", "dev")]
    init = f"train.init={made.exp / 'big'}"
    said = done(*words(made, tmp_path, init, *more, "train.epochs=1", "train.freeze=['*', '!head']")).err
    assert "new: head.linear.weight, 4x12; 3x12 there" in said
    told = note(tmp_path / "x")["init"]
    assert told["new"] == ["head.linear.bias", "head.linear.weight"]
    assert told["digest"] == _start.find(load(made.conf, [init, "name=x"])).digest  # type: ignore[union-attr]
    listed = read_json(tmp_path / "x" / "train" / "init.json")
    assert len(listed["taken"]) == told["taken"] == len(weights(tmp_path / "x")) - 2
    before, after = weights(made.exp / "big"), weights(tmp_path / "x")
    assert {n for n in after if not torch.equal(before[n], after[n])} == set(told["new"])


def test_longer_clips_take_all_weights(made: Made, tmp_path: Path) -> None:
    words_ = words(made, tmp_path, f"train.init={made.exp / 'big'}", "data.seconds=2", "train.epochs=1")
    said = done(*(w for w in words_ if not w.startswith("arch="))).err  # the architecture is the model's
    assert "new:" not in said
    longer, before = (ModelBundle.load(f / "model") for f in (tmp_path / "x", made.exp / "big"))
    assert (longer.samples, longer.spec.io.frames) == (32000, 198)
    assert longer.spec.id == before.spec.id
    assert torch.equal(longer.mean, before.mean)


def test_another_front_end_is_told_and_has_its_own_statistics(made: Made, tmp_path: Path) -> None:
    init = f"train.init={made.exp / 'big'}"
    said = done(
        *words(made, tmp_path, init, "features={name: logmel, preset: bc_resnet}", "train.epochs=1")
    ).err
    assert "its front-end is another one" in said
    assert not torch.equal(*(ModelBundle.load(f / "model").mean for f in (tmp_path / "x", made.exp / "big")))


# --- frozen parts ---


def test_frozen_parts_end_as_they_began_and_the_others_do_not(made: Made, taught: Path) -> None:
    _, _, net, _ = begun(made, f"train.init={made.exp / 'tones/search'}")
    start, end = net.state_dict(), weights(taught)
    same = {name for name in end if torch.equal(start[name], end[name])}
    inside = {name for name in end if name.startswith(("stem.", "edges.block1."))}
    assert same == inside
    assert note(taught)["freeze"] == ["stem", "block1"]


def test_parts_that_stay_as_drawn_are_told(made: Made, tmp_path: Path) -> None:
    said = done(*words(made, tmp_path, "train.freeze=[head]", "train.epochs=1")).err
    assert "as they were drawn, never trained: head.linear.weight head.linear.bias" in said


# --- a teacher ---


def teaching(made: Made, settings: str, *more: str) -> tuple[_teacher.Teaching, Any]:
    """A teacher at work, and the batches beside which it works."""
    conf = load(made.conf, ["name=x", f"train.distill={{teacher: {made.exp / 'big'}{settings}}}", *more])
    inputs = open_inputs(conf, features_of(_archs.find(str(made.exp / "big"))), QUIET)
    rows = np.arange(len(inputs.train))
    batches = train_batches(conf, inputs, rows, batch_size=4, workers=0, augmented=True, reporter=QUIET)
    found = _teacher.find(conf, inputs)
    assert found is not None
    return _teacher.Teaching(found, inputs, batches, conf, CPU, QUIET), batches


def answers(work: _teacher.Teaching, batches: Any, epoch: int = 1) -> Tensor:
    """An epoch's answers; the features that the student would see are not asked for by recordings."""
    work.begin(epoch)
    return torch.cat([work.logits(batch, batch.x) for batch in batches.epoch(epoch)])


def expected(made: Made, batches: Any, epoch: int = 1) -> Tensor:
    """Logits of the teacher for the clips of an epoch as they are stored."""
    network = model(made.exp / "big").network
    clips = kaldi.read(made.data / "train")
    order = [int(row) for rows in batches.rows(epoch) for row in rows]
    heard = model(made.exp / "big")
    waves = np.stack([heard.read(Path(clips[i].audio), resample=False) for i in order])
    assert isinstance(network, KeywordModel)
    with torch.no_grad():
        logits: Tensor = network.net(network.normalize(network.front_end(torch.from_numpy(waves))))
    return logits


@pytest.mark.parametrize("settings", ["", ", cache: true", ", cache: false"])
def test_answers_belong_to_their_clips_whether_stored_or_not(settings: str, made: Made) -> None:
    work, batches = teaching(made, settings)
    assert (work.stored is None) == ("false" in settings)
    torch.testing.assert_close(answers(work, batches), expected(made, batches), rtol=1e-4, atol=1e-4)


def test_with_augmentation_it_answers_for_what_the_student_hears_unless_told_to_store(made: Made) -> None:
    shifted = "augment={shift_ms: 300}"
    work, batches = teaching(made, "", shifted)
    assert work.stored is None
    assert not torch.allclose(answers(work, batches), expected(made, batches), atol=1e-2)
    assert not torch.equal(answers(work, batches, 2).sort(0)[0], answers(work, batches, 1).sort(0)[0])
    work, batches = teaching(made, ", cache: true", shifted)
    torch.testing.assert_close(answers(work, batches), expected(made, batches), rtol=1e-4, atol=1e-4)


def test_answers_are_stored_once_a_teacher_and_data(made: Made) -> None:
    for _ in range(2):
        teaching(made, ", cache: true")
    files = {file: file.stat().st_mtime_ns for file in (made.data / "cache").glob("teacher-*.f32")}
    teaching(made, ", cache: true, temperature: 2")
    assert files == {file: file.stat().st_mtime_ns for file in files}
    teaching(made, ", cache: true", f"data.train={made.data / 'dev'}")
    assert len(list((made.data / "cache").glob("teacher-*.f32"))) == len(files) + 1


def test_classes_are_matched_by_name(made: Made, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("high\nlow\nmid\n")
    work, batches = teaching(made, "", f"data.labels={tmp_path / 'labels.txt'}")
    order = [CLASSES.index(name) for name in ("high", "low", "mid")]
    torch.testing.assert_close(
        answers(work, batches), expected(made, batches)[:, order], rtol=1e-4, atol=1e-4
    )


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
        assert (work.stored is None) == bool(settings)
        found = answers(work, batches)
        features = torch.cat([batch.x for batch in batches.epoch(1)])
        network = work.network
        assert isinstance(network, KeywordModel)
        with torch.no_grad():
            torch.testing.assert_close(found, network.net(network.normalize(features)), rtol=1e-4, atol=1e-4)
    other = "features={name: logmel, preset: bc_resnet}"
    distill = f"train.distill={{teacher: {made.exp / 'big'}}}"
    refused(*words(made, tmp_path, distill, *more, other), says="of channels only features are kept")


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
        _teacher.Teaching(teacher, inputs, batches, conf, CPU, QUIET)
        for teacher in (_found(conf, inputs), _found(load(file, ["name=x", *_online(tmp_path)]), inputs))
    )
    stored.begin(0)
    anew.begin(0)
    for batch in batches.epoch(0):
        x = inputs.ready(batch.x, conf.spec_augment, final=True)
        torch.testing.assert_close(stored.logits(batch, x), anew.logits(batch, x), rtol=1e-4, atol=1e-4)


def _online(folder: Path) -> list[str]:
    return [f"train.distill={{teacher: {folder / 'exp/p'}}}"]


def _found(conf: Config, inputs: Any) -> _teacher.Teacher:
    teacher = _teacher.find(conf, inputs)
    assert teacher is not None
    return teacher


# --- all of it, interrupted ---


@contextmanager
def crashing(monkeypatch: pytest.MonkeyPatch, epoch: int) -> Iterator[None]:
    """Trainings die in the middle of an epoch."""
    step = Training.step

    def dying(self: Training, batch: Any, progress: float) -> Any:
        if progress > epoch:
            raise Crash
        return step(self, batch, progress)

    with monkeypatch.context() as patched:
        patched.setattr(Training, "step", dying)
        yield


@pytest.mark.parametrize("cache", ["", ", cache: true"])
def test_interrupted_and_resumed_it_ends_as_if_never_stopped(
    cache: str, made: Made, taught: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = taught
    options = [w.replace("weight: 0.3", f"weight: 0.3{cache}") for w in ALL(made)]
    if cache:
        done(*words(made, tmp_path / "whole", *options))
        whole = tmp_path / "whole" / "x"
    with crashing(monkeypatch, 1), pytest.raises(Crash):
        done(*words(made, tmp_path / "cut", *options))
    for file in (made.data / "cache").glob("teacher-*"):
        file.unlink()  # what is answered again is the same
    done(*words(made, tmp_path / "cut", *options, "--resume"))
    cut = tmp_path / "cut" / "x"
    for name in ("model/weights.safetensors", "model/bundle.json", "train/init.json"):
        assert (cut / name).read_bytes() == (whole / name).read_bytes(), name
    logs = [read_rows(folder / "train" / "metrics.jsonl") for folder in (cut, whole)]
    mine, theirs = ([{**row, "seconds": 0} for row in rows] for rows in logs)
    assert mine == theirs


def test_other_weights_or_another_teacher_are_other_settings(made: Made, taught: Path) -> None:
    """By their digests: where models lie does not matter."""
    out, same = taught.parent, taught.parent / "moved"
    shutil.copytree(made.exp / "big", same)
    moved = [w.replace(str(made.exp / "big"), str(same)) for w in ALL(made)]
    assert "finished earlier" in done(*words(made, out, *moved)).err
    plain = read_json(same / "model" / "bundle.json")
    write_json(same / "model" / "bundle.json", {**plain, "note": {"seed": 9}})
    refused(*words(made, out, *moved), says="teacher:")
    other = [w.replace(str(made.exp / "tones/search"), str(made.exp / "big")) for w in ALL(made)]
    refused(*words(made, out, *other), says="init:")


# --- what is refused ---


WRONG = {
    "train.init=nowhere": "nowhere holds no trained model",
    "train.init={exp}/tones": "The supernet of its search is {exp}/tones/search",
    "train.init={exp}/big arch=tc_resnet8": "no weights of {exp}/big fit architecture",
    "train.init={exp}/tones/search arch=tc_resnet8": "is a supernet of space kws_tc_resnet",
    "train.init={exp}/big name=big out={exp}": "is what this run itself would write",
    "train.freeze=[stemm]": "Did you mean 'stem'?",
    "train.freeze=['*']": "nothing is left to train",
    "train.freeze=['']": "train.freeze holds an empty pattern",
    "train.distill={weight: 0.5}": "train.distill.teacher",
    "train.distill={teacher: nowhere}": "train.distill.teacher: nowhere holds no trained model",
    "train.distill={teacher: {exp}/big, weight: 2}": "train.distill.weight is 2",
    "train.distill={teacher: {exp}/big, temperature: 0}": "train.distill.temperature is 0",
    "train.distill={teacher: {exp}/big, tempreture: 2}": "Did you mean 'temperature'?",
    "train.distill={teacher: {exp}/big} data.seconds=2": "hears clips of 1 s, and the student of 2 s",
    "train.distill={teacher: {exp}/big} features={preset: tc_resnet, sample_rate: 8000, f_max: 4000} "
    "data.resample=true": "hears 16000 samples a second, and the student 8000",
}


@pytest.mark.parametrize("command", ["train", "check"])
@pytest.mark.parametrize("overrides", WRONG)
def test_wrong_input_is_told_before_anything_is_written(
    command: str, overrides: str, made: Made, tmp_path: Path
) -> None:
    more = re.split(r" (?=[a-z.]+=)", overrides.replace("{exp}", str(made.exp)))  # side by side
    _, *usual = words(made, tmp_path)
    refused(command, *usual, *more, says=WRONG[overrides].replace("{exp}", str(made.exp)))
    assert not list(tmp_path.rglob("run.json"))


def test_a_teacher_must_know_the_students_classes(made: Made, tmp_path: Path) -> None:
    data = tones(tmp_path / "data", classes=(*CLASSES, "lowest"), per_class=2, speakers=1)
    more = [f"data.{name}={data / name}" for name in ("train", "dev")]
    distill = f"train.distill={{teacher: {made.exp / 'big'}}}"
    refused(*words(made, tmp_path, distill, *more), says="does not know 'lowest'. Did you mean 'low'?")


def test_a_search_that_has_not_ended_gives_no_weights(made: Made, tmp_path: Path) -> None:
    shutil.copytree(made.exp / "tones" / "search", tmp_path / "search")
    (tmp_path / "search" / "done.json").unlink()
    refused(*words(made, tmp_path, f"train.init={tmp_path / 'search'}"), says="has not ended")


def test_each_process_knows_the_rows_of_its_share(made: Made) -> None:
    _, batches = teaching(made, ", cache: true")
    shares = [batches.shared(rank, 2) for rank in (0, 1)]
    joined = zip(*(share.rows(3) for share in shares), strict=True)
    for whole, parts in zip(batches.rows(3), joined, strict=True):
        assert np.array_equal(whole, np.concatenate(parts))
