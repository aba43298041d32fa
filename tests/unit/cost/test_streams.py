"""A trained model fed in chunks from Python, and who is told which networks stream."""

from pathlib import Path

import numpy as np
import pytest

import audionas
from audionas import zoo
from audionas.core.errors import UserError
from audionas.core.rng import numpy_rng
from audionas.cost import streams
from audionas.models.model import ImageModel, Model
from audionas.models.stream import TorchStream
from audionas.run import listing
from tests.unit.cli._command import done
from tests.unit.export._bundles import LABELS, bundle_of

NOISE = numpy_rng("streams", "noise").normal(0, 0.1, 30_000).clip(-1, 1).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exp")
    bundle = bundle_of("kws_tc_resnet", causal=True, width=0.25, se="none")
    bundle.save(folder / "model")
    bundle.spec.save(folder / "arch.json")
    return folder


@pytest.fixture(scope="module")
def model(folder: Path) -> Model | ImageModel:
    return audionas.load(folder)


def told(stream: TorchStream, wave: np.ndarray, chunk: int) -> np.ndarray:
    return np.concatenate([stream.step(wave[at : at + chunk]) for at in range(0, len(wave), chunk)])


@pytest.mark.laws
def test_chunks_of_any_length_give_the_same_scores(model: Model) -> None:
    stream = model.stream()
    assert (stream.labels, stream.sample_rate, stream.hop) == (LABELS, 16_000, 1280)
    whole = stream.step(NOISE)
    assert whole.shape == (len(NOISE) // 1280, len(LABELS))
    np.testing.assert_allclose(whole.sum(1), 1, atol=1e-5)
    for chunk in (160, 333, 4001):
        stream.reset()
        np.testing.assert_allclose(told(stream, NOISE, chunk), whole, atol=1e-5)


@pytest.mark.laws
def test_sixteen_bit_samples_are_the_same_sound(model: Model) -> None:
    pcm = np.round(NOISE * 32768).clip(-32768, 32767).astype(np.int16)
    scores = model.stream().step(pcm)
    assert np.array_equal(scores, model.stream().step(pcm.astype(np.float32) / 32768))
    np.testing.assert_allclose(scores, model.stream().step(NOISE), atol=1e-3)


@pytest.mark.laws
def test_a_fading_mean_says_something_else_and_remembers_less(model: Model) -> None:
    window, fading = model.stream(), model.stream("exponential")
    assert not np.allclose(window.step(NOISE), fading.step(NOISE), atol=1e-5)
    assert sum(s.size for s in fading.states) < sum(s.size for s in window.states)


@pytest.mark.laws
@pytest.mark.parametrize(
    ("chunk", "says"),
    [
        (np.zeros((2, 100)), r"a waveform \(N,\)"),
        (np.float32(1), r"a waveform \(N,\)"),
        (np.zeros(100, np.int32), "int16, got int32"),
        (np.array([0.0, np.nan]), "finite"),
    ],
)
def test_what_is_no_sound_is_refused_and_nothing_is_forgotten(
    model: Model, chunk: np.ndarray, says: str
) -> None:
    stream = model.stream()
    first = stream.step(NOISE[:10_001])
    with pytest.raises(UserError, match=says):
        stream.step(chunk)
    both = np.concatenate([first, stream.step(NOISE[10_001:])])
    np.testing.assert_allclose(both, model.stream().step(NOISE), atol=1e-5)


@pytest.mark.parametrize(("space", "says"), [("ds_cnn", "looks ahead"), ("mobilenet", "an image model")])
def test_a_model_that_cannot_stream_says_why(space: str, says: str, tmp_path: Path) -> None:
    bundle_of(space).save(tmp_path / "model")
    with pytest.raises(UserError, match=says):
        audionas.load(tmp_path).stream()


def test_an_unknown_mean_is_refused(model: Model) -> None:
    with pytest.raises(UserError, match="expected one of window, exponential"):
        model.stream("fading")  # type: ignore[arg-type]


def test_lists_say_what_streams() -> None:
    assert streams.verdict(zoo.load("tc_resnet8").to_json()) == "causal=true"
    assert streams.verdict(zoo.load("ds_cnn_s").to_json()) == "no: stem.conv.conv looks ahead in time"
    assert streams.verdict(zoo.load("mobilenet_v2").to_json()) == "no: takes images"
    causal = bundle_of("kws_tc_resnet", causal=True, width=0.25).spec
    assert streams.verdict(causal.to_json()) == "yes"
    assert {row["streams"].partition(":")[0] for row in listing.rows("models")} <= {
        "yes",
        "no",
        "causal=true",
    }


@pytest.mark.laws
def test_a_run_shows_what_its_stream_takes(folder: Path, tmp_path: Path) -> None:
    found = done("show", folder, "--json").json["stream"]
    assert (found["hop"], found["hop_ms"]) == (8, 80)
    assert found["macs_per_second"] == pytest.approx(12.5 * found["hop_macs"], abs=1)
    states = audionas.load(folder).stream().states[1:]  # without the samples that the front-end keeps
    assert found["state_bytes"] == sum(state.nbytes for state in states)
    assert f"a score every 80 ms, {found['hop_macs']:,} multiply-adds each" in done("show", folder).out
    bundle_of("ds_cnn").spec.save(tmp_path / "arch.json")  # searched, not trained yet
    assert "streaming     no, stem.conv.conv looks ahead" in done("show", tmp_path).out
    bundle_of("darts_cell").spec.save(tmp_path / "arch.json")
    assert "streaming" not in done("show", tmp_path).out
