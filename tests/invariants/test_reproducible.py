"""A search and a training are functions of config, data and seed: workers, caches and crashes matter not."""

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file

from audionas.config import load
from audionas.core.errors import UserError
from audionas.core.reporter import Reporter, read_rows
from audionas.engine import checkpoint
from audionas.run.search import Searching, search
from audionas.run.train import Training, train
from tests._factory import config
from tests._factory import tones as write_tones

# A short second half, so that an epoch takes several passes over it and ends in the middle of one; dropout,
# noise and masks draw from torch's generator, augmentation from its own.
SEARCH = {"epochs": 3, "batch_size": 4, "split": 0.75, "workers": 0}
TRAIN = {"epochs": 3, "batch_size": 8, "workers": 0}
RANDOM = {
    "augment": {"shift_ms": 50.0, "gain_db": [-6, 6]},
    "spec_augment": {
        **{"freq_masks": 1, "freq_width": 6, "time_masks": 1, "time_width": 10},
        "mix_style": 0.5,
    },
}
PLAIN = {"augment": None, "spec_augment": None}
PHASES = {"search": search, "train": train}
WORKS = {"search": Searching, "train": Training}
EPOCHS = 3


class Crash(BaseException):
    """Not an Exception, so that nothing handles it on the way."""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_tones(tmp_path_factory.mktemp("reproducible") / "data", per_class=7, speakers=4)


def conf_of(tones, folder, phase, **changes):
    """The config of a run of its own, in `folder`; a training is of a network given by name."""
    folder.mkdir(parents=True, exist_ok=True)
    base = {"seed": 3, "space": {"se": "none"}, "search": SEARCH, "train": TRAIN, **RANDOM}
    if phase == "train":
        base |= {"arch": "tc_resnet8", "space": None, "method": None}
    for key, value in changes.items():
        base[key] = {**base[key], **value} if isinstance(value, dict) and base.get(key) else value
    return config(tones, file=folder / "conf.yaml", **base)


def outcome(folder, phase):
    """All that a run leaves behind, times aside: text by file, tensors by file."""
    exp = folder / "exp" / "tones"
    rows = read_rows(exp / phase / "metrics.jsonl")
    texts = {"metrics": [{k: v for k, v in row.items() if k != "seconds"} for row in rows]}
    files = ("arch.json", f"{phase}/alphas.jsonl", f"{phase}/done.json", "model/bundle.json")
    texts |= {name: (exp / name).read_text() for name in files if (exp / name).exists()}
    tensors = [*(exp / phase / "ckpt").glob("*/*.safetensors"), *(exp / "model").glob("*.safetensors")]
    texts |= {
        str(f.relative_to(exp)): {name: t.tolist() for name, t in load_file(f).items()} for f in tensors
    }
    return texts


def check_equal(found, expected):
    assert found.keys() == expected.keys()
    for name in expected:  # one by one, so that a failure names the file
        assert found[name] == expected[name], name


@pytest.fixture(scope="module")
def undisturbed(data, tmp_path_factory):
    """The outcome of a run without workers, by phase and whether anything is augmented."""
    done = {}

    def outcome_of(phase, changes):
        key = (phase, json.dumps(changes))
        if key not in done:
            folder = tmp_path_factory.mktemp("undisturbed")
            PHASES[phase](load(conf_of(data, folder, phase, **changes)))
            done[key] = outcome(folder, phase)
        return done[key]

    return outcome_of


@pytest.mark.parametrize("phase", PHASES)
def test_it_leaves_a_row_an_epoch_and_its_result(undisturbed, phase):
    left = undisturbed(phase, RANDOM)
    assert [row["epoch"] for row in left["metrics"]] == list(range(EPOCHS))
    assert {"loss", "accuracy", "valid_loss", "valid_accuracy", "lr"} <= left["metrics"][0].keys()
    if phase == "search":
        assert [json.loads(line)["epoch"] for line in left["search/alphas.jsonl"].splitlines()] == list(
            range(EPOCHS)
        )
    else:
        assert "model/weights.safetensors" in left


@pytest.mark.laws
@pytest.mark.parametrize("changes", [RANDOM, PLAIN], ids=["augmented", "stored"])
@pytest.mark.parametrize("phase", PHASES)
def test_workers_change_nothing(data, undisturbed, tmp_path, phase, changes):
    conf = load(conf_of(data, tmp_path, phase, **changes, **{phase: {"workers": 2}}))
    PHASES[phase](conf)
    check_equal(outcome(tmp_path, phase), undisturbed(phase, changes))


@pytest.mark.laws
@pytest.mark.parametrize("phase", PHASES)
def test_features_computed_anew_are_the_stored_ones(data, undisturbed, tmp_path, phase):
    cache = tmp_path / "cache"
    conf = load(conf_of(data, tmp_path, phase, **PLAIN, data={"cache": str(cache)}))
    PHASES[phase](conf)
    assert any(cache.iterdir())
    check_equal(outcome(tmp_path, phase), undisturbed(phase, PLAIN))


