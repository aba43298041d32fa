"""The kinds of files that are mutated, and the command that reads each."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import yaml

from tests.torture import _mutate
from tests.torture._mutate import Mutation


class Kind(NamedTuple):
    """`file`, in the folder of the material `of`, is mutated; then `words` are run, or the door `call`."""

    of: str
    file: str
    mutate: Callable[[np.random.Generator, bytes], Mutation]
    words: tuple[str, ...]
    sample: int
    whole: int
    call: str = ""
    fresh: tuple[str, ...] = ()  # files and folders that are removed before each try


def _yaml(*free: tuple[str, ...]) -> Callable[[np.random.Generator, bytes], Mutation]:
    def mutate(rng: np.random.Generator, raw: bytes) -> Mutation:
        if rng.random() < 0.75:
            return _mutate.plain(rng, yaml.safe_load(raw), _dump, free)
        return _mutate.in_text(rng, raw)

    return mutate


def _dump(value: Any) -> str:
    """As YAML, whose writer escapes what it must."""
    return str(yaml.safe_dump(value, sort_keys=False))


def _json(*free: tuple[str, ...]) -> Callable[[np.random.Generator, bytes], Mutation]:
    return lambda rng, raw: _mutate.in_json(rng, raw, free)


_PREDICT = ("predict", "run", "x.wav")
_DETECT = ("detect", "wake", "x.wav", "--threshold", "0.5", "--file")
_SEARCH = ("search", "conf.yaml", "--resume")
_TRAIN = ("train", "conf.yaml", "arch=tc_resnet8", "space=null", "method=null", "searcher=null")
_EVAL = ("eval", "run", "--data", "data/test")
_KALDI = ("wav.scp", "text", "utt2spk", "spk2utt", "utt2dur", "utt2sha256", "segments")


def _manifest(form: str) -> tuple[str, ...]:
    return ("prep", "manifest", "out", "--train", f"{form}.txt", "--format", form, "--workers", "1")


_ENDED = ("exp/tones/search/done.json", "exp/tones/arch.json")
_TRAINED = ("exp/tones/train/done.json", "exp/tones/model")
_COMPARE = ("compare", "conf.yaml", "--resume")
_RANK = ("rank", "conf.yaml", "--resume")
_COLUMNS = "dev,epochs,accuracy,macro_f1,balanced_accuracy,log_loss,n,speakers,params,macs,latency_us,train_s"
_TABLE = ("table", "a_0", "b_0", "--name", "{network}_{seed}", "--columns", f"{_COLUMNS},per_class.*.f1")
_FOLDS = (*_TABLE[:3], "--name", "{fold}_{seed}", "--pool", "fold=clips", "--columns", "accuracy,macro_f1")
_UNTOLD = tuple(  # of cost.json
    (key,)
    for key in (
        *("network", "arch", "input", "peak_activation_bytes", "peak_layer", "weight_bytes", "layers"),
        "stream",
    )
)
_ANY: tuple[str, ...] = ()  # the path of the whole file: its reader looks at a part of it only
KINDS = {
    "config": Kind("configs", "conf.yaml", _yaml(), ("conf.yaml",), 40, 1500, call="load"),
    "config in check": Kind("configs", "conf.yaml", _yaml(), ("check", "conf.yaml"), 0, 100),
    "config in train": Kind(
        *("configs", "conf.yaml", _yaml(("space",), ("method",), ("searcher",))),
        *((*_TRAIN, "train.epochs=1", "out=exp", "name=x"), 0, 60),
        fresh=("exp",),
    ),
    "config base": Kind("configs", "base.yaml", _yaml(), ("child.yaml",), 10, 300, call="load"),
    "architecture": Kind(
        "run", "run/arch.json", _json(("note",)), ("run/arch.json",), 40, 1500, call="network"
    ),
    "architecture in cost": Kind("run", "run/arch.json", _json(("note",)), ("cost", "run/arch.json"), 0, 60),
    "bundle": Kind("run", "run/model/bundle.json", _json(("note",)), _PREDICT, 40, 1200),
    "weights": Kind("run", "run/model/weights.safetensors", _mutate.in_bytes, _PREDICT, 20, 900),
    "labels": Kind("data", "data/labels.txt", _mutate.in_text, ("data/test",), 6, 150, call="classes"),
    "recordings": Kind("data", "data/test/wav.scp", _mutate.in_text, _EVAL, 0, 60),
    "lengths": Kind("data", "data/test/utt2dur", _mutate.in_text, _EVAL, 0, 60),
    "sums": Kind("data", "data/test/utt2sha256", _mutate.in_text, _EVAL, 0, 60),
    "plain utt2dur": Kind(
        "data", "data/test/utt2dur", _mutate.in_text, ("data/test",), 4, 120, call="folder"
    ),
    "record": Kind("searched", "exp/tones/search/run.json", _json(_ANY), _SEARCH, 1, 30, fresh=_ENDED),
    "evaluation": Kind("run", "run/eval.json", _json(_ANY), ("show", "run"), 0, 60),
    "end": Kind("ended", "exp/tones/search/done.json", _json(_ANY), _SEARCH, 1, 20),
    "rows": Kind("run", "run/train/metrics.jsonl", _mutate.in_lines, ("show", "run"), 0, 60),
    "checkpoint": Kind(
        "searched", "exp/tones/search/ckpt/000002/state.json", _json(_ANY), _SEARCH, 2, 150, fresh=_ENDED
    ),
    "pointer": Kind(
        "searched", "exp/tones/search/ckpt/latest", _mutate.in_text, _SEARCH, 1, 60, fresh=_ENDED
    ),
    "tensors": Kind(
        *("searched", "exp/tones/search/ckpt/000002/alphas.safetensors", _mutate.in_bytes, _SEARCH, 1, 90),
        fresh=_ENDED,
    ),
    "training checkpoint": Kind(
        *("trained", "exp/tones/train/ckpt/000002/state.json", _json(_ANY), (*_TRAIN, "--resume"), 2, 120),
        fresh=_TRAINED,
    ),
    "front": Kind("front", "front.json", _json(_ANY), ("front.json",), 20, 600, call="network"),
    "shown front": Kind(
        "front", "tones/front.json", _json(("members", "*", "arch", "note")), ("show", "tones"), 0, 60
    ),
    "archive of a front": Kind(
        "front", "tones/select/archive.jsonl", _mutate.in_lines, ("show", "tones"), 0, 40
    ),
    "rows of a comparison": Kind("compared", "exp/tones/compare.jsonl", _mutate.in_lines, _COMPARE, 0, 60),
    "steps of a comparison": Kind("compared", "exp/tones/steps.json", _json(_ANY), _COMPARE, 0, 40),
    "scores of a rank": Kind("ranked", "exp/tones/rank/scores.json", _json(), _RANK, 0, 60),
    "evaluation in a table": Kind("tabled", "a_0/eval.json", _json(_ANY), (*_TABLE, "--against", "b"), 0, 60),
    "answers in a table": Kind(
        "tabled", "a_0/scores.json", _json(), (*_TABLE, "--against", "b", "--metric", "macro_f1"), 0, 60
    ),
    "answers of folds": Kind("tabled", "a_0/scores.json", _json(), _FOLDS, 0, 60),
    **{
        f"{name} in a table": Kind("tabled", f"a_0/{name}.json", _json(*free), _TABLE, 0, 60)
        for name, free in (("cost", _UNTOLD), ("train/done", ()), ("train/env", (_ANY,)))
    },
    "seconds of a derivation": Kind(
        *("compared", "exp/tones/fair_nas/0/search/derive.json", _json(), _COMPARE, 0, 20),
        fresh=("exp/tones/compare.jsonl",),
    ),
    **{
        door: Kind("noted", f"{door}.jsonl", _mutate.in_lines, (".",), 4, 200, call=f"{name}")
        for door, name in (("mined", "mined"), ("times", "timed"))
    },
    **{
        f"kaldi {name}": Kind("kaldi", f"part/{name}", _mutate.in_text, ("part",), 6, 220, call="folder")
        for name in _KALDI
    },
    **{
        form: Kind("lists", f"{form}.txt", mutate, _manifest(form), 10, 400, fresh=("out",))
        for form, mutate in (
            ("wekws", _mutate.in_lines),
            ("nemo", _mutate.in_lines),
            ("speechbrain", _mutate.in_text),
        )
    },
    **{
        form: Kind("sounds", f"x.{form}", _mutate.in_bytes, ("predict", "run", f"x.{form}"), 6, 350)
        for form in ("wav", "flac", "ogg", "mp3")
    },
    **{
        form: Kind(
            "archives",
            f"a.{form}",
            _mutate.in_bytes,
            (f"a.{form}", "out"),
            15,
            500,
            call=door,
            fresh=("out",),
        )
        for form, door in (("tar", "tar"), ("tar.gz", "tar"), ("zip", "unzip"))
    },
    **{
        name: Kind("wake", f"wake/export/{name}", _mutate.in_bytes, (*_DETECT, name), 0, 150)
        for name in ("model.onnx", "model.stream.onnx")
    },
    **{
        name: Kind("device", f"wake/export/{name}", _mutate.in_bytes, (*_DETECT, name), 0, 150)
        for name in ("model.tflite", "made.tflite")
    },
    "esphome": Kind(
        *("device", "wake/export/made.json", _json(_ANY), ("wake", "wake/export/made.tflite"), 0, 150),
        call="manifest",
    ),
}
OVERRIDES = (
    *(
        "name=a",
        "out=exp",
        "seed=1",
        "threads=1",
        "device=cpu",
        "workers=2",
        "profile=none",
        "arch=tc_resnet8",
    ),
    *("data.train=x", "data.seconds=1.0", "features.n_mels=40", "features={name: mfcc, preset: tc_resnet}"),
    *("space.width=0.5", "space={name: kws_tc_resnet}", "method={name: darts}", "searcher.population=4"),
    *("search.epochs=2", "search.optim.lr=0.1", "train.batch_size=8", "train.optim.lr=0.1", "train.ema=0.9"),
    *("augment.shift_ms=50", "augment.gain_db=[-6, 6]", "limits.params=1000", "compare.seeds=[0, 1]"),
)
