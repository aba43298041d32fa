"""Recordings of several channels: features by session, statistics, fused answers, balance, the best epoch."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from audionas.config import Config, load
from audionas.core.errors import UserError
from audionas.core.files import read_json
from audionas.core.reporter import Reporter
from audionas.core.rng import numpy_rng
from audionas.data import kaldi
from audionas.data.kaldi import Item
from audionas.data.labels import write_labels
from audionas.engine.fusion import fused
from audionas.engine.metrics import macro_f1
from audionas.features import build
from audionas.inputs.audio import ClipInputs
from audionas.inputs.feed import drawn, eval_batches, open_inputs, train_batches
from audionas.models.model import load as model_of
from audionas.run.evaluate import evaluate, score
from audionas.run.predict import predict
from audionas.run.show import gather
from audionas.run.supernet import budget
from audionas.run.train import train

LABELS = ("low", "mid", "high")
CHANNELS, SECONDS, RATE = 2, 0.4, 16000
COUNTS = {"low": 2, "mid": 1, "high": 3}  # recordings of each class in a session


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three sessions a class in each split; the second channel is fainter."""
    root = tmp_path_factory.mktemp("data")
    for split in ("train", "dev"):
        items = []
        for place, label in enumerate(LABELS):
            for name in (
                f"{split}-{label}{session}-{k}" for session in range(3) for k in range(COUNTS[label])
            ):
                path = root / "wav" / f"{name}.wav"
                path.parent.mkdir(exist_ok=True)
                t = np.arange(round(SECONDS * RATE)) / RATE
                noise = 0.02 * numpy_rng("channels", name).normal(size=(len(t), CHANNELS))
                tone = np.sin(2 * np.pi * 300 * 2**place * t)[:, None] * [0.3, 0.1]
                soundfile.write(path, tone + noise, RATE, subtype="PCM_16")
                items.append(Item(name, str(path), label, SECONDS, speaker=name.rpartition("-")[0]))
        kaldi.write(root / split, items)
    write_labels(root, LABELS)
    return root


def conf(data: Path, out: Path, *changes: str) -> Config:
    file = data / "conf.yaml"
    plain = {
        "name": "t",
        "threads": 1,
        "device": "cpu",
        "data": {
            "train": str(data / "train"),
            "dev": str(data / "dev"),
            "seconds": SECONDS,
            "channels": CHANNELS,
        },
        "features": {"name": "logmel", "preset": "dcase"},
        "space": {"name": "dcase2018_cnn"},
        "method": {"name": "random"},
        "search": {"batch_size": 4},
        "train": {"epochs": 3, "batch_size": 4, "optim": {"name": "adam", "lr": 0.003}},
    }
    file.write_text(json.dumps(plain), encoding="utf-8")
    return load(file, [f"out={out}", *changes])


def inputs_of(conf: Config) -> ClipInputs:
    found = open_inputs(conf, conf.features, Reporter())
    assert isinstance(found, ClipInputs)
    return found


def test_each_channel_is_a_row_with_its_own_features_and_the_statistics_of_all(
    data: Path, tmp_path: Path
) -> None:
    config = conf(data, tmp_path)
    inputs = inputs_of(config)
    assert config.features is not None
    front_end = build(config.features)
    batches = eval_batches(config, inputs, inputs.dev, Reporter(), batch_size=5)
    x = torch.cat([batch.x for batch in batches.epoch(0)])
    wanted = []
    for item in inputs.dev.items[::CHANNELS]:
        wave, _ = soundfile.read(item.audio, dtype="float32")
        wanted.append(front_end(torch.from_numpy(wave.T.copy())))
    torch.testing.assert_close(x, torch.cat(wanted))
    assert inputs.dev.targets.tolist() == [LABELS.index(item.label) for item in inputs.dev.items]
    rows = eval_batches(config, inputs, inputs.train, Reporter(), batch_size=1000)
    every = next(iter(rows.epoch(0))).x[:, 0].double()
    torch.testing.assert_close(
        inputs.normalize.mean.flatten().double(), every.mean((0, 2)), rtol=1e-4, atol=1e-4
    )
    torch.testing.assert_close(
        inputs.normalize.std.flatten().double(), every.std((0, 2), correction=0), rtol=1e-4, atol=1e-4
    )


