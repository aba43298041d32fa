"""Front-ends: equal to librosa, to their computed shape, to themselves in ONNX Runtime."""

import numpy as np
import pytest
import torch

from audionas.core.errors import UserError
from audionas.core.registry import names, resolve
from audionas.features import Features, build
from tests._close import close

pytestmark = pytest.mark.numeric
ALL = [
    (name, preset)
    for name in names("features")
    if not resolve("features", name).foreign  # those have tests of their own
    for preset in resolve("features", name).PRESETS
]
RATE = 16000

# Where two Fourier transforms are compared, in parts of the largest log power or cepstrum. A band 60 dB under
# the loudest of its frame carries the rounding of that: 1,000 roundings of float32 of its own, 1e-4 of it.
# The log keeps this as a difference of 2e-4, beside values of 10; a cepstrum of 60 averages 40 bands. Worst
# found: 3.6e-5 and 2.4e-6, the same with AVX-512, AVX2 and SSE4.1. A wave a sample late is 4e-3 off.
LOG = {"logmel": 2e-4, "mfcc": 2e-5}


def speech_like(clips: int, samples: int, seed: int = 0) -> torch.Tensor:
    """Gliding voiced sounds in syllables with silence between them, a little noise: (clips, samples)."""
    rng = np.random.default_rng(seed)
    t = np.arange(samples) / RATE
    out = np.zeros((clips, samples))
    for clip in out:
        pitch = rng.uniform(90, 220) * (1 + 0.2 * np.sin(2 * np.pi * rng.uniform(1, 4) * t))
        phase = 2 * np.pi * np.cumsum(pitch) / RATE
        for harmonic in range(1, 15):
            clip += rng.uniform(0.2, 1) / harmonic * np.sin(harmonic * phase)
        clip *= np.maximum(0, np.sin(2 * np.pi * rng.uniform(2, 4) * t)) / np.abs(clip).max()
        clip += 1e-3 * rng.standard_normal(samples)
    return torch.from_numpy(out.astype(np.float32))


@pytest.mark.parametrize(
    ("name", "preset", "samples", "shape"),
    [
        ("mfcc", "tc_resnet", 16000, (40, 98)),
        ("mfcc", "ds_cnn", 16000, (10, 49)),
        ("mfcc", "sparknet", 16000, (32, 101)),
        ("mfcc", "matchboxnet", 16000, (64, 101)),
        ("logmel", "bc_resnet", 16000, (40, 101)),
        ("logmel", "dcase", 160000, (40, 501)),
        ("logmel", "dcase2024", 32000, (256, 65)),
    ],
)
def test_presets_have_the_published_shape(
    name: str, preset: str, samples: int, shape: tuple[int, int]
) -> None:
    front_end = build(Features(name=name, preset=preset))
    assert front_end.shape(samples) == shape
    assert front_end(torch.zeros(2, samples)).shape == (2, 1, *shape)


@pytest.mark.parametrize(("name", "preset"), ALL)
def test_computed_shape_is_the_real_one_for_any_length(name: str, preset: str) -> None:
    rng = np.random.default_rng(1)
    n_fft = 4097 if preset == "dcase2024" else 1025
    odd = {} if preset == "bc_resnet" else {"n_fft": n_fft, "hop_ms": 7.3}
    for conf in (Features(name=name, preset=preset), Features(name=name, preset=preset, **odd)):
        front_end = build(conf)
        least = next(n for n in range(1, 4000) if _accepts(front_end, n))
        for samples in [least, least + 1, *rng.integers(least, 9000, 25).tolist()]:
            assert front_end(torch.zeros(1, samples)).shape[1:] == (1, *front_end.shape(samples)), samples
        with pytest.raises(UserError, match=f"{least - 1} samples is too short"):
            front_end(torch.zeros(1, least - 1))


def _accepts(front_end, samples: int) -> bool:
    try:
        front_end.shape(samples)
    except UserError:
        return False
    return True


def test_without_centre_padding_a_frame_covers_its_own_window_and_nothing_else() -> None:
    front_end = build(Features(preset="tc_resnet"))
    silence = front_end(torch.zeros(1, 16000))[0, 0]
    for sample in (1, 159, 480, 481, 7777, 15999):
        wave = torch.zeros(1, 16000)
        wave[0, sample] = 1.0
        changed = (front_end(wave)[0, 0] - silence).abs().amax(dim=0) > 1e-3  # (T,)
        # the periodic Hann window is 0 at its first sample and almost 0 near both ends
        heard = [t for t in range(98) if t * 160 < sample < t * 160 + 480]
        clearly = [t for t in heard if 40 < sample - t * 160 < 440]
        found = changed.nonzero().flatten().tolist()
        assert set(clearly) <= set(found) <= set(heard), sample


