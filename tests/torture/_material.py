"""Sound files of every kind that is mutated, each kind in a folder, with what the reading command needs."""

import io
import json
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import soundfile
import torch
import yaml

from audionas.data import kaldi
from audionas.export import esphome, litert
from audionas.features import Features, build
from audionas.models.bundle import ModelBundle
from tests._factory import config
from tests._run import Run
from tests._wake import audio, trained
from tests.torture._forks import Forks


def material(of: str, folder: Path, data: Path, run: Run, forks: Forks) -> Path:
    """Make the material in a folder of its own, and return it."""
    folder.mkdir()
    MATERIALS[of](folder, data, run, forks)
    return folder


def _sound(folder: Path, data: Path) -> Path:
    return Path(shutil.copyfile(sorted((data / "wav").glob("test0-low*.wav"))[0], folder / "x.wav"))


def _configs(folder: Path, data: Path, run: Run, forks: Forks) -> None:
    """A config with nearly every section, and one with a base."""
    file = config(
        data,
        file=folder / "conf.yaml",
        augment={"shift_ms": 50.0, "gain_db": [-6, 6]},
        spec_augment={"freq_masks": 1, "freq_width": 6, "time_masks": 1, "time_width": 10},
        method={"name": "fair_nas", "scoring": {"calibration": 2}},
        searcher={
            "name": "nsga2",
            "population": 4,
            "generations": 2,
            "objectives": {"accuracy": "max", "macs": "min"},
        },
        compare={"methods": ["darts", "random"], "seeds": [0, 1]},
        limits={"params": 100000},
        seed=1,
        workers=1,
    )
    plain = yaml.safe_load(file.read_text())
    plain["train"] |= {"ema": 0.9, "patience": 2, "label_smoothing": 0.1, "workers": 0}
    file.write_text(yaml.safe_dump(plain, sort_keys=False))
    shutil.copyfile(file, folder / "base.yaml")
    (folder / "child.yaml").write_text("base: base.yaml\nname: child\ntrain: {epochs: 3}\n")


def _run(folder: Path, data: Path, run: Run, forks: Forks) -> None:
    shutil.copytree(run.exp, folder / "run")
    _forget_sums(folder / "run" / "model" / "bundle.json", "weights")
    config(run.data, file=folder / "conf.yaml", out="exp", name="again", train={"epochs": 1})
    _sound(folder, data)


def _tabled(folder: Path, data: Path, run: Run, forks: Forks) -> None:
    """Two runs for a table, alike: the difference of their answers is none."""
    for name in ("a_0", "b_0"):
        shutil.copytree(run.exp, folder / name)
        cost = forks.run("cost", name, "--json", cwd=folder)
        (folder / name / "cost.json").write_text(cost.out)


def _ranked(folder: Path, data: Path, run: Run, forks: Forks) -> None:
    """A finished study of three networks' ranks."""
    conf = {
        "method": {"name": "fair_nas", "scoring": {"calibration": 2}},
        "rank": {"networks": 3, "top": [1]},
    }
    config(data, file=folder / "conf.yaml", out="exp", search={"epochs": 1}, train={"epochs": 1}, **conf)
    _done(forks, folder, "rank", "conf.yaml")


def _data(folder: Path, data: Path, run: Run, forks: Forks) -> None:
    """A model, and a data directory that its evaluation reads."""
    shutil.copytree(run.exp, folder / "run")
    kaldi.write(folder / "data" / "test", list(kaldi.read(data / "test"))[::4])
    shutil.copyfile(data / "labels.txt", folder / "data" / "labels.txt")


def _ended(folder: Path, data: Path, run: Run, forks: Forks) -> None:
    """A search that has ended."""
    config(data, file=folder / "conf.yaml", out="exp")
    _done(forks, folder, "search", "conf.yaml")


def _searched(folder: Path, data: Path, run: Run, forks: Forks) -> None:
    """A search that has only to derive its network: what marks its end is lost."""
    _ended(folder, data, run, forks)
    for name in ("search/done.json", "arch.json"):
        (folder / "exp" / "tones" / name).unlink()
    _forget_sums(folder / "exp" / "tones" / "search" / "ckpt" / "000002" / "state.json", "sums")


def _trained(folder: Path, data: Path, run: Run, forks: Forks) -> None:
    """A training that has only to write its model: what marks its end is lost, as in `_searched`."""
    config(data, file=folder / "conf.yaml", out="exp", train={"epochs": 2, "ema": 0.9})
    _done(
        forks, folder, "train", "conf.yaml", "arch=tc_resnet8", "space=null", "method=null", "searcher=null"
    )
    (folder / "exp" / "tones" / "train" / "done.json").unlink()
    _forget_sums(folder / "exp" / "tones" / "train" / "ckpt" / "000002" / "state.json", "sums")


def _forget_sums(file: Path, key: str) -> None:
    """As earlier versions wrote it; else all that is changed beside it would be refused for its sum alone."""
    plain = json.loads(file.read_text(encoding="utf-8"))
    del plain[key]
    file.write_text(json.dumps(plain), encoding="utf-8")


def _front(folder: Path, data: Path, run: Run, forks: Forks) -> None:
    config(
        data,
        file=folder / "conf.yaml",
        out=".",
        space={"name": "kws_mobilenet", "preset": "sf6", "width": 0.25},
        method={"name": "fair_nas", "scoring": {"calibration": 2}},
        searcher={"name": "nsga2", "population": 4, "generations": 2},
        search={"epochs": 1},
    )
    _done(forks, folder, "search", "conf.yaml")
    shutil.copyfile(folder / "tones" / "front.json", folder / "front.json")


