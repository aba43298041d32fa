"""A bundle comes back exactly as it was saved, runs as a whole model, and says when it is damaged."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

import audionas
from audionas.core import tensors
from audionas.core.errors import UserError
from audionas.core.rng import numpy_rng
from audionas.models.bundle import ModelBundle
from audionas.models.model import Model
from audionas.nn.fold.fold import folds
from audionas.spaces import space_of
from tests.unit.export._bundles import bundle_of

NOISE = numpy_rng("bundle", "noise").normal(0, 0.1, 16000).clip(-1, 1).astype(np.float32)


@pytest.fixture(scope="module")
def bundle() -> ModelBundle:
    return bundle_of("kws_tc_resnet", width=0.25)


@pytest.fixture
def saved(bundle: ModelBundle, tmp_path: Path) -> Path:
    bundle.save(tmp_path / "model")
    return tmp_path / "model"


def equal(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor):
        return torch.equal(a, b) and a.dtype == b.dtype
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a)
    return bool(a == b)


def test_every_field_comes_back_exactly(bundle: ModelBundle, saved: Path) -> None:
    again = ModelBundle.load(saved)
    assert [
        f.name for f in fields(bundle) if not equal(getattr(bundle, f.name), getattr(again, f.name))
    ] == []
    assert {f.name for f in saved.iterdir()} == {"bundle.json", "weights.safetensors"}


def test_saving_again_gives_the_same_bytes(bundle: ModelBundle, saved: Path) -> None:
    before = {f.name: f.read_bytes() for f in saved.iterdir()}
    ModelBundle.load(saved).save(saved)
    assert {f.name: f.read_bytes() for f in saved.iterdir()} == before


def test_the_loaded_model_answers_as_the_saved_one(bundle: ModelBundle, saved: Path) -> None:
    wave = torch.from_numpy(NOISE)[None]
    with torch.inference_mode():
        assert torch.equal(bundle.network()(wave), ModelBundle.load(saved).network()(wave))


def test_the_whole_model_is_front_end_statistics_network_and_softmax(bundle: ModelBundle) -> None:
    model = bundle.network()
    assert not model.training
    wave = torch.from_numpy(np.stack([NOISE, NOISE[::-1].copy()]))
    with torch.inference_mode():
        features = model.front_end(wave)  # (2, 1, F, T)
        normal = (features - bundle.mean[:, None]) / bundle.std[:, None]
        torch.testing.assert_close(model(wave), model.net(normal).softmax(1))


def test_building_a_model_draws_no_random_numbers(bundle: ModelBundle) -> None:
    before = torch.random.get_rng_state()
    bundle.network()
    assert torch.equal(torch.random.get_rng_state(), before)


def edit(**changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        plain = {**json.loads((folder / "bundle.json").read_text()), **changes}
        (folder / "bundle.json").write_text(json.dumps({k: v for k, v in plain.items() if v is not None}))

    return change


def retensor(change: Callable[[dict[str, Tensor]], None]) -> Callable[[Path], None]:
    def save(folder: Path) -> None:
        file = folder / "weights.safetensors"
        tensors = load_file(file)
        change(tensors)
        spec = ModelBundle.load(folder).spec.to_json()
        save_file(tensors, file, metadata={"spec": spec})
        edit(weights="")(folder)  # as in earlier bundles: else its sum would tell

    return save


def _flipped(raw: bytes) -> bytes:
    """The bytes with the lowest bit of the last changed: a weight with another value."""
    return raw[:-1] + bytes([raw[-1] ^ 1])


DAMAGE: dict[str, Callable[[Path], Any]] = {
    "no weights": lambda f: (f / "weights.safetensors").unlink(),
    "empty weights": lambda f: (f / "weights.safetensors").write_bytes(b""),
    "cut weights": lambda f: (f / "weights.safetensors").write_bytes(
        (f / "weights.safetensors").read_bytes()[:-9]
    ),
    "weights without a spec": lambda f: save_file(
        load_file(f / "weights.safetensors"), f / "weights.safetensors"
    ),
    "no statistics": retensor(lambda t: t.pop("normalize.mean")),
    "a tensor less": retensor(lambda t: t.pop("net.head.linear.bias")),
    "a tensor more": retensor(lambda t: t.update({"net.more": torch.zeros(1)})),
    "another shape": retensor(lambda t: t.update({"net.head.linear.bias": torch.zeros(9)})),
    "no JSON": lambda f: (f / "bundle.json").write_text("{"),
    "a list": lambda f: (f / "bundle.json").write_text("[]"),
    "weights of another training": lambda f: (f / "weights.safetensors").write_bytes(
        _flipped((f / "weights.safetensors").read_bytes())
    ),
    "no samples": edit(samples=0),
    "fewer samples": edit(samples=8000),
    "no labels": edit(labels=None),
    "no features": edit(features=None),
    "unknown features": edit(features={"name": "mfcc", "presett": "x"}),
    "another format": edit(format=99),
    "samples that are no number": edit(samples="many"),
    "an architecture of another training": edit(arch="0123456789ab"),
    "labels of another training": edit(labels=["a", "b"]),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_bundle_is_the_users_to_fix(saved: Path, damage: str) -> None:
    DAMAGE[damage](saved)
    with pytest.raises(UserError, match=r"model|weights"):
        audionas.load(saved)


def test_a_folder_without_a_model_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no trained model here") as caught:
        audionas.load(tmp_path)
    assert "audionas train" in caught.value.hint


# The door for Python: m = audionas.load("exp/x"), m(waveform), m.labels


@pytest.fixture(scope="module")
def model(bundle: ModelBundle, tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("exp")
    bundle.save(folder / "model")
    return audionas.load(str(folder))


def test_both_the_run_and_its_model_folder_can_be_loaded(saved: Path) -> None:
    assert audionas.load(saved)(NOISE) == audionas.load(saved.parent)(NOISE)


def test_scores_are_shares_by_label(model: Model) -> None:
    scores = model(NOISE)
    assert tuple(scores) == model.labels
    assert sum(scores.values()) == pytest.approx(1, abs=1e-6)
    assert all(type(value) is float and 0 <= value <= 1 for value in scores.values())


def test_sixteen_bit_samples_are_the_same_sound(model: Model) -> None:
    whole = np.round(NOISE * 32768).clip(-32768, 32767).astype(np.int16)
    assert model(whole) == model(whole.astype(np.float32) / 32768)


@pytest.mark.parametrize(
    "convert", [lambda w: w.astype(np.float64), torch.from_numpy, lambda w: w[::1], list]
)
def test_other_containers_are_the_same_sound(model: Model, convert: Callable[[np.ndarray], Any]) -> None:
    assert model(convert(NOISE)) == model(NOISE)


@pytest.mark.parametrize("length", [1, 100, 15999])
def test_shorter_clips_are_padded_with_silence(model: Model, length: int) -> None:
    assert model(NOISE[:length]) == model(np.pad(NOISE[:length], (0, 16000 - length)))


def test_windows_slide_over_longer_clips(model: Model) -> None:
    """The label of the model is no background, so its scores are the mean over the windows."""
    wave = numpy_rng("bundle", "long").normal(0, 0.1, 40000).astype(np.float32)
    starts = [*range(0, 24000, 4000), 24000]
    rows = np.stack([list(model(wave[at : at + 16000]).values()) for at in starts])
    np.testing.assert_allclose(list(model(wave).values()), rows.mean(0), atol=1e-6)
    assert list(model.answer(wave, "first").scores.values()) == pytest.approx(rows[0], abs=1e-6)
    assert model.answer(wave).windows == len(starts)
    assert model.answer(wave[:16000]).rule == "clip"


def test_a_clip_scores_the_same_alone_and_among_others(model: Model) -> None:
    waves = numpy_rng("bundle", "batch").normal(0, 0.1, (5, 16000)).astype(np.float32)
    together = model.scores(waves)
    for wave, row in zip(waves, together, strict=True):
        np.testing.assert_allclose(list(model(wave).values()), row, atol=1e-6)


@pytest.mark.parametrize(
    "wave", [np.zeros((2, 16000)), np.zeros((1, 16000)), np.zeros(0), np.float32(3), np.zeros((4, 4, 4))]
)
def test_what_is_no_waveform_is_refused(model: Model, wave: np.ndarray) -> None:
    with pytest.raises(UserError, match=r"expected a waveform \(N,\)"):
        model(wave)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_samples_that_are_no_numbers_are_refused(model: Model, bad: float) -> None:
    wave = NOISE.copy()
    wave[7] = bad
    with pytest.raises(UserError, match="finite"):
        model(wave)


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, np.int64, np.bool_])
def test_whole_numbers_of_unknown_scale_are_refused(model: Model, dtype: type) -> None:
    with pytest.raises(UserError, match="int16"):
        model(np.ones(16000, dtype=dtype))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["normalize.mean", "net."])
def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, name: str, value: float) -> None:
    included = Path(audionas.__file__).parent / "models" / "kws12"
    shutil.copyfile(included / "bundle.json", tmp_path / "bundle.json")
    file = included / "weights.safetensors"
    held = {key: tensor.clone() for key, tensor in tensors.load(file).items()}
    chosen = next(key for key in held if key.startswith(name) and held[key].is_floating_point())
    held[chosen].view(-1)[0] = value
    tensors.save(held, tmp_path / "weights.safetensors", tensors.metadata(file))
    with pytest.raises(UserError, match=f"NaN or infinity in 1 tensor, first in '{re.escape(chosen)}'"):
        ModelBundle.load(tmp_path)


def test_a_model_is_folded_and_one_that_was_folded_before_answers_alike() -> None:
    """Fine-tuning for int8 keeps weights of the folded network; a training keeps those of the branches."""
    bundle = bundle_of("tenet", filters=4)
    whole, model = space_of(bundle.spec).build(bundle.spec).eval(), bundle.network()
    whole.load_state_dict(bundle.weights)
    used = model.get_submodule("net")
    assert folds(whole)
    assert not folds(used)
    x = torch.from_numpy(NOISE)[None]
    with torch.inference_mode():
        scores = model(x)
        wanted = whole(model.normalize(model.front_end(x))).softmax(1)
        torch.testing.assert_close(scores, wanted, rtol=1e-4, atol=1e-6)
        tuned = replace(bundle, weights=dict(used.state_dict()))
        assert torch.equal(tuned.network()(x), scores)
    with pytest.raises(UserError, match="do not fit"):
        replace(bundle, weights=dict(list(used.state_dict().items())[1:])).network()
