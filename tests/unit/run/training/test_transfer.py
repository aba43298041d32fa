"""Trainings that begin with other weights or leave parts as they are; interrupted, and wrongly asked for."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from audionas.config import Config, load
from audionas.core.files import read_json, write_json
from audionas.core.reporter import Reporter, read_rows
from audionas.data import heard, kaldi
from audionas.inputs.audio import ClipInputs
from audionas.inputs.feed import open_inputs
from audionas.methods import gates_of
from audionas.models.bundle import ModelBundle
from audionas.models.model import load as model
from audionas.nn.ops import OPS
from audionas.run.supernet import finished
from audionas.run.train import Training, built, wanted_features
from audionas.run.training import lineage
from audionas.run.training.start import Begun, find, fitting, take
from audionas.spaces import space_of
from audionas.zoo.find import find as find_arch
from tests._factory import tones
from tests._tiers import story
from tests.unit.cli._command import done, refused
from tests.unit.run.training._transfer_runs import CLASSES, Made, note, weights, words

CPU = torch.device("cpu")
QUIET = Reporter(quiet=True)


class Crash(BaseException):
    """Not an Exception, so that nothing handles it on the way."""


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


def begun(made: Made, *overrides: str) -> tuple[Config, ClipInputs, torch.nn.Module, Begun]:
    """The network of a training as it is before its first step."""
    conf = load(made.conf, [f"arch={made.exp / 'tones/arch.json'}", "name=x", *overrides])
    spec = find_arch(conf.general.arch)
    source = find(conf)
    assert source is not None
    inputs = source.statistics(open_inputs(conf, wanted_features(conf, spec, source), QUIET))
    assert isinstance(inputs, ClipInputs)
    net = built(spec, conf.train)
    found = fitting(source, spec, net)
    take(net, found)
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


@pytest.mark.story
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
    found = find_arch(str(exp / "tones" / "arch.json"))
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
    assert "new: head.linear.weight, 4x12; 3x12 in the source" in said
    told = note(tmp_path / "x")["init"]
    assert told["new"] == ["head.linear.bias", "head.linear.weight"]
    assert told["digest"] == find(load(made.conf, [init, "name=x"])).digest  # type: ignore[union-attr]
    listed = read_json(tmp_path / "x" / "train" / "init.json")
    assert len(listed["taken"]) == told["taken"] == len(weights(tmp_path / "x")) - 2
    before, after = weights(made.exp / "big"), weights(tmp_path / "x")
    assert {n for n in after if not torch.equal(before[n], after[n])} == set(told["new"])
    assert hears(tmp_path / "x", made.exp / "big")


def hears(run: Path, source: Path) -> bool:
    """True where a model remembers its own clips and all that its source remembers."""
    now, then = (heard.read(folder / "model" / heard.FILE) for folder in (run, source))
    assert then.clips
    return then.clips.keys() < now.clips.keys() and then.speakers <= now.speakers


@pytest.mark.parametrize("key", ["train.init", "train.distill.teacher"])
def test_a_source_that_nothing_tells_of_is_named(
    key: str, made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(made.exp / "big", tmp_path / "big", ignore=shutil.ignore_patterns("train", heard.FILE))
    conf = load(made.conf, [f"{key}={tmp_path / 'big'}"])
    assert lineage.before(conf, find(conf), Reporter()) == []
    assert f"nothing tells what {tmp_path / 'big'} was trained on" in capsys.readouterr().err
    shutil.copy(made.exp / "big" / "model" / heard.FILE, tmp_path / "big" / "model")
    assert lineage.before(conf, find(conf), QUIET) == [heard.read(tmp_path / "big" / "model" / heard.FILE)]


def test_a_supernet_has_heard_what_its_search_heard(made: Made) -> None:
    conf = load(made.conf, [f"train.init={made.exp / 'tones/search'}"])
    assert lineage.before(conf, find(conf), QUIET) == [heard.of(kaldi.read(conf.data.train))]


@pytest.mark.story
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
    assert "its front-end differs" in said
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
    assert "random and never trained: head.linear.weight head.linear.bias" in said


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


@pytest.mark.story
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
    for folder in (made.data / "cache").glob("teacher-*/"):
        shutil.rmtree(folder)  # what is answered again is the same
    done(*words(made, tmp_path / "cut", *options, "--resume"))
    cut = tmp_path / "cut" / "x"
    for name in ("model/weights.safetensors", "model/bundle.json", "train/init.json"):
        assert (cut / name).read_bytes() == (whole / name).read_bytes(), name
    logs = [read_rows(folder / "train" / "metrics.jsonl") for folder in (cut, whole)]
    mine, theirs = ([{**row, "seconds": 0} for row in rows] for rows in logs)
    assert mine == theirs


@pytest.mark.story
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
    "train.init={exp}/big name=big out={exp}": "is the model that this run would write",
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
    "data.resample=true": "hears 16000 samples per second, and the student 8000",
}


@pytest.mark.parametrize("command", story(["train", "check"]))
@pytest.mark.parametrize("overrides", WRONG)
def test_wrong_input_is_told_before_anything_is_written(
    command: str, overrides: str, made: Made, tmp_path: Path
) -> None:
    more = re.split(r" (?=[a-z.]+=)", overrides.replace("{exp}", str(made.exp)))  # side by side
    _, *usual = words(made, tmp_path)
    refused(command, *usual, *more, says=WRONG[overrides].replace("{exp}", str(made.exp)))
    assert not list(tmp_path.rglob("run.json"))


def test_a_search_that_has_not_ended_gives_no_weights(made: Made, tmp_path: Path) -> None:
    shutil.copytree(made.exp / "tones" / "search", tmp_path / "search")
    (tmp_path / "search" / "done.json").unlink()
    refused(*words(made, tmp_path, f"train.init={tmp_path / 'search'}"), says="is not finished")