@pytest.mark.parametrize("phase", PHASES)
def test_another_seed_is_another_run(data, undisturbed, tmp_path, phase):
    PHASES[phase](load(conf_of(data, tmp_path, phase, seed=4, **{phase: {"epochs": 1}})))
    assert outcome(tmp_path, phase)["metrics"][0] != undisturbed(phase, RANDOM)["metrics"][0]


def crash_in_a_step(monkeypatch, phase):
    """In the middle of the second epoch."""
    original = WORKS[phase].step

    def step(self, batch, progress):
        if progress > 1.0:
            raise Crash
        return original(self, batch, progress)

    monkeypatch.setattr(WORKS[phase], "step", step)


def crash_before_the_checkpoint(monkeypatch, phase):
    """After the second epoch was logged, before it is saved."""
    original = Reporter.epoch

    def epoch(self, number, *rest, **more):
        original(self, number, *rest, **more)
        if number == 1:
            raise Crash

    monkeypatch.setattr(Reporter, "epoch", epoch)


def crash_in_the_checkpoint(monkeypatch, phase):
    """When the second checkpoint lies there, before it is called the latest."""
    original = checkpoint.write_text

    def write_text(path, text):
        if text == "000002\n":
            raise Crash
        original(path, text)

    monkeypatch.setattr(checkpoint, "write_text", write_text)


def crash_in_the_tensors(monkeypatch, phase):
    """When half of the second checkpoint is written."""
    original, calls = checkpoint.tensors.save, []

    def save(named, path):
        if "000002" in str(path):
            calls.append(path)
        if len(calls) == 2:
            Path(path).write_bytes(b"half")
            raise Crash
        original(named, path)

    monkeypatch.setattr(checkpoint.tensors, "save", save)


def crashed(path, phase, crash):
    """A run up to the crash."""
    with pytest.MonkeyPatch.context() as patch:
        crash(patch, phase)
        with pytest.raises(Crash):
            PHASES[phase](load(path))


CRASHES = [crash_in_a_step, crash_before_the_checkpoint, crash_in_the_checkpoint, crash_in_the_tensors]


@pytest.mark.laws
@pytest.mark.parametrize("crash", CRASHES, ids=lambda crash: crash.__name__)
@pytest.mark.parametrize("phase", PHASES)
def test_a_run_that_crashed_goes_on_to_the_same_end(data, undisturbed, tmp_path, phase, crash):
    path = conf_of(data, tmp_path, phase)
    crashed(path, phase, crash)
    with pytest.raises(UserError, match="--resume"):
        PHASES[phase](load(path))
    PHASES[phase](load(path), resume=True)
    check_equal(outcome(tmp_path, phase), undisturbed(phase, RANDOM))


@pytest.mark.laws
def test_noisy_gates_go_on_to_the_same_end(data, undisturbed, tmp_path):
    """SparkNet draws noise in every step, and its loss has the gates' penalty."""
    gated = {"arch": "sparknet_c16"}
    path = conf_of(data, tmp_path, "train", **gated)
    crashed(path, "train", crash_in_a_step)
    train(load(path), resume=True)
    check_equal(outcome(tmp_path, "train"), undisturbed("train", gated))


@pytest.mark.laws
def test_averages_and_patience_resume_too(data, tmp_path):
    """Each keeps something beside the weights: shadow tensors, or the accuracies so far."""
    for name, more in (("ema", {"ema": 0.9}), ("mean", {"average": 2}), ("patience", {"patience": 1})):
        changes = {"train": {**more, "epochs": 4}, **PLAIN}
        whole, parts = (tmp_path / name / end for end in ("whole", "parts"))
        train(load(conf_of(data, whole, "train", **changes)))
        path = conf_of(data, parts, "train", **changes)
        crashed(path, "train", crash_in_a_step)
        train(load(path), resume=True)
        check_equal(outcome(parts, "train"), outcome(whole, "train"))


@pytest.mark.parametrize("phase", PHASES)
def test_a_finished_run_is_left_as_it_is(data, tmp_path, phase):
    path = conf_of(data, tmp_path, phase, **{phase: {"epochs": 1}})
    first = PHASES[phase](load(path))
    exp = tmp_path / "exp" / "tones"
    before = {f: (f.stat().st_mtime_ns, f.read_bytes()) for f in exp.rglob("*") if f.is_file()}
    again = PHASES[phase](load(path))
    spec = [value.spec if phase == "train" else value for value in (first, again)]
    assert spec[0] == spec[1]
    after = {f: (f.stat().st_mtime_ns, f.read_bytes()) for f in exp.rglob("*") if f.is_file()}
    changed = [f.name for f in after if after[f] != before.get(f) and f.suffix != ".lock"]
    assert not changed
