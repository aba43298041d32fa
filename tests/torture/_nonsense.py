"""Files that can be read and make no sense: each must be refused, by the command that reads its kind."""

import io
import json
import re
import struct
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import onnx
import soundfile
from onnx import numpy_helper
from safetensors.numpy import load, save

from tests.torture._mutate import Path, places, replaced

Change = Callable[[bytes], bytes]
TOO_LARGE = 10**30


class Nonsense(NamedTuple):
    """A change of the file of a kind, with a name."""

    kind: str
    told: str
    change: Change


def _value(*path: Any, to: Any) -> Change:
    """Another value at a path of JSON."""
    return lambda raw: json.dumps(replaced(json.loads(raw), path, to)).encode()


def _row(number: int, **values: Any) -> Change:
    """Other values in a line of JSON lines."""

    def change(raw: bytes) -> bytes:
        lines = raw.splitlines()
        lines[number] = json.dumps({**json.loads(lines[number]), **values}).encode()
        return b"\n".join(lines) + b"\n"

    return change


def _swap(raw: bytes) -> bytes:
    """The values of the first line and of the last exchanged."""
    lines = [line.split(b" ", 1) for line in raw.splitlines()]
    lines[0][1], lines[-1][1] = lines[-1][1], lines[0][1]
    return b"\n".join(map(b" ".join, lines)) + b"\n"


def _last(pattern: str, by: str) -> Change:
    """The end of the first line that matches, replaced."""
    return lambda raw: re.sub(pattern, by, raw.decode(), count=1, flags=re.MULTILINE).encode()


def _tensor(name: str, change: Callable[[np.ndarray], np.ndarray | None]) -> Change:
    """Another tensor, or none, under the first name that contains this."""

    def changed(raw: bytes) -> bytes:
        found, told = load(raw), _metadata(raw)
        key = next(key for key in sorted(found) if name in key)
        new = change(found.pop(key))
        return save({**found, **({} if new is None else {key: np.ascontiguousarray(new)})}, metadata=told)

    return changed


def _metadata(raw: bytes) -> dict[str, str] | None:
    size = struct.unpack("<Q", raw[:8])[0]
    told: dict[str, str] | None = json.loads(raw[8 : 8 + size]).get("__metadata__")
    return told


def _of(value: float) -> Callable[[np.ndarray], np.ndarray]:
    """The tensor filled with a value."""
    return lambda array: np.full_like(array, value)


def _one(value: float) -> Callable[[np.ndarray], np.ndarray]:
    """The tensor with one other value."""

    def change(array: np.ndarray) -> np.ndarray:
        array = array.copy()
        array.reshape(-1)[0] = value
        return array

    return change


def _header(offset: int, form: str, value: int) -> Change:
    """Another number in the 44 bytes before the samples of a WAV file."""
    return lambda raw: raw[:offset] + struct.pack(form, value) + raw[offset + struct.calcsize(form) :]


def _float_wav(change: Callable[[np.ndarray], np.ndarray]) -> Change:
    """A WAV file of float32 with changed samples."""

    def changed(raw: bytes) -> bytes:
        wave, rate = soundfile.read(io.BytesIO(raw), dtype="float32")
        out = io.BytesIO()
        soundfile.write(out, change(wave), rate, subtype="FLOAT", format="WAV")
        return out.getvalue()

    return changed


def _network(change: Callable[[Any], None]) -> Change:
    """A changed ONNX file."""

    def changed(raw: bytes) -> bytes:
        model = onnx.load_from_string(raw)
        change(model)
        return bytes(model.SerializeToString())

    return changed


def _nan_weights(model: Any) -> None:
    """NaN in the largest initializer."""
    largest = max(model.graph.initializer, key=lambda tensor: np.prod(tensor.dims))
    array = numpy_helper.to_array(largest)
    largest.CopyFrom(numpy_helper.from_array(np.full_like(array, np.nan), largest.name))


def _fact(key: str, value: str) -> Callable[[Any], None]:
    """Another text in the metadata of an ONNX file."""

    def change(model: Any) -> None:
        next(entry for entry in model.metadata_props if entry.key == key).value = value

    return change


def _members(change: Callable[[list[Any]], list[Any]]) -> Change:
    """Other labels in a bundle."""

    def changed(raw: bytes) -> bytes:
        plain = json.loads(raw)
        return json.dumps({**plain, "labels": change(plain["labels"])}).encode()

    return changed


