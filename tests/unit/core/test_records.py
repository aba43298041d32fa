"""A record with a wrong field is refused with its place and its value; the committed one passes."""

from pathlib import Path
from typing import Any

import pytest

import audionas
from audionas.core import records
from audionas.core.arch import ArchSpec
from audionas.core.errors import UserError
from audionas.core.files import read_json, write_json
from audionas.core.records.bundle import BundleRecord

BUNDLE = Path(audionas.__file__).parent / "models" / "kws12" / "bundle.json"


def test_the_included_bundle_passes() -> None:
    found = records.read(BundleRecord, BUNDLE)
    assert found.samples == 16000
    assert len(found.labels) == 12


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("features.log_offset", " "),
        ("features.f_min", [None]),
        ("features.n_fft", 1e30),
        ("features.n_fft", 10**30),
        ("features.preset", True),
        ("features.window_ms", float("nan")),
        ("features.hop_ms", float("inf")),
        ("features.unheard_of", 1),
        ("labels", None),
        ("labels", []),
        ("labels", [None]),
        ("labels", [" "]),
        ("samples", 10**12),
        ("samples", "16000"),
        ("samples", True),
        ("note", []),
        ("note.channels", []),
        ("arch", 5),
    ],
)
def test_a_wrong_field_is_named_with_its_value(tmp_path: Path, place: str, value: Any) -> None:
    plain = read_json(BUNDLE)
    outer, _, inner = place.rpartition(".")
    (plain[outer] if outer else plain)[inner] = value
    write_json(tmp_path / "bundle.json", plain)
    with pytest.raises(UserError) as caught:
        records.read(BundleRecord, tmp_path / "bundle.json")
    assert f"bundle.json: {place}" in caught.value.problems[0]
    assert ", not " in caught.value.problems[0]


def test_all_wrong_fields_are_told_together_and_shortened() -> None:
    plain = {**read_json(BUNDLE), "samples": "x" * 10_000, "arch": ["\x1b[2J"]}
    del plain["labels"]
    with pytest.raises(UserError) as caught:
        records.check(BundleRecord, plain, "a file", "Train again.")
    assert len(caught.value.problems) == 3
    assert len(str(caught.value)) < 1000
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("value", [None, [], 5, "text"])
def test_what_is_no_object_is_refused(value: Any) -> None:
    with pytest.raises(UserError, match="a file: the whole"):
        records.check(BundleRecord, value, "a file")


@pytest.mark.parametrize(("name", "size"), [("classes", 10**9), ("frames", 10**7), ("channels", 10**6)])
def test_an_architecture_of_absurd_size_is_refused(name: str, size: int) -> None:
    spec = ArchSpec.from_json((BUNDLE.parent / "arch.json").read_text(encoding="utf-8"))
    absurd = ArchSpec(**{**vars(spec), "io": spec.io._replace(**{name: size})})
    with pytest.raises(UserError, match=f"unexpected {size}"):
        ArchSpec.from_json(absurd.to_json())