def _compared(folder: Path, data: Path, run: Run, forks: Forks) -> None:
    """A finished comparison, of which one method scores networks when it derives."""
    methods = ["darts", {"name": "fair_nas", "scoring": {"calibration": 2}}]
    conf = {"search": {"epochs": 1}, "compare": {"methods": methods, "seeds": [0]}}
    config(data, file=folder / "conf.yaml", out="exp", **conf)
    _done(forks, folder, "compare", "conf.yaml")


def _noted(folder: Path, data: Path, run: Run, forks: Forks) -> None:
    """What `mine` and `latency` note while they work."""
    event = {"clip": "mined-a-000001000", "seconds": 1.0, "keyword": "yes", "score": 0.9}
    recordings = [{"id": f"r{n}", "audio": "/a.wav", "start": 0.0, "events": [event]} for n in range(3)]
    measured = [{"round": n, "model": "call", "ms": 0.01} for n in range(3)]
    for name, rows in (("mined", recordings), ("times", measured)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "mined.json").write_text("{}\n")


def _kaldi(folder: Path, data: Path, run: Run, forks: Forks) -> None:
    """Utterances that are parts of recordings, so that there are segments."""
    items = list(kaldi.read(data / "train"))
    halves = [
        kaldi.Item(f"{item.id}-{n}", item.audio, item.label, 0.5, 0.5 * n, item.speaker, item.sha256)
        for item in items[::3]
        for n in (0, 1)
    ]
    kaldi.write(folder / "part", halves)


def _lists(folder: Path, data: Path, run: Run, forks: Forks) -> None:
    items = list(kaldi.read(data / "train"))[::2]
    wekws = [{"key": i.id, "wav": i.audio, "txt": i.label, "duration": i.seconds} for i in items]
    nemo = [
        {"audio_filepath": i.audio, "duration": i.seconds, "offset": 0.0, "command": i.label} for i in items
    ]
    for name, rows in (("wekws", wekws), ("nemo", nemo)):
        (folder / f"{name}.txt").write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = [f"{i.id},{i.seconds},0,16000,{i.audio},{i.speaker},{i.label}" for i in items]
    head = "ID,duration,start,stop,wav,spk_id,command"
    (folder / "speechbrain.txt").write_text("\n".join([head, *lines]) + "\n")


def _sounds(folder: Path, data: Path, run: Run, forks: Forks) -> None:
    shutil.copytree(run.exp, folder / "run")
    wave, rate = soundfile.read(_sound(folder, data))
    for form, subtype in (("flac", "PCM_16"), ("ogg", "VORBIS"), ("mp3", None)):
        soundfile.write(folder / f"x.{form}", wave, rate, subtype=subtype)


def _archives(folder: Path, data: Path, run: Run, forks: Forks) -> None:
    wav = _sound(folder, data).read_bytes()[:4000]
    members = [(f"words/{name}/{n}.wav", wav) for name in ("low", "high") for n in range(3)]
    for form, mode in (("tar", "w"), ("tar.gz", "w:gz")):
        with tarfile.open(folder / f"a.{form}", mode) as tar:
            for name, raw in members:
                told = tarfile.TarInfo(name)
                told.size = len(raw)
                tar.addfile(told, io.BytesIO(raw))
    with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        for name, raw in members:
            packed.writestr(name, raw)


def _wake(folder: Path, data: Path, run: Run, forks: Forks) -> None:
    """A hardly trained wake word for ONNX Runtime."""
    _wake_word(folder, Features(name="logmel", preset="bc_resnet"))
    for target in ("onnx", "onnx-stream"):
        _done(forks, folder, "export", "wake", "--target", target)


def _device(folder: Path, data: Path, run: Run, forks: Forks) -> None:
    """A hardly trained wake word for devices."""
    ears = Features(name="micro", preset="esphome")
    bundle = ModelBundle.load(_wake_word(folder, ears) / "model")
    sound = torch.from_numpy(audio(20, [2.0 + 4 * i for i in range(4)]))
    calibrate = build(ears)(sound.reshape(2, -1))[:, 0].numpy()
    (folder / "wake" / "export").mkdir()
    litert.export(bundle, folder / "wake" / "export" / "model.tflite")
    esphome.export(bundle, folder / "wake" / "export" / "made.tflite", calibrate=calibrate)


def _wake_word(folder: Path, ears: Features) -> Path:
    soundfile.write(folder / "x.wav", audio(4, [2.0]), 16000, subtype="PCM_16")
    return trained(folder / "wake", ears)


def _done(forks: Forks, folder: Path, *words: str) -> None:
    done = forks.run(*words, cwd=folder)
    assert done.status == 0, done.told


MATERIALS: dict[str, Callable[[Path, Path, Run, Forks], None]] = {
    "configs": _configs,
    "run": _run,
    "tabled": _tabled,
    "ranked": _ranked,
    "data": _data,
    "ended": _ended,
    "searched": _searched,
    "trained": _trained,
    "front": _front,
    "compared": _compared,
    "noted": _noted,
    "kaldi": _kaldi,
    "lists": _lists,
    "sounds": _sounds,
    "archives": _archives,
    "wake": _wake,
    "device": _device,
}