def test_folds_share_the_features_of_a_session(data: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    inputs_of(conf(data, tmp_path, f"data.cache={cache}"))
    files = {file: file.stat().st_mtime_ns for file in cache.glob("session-*/*.f?")}
    assert len(files) == 2 * 18  # features and their sums
    inputs_of(
        conf(
            data, tmp_path, f"data.cache={cache}", f"data.train={data / 'dev'}", f"data.dev={data / 'train'}"
        )
    )
    assert {file: file.stat().st_mtime_ns for file in cache.glob("session-*/*.f?")} == files


def test_an_epoch_is_balanced_and_scoring_is_not(data: Path, tmp_path: Path) -> None:
    config = conf(data, tmp_path, "data.balance=undersample", "search.split=0.5")
    inputs = inputs_of(config)
    rows = np.arange(len(inputs.train))
    assert (len(rows), drawn(config, inputs, rows)) == (36, 18)
    options = {"batch_size": 4, "workers": 0, "reporter": Reporter()}
    weights = train_batches(config, inputs, rows, augmented=True, **options)  # type: ignore[arg-type]
    targets = np.concatenate([batch.target.numpy() for batch in weights.epoch(0)])
    assert len(weights) == 18 // 4
    assert (np.bincount(targets) >= 4).all()
    whole = train_batches(config, inputs, rows, augmented=False, **options)  # type: ignore[arg-type]
    assert len(whole) == 36 // 4
    first, second = inputs.halves(0.5, 0)
    sides = [{inputs.train.speakers[row] for row in half} for half in (first, second)]
    assert not sides[0] & sides[1]
    assert all(row ^ 1 in first for row in first), "the channels of a recording are on one side"
    assert budget(config, inputs).examples <= drawn(config, inputs, first) + len(second)


@pytest.mark.story
def test_answers_are_means_over_channels_from_training_to_evaluation(data: Path, tmp_path: Path) -> None:
    config = conf(data, tmp_path, "train.keep=macro_f1", "train.every=2", "arch=arch.json")
    inputs = inputs_of(config)
    assert config.space is not None
    arch = tmp_path / "arch.json"
    config.space.spec({}, inputs.io).save(arch)
    config = conf(data, tmp_path, "train.keep=macro_f1", "train.every=2", f"arch={arch}")
    bundle = train(config)
    exp = tmp_path / "t"
    rows = [json.loads(line) for line in (exp / "train" / "metrics.jsonl").read_text().splitlines()]
    told = [row.get("valid_macro_f1") for row in rows if "epoch" in row]
    assert [value is None for value in told] == [True, False, False], "after every second epoch and the last"
    done = read_json(exp / "train" / "done.json")
    assert done["valid_macro_f1"] == max(value for value in told if value is not None)
    assert done["epochs"] == 3
    assert done["best_epoch"] in (2, 3)
    assert bundle.channels == CHANNELS
    result = evaluate(exp, data / "dev")
    assert result["n"] == 18
    assert result["macro_f1"] == pytest.approx(done["valid_macro_f1"])
    scored = score(exp, data / "dev", engine="torch", data=config.data)
    item = kaldi.read(data / "dev")[0]
    wave, _ = soundfile.read(item.audio, dtype="float32")
    each = model_of(exp).scores(wave.T.copy())
    np.testing.assert_allclose(scored.scores[0], each.mean(0), atol=1e-6)
    (row,) = predict(exp, [Path(item.audio)])
    np.testing.assert_allclose(list(row["scores"].values()), each.mean(0), atol=1e-6)
    gather(exp)
    assert "-0.wav" in (exp / "report.html").read_text(), "the report shows examples, by their first channel"
    assert macro_f1(scored.scores.argmax(1), scored.split.targets) == pytest.approx(result["macro_f1"])


def test_fusion_is_the_mean_of_neighbours() -> None:
    scores = np.array([[1.0, 0.0], [0.0, 1.0], [0.2, 0.8], [0.4, 0.6]])
    np.testing.assert_allclose(fused(scores, 2), [[0.5, 0.5], [0.3, 0.7]])
    assert (fused(scores, 1) == scores).all()


def test_what_several_channels_exclude_is_said(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has 2 channels, expected 4"):
        inputs_of(conf(data, tmp_path, "data.channels=4", f"data.cache={tmp_path}"))
    with pytest.raises(UserError, match="stored as features"):
        inputs_of(conf(data, tmp_path, "augment.shift_ms=10"))
    for change in ("data.channels=0", "data.on_bad=skip", "data.balance=oversample", "train.every=0"):
        with pytest.raises(UserError):
            conf(data, tmp_path, change)
    with pytest.raises(UserError, match=r"train\.average excludes train\.keep"):
        conf(data, tmp_path, "train.average=2", "train.keep=accuracy")