def _made() -> Iterator[Nonsense]:
    for told in ("0", "-1.5", "nan", "inf", "1e30", "94670856000", "x"):
        yield Nonsense("plain utt2dur", told, _last(r"\S+$", told))
    for told in ("-0.5 0.25", "0.5 0.5", "0.75 0.25", "nan 1", "0 inf", "0 1e30"):
        yield Nonsense("kaldi segments", told, _last(r"\S+ \S+$", told))
    for name, label in (("blank", " "), ("tab", "\t"), ("no", "")):
        yield Nonsense("kaldi text", f"{name} label", _last(r" \S+$", f" {label}"))
    yield Nonsense("recordings", "two recordings exchanged", _swap)
    yield Nonsense("sums", "two sums exchanged", _swap)
    for told, seconds in (("3,000 years", "94670856000"), ("a part", "0.25"), ("twice", "2.0")):
        yield Nonsense("lengths", told, _last(r"\S+$", seconds))
    yield Nonsense("labels", "a label twice", lambda raw: raw + raw.splitlines()[0] + b"\n")
    for form, seconds, start, label in (
        ("wekws", "duration", "", "txt"),
        ("nemo", "duration", "offset", "command"),
    ):
        for value in (-1, float("nan"), float("inf"), 1e30, 94670856000, "x", [1]):
            yield Nonsense(form, f"{seconds}={value}", _row(0, **{seconds: value}))
        for value in (-1, float("nan"), 1e30) if start else ():
            yield Nonsense(form, f"{start}={value}", _row(0, **{start: value}))
        for value in (True, None, " ", [], "a" * 100_000):
            yield Nonsense(form, f"{label}={value!r:.20}", _row(0, **{label: value}))
    for told in ("-1", "nan", "1e30", "94670856000"):
        yield Nonsense("speechbrain", f"duration={told}", _last(r"(?<=,)[\d.]+(?=,0,16000)", told))
    for name, offset, form, value in (
        *(("no channels", 22, "<H", 0), ("no rate", 24, "<I", 0), ("4 GHz", 24, "<I", 2**32 - 1)),
        *(("65,535 channels", 22, "<H", 65535), ("no bits", 34, "<H", 0), ("more audio", 40, "<I", 10**6)),
        ("no format", 20, "<H", 0xABCD),
    ):
        yield Nonsense("wav", name, _header(offset, form, value))
    yield Nonsense("wav", "NaN", _float_wav(_one(np.nan)))
    yield Nonsense("wav", "infinity", _float_wav(_one(np.inf)))
    yield Nonsense("wav", "at the scale of int16", _float_wav(lambda wave: wave * 32768))
    for name, tensor, change in (
        *(
            ("NaN", "weight", _one(np.nan)),
            ("infinity", "weight", _one(-np.inf)),
            ("huge", "weight", _of(3e38)),
        ),
        *(("no spread", "normalize.std", _of(0)), ("negative spread", "normalize.std", _of(-1))),
        *(("another shape", "weight", lambda w: w[:1]),),
        *(("none", "weight", lambda w: None), ("integers", "weight", lambda w: w.astype(np.int64))),
    ):
        yield Nonsense("weights", f"{tensor}: {name}", _tensor(tensor, change))
    yield Nonsense("bundle", "a label less", _members(lambda labels: labels[1:]))
    yield Nonsense("bundle", "a label more", _members(lambda labels: [*labels, "more"]))
    yield Nonsense("bundle", "a label twice", _members(lambda labels: [labels[0], *labels[:-1]]))
    yield Nonsense("bundle", "half a second", _value("samples", to=8000))
    yield Nonsense("bundle", "another rate", _value("features", "sample_rate", to=8000))
    yield Nonsense("checkpoint", "another epoch", _value("epoch", to=1))
    yield Nonsense("checkpoint", "no groups", _value("groups", to=[]))
    yield Nonsense("tensors", "NaN", _tensor("", _one(np.nan)))
    yield Nonsense("tensors", "none", _tensor("", lambda w: None))
    for name in ("model.onnx", "model.stream.onnx"):
        yield Nonsense(name, "NaN in weights", _network(_nan_weights))
    yield Nonsense("model.stream.onnx", "a label less", _network(_fact("labels", "word")))
    yield Nonsense("model.stream.onnx", "a label twice", _network(_fact("labels", "word\nword")))
    yield Nonsense("model.stream.onnx", "1 Hz", _network(_fact("sample_rate", "1")))
    yield Nonsense("model.stream.onnx", "another hop", _network(_fact("hop_samples", "7")))


NONSENSE = list(_made())
# Kinds whose every number has ends, but at these places: `*` is any one key
FREE: dict[str, tuple[Path, ...]] = {
    "config": (("seed",), ("compare", "seeds"), ("augment", "gain_db")),
    "architecture": (("note",),),
    "bundle": (("note", "seed"),),
    "shown front": (("schema",), ("members", "*", "number"), ("members", "*", "arch", "note")),
    "evaluation": (),
    "checkpoint": (),
    "esphome": (("version",), ("micro", "tensor_arena_size"), ("micro", "feature_step_size")),
}


def numbers(kind: str, value: Any) -> Iterator[tuple[str, Any]]:
    """What is told and the changed value, for each number of a file, one of those at like places."""
    seen = set()
    for path, old in places(value):
        like = tuple("*" if isinstance(key, int) else key for key in path)
        free = any(all(k in ("*", p) for k, p in zip(f, path, strict=False)) for f in FREE[kind])
        if isinstance(old, bool) or not isinstance(old, int | float) or like in seen or free:
            continue
        seen.add(like)
        for new in (-1, TOO_LARGE):
            yield f"{'.'.join(map(str, path))}={new}", replaced(value, path, new)
