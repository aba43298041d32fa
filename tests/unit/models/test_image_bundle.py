"""A bundle of an image model comes back as it was saved; its Python door takes pixels and nothing else."""

import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import audionas
from audionas.core.errors import UserError
from audionas.core.rng import numpy_rng
from audionas.models.bundle import ModelBundle
from audionas.models.model import ImageModel
from audionas.run.predict import predict
from tests.unit.export._bundles import LABELS, SIDE, bundle_of

PIXELS = numpy_rng("image bundle").integers(0, 256, (SIDE + 8, SIDE + 8, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exp")
    bundle_of("nas_bench_201").save(folder / "model")
    return folder


@pytest.fixture(scope="module")
def model(saved: Path) -> ImageModel:
    found = audionas.load(saved)
    assert isinstance(found, ImageModel)
    return found


def equal(a: object, b: object) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a)
    return torch.equal(a, b) if isinstance(a, Tensor) and isinstance(b, Tensor) else a == b


def test_every_field_comes_back(saved: Path) -> None:
    first, again = bundle_of("nas_bench_201"), ModelBundle.load(saved / "model")
    for field in fields(first):
        assert equal(getattr(first, field.name), getattr(again, field.name)), field.name
    assert (again.features, again.resize) == (None, SIDE + 8)


@pytest.mark.parametrize("change", [{"resize": None}, {"resize": "wide"}, {"features": {"name": "mfcc"}}])
def test_a_damaged_bundle_is_refused(saved: Path, tmp_path: Path, change: dict[str, object]) -> None:
    ModelBundle.load(saved / "model").save(tmp_path)
    plain = {**json.loads((tmp_path / "bundle.json").read_text()), **change}
    (tmp_path / "bundle.json").write_text(json.dumps({k: v for k, v in plain.items() if v is not None}))
    with pytest.raises(UserError):
        audionas.load(tmp_path)


def test_the_model_is_statistics_network_and_softmax(saved: Path, model: ImageModel) -> None:
    bundle = ModelBundle.load(saved / "model")
    x = torch.from_numpy(numpy_rng("x").random((2, 3, SIDE, SIDE)).astype(np.float32))
    with torch.inference_mode():
        normal = (x - bundle.mean[:, None, None]) / bundle.std[:, None, None]
        torch.testing.assert_close(model.network(x), model.net(normal).softmax(1))


def test_pixels_are_cropped_and_scaled(model: ImageModel) -> None:
    centre = PIXELS[4:-4, 4:-4].astype(np.float32) / 255
    scores = model(PIXELS)
    assert tuple(scores) == LABELS
    assert scores == pytest.approx(model(centre), abs=1e-6)
    assert scores == pytest.approx(model(torch.from_numpy(PIXELS)), abs=1e-6)


def test_a_file_is_answered_as_its_pixels(saved: Path, model: ImageModel, tmp_path: Path) -> None:
    big = np.repeat(np.repeat(PIXELS, 2, 0), 3, 1)
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    Image.fromarray(big).save(tmp_path / "b.png")
    rows = predict(saved, [tmp_path / "a.png", tmp_path / "b.png"])
    assert rows[0]["scores"] == pytest.approx(model(PIXELS), abs=1e-6)
    assert rows[1]["scores"] == pytest.approx(model(big), abs=1e-6)
    assert rows[0]["label"] == max(rows[0]["scores"], key=rows[0]["scores"].get)


def test_every_unreadable_file_is_named(saved: Path, tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "good.png")
    (tmp_path / "text.png").write_text("no image")
    files = [tmp_path / name for name in ("missing.png", "good.png", "text.png")]
    with pytest.raises(UserError) as caught:
        predict(saved, files)
    assert [Path(p.split(": ")[0]).name for p in caught.value.problems] == ["missing.png", "text.png"]


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (PIXELS[..., 0], "expected an RGB image"),
        (PIXELS[None], "expected an RGB image"),
        (PIXELS[:0], "expected an RGB image"),
        (PIXELS.astype(np.int64), "expected uint8"),
        (PIXELS.astype(np.float32) / 255, "expected 32 x 32 pixels, got 40 x 40"),
        (np.full((SIDE, SIDE, 3), 1.5), r"outside \[0, 1\]"),
        (np.full((SIDE, SIDE, 3), np.nan), r"outside \[0, 1\]"),
    ],
)
def test_what_is_no_image_is_refused(model: ImageModel, image: np.ndarray, says: str) -> None:
    with pytest.raises(UserError, match=says):
        model(image)