@pytest.mark.parametrize(("name", "preset"), ALL)
def test_equals_librosa(name: str, preset: str) -> None:
    librosa = pytest.importorskip("librosa")
    conf = Features(name=name, preset=preset).resolved()
    waves = torch.cat([speech_like(2, 16000), 0.1 * torch.randn(1, 16000, generator=torch.manual_seed(0))])
    ours = build(Features(name=name, preset=preset))(waves)[:, 0].numpy()
    rate = conf["sample_rate"]
    window, hop = (round(conf[k] * rate / 1000) for k in ("window_ms", "hop_ms"))
    for wave, found in zip(waves.numpy().astype(np.float64), ours, strict=True):
        if not conf["center"]:
            spare = conf["n_fft"] - window
            wave = np.pad(wave, (spare // 2, spare - spare // 2))
        spectrum = librosa.stft(
            wave,
            n_fft=conf["n_fft"],
            hop_length=hop,
            win_length=window,
            center=conf["center"],
            pad_mode="reflect",
        )
        bank = librosa.filters.mel(
            sr=rate,
            n_fft=conf["n_fft"],
            n_mels=conf["n_mels"],
            fmin=conf["f_min"],
            fmax=conf["f_max"],
            htk=True,
            norm=None,
            dtype=np.float64,
        )
        expected = np.log(bank @ np.abs(spectrum) ** conf["power"] + conf["log_offset"])
        if name == "mfcc":
            expected = librosa.feature.mfcc(S=expected, n_mfcc=conf["n_mfcc"], norm="ortho")
        close(found, expected, parts=LOG[name])


@pytest.mark.story
@pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning")
@pytest.mark.parametrize(("name", "preset"), ALL)
def test_onnx_runtime_agrees_on_any_batch(name: str, preset: str, tmp_path) -> None:
    pytest.importorskip("onnxscript")
    onnxruntime = pytest.importorskip("onnxruntime")
    samples = 4000
    front_end = build(Features(name=name, preset=preset)).eval()
    program = torch.onnx.export(
        front_end,
        (torch.zeros(2, samples),),
        dynamo=True,
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        verbose=False,
    )
    program.save(tmp_path / "front_end.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "front_end.onnx", providers=["CPUExecutionProvider"])
    noise = 0.3 * torch.randn(5, samples, generator=torch.Generator().manual_seed(3))
    for waves in (noise, speech_like(3, samples), speech_like(1, samples), torch.zeros(2, samples)):
        (found,) = session.run(None, {session.get_inputs()[0].name: waves.numpy()})
        close(found, front_end(waves), parts=LOG[name])


@pytest.mark.parametrize(("name", "preset"), ALL)
def test_a_clip_does_not_depend_on_its_batch(name: str, preset: str) -> None:
    front_end, waves = build(Features(name=name, preset=preset)), speech_like(5, 8000)
    alone = torch.cat([front_end(wave[None]) for wave in waves])
    close(front_end(waves), alone)


@pytest.mark.gpu
@pytest.mark.parametrize(("name", "preset"), ALL)
def test_same_on_a_gpu(name: str, preset: str) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    front_end, waves = build(Features(name=name, preset=preset)), speech_like(5, 16000)
    expected = front_end(waves)
    close(front_end.cuda()(waves.cuda()), expected, parts=LOG[name])


@pytest.mark.parametrize(("name", "preset"), ALL)
def test_resolved_settings_describe_the_same_front_end(name: str, preset: str) -> None:
    conf = Features(name=name, preset=preset, n_mels=65)
    again = Features(**conf.resolved())
    assert again.resolved() == conf.resolved()
    assert conf.resolved()["n_mels"] == 65
    assert build(conf).settings == build(again).settings
    assert not build(conf).state_dict(), "a front-end has settings, no weights"


@pytest.mark.parametrize(
    ("conf", "words"),
    [
        (Features(name="logmel", preset="tc_resnet"), ["no preset 'tc_resnet'", "bc_resnet, dcase"]),
        (Features(name="mfcc", preset="dcase"), ["no preset 'dcase'", "tc_resnet, ds_cnn"]),
        (Features(name="mfc"), ["no features called 'mfc'", "Did you mean 'mfcc'?"]),
        (
            Features(n_fft=256, f_max=9000.0, n_mfcc=65),
            ["window_ms: 30 ms are 480 samples, more than n_fft 256", "f_max: 9000 Hz", "n_mfcc: 65"],
        ),
        (Features(name="logmel", preset="dcase", n_mfcc=10), ["n_mfcc: logmel has no such setting"]),
        (Features(hop_ms=0.0, n_mels=-1), ["hop_ms: 0.0 is not above 0", "n_mels: -1 is not above 0"]),
        (Features(f_min=7700.0), ["f_min: 7700 Hz is not between 0 and f_max 7600 Hz"]),
        (Features(n_mels=300, n_mfcc=40), ["of 300 mel bands hold no frequency bin"]),
        (Features(hop_ms=0.01), ["hop_ms: 0.01 ms are less than one sample"]),
    ],
)
def test_contradictions_are_named_all_at_once(conf: Features, words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        build(conf)
    for word in words:
        assert word in str(caught.value)


def test_without_a_preset_a_front_end_has_its_first() -> None:
    found = {name: Features(name=name).preset for name in ("mfcc", "logmel", "micro")}
    assert found == {"mfcc": "tc_resnet", "logmel": "bc_resnet", "micro": "esphome"}
    assert Features(name="micro").resolved() == Features(name="micro", preset="esphome").resolved()
    with pytest.raises(UserError, match="micor"):
        Features(name="micor").resolved()
